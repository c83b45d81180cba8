//! Sets of descriptors that are waited for through one: an epoll descriptor that is readable when one of them is.

use crate::engine::{errno, result};
use std::ffi::c_int;

/// A new, empty set: its descriptor, with `O_CLOEXEC`.
#[no_mangle]
pub extern "C" fn ljos_poll_set_new() -> c_int {
    // SAFETY: no memory is involved.
    result(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } as isize)
}

/// Adds `fd`: the set becomes readable when `fd` is, or when its other end is gone. It leaves the set by being closed.
#[no_mangle]
pub extern "C" fn ljos_poll_set_add(set: c_int, fd: c_int) -> c_int {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: fd as u64 };
    // SAFETY: `event` is valid during the call.
    result(unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, &mut event) } as isize)
}

/// Takes `fd` out of the set.
#[no_mangle]
pub extern "C" fn ljos_poll_set_remove(set: c_int, fd: c_int) -> c_int {
    // SAFETY: no memory is read for this operation.
    result(unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) } as isize)
}

/// One descriptor of the set that is ready, in turn; `-EAGAIN` when none is. Never blocks.
#[no_mangle]
pub extern "C" fn ljos_poll_set_next(set: c_int) -> c_int {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event.
    match unsafe { libc::epoll_wait(set, &mut event, 1, 0) } {
        1 => event.u64 as c_int,
        0 => -libc::EAGAIN,
        _ => -errno(),
    }
}
