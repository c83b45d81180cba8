//! The calls themselves: system calls, by which this file goes around the functions that are exported here; and what
//! those hide.

use crate::interpose_names::real_getaddrinfo;
use crate::interpose_socket::sockaddr_of;
use crate::service;
use crate::status;
use crate::wire::{Function, Reply, Request, USE_SLAVE_CREDENTIALS};
use std::ffi::{c_char, c_int, c_long, c_void, CStr, CString};
use std::mem::size_of;

fn int(result: c_long) -> c_int {
    result as c_int
}

/// # Safety
/// `path` is a NUL-terminated string, or invalid in a way that the kernel notices.
pub unsafe fn openat(dirfd: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: the caller's promise. LARGEFILE is what 64-bit programs mean.
    int(unsafe { libc::syscall(libc::SYS_openat, dirfd, path, flags | libc::O_LARGEFILE, mode) })
}

/// # Safety
/// As `openat`; `how` is valid.
pub unsafe fn openat2(dirfd: c_int, path: *const c_char, how: *const libc::open_how) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_openat2, dirfd, path, how, size_of::<libc::open_how>()) })
}

/// # Safety
/// As `openat`.
pub unsafe fn unlinkat(dirfd: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_unlinkat, dirfd, path, flags) })
}

/// # Safety
/// As `openat`, for both paths.
pub unsafe fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_renameat2, from_dir, from, to_dir, to, flags) })
}

/// # Safety
/// As `openat`; `out` has room for a stat.
pub unsafe fn fstatat(dirfd: c_int, path: *const c_char, out: *mut libc::stat, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_newfstatat, dirfd, path, out, flags) })
}

/// # Safety
/// As `openat`; `out` has room for a statx.
pub unsafe fn statx(
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    mask: u32,
    out: *mut libc::statx,
) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_statx, dirfd, path, flags, mask, out) })
}

/// # Safety
/// As `openat`.
pub unsafe fn faccessat(dirfd: c_int, path: *const c_char, amode: c_int, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_faccessat2, dirfd, path, amode, flags) })
}

/// # Safety
/// As `openat`.
pub unsafe fn mkdirat(dirfd: c_int, path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_mkdirat, dirfd, path, mode) })
}

/// # Safety
/// `address` has `length` bytes.
pub unsafe fn connect(fd: c_int, address: *const libc::sockaddr, length: libc::socklen_t) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_connect, fd, address, length) })
}

/// # Safety
/// `address` has `length` bytes.
pub unsafe fn bind(fd: c_int, address: *const libc::sockaddr, length: libc::socklen_t) -> c_int {
    // SAFETY: the caller's promise.
    int(unsafe { libc::syscall(libc::SYS_bind, fd, address, length) })
}

const HERE: c_int = libc::AT_FDCWD;

/// For filters, what their first argument does: asks the master, and makes the call where it says so.
///
/// # Safety
/// Both are valid.
pub unsafe extern "C" fn forward(request: *const Request, reply: *mut Reply) {
    // SAFETY: the caller's promise.
    let request = unsafe { &*request };
    let mut answer = service::ask(request);
    if answer.kind == USE_SLAVE_CREDENTIALS {
        answer = carry_out(request);
    }
    // SAFETY: the caller's promise.
    unsafe { reply.write(answer) };
}

/// Makes the call that a request describes.
fn carry_out(request: &Request) -> Reply {
    if request.is(Function::Getaddrinfo) {
        return real_getaddrinfo(request);
    }
    if let Some((address, length)) = sockaddr_of(request) {
        let place = (&raw const address).cast();
        return Reply::of(if request.function >= Function::BindUnix as u32 {
            // SAFETY: a local.
            unsafe { bind(request.fd, place, length) }
        } else {
            // SAFETY: a local.
            unsafe { connect(request.fd, place, length) }
        });
    }
    let paths = [request.text1(), request.text2()].map(|text| CString::new(text.unwrap_or_default()));
    let [Ok(path), Ok(path2)] = paths else { return Reply::failed(libc::ENOENT) };
    carry_out_on_path(request, path.as_ptr(), path2.as_ptr())
}

fn carry_out_on_path(request: &Request, path: *const c_char, path2: *const c_char) -> Reply {
    let Request { flags, mode, amode, .. } = *request;
    let is = |function| request.is(function);
    if is(Function::Stat) || is(Function::Lstat) {
        let follow = if is(Function::Lstat) { libc::AT_SYMLINK_NOFOLLOW } else { 0 };
        return status::reply_of(path, follow);
    }
    Reply::of(if is(Function::Open) {
        // SAFETY: both are strings; so for all that follow.
        unsafe { openat(HERE, path, flags, mode) }
    } else if is(Function::Openat) && request.resolve == 0 {
        // SAFETY: as above.
        unsafe { openat(directory(request), path, flags, mode) }
    } else if is(Function::Openat) {
        // SAFETY: an all-zero open_how is valid.
        let mut how: libc::open_how = unsafe { std::mem::zeroed() };
        (how.flags, how.mode, how.resolve) = (flags as u64, mode.into(), request.resolve.into());
        // SAFETY: as above, and a local.
        unsafe { openat2(directory(request), path, &how) }
    } else if is(Function::Unlink) {
        // SAFETY: as above.
        unsafe { unlinkat(HERE, path, 0) }
    } else if is(Function::Rmdir) {
        // SAFETY: as above.
        unsafe { unlinkat(HERE, path, libc::AT_REMOVEDIR) }
    } else if is(Function::Rename) {
        // SAFETY: as above.
        unsafe { renameat2(HERE, path, HERE, path2, 0) }
    } else if is(Function::Mkdir) {
        // SAFETY: as above.
        unsafe { mkdirat(HERE, path, mode) }
    } else {
        let flags = if is(Function::Eaccess) { libc::AT_EACCESS } else { 0 };
        // SAFETY: as above.
        unsafe { faccessat(HERE, path, amode, flags) }
    })
}

fn directory(request: &Request) -> c_int {
    if request.fd < 0 {
        HERE
    } else {
        request.fd
    }
}

/// The function of the C library that this program's hides.
pub fn next(name: &CStr) -> *mut c_void {
    // SAFETY: a string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}
