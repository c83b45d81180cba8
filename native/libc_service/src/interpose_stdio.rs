//! Functions of the C library that open files by calls of its own, which nobody can replace: fopen and opendir.
//!
//! Every function here keeps the contract of its man page.

use crate::carry_out::next;
use crate::interpose_open::open;
use crate::question::set_errno;
use crate::service;
use std::ffi::{c_char, c_int, CStr};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::OnceLock;

type Fopen = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut libc::FILE;
type Opendir = unsafe extern "C" fn(*const c_char) -> *mut libc::DIR;

/// The flags of open(2) for a mode of fopen(3).
fn flags_of(mode: &[u8]) -> Option<c_int> {
    let (kind, rest) = mode.split_first()?;
    // What follows a comma names an encoding.
    let rest = rest.split(|byte| *byte == b',').next().unwrap_or_default();
    let both = rest.contains(&b'+');
    let access = match kind {
        b'r' if !both => libc::O_RDONLY,
        b'w' | b'a' if !both => libc::O_WRONLY,
        _ => libc::O_RDWR,
    };
    let makes = match kind {
        b'r' => 0,
        b'w' => libc::O_CREAT | libc::O_TRUNC,
        b'a' => libc::O_CREAT | libc::O_APPEND,
        _ => return None,
    };
    let cloexec = if rest.contains(&b'e') { libc::O_CLOEXEC } else { 0 };
    let exclusive = if rest.contains(&b'x') { libc::O_EXCL } else { 0 };
    Some(access | makes | cloexec | exclusive)
}

/// # Safety
/// fopen(3)
#[no_mangle]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    if !service::is_active() {
        static REAL: OnceLock<usize> = OnceLock::new();
        let address = *REAL.get_or_init(|| next(c"fopen") as usize);
        // SAFETY: null, or the C library's function of this name and type.
        let real = unsafe { transmute::<usize, Option<Fopen>>(address) };
        // SAFETY: the caller's promise.
        return real.map_or(null_mut(), |real| unsafe { real(path, mode) });
    }
    // SAFETY: the caller's promise.
    let Some(flags) = flags_of(unsafe { CStr::from_ptr(mode) }.to_bytes()) else {
        set_errno(libc::EINVAL);
        return null_mut();
    };
    // SAFETY: the caller's promise.
    let fd = unsafe { open(path, flags, 0o666) };
    if fd < 0 {
        return null_mut();
    }
    // SAFETY: the caller's promise.
    let file = unsafe { libc::fdopen(fd, mode) };
    if file.is_null() {
        close(fd);
    }
    file
}

/// # Safety
/// fopen(3)
#[no_mangle]
pub unsafe extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: the caller's promise.
    unsafe { fopen(path, mode) }
}

/// # Safety
/// opendir(3)
#[no_mangle]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut libc::DIR {
    if !service::is_active() {
        static REAL: OnceLock<usize> = OnceLock::new();
        let address = *REAL.get_or_init(|| next(c"opendir") as usize);
        // SAFETY: null, or the C library's function of this name and type.
        let real = unsafe { transmute::<usize, Option<Opendir>>(address) };
        // SAFETY: the caller's promise.
        return real.map_or(null_mut(), |real| unsafe { real(path) });
    }
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: the caller's promise.
    let fd = unsafe { open(path, flags, 0) };
    if fd < 0 {
        return null_mut();
    }
    // SAFETY: no memory is involved.
    let directory = unsafe { libc::fdopendir(fd) };
    if directory.is_null() {
        close(fd);
    }
    directory
}

/// Closes what could not be used, keeping errno.
fn close(fd: c_int) {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    // SAFETY: nobody else's.
    unsafe { libc::close(fd) };
    set_errno(errno);
}
