//! Receiving alone: a fiber that waits for a message while nothing else can happen in its program but a watch.
//!
//! Then the thread may as well wait for the socket or the eventfd itself, beside the engine, and read it: two system
//! calls, where a round through the engine is three, or two and the ring's own work. With no watch there is nothing
//! beside, and one call does it.

use super::{errno, result};
use std::ffi::c_int;
use std::os::fd::RawFd;

/// recvmsg(2) that waits as long as `engine_fd` (-1: none) is quiet. `-EAGAIN` when the engine has something, or a
/// signal came; then the operation is to be submitted as any other.
pub fn receive(engine_fd: RawFd, fd: RawFd, message: *mut libc::msghdr) -> c_int {
    let mut flags = libc::MSG_CMSG_CLOEXEC;
    if engine_fd >= 0 {
        if !is_ready(engine_fd, fd) {
            return -libc::EAGAIN;
        }
        flags |= libc::MSG_DONTWAIT;
    }
    // SAFETY: the message belongs to the caller, who waits.
    let received = unsafe { libc::recvmsg(fd, message, flags) };
    if received < 0 && errno() == libc::EINTR {
        return -libc::EAGAIN;
    }
    result(received)
}

/// read(2) of an eventfd that waits as long as `engine_fd` (-1: none) is quiet; 0, or `-EAGAIN` as `receive`.
pub fn read(engine_fd: RawFd, fd: RawFd) -> c_int {
    if engine_fd >= 0 && !is_ready(engine_fd, fd) {
        return -libc::EAGAIN;
    }
    let mut count = 0u64;
    // SAFETY: eight bytes of a local.
    match unsafe { libc::read(fd, (&raw mut count).cast(), 8) } {
        8 => 0,
        _ if errno() == libc::EINTR => -libc::EAGAIN,
        _ => -errno(),
    }
}

/// Waits for either; whether it was `fd`.
fn is_ready(engine_fd: RawFd, fd: RawFd) -> bool {
    let mut waiting = [fd, engine_fd].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: two entries, valid during the call.
    let ready = unsafe { libc::poll(waiting.as_mut_ptr(), 2, -1) };
    let [wanted, _] = waiting;
    ready > 0 && wanted.revents != 0
}
