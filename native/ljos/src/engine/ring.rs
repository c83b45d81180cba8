//! The io_uring back end.
//!
//! A submission only fills an entry; `turn` makes the one system call that submits all of them, waits, and
//! hands out completions. With DEFER_TASKRUN (Linux 6.1) the kernel does its completion work inside that call.
//!
//! Operations at a file's own position take turns: the kernel reads the position when an entry begins and writes it
//! back when it ends, so that two at once would read the same bytes (io_uring_prep_read(3)).

use super::access::Access;
use super::canceling::Canceling;
use super::emptied::Emptied;
use super::op::{errno, is_block_or_regular, Direction, Op, FILE_POSITION, NO_FILE};
use super::pool;
use super::{Completion, PENDING};
use io_uring::{opcode, squeue, types, IoUring};
use std::collections::{HashMap, VecDeque};
use std::ffi::c_int;
use std::os::fd::RawFd;

const ENTRIES: u32 = 512;
const COMPLETION_ENTRIES: u32 = 4096;

/// `user_data` of the ring's own submissions: the pool's wake-up, and cancel requests, with their target.
const WAKE: u64 = u32::MAX as u64;
const CANCEL: u64 = 1 << 32;

pub struct Ring {
    ring: IoUring,
    wake_fd: RawFd,
    wake_armed: bool,
    /// Signaled with each completion, once somebody asked for it (`quiet_fd`).
    bell: RawFd,
    bell_registered: bool,
    /// Completions taken out early, when the kernel refused submissions until the queue was drained.
    early: VecDeque<Completion>,
    /// How to try reads and writes of files at once, by descriptor.
    accesses: Vec<[Access; 2]>,
    /// By descriptor: who is at a file's own position, and who waits for that.
    turns: HashMap<c_int, Turn>,
    canceling: Canceling,
    emptied: Emptied,
    /// Whether receives can be told to wait first (Linux 5.19).
    waits_first: bool,
    /// The last turn brought one completion: little else is going on.
    is_quiet: bool,
    /// Operations that the kernel had no thread for (RLIMIT_NPROC), and that are tried again without the ring.
    refused: u32,
}

struct Turn {
    user_data: u32,
    waiting: VecDeque<(u32, Op)>,
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: ours, closed once.
        unsafe { libc::close(self.bell) };
    }
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
        // SAFETY: plain system call.
        let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if bell < 0 {
            return Err(errno());
        }
        // Of 6.0: the next newer mark that a ring shows.
        let waits_first = ring.params().is_setup_single_issuer();
        Ok(Ring {
            ring,
            wake_fd,
            wake_armed: false,
            bell,
            bell_registered: false,
            early: VecDeque::new(),
            accesses: Vec::new(),
            turns: HashMap::new(),
            canceling: Canceling::default(),
            emptied: Emptied::default(),
            waits_first,
            is_quiet: false,
            refused: 0,
        })
    }

    pub fn submit(&mut self, user_data: u32, fd: c_int, op: Op) -> c_int {
        match op {
            Op::Read { offset, .. } if offset != NO_FILE => self.submit_file(user_data, fd, op, offset),
            Op::Write { offset, .. } => self.submit_file(user_data, fd, op, offset),
            // The ring would hand out one connection a turn, and a turn may be long under load.
            Op::Accept { .. } => op.accept_at_once(fd).unwrap_or_else(|| self.push_op(user_data, fd, op)),
            // The ring pays where several go in together.
            Op::Send { .. } if self.is_quiet && self.ring.submission().is_empty() => match op.attempt(fd) {
                result if result == -libc::EAGAIN => self.push_op(user_data, fd, op),
                result => result,
            },
            _ => self.push_op(user_data, fd, op),
        }
    }

    /// What becomes readable with the next completion, everything being submitted; `None` when there are completions.
    /// Not the ring's own descriptor: with DEFER_TASKRUN it does not wake those who poll it (Linux 6.18).
    pub fn quiet_fd(&mut self) -> Option<RawFd> {
        if !self.bell_registered {
            self.ring.submitter().register_eventfd(self.bell).ok()?;
            self.bell_registered = true;
        }
        let flushed = self.flush() == 0;
        let quiet = flushed && self.early.is_empty() && self.ring.completion().is_empty();
        quiet.then_some(self.bell)
    }

    /// Clears what `quiet_fd` gave, before the next turn.
    pub fn hear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes of a local.
        unsafe { libc::read(self.bell, (&raw mut count).cast(), 8) };
    }

    fn push_op(&mut self, user_data: u32, fd: c_int, op: Op) -> c_int {
        let waits = self.waits_first && self.emptied.begins(user_data, fd, &op);
        match self.push(entry(fd, op, waits).user_data(u64::from(user_data))) {
            Ok(()) => PENDING,
            Err(errno) => -errno,
        }
    }

    fn submit_file(&mut self, user_data: u32, fd: c_int, op: Op, offset: i64) -> c_int {
        if offset == FILE_POSITION && !self.turns.is_empty() {
            if let Some(turn) = self.turns.get_mut(&fd) {
                turn.waiting.push_back((user_data, op));
                return PENDING;
            }
        }
        if let Some(result) = self.at_once(fd, &op) {
            return result;
        }
        if offset == FILE_POSITION && is_block_or_regular(fd) {
            self.turns.insert(fd, Turn { user_data, waiting: VecDeque::new() });
        }
        self.push_op(user_data, fd, op)
    }

    /// Files answer at once when the page cache can: cheaper than a trip through the ring. Writes to pipes and their
    /// like are made here or, with `-EAGAIN`, after the caller has polled, never by the ring: the kernel would raise
    /// SIGPIPE in the middle of some other call of this thread.
    fn at_once(&mut self, fd: c_int, op: &Op) -> Option<c_int> {
        let index = usize::try_from(fd).ok()?;
        if index >= self.accesses.len() {
            self.accesses.resize(index + 1, Default::default());
        }
        let [reads, writes] = self.accesses.get_mut(index)?;
        let access = if op.direction() == Direction::In { reads } else { writes };
        if *access == Access::PollFirst && op.direction() == Direction::In {
            return None;
        }
        match access.attempt(fd, op) {
            result if result != -libc::EAGAIN => Some(result),
            result if op.may_raise_sigpipe(fd) => Some(result),
            _ if self.refused > 0 && is_block_or_regular(fd) => {
                self.refused -= 1;
                op.blocking_call(fd).map(|(number, arguments)| pool::call(number, arguments))
            }
            _ => None,
        }
    }

    /// Whoever had the turn at a file's position has ended: the next one begins.
    fn next_turn(&mut self, user_data: u32) {
        let Some(fd) = self.turns.iter().find(|(_, turn)| turn.user_data == user_data).map(|(fd, _)| *fd)
        else {
            return;
        };
        let Some(mut turn) = self.turns.remove(&fd) else { return };
        while let Some((next, op)) = turn.waiting.pop_front() {
            let result = self.at_once(fd, &op).unwrap_or_else(|| self.push_op(next, fd, op));
            if result == PENDING {
                turn.user_data = next;
                self.turns.insert(fd, turn);
                return;
            }
            self.early.push_back(Completion { user_data: next, res: result, flags: 0 });
        }
    }

    pub fn cancel(&mut self, target: u32) -> c_int {
        for turn in self.turns.values_mut() {
            if let Some(index) = turn.waiting.iter().position(|(user_data, _)| *user_data == target) {
                turn.waiting.remove(index);
                self.early.push_back(Completion { user_data: target, res: -libc::ECANCELED, flags: 0 });
                return 0;
            }
        }
        self.canceling.begin(target);
        self.request_cancel(target).map_or_else(|errno| -errno, |()| 0)
    }

    /// The pool, or whoever tries again what has no readiness, has completed an operation.
    pub fn ended_elsewhere(&mut self, user_data: u32) {
        self.canceling.completed(user_data);
    }

    fn request_cancel(&mut self, target: u32) -> Result<(), c_int> {
        let target = u64::from(target);
        self.push(opcode::AsyncCancel::new(target).build().user_data(CANCEL | target))
    }

    /// Forgets a descriptor that is about to be closed; submits what is queued for it.
    pub fn forget(&mut self, fd: c_int, in_flight: bool) -> c_int {
        self.turns.remove(&fd);
        self.emptied.forget(fd);
        if let Some(access) = usize::try_from(fd).ok().and_then(|index| self.accesses.get_mut(index)) {
            *access = Default::default();
        }
        if in_flight {
            self.flush()
        } else {
            0
        }
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
    fn flush(&mut self) -> c_int {
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
        let (wake_armed, canceling) = (&mut self.wake_armed, &mut self.canceling);
        let (early, emptied, refused) = (&mut self.early, &mut self.emptied, &mut self.refused);
        for entry in self.ring.completion() {
            if let Some(completion) = public(&entry, wake_armed, canceling, emptied, refused) {
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
        for target in self.canceling.due() {
            self.request_cancel(target)?;
        }
        let timeout_ns = self.canceling.limit(timeout_ns);
        let ready = !self.early.is_empty() || !self.ring.completion().is_empty();
        let want = u32::from(!ready && timeout_ns != 0);
        match self.enter(want, timeout_ns) {
            Ok(()) | Err(libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        let count = self.take(out);
        self.is_quiet = count <= 1;
        if !self.turns.is_empty() {
            for completion in out.iter().take(count) {
                self.next_turn(completion.user_data);
            }
        }
        Ok(count)
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
        let (wake_armed, canceling) = (&mut self.wake_armed, &mut self.canceling);
        let (emptied, refused) = (&mut self.emptied, &mut self.refused);
        let mut completions = self.ring.completion();
        while !completions.is_empty() {
            let Some(slot) = slots.next() else { break };
            let mut taken = None;
            for entry in completions.by_ref() {
                taken = public(&entry, wake_armed, canceling, emptied, refused);
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
fn public(
    entry: &io_uring::cqueue::Entry,
    wake_armed: &mut bool,
    canceling: &mut Canceling,
    emptied: &mut Emptied,
    refused: &mut u32,
) -> Option<Completion> {
    match entry.user_data() {
        WAKE => {
            *wake_armed = false;
            None
        }
        user_data if user_data & CANCEL != 0 => {
            canceling.answered(user_data as u32, entry.result());
            None
        }
        user_data => {
            let canceled = canceling.completed(user_data as u32);
            emptied.ended(user_data as u32, entry.result());
            let res = match entry.result() {
                // A thread of the ring was taken out of a call that blocked: that is how its cancellation looks, and
                // how the process being stopped and continued does. The latter is tried again.
                result if result == -libc::EINTR && canceled => -libc::ECANCELED,
                result if result == -libc::EINTR => -libc::EAGAIN,
                // Nobody canceled it: there is no thread of the ring for it.
                result if result == -libc::ECANCELED && !canceled => {
                    *refused += 1;
                    -libc::EAGAIN
                }
                result => result,
            };
            Some(Completion { user_data: user_data as u32, res, flags: entry.flags() })
        }
    }
}

/// The entry of an operation; a receive that `waits` looks at the socket when it is readable, not before.
fn entry(fd: c_int, op: Op, waits: bool) -> squeue::Entry {
    const POLL_FIRST: u16 = 1; // IORING_RECVSEND_POLL_FIRST
    let fd = types::Fd(fd);
    match op {
        // An offset of -1 means the file's own position.
        Op::Read { buffer, len, offset } => {
            opcode::Read::new(fd, buffer.cast(), len).offset(offset.max(-1) as u64).build()
        }
        Op::Write { buffer, len, offset } => {
            opcode::Write::new(fd, buffer.cast(), len).offset(offset.max(-1) as u64).build()
        }
        Op::Recv { buffer, len, flags } => {
            let priority = if waits { POLL_FIRST } else { 0 };
            opcode::Recv::new(fd, buffer.cast(), len).flags(flags).ioprio(priority).build()
        }
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
        Op::Poll { events } => opcode::PollAdd::new(fd, events | band(events)).build(),
    }
}

/// A poll for POLLPRI is not woken by it: io_uring takes that bit for one of its own (IO_ASYNC_POLL_COMMON). What wakes
/// readers says POLLRDBAND beside it, so asking for that has the kernel look.
fn band(events: u32) -> u32 {
    if events & libc::POLLPRI as u32 == 0 {
        return 0;
    }
    libc::POLLRDBAND as u32
}
