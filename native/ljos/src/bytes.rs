//! Searching bytes.

use crate::memory;
use std::ffi::{c_int, c_void};

/// Named `uint8_t *const` in the header.
pub type ConstPointer = *mut u8;
/// Named `const int32_t` in the header.
pub type ConstLength = i32;

/// A byte_span: `len` bytes at `ptr`, and room for `cap`. Lua owns the memory; `ptr` is null where `cap` is 0.
#[repr(C)]
pub struct Span {
    pub ptr: ConstPointer,
    pub len: ConstLength,
    pub cap: ConstLength,
}

/// Finds `needle` in `haystack`: the offset from 0, or -1. An empty needle is found at 0.
///
/// # Safety
/// Both pointers are valid for their lengths and unchanged during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_find(
    haystack: *const c_void,
    haystack_len: u32,
    needle: *const c_void,
    needle_len: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let haystack = unsafe { memory::slice(haystack.cast::<u8>(), haystack_len as usize) };
    // SAFETY: the caller's promise.
    let needle = unsafe { memory::slice(needle.cast::<u8>(), needle_len as usize) };
    memchr::memmem::find(haystack, needle).map_or(-1, |at| at as c_int)
}

/// Finds the last `needle` in `haystack`: the offset from 0, or -1. An empty needle is found at the end.
///
/// # Safety
/// Both pointers are valid for their lengths and unchanged during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_rfind(
    haystack: *const c_void,
    haystack_len: u32,
    needle: *const c_void,
    needle_len: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let haystack = unsafe { memory::slice(haystack.cast::<u8>(), haystack_len as usize) };
    // SAFETY: the caller's promise.
    let needle = unsafe { memory::slice(needle.cast::<u8>(), needle_len as usize) };
    memchr::memmem::rfind(haystack, needle).map_or(-1, |at| at as c_int)
}
