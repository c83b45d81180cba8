//! The epoll back end: readiness made to look like completions.
//!
//! An operation is tried at once; if it would block, it waits in a queue of its descriptor, and the descriptor
//! is watched from then on. What is known to be drained is not tried again before the next event,
//! so an echo server pays one recv(2), one send(2) and its share of an epoll_wait(2) per message, and less where many
//! send in one round (`sends`). Regular files cannot be watched: they are read with RWF_NOWAIT, and in the pool when
//! that would block.
//!
//! Events are edges, but for UNIX streams that are only read: a short read does not say that these are drained (it may
//! have ended where descriptors are), the level does. A stream whose data nobody waits for is watched by edges again.

use super::access::Access;
use super::op::{errno, file_flags, result, set_non_blocking, Direction, Op};
use super::pool::{self, Job, Pool};
use super::sends::{Send, Sends};
use super::{Completion, PENDING};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::os::fd::RawFd;

/// So many descriptors are read from before their fibers run: of 500 busy sockets, what the kernel keeps of the first is
/// no longer in the processor's near cache when the last has been read.
const EVENTS: usize = 32;
const TO_READ: u32 = (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP) as u32;
/// Asked for once somebody waits for room: a UNIX stream says that it has some whenever its peer reads.
const TO_WRITE: u32 = libc::EPOLLOUT as u32;
const EDGES: u32 = libc::EPOLLET as u32;
const CLOSED: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLPRI) as u32 | CLOSED;
const WRITABLE: u32 = libc::EPOLLOUT as u32 | (libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// The low bits of a `user_data` are the caller's slot number; the poller remembers a descriptor per slot.
struct Waiting {
    user_data: u32,
    op: Op,
    /// Set for a connect(2) in progress: how to finish it, and the file flags to restore.
    connecting: Option<c_int>,
}

/// What is known of one descriptor.
struct Watch {
    /// What epoll watches it for; 0 when it does not.
    events: u32,
    stream: bool,
    /// Reads may end early with more behind: at descriptors (UNIX sockets), at urgent data.
    reads_early: bool,
    /// Set for a listener: its file flags before it was made non-blocking.
    listening: Option<c_int>,
    /// The peer closed: an edge will not come again, so never believe "drained" any more.
    closed: bool,
    drained_in: bool,
    drained_out: bool,
    reads: Access,
    writes: Access,
    waiting_in: VecDeque<Waiting>,
    waiting_out: VecDeque<Waiting>,
}

impl Watch {
    const fn new() -> Watch {
        Watch {
            events: 0,
            stream: false,
            reads_early: false,
            listening: None,
            closed: false,
            drained_in: false,
            drained_out: false,
            reads: Access::Unknown,
            writes: Access::Unknown,
            waiting_in: VecDeque::new(),
            waiting_out: VecDeque::new(),
        }
    }

    fn queue(&mut self, direction: Direction) -> &mut VecDeque<Waiting> {
        match direction {
            Direction::In => &mut self.waiting_in,
            Direction::Out => &mut self.waiting_out,
        }
    }

    fn is_level(&self) -> bool {
        self.events == TO_READ
    }

    /// Has epoll watch for what `op` waits for.
    fn watch_for(&mut self, epoll_fd: RawFd, fd: c_int, op: &Op) -> c_int {
        let wanted = if op.direction() == Direction::Out { TO_WRITE } else { 0 };
        if self.events == 0 {
            let res = self.change(epoll_fd, libc::EPOLL_CTL_ADD, fd, TO_READ | EDGES | wanted);
            if res != 0 {
                return res;
            }
            self.stream = socket_option(fd, libc::SO_TYPE) == Ok(libc::SOCK_STREAM);
            self.reads_early = socket_option(fd, libc::SO_DOMAIN) == Ok(libc::AF_UNIX);
            if self.stream && self.reads_early && matches!(op, Op::Recv { .. }) {
                return self.change(epoll_fd, libc::EPOLL_CTL_MOD, fd, TO_READ);
            }
        }
        if self.events & wanted == wanted {
            return 0;
        }
        self.change(epoll_fd, libc::EPOLL_CTL_MOD, fd, TO_READ | EDGES | wanted)
    }

    fn change(&mut self, epoll_fd: RawFd, action: c_int, fd: c_int, events: u32) -> c_int {
        let res = control(epoll_fd, action, fd, events);
        if res == 0 {
            self.events = events;
        }
        res
    }

    /// Whether a new operation has to wait: behind those that were first, or for the next edge.
    fn is_busy(&mut self, direction: Direction) -> bool {
        *self.drained(direction) || self.queue(direction).iter().any(|waiting| !waiting.op.is_apart())
    }

    fn drained(&mut self, direction: Direction) -> &mut bool {
        match direction {
            Direction::In => &mut self.drained_in,
            Direction::Out => &mut self.drained_out,
        }
    }

    /// Tries `op` and notes what the result says about readiness.
    fn attempt(&mut self, fd: c_int, op: &Op) -> c_int {
        let mut result = match op {
            Op::Read { .. } => self.reads.attempt(fd, op),
            Op::Write { .. } => self.writes.attempt(fd, op),
            _ => op.attempt(fd),
        };
        if result == -libc::EAGAIN && self.closed && !self.stream && op.ends_at_shutdown(fd) {
            result = 0;
        }
        self.note(op, result);
        result
    }

    /// Whether `op` reads or writes a file that nothing keeps from blocking.
    fn may_block(&self, op: &Op) -> bool {
        match op {
            Op::Read { .. } => self.reads == Access::Blocking,
            Op::Write { .. } => self.writes == Access::Blocking,
            _ => false,
        }
    }

    /// Notes what the result of `op` says about readiness.
    fn note(&mut self, op: &Op, result: c_int) {
        let is_told = self.is_level() || !(self.reads_early && op.direction() == Direction::In);
        let exhausted = is_told && self.stream && self.events != 0 && op.exhausts(result);
        if (result == -libc::EAGAIN || exhausted) && !op.is_apart() {
            *self.drained(op.direction()) = !self.closed;
        }
    }
}

pub struct Poller {
    epoll_fd: RawFd,
    wake_fd: RawFd,
    watches: Vec<Watch>,
    done: VecDeque<Completion>,
    sends: Sends,
}

impl Drop for Poller {
    fn drop(&mut self) {
        // SAFETY: owned, closed once.
        unsafe { libc::close(self.epoll_fd) };
    }
}

fn control(epoll_fd: RawFd, action: c_int, fd: RawFd, events: u32) -> c_int {
    let mut event = libc::epoll_event { events, u64: fd as u64 };
    // SAFETY: a valid event, copied during the call.
    result(unsafe { libc::epoll_ctl(epoll_fd, action, fd, &mut event) } as isize)
}

fn socket_option(fd: c_int, name: c_int) -> Result<c_int, c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as u32;
    let pointer = (&raw mut value).cast();
    // SAFETY: both pointers are to locals of the stated size.
    match unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, pointer, &mut len) } {
        0 => Ok(value),
        _ => Err(errno()),
    }
}

impl Poller {
    pub fn new(wake_fd: RawFd) -> Result<Poller, c_int> {
        // SAFETY: plain system call.
        let epoll_fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll_fd < 0 {
            return Err(errno());
        }
        let poller =
            Poller { epoll_fd, wake_fd, watches: Vec::new(), done: VecDeque::new(), sends: Sends::new() };
        match control(epoll_fd, libc::EPOLL_CTL_ADD, wake_fd, libc::EPOLLIN as u32) {
            0 => Ok(poller),
            negative => Err(-negative),
        }
    }

    fn watch(&mut self, fd: c_int) -> Option<&mut Watch> {
        let index = usize::try_from(fd).ok()?;
        if index >= self.watches.len() {
            self.watches.resize_with(index + 1, Watch::new);
        }
        self.watches.get_mut(index)
    }

    pub fn submit(&mut self, user_data: u32, fd: c_int, op: Op, pool: &mut Pool) -> c_int {
        let epoll_fd = self.epoll_fd;
        let put_off = self.sends.wants(&op);
        let Some(watch) = self.watch(fd) else { return -libc::EBADF };
        if put_off && watch.stream && !watch.is_busy(Direction::Out) {
            self.sends.put_off(Send { user_data, fd, op });
            return PENDING;
        }
        let direction = op.direction();
        let mut connecting = None;
        if let Op::Accept { .. } = op {
            // accept4(2) has no "do not wait" flag of its own.
            if watch.listening.is_none() {
                let flags = file_flags(fd);
                watch.listening = Some(flags);
                set_non_blocking(fd, flags | libc::O_NONBLOCK);
            }
        }
        if op.is_apart() || !watch.is_busy(direction) {
            let result = match op {
                Op::Connect { .. } => {
                    let flags = file_flags(fd);
                    set_non_blocking(fd, flags | libc::O_NONBLOCK);
                    connecting = Some(flags);
                    match op.attempt(fd) {
                        result if result == -libc::EINPROGRESS => -libc::EAGAIN,
                        result => {
                            set_non_blocking(fd, flags);
                            return result;
                        }
                    }
                }
                _ => watch.attempt(fd, &op),
            };
            if result != -libc::EAGAIN {
                return result;
            }
        }
        // A file of sysfs or a cgroup can be watched, but not for what a read of it needs.
        let watched = if watch.may_block(&op) { -libc::EPERM } else { watch.watch_for(epoll_fd, fd, &op) };
        match watched {
            0 => {}
            // A regular file or a directory: epoll does not take it.
            errno if errno == -libc::EPERM => {
                *watch.drained(direction) = false;
                return match op.blocking_call(fd) {
                    Some((number, arguments)) => match pool.start(user_data, Job::Call { number, arguments })
                    {
                        PENDING => PENDING,
                        // No thread is to be had (RLIMIT_NPROC): the disk is waited for here.
                        _ => pool::call(number, arguments),
                    },
                    None => errno,
                };
            }
            errno => return errno,
        }
        watch.queue(direction).push_back(Waiting { user_data, op, connecting });
        PENDING
    }

    /// Makes the sends that were put off to the end of the round. (Who finds no room is told so, and waits for it.)
    fn send(&mut self) {
        let Poller { watches, done, sends, .. } = self;
        sends.make(|Send { user_data, fd, op }, res| {
            if let Some(watch) = usize::try_from(fd).ok().and_then(|index| watches.get_mut(index)) {
                watch.note(&op, res);
            }
            done.push_back(Completion { user_data, res, flags: 0 });
        });
    }

    pub fn cancel(&mut self, target: u32, fd: c_int) -> c_int {
        if self.sends.cancel(target) {
            self.done.push_back(Completion { user_data: target, res: -libc::ECANCELED, flags: 0 });
            return 0;
        }
        let Some(watch) = self.watch(fd) else { return 0 };
        for direction in [Direction::In, Direction::Out] {
            let queue = watch.queue(direction);
            let found = queue.iter().position(|waiting| waiting.user_data == target);
            if let Some(waiting) = found.and_then(|index| queue.remove(index)) {
                if let Some(flags) = waiting.connecting {
                    set_non_blocking(fd, flags);
                }
                self.done.push_back(Completion { user_data: target, res: -libc::ECANCELED, flags: 0 });
                return 0;
            }
        }
        0
    }

    /// The set's descriptor; `None` when there are completions.
    pub fn quiet_fd(&self) -> Option<RawFd> {
        (self.done.is_empty() && self.sends.is_empty()).then_some(self.epoll_fd)
    }

    pub fn forget(&mut self, fd: c_int) {
        let epoll_fd = self.epoll_fd;
        let Some(watch) = usize::try_from(fd).ok().and_then(|index| self.watches.get_mut(index)) else {
            return;
        };
        if watch.events != 0 {
            control(epoll_fd, libc::EPOLL_CTL_DEL, fd, 0);
        }
        if let Some(flags) = watch.listening {
            set_non_blocking(fd, flags);
        }
        *watch = Watch::new();
    }

    /// Watches `fd` no longer if nobody waits for it: its news would look like the end of an operation.
    pub fn unwatch(&mut self, fd: c_int) {
        let watch = usize::try_from(fd).ok().and_then(|index| self.watches.get(index));
        let is_idle = |watch: &Watch| watch.waiting_in.is_empty() && watch.waiting_out.is_empty();
        if watch.is_some_and(|watch| watch.events != 0 && is_idle(watch)) {
            self.forget(fd);
        }
    }

    pub fn turn(&mut self, out: &mut [Completion], timeout_ns: i64) -> Result<usize, c_int> {
        self.send();
        let timeout_ns = if self.done.is_empty() { timeout_ns } else { 0 };
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let count = wait(self.epoll_fd, &mut events, timeout_ns)?;
        for event in events.iter().take(count) {
            let fd = event.u64 as RawFd;
            if fd != self.wake_fd {
                self.ready(fd, event.events);
            }
        }
        let mut count = 0;
        for slot in out {
            let Some(completion) = self.done.pop_front() else { break };
            *slot = completion;
            count += 1;
        }
        self.sends.begin_round(count);
        Ok(count)
    }

    /// An event came: runs what waits for it, in order, until it would block again.
    fn ready(&mut self, fd: RawFd, events: u32) {
        let (epoll_fd, done) = (self.epoll_fd, &mut self.done);
        let done_before = done.len();
        let Some(watch) = usize::try_from(fd).ok().and_then(|index| self.watches.get_mut(index)) else {
            return;
        };
        watch.closed |= events & CLOSED != 0;
        watch.reads_early |= events & libc::EPOLLPRI as u32 != 0;
        for (direction, mask) in [(Direction::In, READABLE), (Direction::Out, WRITABLE)] {
            if events & mask == 0 {
                continue;
            }
            *watch.drained(direction) = false;
            let mut kept = 0;
            while let Some(waiting) = watch.queue(direction).remove(kept) {
                let res = match waiting.connecting {
                    // Asking once more ends the attempt, which reading SO_ERROR does not.
                    Some(flags) => match waiting.op.attempt(fd) {
                        result if result == -libc::EALREADY => -libc::EAGAIN,
                        result => {
                            set_non_blocking(fd, flags);
                            // Some families tell it so that the attempt has succeeded.
                            if result == -libc::EISCONN {
                                0
                            } else {
                                result
                            }
                        }
                    },
                    None => watch.attempt(fd, &waiting.op),
                };
                if res != -libc::EAGAIN {
                    done.push_back(Completion { user_data: waiting.user_data, res, flags: 0 });
                    continue;
                }
                watch.queue(direction).insert(kept, waiting);
                // Waiters for other events (POLLPRI, ...) may stand behind this one.
                kept += 1;
                if kept >= watch.queue(direction).len() {
                    break;
                }
            }
        }
        if watch.is_level() && done.len() == done_before {
            watch.change(epoll_fd, libc::EPOLL_CTL_MOD, fd, TO_READ | EDGES);
        }
    }
}

fn wait(epoll_fd: RawFd, events: &mut [libc::epoll_event], timeout_ns: i64) -> Result<usize, c_int> {
    let time = libc::timespec {
        tv_sec: timeout_ns.max(0) / 1_000_000_000,
        tv_nsec: timeout_ns.max(0) % 1_000_000_000,
    };
    let limit = if timeout_ns < 0 { std::ptr::null() } else { &raw const time };
    // epoll_pwait2(2), Linux 5.11: the only one that takes nanoseconds. Not in every libc yet.
    // SAFETY: the events and the time are valid during the call; no signal mask.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll_fd,
            events.as_mut_ptr(),
            events.len(),
            limit,
            std::ptr::null::<libc::sigset_t>(),
            0usize,
        )
    };
    match count {
        count if count >= 0 => Ok(count as usize),
        _ if errno() == libc::EINTR => Ok(0),
        _ if matches!(errno(), libc::ENOSYS | libc::EPERM) => wait_coarsely(epoll_fd, events, timeout_ns),
        _ => Err(errno()),
    }
}

/// As `wait`, in milliseconds, rounded up: where a container's seccomp profile is older than epoll_pwait2(2).
fn wait_coarsely(epoll_fd: RawFd, events: &mut [libc::epoll_event], timeout_ns: i64) -> Result<usize, c_int> {
    let limit = if timeout_ns < 0 { -1 } else { timeout_ns.saturating_add(999_999) / 1_000_000 };
    let limit = limit.min(c_int::MAX.into()) as c_int;
    // SAFETY: the events are valid during the call.
    let count = unsafe { libc::epoll_wait(epoll_fd, events.as_mut_ptr(), events.len() as c_int, limit) };
    match count {
        count if count >= 0 => Ok(count as usize),
        _ if errno() == libc::EINTR => Ok(0),
        _ => Err(errno()),
    }
}
