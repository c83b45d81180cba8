//! Writing to pipes without SIGPIPE.

use crate::engine::errno;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// write(2) that answers `-EPIPE` without a signal where nobody reads any more, whatever the process does about
/// SIGPIPE: the signal, which goes to the thread that writes, is held back and taken out.
///
/// # Safety
/// `buffer` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_pipe_write(fd: c_int, buffer: *const c_void, len: u32) -> c_int {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    let sigpipe = sigpipe();
    // One that was there already is not ours to take.
    let was_pending = is_pending();
    // SAFETY: `sigpipe` is a set, `before` has room for one.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &sigpipe, before.as_mut_ptr()) };
    // SAFETY: the caller's promise.
    let written = unsafe { libc::write(fd, buffer, len as usize) };
    let result = if written < 0 { -errno() } else { written as c_int };
    if result == -libc::EPIPE && !was_pending {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `sigpipe` is a set, nothing is written to.
        unsafe { libc::sigtimedwait(&sigpipe, null_mut(), &now) };
    }
    // SAFETY: pthread_sigmask filled `before` in.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), null_mut()) };
    result
}

fn sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: a set by now.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) };
    // SAFETY: all zero is a set already.
    unsafe { set.assume_init() }
}

fn is_pending() -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: room for a set.
    unsafe { libc::sigpending(set.as_mut_ptr()) };
    // SAFETY: filled in, or all zero, which is the empty set.
    unsafe { libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1 }
}
