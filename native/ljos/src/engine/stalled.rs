//! What has no readiness: a place in the queue of a UNIX listener, and one in the queue of a UNIX datagram socket that
//! is not the sender's peer.
//!
//! Nobody is told when there is room. So these operations are tried at once, without blocking, and again with every turn
//! and every few milliseconds. (io_uring would let a thread block in the call, which a cancel request can miss.)

use super::op::{is_unix_address, Op};
use super::{Completion, PENDING};
use std::collections::VecDeque;
use std::ffi::c_int;

const RETRY_NS: i64 = 2_000_000;

#[derive(Default)]
pub struct Stalled {
    waiting: Vec<(u32, c_int, Op)>,
    done: VecDeque<Completion>,
}

impl Stalled {
    /// Whether an operation belongs here.
    pub fn takes(op: &Op) -> bool {
        match *op {
            Op::Connect { address, address_len } => is_unix_address(address.cast(), address_len),
            Op::SendMsg { message, .. } => {
                // SAFETY: the message belongs to the operation until it completes.
                let message = unsafe { &*message };
                is_unix_address(message.msg_name, message.msg_namelen)
            }
            _ => false,
        }
    }

    pub fn submit(&mut self, user_data: u32, fd: c_int, op: Op) -> c_int {
        match attempt(fd, &op) {
            result if result == -libc::EAGAIN => {
                self.waiting.push((user_data, fd, op));
                PENDING
            }
            result => result,
        }
    }

    /// Whether `target` was here; its completion then says `-ECANCELED`.
    pub fn cancel(&mut self, target: u32) -> bool {
        let Some(index) = self.waiting.iter().position(|(user_data, ..)| *user_data == target) else {
            return false;
        };
        self.waiting.swap_remove(index);
        self.done.push_back(Completion { user_data: target, res: -libc::ECANCELED, flags: 0 });
        true
    }

    /// How long a turn may wait that would wait `timeout_ns`.
    pub fn limit(&self, timeout_ns: i64) -> i64 {
        match timeout_ns {
            timeout_ns if self.waiting.is_empty() => timeout_ns,
            timeout_ns if timeout_ns < 0 => RETRY_NS,
            timeout_ns => timeout_ns.min(RETRY_NS),
        }
    }

    /// Tries all again, and hands out completions.
    pub fn take_finished(&mut self, out: &mut [Completion]) -> usize {
        let done = &mut self.done;
        self.waiting.retain(|(user_data, fd, op)| {
            let res = attempt(*fd, op);
            if res != -libc::EAGAIN {
                done.push_back(Completion { user_data: *user_data, res, flags: 0 });
            }
            res == -libc::EAGAIN
        });
        let mut count = 0;
        for slot in out {
            let Some(completion) = done.pop_front() else { break };
            *slot = completion;
            count += 1;
        }
        count
    }
}

/// Tries without blocking: connect(2) has no flag for that.
fn attempt(fd: c_int, op: &Op) -> c_int {
    if !matches!(op, Op::Connect { .. }) {
        return op.attempt(fd);
    }
    // SAFETY: plain system call.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    // SAFETY: plain system call.
    unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) };
    let result = op.attempt(fd);
    // SAFETY: plain system call.
    unsafe { libc::fcntl(fd, libc::F_SETFL, flags) };
    result
}
