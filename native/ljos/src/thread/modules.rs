//! Modules: the bytecode of those that Lua states of this process have compiled, for the states that come after.
//!
//! What is kept is kept until the process ends, so that it can be read without the lock.

use crate::memory;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::{Mutex, PoisonError};

static MODULES: Mutex<BTreeMap<Vec<u8>, &'static [u8]>> = Mutex::new(BTreeMap::new());

/// The bytecode that was kept for `key`, valid until the process ends, and its size; null when there is none.
///
/// # Safety
/// `key` holds `len` bytes; `size` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_thread_module(key: *const c_char, len: u32, size: *mut u32) -> *const c_char {
    // SAFETY: the caller's promise.
    let key = unsafe { memory::slice(key.cast::<u8>(), len as usize) };
    let found = MODULES.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
    let Some(code) = found else { return ptr::null() };
    // SAFETY: the caller's promise.
    unsafe { size.write(code.len() as u32) };
    code.as_ptr().cast()
}

/// Keeps a copy of a module's bytecode, unless there is one for that key.
///
/// # Safety
/// `key` holds `len` bytes, `code` holds `size`.
#[no_mangle]
pub unsafe extern "C" fn ljos_thread_keep_module(
    key: *const c_char,
    len: u32,
    code: *const c_char,
    size: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let key = unsafe { memory::slice(key.cast::<u8>(), len as usize) };
    // SAFETY: the caller's promise.
    let code = unsafe { memory::slice(code.cast::<u8>(), size as usize) };
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    modules.entry(key.to_vec()).or_insert_with(|| Box::leak(code.into()));
    0
}
