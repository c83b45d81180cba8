//! The functions that take a path. Those with a directory's descriptor are asked about where they mean what their
//! older sisters do: without a directory, or with an absolute path. Only openat has a request with a directory.
//!
//! Every function here keeps the contract of its man page: paths are NUL-terminated strings, structs have room.

use crate::carry_out;
use crate::service;
use crate::status;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int, c_uint, CStr};

const HERE: c_int = libc::AT_FDCWD;

/// Sets errno, as the function's result is to be understood.
pub fn set_errno(errno: c_int) {
    // SAFETY: thread-local, always valid.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.write(errno) };
}

/// What a function returns for a reply.
pub fn result(reply: &Reply) -> c_int {
    if reply.errno != 0 {
        set_errno(reply.errno);
    }
    reply.result
}

/// A path to ask about; `None` where the kernel's own answer is wanted (a null pointer, an inactive service).
///
/// # Safety
/// `path` is null or a NUL-terminated string.
unsafe fn asked<'a>(path: *const c_char) -> Option<&'a CStr> {
    if path.is_null() || !service::is_active() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(path) })
}

/// As `asked`, for a path below a directory's descriptor, which must not matter.
///
/// # Safety
/// As `asked`.
unsafe fn asked_at<'a>(dirfd: c_int, path: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller's promise.
    unsafe { asked(path) }.filter(|path| is_free(dirfd, path))
}

fn is_free(dirfd: c_int, path: &CStr) -> bool {
    dirfd == HERE || path.to_bytes().first() == Some(&b'/')
}

/// The answer to a request about one path; `None`: make the call.
fn answer(function: Function, path: Option<&CStr>, fill: impl FnOnce(&mut Request)) -> Option<Reply> {
    let request = Request::path(function, path?).map(|mut request| {
        fill(&mut request);
        request
    });
    match request {
        Ok(request) => service::answer(&request),
        Err(errno) => Some(Reply::failed(errno)),
    }
}

/// Whether an opening has a mode.
fn makes(flags: c_int) -> bool {
    flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE
}

// Opening

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

// Removing, renaming, making

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

// Asking about

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
