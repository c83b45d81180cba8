//! Sealed memfds: bytes behind a descriptor that nobody can change, readable and executable where no file can be reached.

use crate::engine::errno;
use crate::memory;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, OsStr};
use std::fs::File;
use std::io::{Error, Read, Result};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;

/// Copies the program at `path` into a sealed, executable memfd: whoever runs it cannot reach the original through
/// /proc/PID/exe. Returns the descriptor, with `O_CLOEXEC`.
///
/// # Safety
/// `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_memfd_from_program(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let path = OsStr::from_bytes(unsafe { memory::c_str(path) });
    let copy = File::open(path).and_then(|source| sealed(c"ljos-actor", libc::MFD_EXEC, source));
    copy.unwrap_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO))
}

/// Copies `len` bytes into a sealed memfd. Returns the descriptor, with `O_CLOEXEC`.
///
/// # Safety
/// `bytes` is valid for `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_memfd_from_bytes(bytes: *const c_void, len: usize) -> c_int {
    // SAFETY: the caller's promise.
    let source = unsafe { memory::slice(bytes.cast::<u8>(), len) };
    let copy = sealed(c"ljos-bytes", libc::MFD_NOEXEC_SEAL, source);
    copy.unwrap_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO))
}

fn sealed(name: &CStr, kind: c_uint, mut source: impl Read) -> Result<c_int> {
    let mut copy = create(name, kind)?;
    std::io::copy(&mut source.by_ref().take(largest_file()), &mut copy)?;
    if source.read(&mut [0])? > 0 {
        return Err(Error::from_raw_os_error(libc::EFBIG));
    }
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: no memory is involved.
    if unsafe { libc::fcntl(copy.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(Error::last_os_error());
    }
    Ok(copy.into_raw_fd())
}

/// What is written beyond RLIMIT_FSIZE raises a signal, which would end the host.
fn largest_file() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write. Where the call is forbidden it stays as it is.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    limit.rlim_cur
}

fn create(name: &CStr, kind: c_uint) -> Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: `name` is a string.
    let mut fd = unsafe { libc::memfd_create(name.as_ptr(), flags | kind) };
    if fd < 0 && errno() == libc::EINVAL {
        // Before Linux 6.3 the kind is unknown, and every memfd executable.
        // SAFETY: as above.
        fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    }
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: ours alone.
    Ok(unsafe { File::from_raw_fd(fd) })
}
