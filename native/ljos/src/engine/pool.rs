//! A few native threads for system calls that can only block (getaddrinfo's, flock, cold files under epoll).
//!
//! Threads start when first needed, at most `THREADS`, with all signals blocked so that the host's signals stay
//! with the host's threads. A finished call wakes the engine through an eventfd.

use super::op::errno;
use super::{Completion, PENDING};
use std::collections::VecDeque;
use std::ffi::{c_int, c_long};
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

const THREADS: usize = 4;

/// A system call and its arguments.
#[derive(Clone, Copy)]
pub struct Job {
    pub number: c_long,
    pub arguments: [usize; 5],
}

#[derive(Default)]
struct State {
    queue: VecDeque<(u32, Job)>,
    finished: VecDeque<Completion>,
    idle: usize,
    closing: bool,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    wake_fd: RawFd,
}

pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
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
        Ok(Pool { shared, threads: Vec::new() })
    }

    pub fn wake_fd(&self) -> RawFd {
        self.shared.wake_fd
    }

    pub fn start(&mut self, user_data: u32, job: Job) -> c_int {
        let needs_thread = {
            let mut state = lock(&self.shared);
            state.queue.push_back((user_data, job));
            state.queue.len() > state.idle && self.threads.len() < THREADS
        };
        if needs_thread {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new().name("ljos-pool".into()).stack_size(256 * 1024);
            match without_signals(|| builder.spawn(move || work(&shared))) {
                Ok(thread) => self.threads.push(thread),
                Err(error) if self.threads.is_empty() => {
                    lock(&self.shared).queue.retain(|(queued, _)| *queued != user_data);
                    return -error.raw_os_error().unwrap_or(libc::EAGAIN);
                }
                Err(_) => {} // the threads that exist will get to it
            }
        }
        self.shared.work.notify_one();
        PENDING
    }

    /// Takes back a call that no thread has begun; its completion then says `-ECANCELED`.
    pub fn cancel(&mut self, user_data: u32) -> bool {
        let mut state = lock(&self.shared);
        let before = state.queue.len();
        state.queue.retain(|(queued, _)| *queued != user_data);
        let found = state.queue.len() < before;
        if found {
            state.finished.push_back(Completion { user_data, res: -libc::ECANCELED, flags: 0 });
            wake(self.shared.wake_fd);
        }
        found
    }

    pub fn take_finished(&mut self, out: &mut [Completion]) -> usize {
        if self.threads.is_empty() {
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
        self.shared.work.notify_all();
        // Threads inside a call are left to finish it: they hold their own reference to what they touch.
        self.threads.clear();
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
    while !state.closing {
        let Some((user_data, job)) = state.queue.pop_front() else {
            state.idle += 1;
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        };
        drop(state);
        let res = job.run();
        state = lock(shared);
        state.finished.push_back(Completion { user_data, res, flags: 0 });
        wake(shared.wake_fd);
    }
}

impl Job {
    fn run(self) -> c_int {
        let [a, b, c, d, e] = self.arguments;
        loop {
            // SAFETY: what the arguments point to is valid until the completion (the export's contract).
            let value = unsafe { libc::syscall(self.number, a, b, c, d, e) };
            if value >= 0 {
                return value as c_int;
            }
            match errno() {
                libc::EINTR => {}
                errno => return -errno,
            }
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

/// Runs `f` with all signals blocked in this thread, so that a thread it starts inherits that.
fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: an all-zero sigset_t is valid.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let mut before = all;
    // SAFETY: valid pointer to a local.
    unsafe { libc::sigfillset(&mut all) };
    // SAFETY: valid pointers to locals.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) };
    let result = f();
    // SAFETY: valid pointer to a local.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}
