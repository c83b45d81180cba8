//! Bytes: the span, searching, numbers, letter case. Offsets are an `int`: no haystack exceeds 2^31-1 bytes.

use crate::memory;
use crate::scan::number;
use std::ffi::{c_int, c_void};

/// Named `uint8_t *const` in the header.
pub type ConstPointer = *mut u8;
/// Named `const int32_t` in the header.
pub type ConstInt = i32;

/// A byte_span: `len` bytes at `ptr`, and room for `cap`; `ptr` is null where `cap` is 0. Lua owns the memory, and
/// anchors it by `slot`.
#[repr(C)]
pub struct Span {
    pub ptr: ConstPointer,
    pub len: ConstInt,
    pub cap: ConstInt,
    pub slot: ConstInt,
}

fn offset_or_none(found: Option<usize>) -> c_int {
    found.map_or(-1, |at| at as c_int)
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
    offset_or_none(match *needle {
        [byte] => memchr::memchr(byte, haystack),
        _ => memchr::memmem::find(haystack, needle),
    })
}

/// The value of a text that is a decimal number of a usual size and nothing else, see `number::whole`; else NaN.
///
/// # Safety
/// `text` is valid for its length and unchanged during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_number(text: *const c_void, len: u32) -> f64 {
    // SAFETY: the caller's promise.
    let text = unsafe { memory::slice(text.cast::<u8>(), len as usize) };
    number::whole(text).unwrap_or(f64::NAN)
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
    offset_or_none(match *needle {
        [byte] => memchr::memrchr(byte, haystack),
        _ => memchr::memmem::rfind(haystack, needle),
    })
}

/// A set of bytes.
struct ByteSet([bool; 256]);

impl ByteSet {
    fn of(bytes: &[u8]) -> Self {
        let mut set = Self([false; 256]);
        for byte in bytes {
            if let Some(entry) = set.0.get_mut(usize::from(*byte)) {
                *entry = true;
            }
        }
        set
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)) == Some(&true)
    }
}

/// Finds the first byte that is in `set` (`wanted` 1) or not in it (0): the offset from 0, or -1.
///
/// # Safety
/// Both pointers are valid for their lengths and unchanged during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_find_set(
    haystack: *const c_void,
    haystack_len: u32,
    set: *const c_void,
    set_len: u32,
    wanted: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let haystack = unsafe { memory::slice(haystack.cast::<u8>(), haystack_len as usize) };
    // SAFETY: the caller's promise.
    let set = unsafe { memory::slice(set.cast::<u8>(), set_len as usize) };
    let wanted = wanted != 0;
    offset_or_none(match (wanted, set) {
        (true, &[a]) => memchr::memchr(a, haystack),
        (true, &[a, b]) => memchr::memchr2(a, b, haystack),
        (true, &[a, b, c]) => memchr::memchr3(a, b, c, haystack),
        _ => {
            let set = ByteSet::of(set);
            haystack.iter().position(|byte| set.has(*byte) == wanted)
        }
    })
}

/// Finds the last byte that is in `set` (`wanted` 1) or not in it (0): the offset from 0, or -1.
///
/// # Safety
/// Both pointers are valid for their lengths and unchanged during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_rfind_set(
    haystack: *const c_void,
    haystack_len: u32,
    set: *const c_void,
    set_len: u32,
    wanted: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let haystack = unsafe { memory::slice(haystack.cast::<u8>(), haystack_len as usize) };
    // SAFETY: the caller's promise.
    let set = unsafe { memory::slice(set.cast::<u8>(), set_len as usize) };
    let wanted = wanted != 0;
    offset_or_none(match (wanted, set) {
        (true, &[a]) => memchr::memrchr(a, haystack),
        (true, &[a, b]) => memchr::memrchr2(a, b, haystack),
        (true, &[a, b, c]) => memchr::memrchr3(a, b, c, haystack),
        _ => {
            let set = ByteSet::of(set);
            haystack.iter().rposition(|byte| set.has(*byte) == wanted)
        }
    })
}

/// Turns A to Z into a to z, in place.
///
/// # Safety
/// `bytes` is valid for `len` bytes that nobody else touches during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_lower(bytes: *mut c_void, len: u32) {
    // SAFETY: the caller's promise.
    unsafe { memory::slice_mut(bytes.cast::<u8>(), len as usize) }.make_ascii_lowercase();
}

/// Turns a to z into A to Z, in place.
///
/// # Safety
/// `bytes` is valid for `len` bytes that nobody else touches during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_bytes_upper(bytes: *mut c_void, len: u32) {
    // SAFETY: the caller's promise.
    unsafe { memory::slice_mut(bytes.cast::<u8>(), len as usize) }.make_ascii_uppercase();
}
