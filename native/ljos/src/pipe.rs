//! Writing to pipes without SIGPIPE.

use crate::engine::result;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// write(2) that answers `-EPIPE` without a signal where nobody reads any more, whatever the process does about
/// SIGPIPE.
///
/// # Safety
/// `buffer` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_pipe_write(fd: c_int, buffer: *const c_void, len: u32) -> c_int {
    // SAFETY: the caller's promise.
    without_sigpipe(len as usize, || unsafe { libc::write(fd, buffer, len as usize) })
}

/// The result of a call that writes `len` bytes, as `>= 0` or `-errno`, without SIGPIPE: the signal, which goes to the
/// thread that writes, is held back and taken out. It comes with EPIPE, and with a part of the bytes where the reader
/// left in the middle.
pub(crate) fn without_sigpipe(len: usize, write: impl FnOnce() -> isize) -> c_int {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    let sigpipe = sigpipe();
    // SAFETY: `sigpipe` is a set, `before` has room for one.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &sigpipe, before.as_mut_ptr()) };
    // SAFETY: filled in by pthread_sigmask.
    let before = unsafe { before.assume_init() };
    // One that was there already is not ours to take; it can only be where the host holds SIGPIPE back itself.
    let was_pending = contains_sigpipe(&before) && is_pending();
    let result = result(write());
    let in_part = usize::try_from(result).is_ok_and(|written| written < len);
    if (result == -libc::EPIPE || in_part) && !was_pending {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `sigpipe` is a set, nothing is written to.
        unsafe { libc::sigtimedwait(&sigpipe, null_mut(), &now) };
    }
    // SAFETY: a set that pthread_sigmask gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()) };
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
    contains_sigpipe(&unsafe { set.assume_init() })
}

fn contains_sigpipe(set: &libc::sigset_t) -> bool {
    // SAFETY: a valid set.
    unsafe { libc::sigismember(set, libc::SIGPIPE) == 1 }
}
