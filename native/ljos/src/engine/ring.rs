//! The io_uring back end.
//!
//! A submission only fills an entry; `turn` makes the one system call that submits all of them, waits, and
//! hands out completions. With DEFER_TASKRUN (Linux 6.1) the kernel does its completion work inside that call.

use super::op::{Op, NO_FILE};
use super::{Completion, PENDING};
use io_uring::{opcode, squeue, types, IoUring};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::os::fd::RawFd;

const ENTRIES: u32 = 512;
const COMPLETION_ENTRIES: u32 = 4096;

/// `user_data` of the ring's own submissions: the pool's wake-up, and cancel requests, whose own result says
/// nothing (the target's completion does).
const WAKE: u64 = u32::MAX as u64;
const IGNORED: u64 = u32::MAX as u64 + 1;

pub struct Ring {
    ring: IoUring,
    wake_fd: RawFd,
    wake_armed: bool,
    /// Completions taken out early, when the kernel refused submissions until the queue was drained.
    early: VecDeque<Completion>,
}

fn build() -> Result<IoUring, c_int> {
    let base = || {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETION_ENTRIES).setup_clamp().dontfork();
        builder
    };
    let errno_of = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    base().setup_single_issuer().setup_defer_taskrun().build(ENTRIES).or_else(|error| match errno_of(error) {
        libc::EINVAL => base().build(ENTRIES).map_err(errno_of), // before 6.1
        errno => Err(errno),
    })
}

impl Ring {
    /// Fails with the kernel's errno where io_uring is forbidden (EPERM, ENOSYS) or too old (EINVAL).
    pub fn new(wake_fd: RawFd) -> Result<Ring, c_int> {
        let ring = build()?;
        if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
            return Err(libc::ENOSYS);
        }
        Ok(Ring { ring, wake_fd, wake_armed: false, early: VecDeque::new() })
    }

    pub fn submit(&mut self, user_data: u32, fd: c_int, op: Op) -> c_int {
        if let Some(result) = at_once(fd, &op) {
            return result;
        }
        match self.push(entry(fd, op).user_data(u64::from(user_data))) {
            Ok(()) => PENDING,
            Err(errno) => -errno,
        }
    }

    pub fn cancel(&mut self, target: u32) -> c_int {
        let entry = opcode::AsyncCancel::new(u64::from(target)).build().user_data(IGNORED);
        self.push(entry).map_or_else(|errno| -errno, |()| 0)
    }

    /// Queues an entry, making room first where the queue is full.
    fn push(&mut self, entry: squeue::Entry) -> Result<(), c_int> {
        loop {
            // SAFETY: what the entry points to is valid until its completion (the contract of every export).
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return Ok(());
            }
            match self.enter(0, 0) {
                Ok(()) | Err(libc::EINTR) => {}
                // The completion queue overflowed: the kernel takes nothing before it is drained.
                Err(libc::EBUSY | libc::EAGAIN) => self.drain_early(),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Submits what is queued.
    pub fn flush(&mut self) -> c_int {
        loop {
            if self.ring.submission().is_empty() {
                return 0;
            }
            match self.enter(0, 0) {
                Ok(()) | Err(libc::EINTR) => {}
                Err(libc::EBUSY | libc::EAGAIN) => self.drain_early(),
                Err(errno) => return -errno,
            }
        }
    }

    fn drain_early(&mut self) {
        let wake_armed = &mut self.wake_armed;
        let early = &mut self.early;
        for entry in self.ring.completion() {
            if let Some(completion) = public(&entry, wake_armed) {
                early.push_back(completion);
            }
        }
    }

    /// io_uring_enter(2): submits everything queued; waits for `want` completions at the most `timeout_ns`.
    fn enter(&mut self, want: u32, timeout_ns: i64) -> Result<(), c_int> {
        const GETEVENTS: u32 = 1;
        const EXT_ARG: u32 = 1 << 3;
        let queued = {
            let mut submission = self.ring.submission();
            submission.sync();
            submission.len() as u32
        };
        let time = types::Timespec::new()
            .sec((timeout_ns.max(0) / 1_000_000_000) as u64)
            .nsec((timeout_ns.max(0) % 1_000_000_000) as u32);
        let limited = want > 0 && timeout_ns > 0;
        let arguments = types::SubmitArgs::new();
        let arguments = if limited { arguments.timespec(&time) } else { arguments };
        // SAFETY: the arguments live until the call returns; entries are covered by the contract.
        let entered =
            unsafe { self.ring.submitter().enter(queued, want, GETEVENTS | EXT_ARG, Some(&arguments)) };
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                libc::ETIME => Ok(()),
                errno => Err(errno),
            },
        }
    }

    pub fn turn(&mut self, out: &mut [Completion], timeout_ns: i64) -> Result<usize, c_int> {
        if !self.wake_armed {
            let poll = opcode::PollAdd::new(types::Fd(self.wake_fd), libc::POLLIN as u32);
            self.push(poll.build().user_data(WAKE))?;
            self.wake_armed = true;
        }
        let ready = !self.early.is_empty() || !self.ring.completion().is_empty();
        let want = u32::from(!ready && timeout_ns != 0);
        match self.enter(want, timeout_ns) {
            Ok(()) | Err(libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        Ok(self.take(out))
    }

    fn take(&mut self, out: &mut [Completion]) -> usize {
        let mut count = 0;
        let mut slots = out.iter_mut();
        while !self.early.is_empty() {
            let (Some(slot), Some(completion)) = (slots.next(), self.early.pop_front()) else {
                return count;
            };
            *slot = completion;
            count += 1;
        }
        let wake_armed = &mut self.wake_armed;
        let mut completions = self.ring.completion();
        while !completions.is_empty() {
            let Some(slot) = slots.next() else { break };
            let mut taken = None;
            for entry in completions.by_ref() {
                taken = public(&entry, wake_armed);
                if taken.is_some() {
                    break;
                }
            }
            let Some(completion) = taken else { break };
            *slot = completion;
            count += 1;
        }
        count
    }
}

/// The completion as the caller sees it; none for the ring's own submissions.
fn public(entry: &io_uring::cqueue::Entry, wake_armed: &mut bool) -> Option<Completion> {
    match entry.user_data() {
        WAKE => {
            *wake_armed = false;
            None
        }
        IGNORED => None,
        user_data => {
            Some(Completion { user_data: user_data as u32, res: entry.result(), flags: entry.flags() })
        }
    }
}

/// Files answer at once when the page cache can: cheaper than a trip through the ring. Writes to pipes and their like
/// are made here or, with `-EAGAIN`, after the caller has polled, never by the ring: the kernel would raise SIGPIPE in
/// the middle of some other call of this thread.
fn at_once(fd: c_int, op: &Op) -> Option<c_int> {
    match op {
        Op::Read { offset, .. } if *offset != NO_FILE => {}
        Op::Write { .. } => {}
        _ => return None,
    }
    match op.attempt(fd) {
        result if result == -libc::EAGAIN => op.may_raise_sigpipe(fd).then_some(result),
        result if result == -libc::EOPNOTSUPP => op.may_raise_sigpipe(fd).then(|| op.attempt_after_poll(fd)),
        result => Some(result),
    }
}

fn entry(fd: c_int, op: Op) -> squeue::Entry {
    let fd = types::Fd(fd);
    match op {
        // An offset of -1 means the file's own position.
        Op::Read { buffer, len, offset } => {
            opcode::Read::new(fd, buffer.cast(), len).offset(offset.max(-1) as u64).build()
        }
        Op::Write { buffer, len, offset } => {
            opcode::Write::new(fd, buffer.cast(), len).offset(offset.max(-1) as u64).build()
        }
        Op::Recv { buffer, len, flags } => opcode::Recv::new(fd, buffer.cast(), len).flags(flags).build(),
        Op::Send { buffer, len, flags } => {
            opcode::Send::new(fd, buffer.cast(), len).flags(flags | libc::MSG_NOSIGNAL).build()
        }
        Op::RecvMsg { message, flags } => {
            let flags = flags | libc::MSG_CMSG_CLOEXEC;
            opcode::RecvMsg::new(fd, message).flags(flags as u32).build()
        }
        Op::SendMsg { message, flags } => {
            let flags = flags | libc::MSG_NOSIGNAL;
            opcode::SendMsg::new(fd, message).flags(flags as u32).build()
        }
        Op::Accept { address, address_len } => {
            opcode::Accept::new(fd, address, address_len).flags(libc::SOCK_CLOEXEC).build()
        }
        Op::Connect { address, address_len } => opcode::Connect::new(fd, address, address_len).build(),
        Op::Poll { events } => opcode::PollAdd::new(fd, events).build(),
    }
}
