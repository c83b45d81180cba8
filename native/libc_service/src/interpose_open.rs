//! The functions that open files. Only openat has a request with a directory.
//!
//! Every function here keeps the contract of its man page: paths are NUL-terminated strings, structs have room.

use crate::carry_out;
use crate::question::{answer, asked, is_free, result, HERE};
use crate::wire::Function;
use std::ffi::{c_char, c_int, c_uint};

/// Whether an opening has a mode.
fn makes(flags: c_int) -> bool {
    flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE
}

/// The variadic argument of open(2) travels in the register of a fixed one, on x86-64 and on aarch64.
///
/// # Safety
/// open(2)
#[no_mangle]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(HERE, path, flags, mode) }
}

/// # Safety
/// open(2)
#[no_mangle]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(HERE, path, flags, mode) }
}

/// # Safety
/// creat(2)
#[no_mangle]
pub unsafe extern "C" fn creat(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(HERE, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode) }
}

/// # Safety
/// creat(2)
#[no_mangle]
pub unsafe extern "C" fn creat64(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { creat(path, mode) }
}

/// # Safety
/// openat(2)
#[no_mangle]
pub unsafe extern "C" fn openat(dirfd: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let mode = if makes(flags) { mode } else { 0 };
    // SAFETY: the caller's promise.
    let text = unsafe { asked(path) };
    let free = text.is_some_and(|text| is_free(dirfd, text));
    let function = if free { Function::Open } else { Function::Openat };
    let reply = answer(function, text, |request| {
        request.flags = flags;
        request.mode = mode & 0o7777;
        request.fd = if free { -1 } else { dirfd };
    });
    match reply {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::openat(dirfd, path, flags, mode) },
    }
}

/// # Safety
/// openat(2)
#[no_mangle]
pub unsafe extern "C" fn openat64(dirfd: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(dirfd, path, flags, mode) }
}

/// What the C library's headers make of `open` where they check its arguments; so for those that follow.
///
/// # Safety
/// open(2)
#[no_mangle]
pub unsafe extern "C" fn __open_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(HERE, path, flags, 0) }
}

/// # Safety
/// open(2)
#[no_mangle]
pub unsafe extern "C" fn __open64_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(HERE, path, flags, 0) }
}

/// # Safety
/// openat(2)
#[no_mangle]
pub unsafe extern "C" fn __openat_2(dirfd: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(dirfd, path, flags, 0) }
}

/// # Safety
/// openat(2)
#[no_mangle]
pub unsafe extern "C" fn __openat64_2(dirfd: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { openat(dirfd, path, flags, 0) }
}

/// openat2(2), which few C libraries have yet: for the native library of ljos (`ljos::file::forward_openat2`).
///
/// # Safety
/// openat2(2)
pub unsafe extern "C" fn openat2(dirfd: c_int, path: *const c_char, how: *const libc::open_how) -> c_int {
    // SAFETY: the caller's promise.
    let asked_how = unsafe { how.read() };
    // SAFETY: the caller's promise.
    let reply = answer(Function::Openat, unsafe { asked(path) }, |request| {
        request.flags = asked_how.flags as c_int;
        request.mode = asked_how.mode as u32;
        request.resolve = asked_how.resolve as u32;
        request.fd = if dirfd == HERE { -1 } else { dirfd };
    });
    match reply {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::openat2(dirfd, path, how) },
    }
}
