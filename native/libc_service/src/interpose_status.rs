//! stat and its like, asked about as the functions of `interpose_path` are.
//!
//! Every function here keeps the contract of its man page: paths are NUL-terminated strings, structs have room.

use crate::carry_out;
use crate::question::{answer, asked_at, result, HERE};
use crate::status;
use crate::wire::{Function, Reply};
use std::ffi::{c_char, c_int, c_uint};

/// The answer to a stat of any kind.
///
/// # Safety
/// `path` is null or a NUL-terminated string.
unsafe fn status_answer(dirfd: c_int, path: *const c_char, flags: c_int) -> Option<Reply> {
    let no_follow = flags & libc::AT_SYMLINK_NOFOLLOW != 0;
    let function = if no_follow { Function::Lstat } else { Function::Stat };
    // An empty path is the descriptor's own file.
    let of_descriptor = flags & libc::AT_EMPTY_PATH != 0;
    // SAFETY: the caller's promise.
    let path = unsafe { asked_at(dirfd, path) };
    answer(function, path.filter(|path| !(of_descriptor && path.is_empty())), |_| {})
}

/// # Safety
/// fstatat(2)
#[no_mangle]
pub unsafe extern "C" fn fstatat(
    dirfd: c_int,
    path: *const c_char,
    out: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(reply) = (unsafe { status_answer(dirfd, path, flags) }) else {
        // SAFETY: the caller's promise.
        return unsafe { carry_out::fstatat(dirfd, path, out, flags) };
    };
    if reply.result == 0 {
        // SAFETY: the caller's promise.
        unsafe { out.write(status::stat_of(&reply)) };
    }
    result(&reply)
}

/// # Safety
/// statx(2)
#[no_mangle]
pub unsafe extern "C" fn statx(
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    out: *mut libc::statx,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(reply) = (unsafe { status_answer(dirfd, path, flags) }) else {
        // SAFETY: the caller's promise.
        return unsafe { carry_out::statx(dirfd, path, flags, mask, out) };
    };
    if reply.result == 0 {
        // SAFETY: the caller's promise.
        unsafe { out.write(status::statx_of(&reply)) };
    }
    result(&reply)
}

/// # Safety
/// stat(2)
#[no_mangle]
pub unsafe extern "C" fn stat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, 0) }
}

/// # Safety
/// lstat(2)
#[no_mangle]
pub unsafe extern "C" fn lstat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, libc::AT_SYMLINK_NOFOLLOW) }
}

/// On 64-bit Linux stat64 is stat; so for those that follow.
///
/// # Safety
/// stat(2)
#[no_mangle]
pub unsafe extern "C" fn stat64(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, 0) }
}

/// # Safety
/// lstat(2)
#[no_mangle]
pub unsafe extern "C" fn lstat64(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, libc::AT_SYMLINK_NOFOLLOW) }
}

/// # Safety
/// fstatat(2)
#[no_mangle]
pub unsafe extern "C" fn fstatat64(
    dirfd: c_int,
    path: *const c_char,
    out: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(dirfd, path, out, flags) }
}

/// What `stat` was before glibc 2.33; so for the one that follows.
///
/// # Safety
/// stat(2)
#[no_mangle]
pub unsafe extern "C" fn __xstat(_: c_int, path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, 0) }
}

/// # Safety
/// lstat(2)
#[no_mangle]
pub unsafe extern "C" fn __lxstat(_: c_int, path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fstatat(HERE, path, out, libc::AT_SYMLINK_NOFOLLOW) }
}
