//! What has no readiness: a place in the queue of a UNIX listener, and one in the queue of a UNIX datagram socket that
//! is not the sender's peer; and what io_uring cannot wait for (`Op::outlives_peer`).
//!
//! Nobody is told when there is room. So these operations are tried at once, without blocking, and again with the turns
//! and every few milliseconds; where they are many, a fifth of the time goes into that at most. (io_uring would let a
//! thread block in the call, which a cancel request can miss.)

use super::op::{file_flags, is_unix_address, set_non_blocking, Op};
use super::{Completion, PENDING};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::time::{Duration, Instant};

const RETRY: Duration = Duration::from_millis(2);

#[derive(Default)]
pub struct Stalled {
    waiting: Vec<(u32, c_int, Op)>,
    done: VecDeque<Completion>,
    /// Not before then are they tried again.
    not_before: Option<Instant>,
    /// The last turn came before that.
    held_back: bool,
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
        if self.waiting.is_empty() {
            return timeout_ns;
        }
        let retry = match self.not_before {
            Some(time) if self.held_back => time.saturating_duration_since(Instant::now()),
            _ => RETRY,
        };
        let retry_ns = retry.as_nanos() as i64;
        if timeout_ns < 0 {
            retry_ns
        } else {
            timeout_ns.min(retry_ns)
        }
    }

    /// Tries all again, and hands out completions.
    pub fn take_finished(&mut self, out: &mut [Completion]) -> usize {
        if !self.waiting.is_empty() {
            let began = Instant::now();
            self.held_back = self.not_before.is_some_and(|time| began < time);
            if !self.held_back {
                self.retry();
                let ended = Instant::now();
                self.not_before = Some(ended + (ended - began) * 4);
            }
        }
        let mut count = 0;
        for slot in out {
            let Some(completion) = self.done.pop_front() else { break };
            *slot = completion;
            count += 1;
        }
        count
    }

    fn retry(&mut self) {
        let done = &mut self.done;
        self.waiting.retain(|(user_data, fd, op)| {
            let res = attempt(*fd, op);
            if res != -libc::EAGAIN {
                done.push_back(Completion { user_data: *user_data, res, flags: 0 });
            }
            res == -libc::EAGAIN
        });
    }
}

/// Tries without blocking: connect(2) has no flag for that.
fn attempt(fd: c_int, op: &Op) -> c_int {
    if !matches!(op, Op::Connect { .. }) {
        return op.attempt(fd);
    }
    let flags = file_flags(fd);
    set_non_blocking(fd, flags | libc::O_NONBLOCK);
    let result = op.attempt(fd);
    set_non_blocking(fd, flags);
    result
}
