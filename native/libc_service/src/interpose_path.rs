//! The functions that take a path, but for those that open or describe a file. Those with a directory's descriptor are
//! asked about where they mean what their older sisters do: without a directory, or with an absolute path.
//!
//! Every function here keeps the contract of its man page: paths are NUL-terminated strings, structs have room.

use crate::carry_out;
use crate::question::{answer, asked_at, result, HERE};
use crate::service;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int, c_uint};

/// # Safety
/// unlink(2)
#[no_mangle]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { unlinkat(HERE, path, 0) }
}

/// # Safety
/// rmdir(2)
#[no_mangle]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { unlinkat(HERE, path, libc::AT_REMOVEDIR) }
}

/// # Safety
/// unlinkat(2)
#[no_mangle]
pub unsafe extern "C" fn unlinkat(dirfd: c_int, path: *const c_char, flags: c_int) -> c_int {
    let function = if flags == libc::AT_REMOVEDIR { Function::Rmdir } else { Function::Unlink };
    // SAFETY: the caller's promise.
    match answer(function, unsafe { asked_at(dirfd, path) }, |_| {}) {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::unlinkat(dirfd, path, flags) },
    }
}

/// # Safety
/// remove(3)
#[no_mangle]
pub unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let removed = unsafe { unlink(path) };
    if removed == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EISDIR) {
        return removed;
    }
    // SAFETY: the caller's promise.
    unsafe { rmdir(path) }
}

/// # Safety
/// rename(2)
#[no_mangle]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { renameat2(HERE, from, HERE, to, 0) }
}

/// # Safety
/// renameat(2)
#[no_mangle]
pub unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { renameat2(from_dir, from, to_dir, to, 0) }
}

/// # Safety
/// renameat2(2)
#[no_mangle]
pub unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let paths = unsafe { asked_at(from_dir, from) }.zip(unsafe { asked_at(to_dir, to) });
    let reply = paths.filter(|_| flags == 0).and_then(|(from, to)| {
        let mut request = Request::new(Function::Rename);
        match request.add(from.to_bytes()).and_then(|()| request.add(to.to_bytes())) {
            Ok(()) => service::answer(&request),
            Err(errno) => Some(Reply::failed(errno)),
        }
    });
    match reply {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::renameat2(from_dir, from, to_dir, to, flags) },
    }
}

/// # Safety
/// mkdir(2)
#[no_mangle]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { mkdirat(HERE, path, mode) }
}

/// # Safety
/// mkdirat(2)
#[no_mangle]
pub unsafe extern "C" fn mkdirat(dirfd: c_int, path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    let path_asked = unsafe { asked_at(dirfd, path) };
    match answer(Function::Mkdir, path_asked, |request| request.mode = mode & 0o7777) {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::mkdirat(dirfd, path, mode) },
    }
}

/// # Safety
/// access(2)
#[no_mangle]
pub unsafe extern "C" fn access(path: *const c_char, amode: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { faccessat(HERE, path, amode, 0) }
}

/// # Safety
/// eaccess(3)
#[no_mangle]
pub unsafe extern "C" fn eaccess(path: *const c_char, amode: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { faccessat(HERE, path, amode, libc::AT_EACCESS) }
}

/// # Safety
/// euidaccess(3)
#[no_mangle]
pub unsafe extern "C" fn euidaccess(path: *const c_char, amode: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { eaccess(path, amode) }
}

/// # Safety
/// faccessat(2)
#[no_mangle]
pub unsafe extern "C" fn faccessat(dirfd: c_int, path: *const c_char, amode: c_int, flags: c_int) -> c_int {
    let function = if flags & libc::AT_EACCESS != 0 { Function::Eaccess } else { Function::Access };
    let plain = flags & !libc::AT_EACCESS == 0;
    // SAFETY: the caller's promise.
    let path_asked = unsafe { asked_at(dirfd, path) }.filter(|_| plain);
    match answer(function, path_asked, |request| request.amode = amode) {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::faccessat(dirfd, path, amode, flags) },
    }
}
