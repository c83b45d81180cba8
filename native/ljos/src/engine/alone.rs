//! Receiving alone: a fiber that waits for a message while nothing else can happen in its program but a watch.
//!
//! Then the thread may as well wait for the socket itself, beside the engine, and take the message: two system calls,
//! where a round through the engine is three, or two and the ring's own work. With no watch there is nothing beside,
//! and one call does it.

use super::{errno, result};
use std::ffi::c_int;
use std::os::fd::RawFd;

/// recvmsg(2) that waits as long as `engine_fd` (-1: none) is quiet. `-EAGAIN` when the engine has something, or a
/// signal came; then the operation is to be submitted as any other.
pub fn receive(engine_fd: RawFd, fd: RawFd, message: *mut libc::msghdr) -> c_int {
    let mut flags = libc::MSG_CMSG_CLOEXEC;
    if engine_fd >= 0 {
        let mut waiting = [fd, engine_fd].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        // SAFETY: two entries, valid during the call.
        let ready = unsafe { libc::poll(waiting.as_mut_ptr(), 2, -1) };
        let [socket, _] = waiting;
        if ready <= 0 || socket.revents == 0 {
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
