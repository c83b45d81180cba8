//! A few native threads for system calls that can only block (getaddrinfo's, flock, cold files under epoll).
//!
//! Threads start when first needed, at most `THREADS`, with all signals blocked so that the host's signals stay
//! with the host's threads. A finished call wakes the engine through an eventfd.
//!
//! A system call borrows its caller's memory, so a cancelled one that has begun is waited for. A resolution owns what
//! it touches: it is abandoned, and the thread that is stuck in it no longer counts among the `THREADS`, up to
//! `ABANDONED_MAX`, so that a dead name server does not stop everything else.

use super::op::errno;
use super::{Completion, PENDING};
use crate::resolve::Resolution;
use crate::thread::without_signals;
use std::collections::VecDeque;
use std::ffi::{c_int, c_long};
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

const THREADS: usize = 8; // every name that is dialed asks twice
const ABANDONED_MAX: usize = 32;
const STACK: usize = 1024 * 1024; // what name service modules may need

/// What a thread runs.
pub enum Job {
    /// A system call: number and arguments.
    Call {
        number: c_long,
        arguments: [usize; 5],
    },
    Resolve(Arc<Resolution>),
}

#[derive(Default)]
struct State {
    queue: VecDeque<(u32, Job)>,
    finished: VecDeque<Completion>,
    /// Resolutions under way that somebody waits for: their running numbers and `user_data`.
    resolving: Vec<(u64, u32)>,
    last_number: u64,
    /// Threads that are alive, that wait for work, that do some, and that are stuck in what nobody waits for. Those that
    /// were started and have not begun count among the first alone.
    threads: usize,
    idle: usize,
    busy: usize,
    abandoned: usize,
    closing: bool,
}

impl State {
    fn limit(&self) -> usize {
        THREADS + self.abandoned.min(ABANDONED_MAX)
    }
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    wake_fd: RawFd,
}

pub struct Pool {
    shared: Arc<Shared>,
    started: Vec<JoinHandle<()>>,
    used: bool,
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    // Nothing panics while it holds the lock.
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub fn new() -> Result<Pool, c_int> {
        // SAFETY: plain system call.
        let wake_fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if wake_fd < 0 {
            return Err(errno());
        }
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { state, work: Condvar::new(), wake_fd });
        Ok(Pool { shared, started: Vec::new(), used: false })
    }

    pub fn wake_fd(&self) -> RawFd {
        self.shared.wake_fd
    }

    pub fn start(&mut self, user_data: u32, job: Job) -> c_int {
        self.used = true;
        lock(&self.shared).queue.push_back((user_data, job));
        if let Err(errno) = self.start_threads() {
            lock(&self.shared).queue.retain(|(queued, _)| *queued != user_data);
            return -errno;
        }
        self.shared.work.notify_one();
        PENDING
    }

    /// Starts a thread if there is work that none is free for. Fails only where there is no thread at all.
    fn start_threads(&mut self) -> Result<(), c_int> {
        {
            let mut state = lock(&self.shared);
            if state.queue.len() <= state.idle || state.threads >= state.limit() {
                return Ok(());
            }
            state.threads += 1;
        }
        let shared = Arc::clone(&self.shared);
        let builder = std::thread::Builder::new().name("ljos-pool".into()).stack_size(STACK);
        let error = match without_signals(|| builder.spawn(move || work(&shared))) {
            Ok(thread) => {
                self.started.retain(|thread| !thread.is_finished());
                self.started.push(thread);
                return Ok(());
            }
            Err(error) => error,
        };
        let mut state = lock(&self.shared);
        state.threads -= 1;
        match state.threads {
            0 => Err(error.raw_os_error().unwrap_or(libc::EAGAIN)),
            _ => Ok(()), // the threads that exist will get to it
        }
    }

    /// Takes back a call that no thread has begun, or abandons a resolution; its completion then says `-ECANCELED`.
    pub fn cancel(&mut self, user_data: u32) -> bool {
        let mut state = lock(&self.shared);
        let before = state.queue.len();
        state.queue.retain(|(queued, _)| *queued != user_data);
        let mut found = state.queue.len() < before;
        if let Some(index) = state.resolving.iter().position(|(_, resolved)| *resolved == user_data) {
            state.resolving.swap_remove(index);
            state.abandoned += 1;
            found = true;
        }
        if found {
            state.finished.push_back(Completion { user_data, res: -libc::ECANCELED, flags: 0 });
            wake(self.shared.wake_fd);
        }
        drop(state);
        if found {
            let _ = self.start_threads(); // where this fails, there are threads that will get to the work
        }
        found
    }

    /// Ends the threads, where none of them has work, and answers how many they were; the next work starts others.
    pub fn dismiss(&mut self) -> Result<usize, c_int> {
        let count = {
            let mut state = lock(&self.shared);
            if !state.queue.is_empty() || state.busy > 0 {
                return Err(libc::EBUSY);
            }
            state.closing = true;
            state.threads
        };
        self.shared.work.notify_all();
        for thread in self.started.drain(..) {
            let _ = thread.join(); // an error would be its panic's; there is none
        }
        lock(&self.shared).closing = false;
        Ok(count)
    }

    pub fn take_finished(&mut self, out: &mut [Completion]) -> usize {
        if !self.used {
            return 0;
        }
        let mut state = lock(&self.shared);
        let mut count = 0;
        for slot in out {
            let Some(completion) = state.finished.pop_front() else { break };
            *slot = completion;
            count += 1;
        }
        if state.finished.is_empty() {
            clear(self.shared.wake_fd);
        }
        count
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared).closing = true;
        // Threads inside a call are left to finish it: they hold their own reference to what they touch.
        self.shared.work.notify_all();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the last owner closes it.
        unsafe { libc::close(self.wake_fd) };
    }
}

fn work(shared: &Shared) {
    let mut state = lock(shared);
    while !state.closing && state.threads <= state.limit() {
        let Some((user_data, job)) = state.queue.pop_front() else {
            state.idle += 1;
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        };
        state.busy += 1;
        state.last_number += 1;
        let number = state.last_number;
        let resolves = matches!(job, Job::Resolve(_));
        if resolves {
            state.resolving.push((number, user_data));
        }
        drop(state);
        let res = job.run();
        state = lock(shared);
        state.busy -= 1;
        if resolves {
            let Some(index) = state.resolving.iter().position(|(resolved, _)| *resolved == number) else {
                state.abandoned -= 1;
                continue;
            };
            state.resolving.swap_remove(index);
        }
        state.finished.push_back(Completion { user_data, res, flags: 0 });
        wake(shared.wake_fd);
    }
    state.threads -= 1;
}

impl Job {
    fn run(self) -> c_int {
        match self {
            Job::Call { number, arguments } => call(number, arguments),
            Job::Resolve(resolution) => resolution.ask(0, 0),
        }
    }
}

/// Makes a system call in this thread; what its arguments point to is valid for it.
pub fn call(number: c_long, [a, b, c, d, e]: [usize; 5]) -> c_int {
    loop {
        // SAFETY: what the arguments point to is valid until the completion (the export's contract).
        let value = unsafe { libc::syscall(number, a, b, c, d, e) };
        if value >= 0 {
            return value as c_int;
        }
        match errno() {
            libc::EINTR => {}
            errno => return -errno,
        }
    }
}

fn wake(fd: RawFd) {
    let one = 1u64;
    // SAFETY: eight bytes of a local.
    unsafe { libc::write(fd, (&raw const one).cast(), 8) };
}

fn clear(fd: RawFd) {
    let mut count = 0u64;
    // SAFETY: eight bytes of a local.
    unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_that_has_not_begun_has_no_work() {
        let Ok(mut pool) = Pool::new() else { return };
        let shared = Arc::clone(&pool.shared);
        let (begin, gate) = mpsc::channel::<()>();
        lock(&shared).threads += 1;
        pool.started.push(std::thread::spawn(move || {
            let _ = gate.recv();
            work(&shared);
        }));
        // It begins while it is waited for.
        let shared = Arc::clone(&pool.shared);
        let opener = std::thread::spawn(move || {
            while !lock(&shared).closing {
                std::thread::yield_now();
            }
            drop(begin);
        });
        assert_eq!(pool.dismiss(), Ok(1));
        assert_eq!(lock(&pool.shared).threads, 0);
        assert!(opener.join().is_ok());
    }
}
