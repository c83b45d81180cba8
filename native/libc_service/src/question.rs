//! Questions: whether a call is one to ask about, and what its function returns then.

use crate::service;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int, CStr};

/// No directory's descriptor.
pub const HERE: c_int = libc::AT_FDCWD;

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
pub unsafe fn asked<'a>(path: *const c_char) -> Option<&'a CStr> {
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
pub unsafe fn asked_at<'a>(dirfd: c_int, path: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller's promise.
    unsafe { asked(path) }.filter(|path| is_free(dirfd, path))
}

/// Whether a path below a directory's descriptor means the same without it.
pub fn is_free(dirfd: c_int, path: &CStr) -> bool {
    dirfd == HERE || path.to_bytes().first() == Some(&b'/')
}

/// The answer to a request about one path; `None`: make the call.
pub fn answer(function: Function, path: Option<&CStr>, fill: impl FnOnce(&mut Request)) -> Option<Reply> {
    let request = Request::path(function, path?).map(|mut request| {
        fill(&mut request);
        request
    });
    match request {
        Ok(request) => service::answer(&request),
        Err(errno) => Some(Reply::failed(errno)),
    }
}
