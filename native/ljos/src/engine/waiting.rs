//! Waits that the kernel cannot do asynchronously: calls and name lookups in a thread of `pool`; locks, semaphores and
//! the other ends of FIFOs in a helper process (`lock`), whose end is polled for.

use super::op::Op;
use super::{lock, opening, pool, Backend, Engine, PENDING};
use crate::memory;
use crate::resolve::{self, Resolution};
use std::ffi::{c_char, c_int, c_void};

impl Engine {
    fn flock(&mut self, user_data: u32, fd: c_int, operation: c_int) -> c_int {
        let res = lock::try_lock(fd, operation);
        if res != -libc::EWOULDBLOCK {
            return res;
        }
        self.wait(user_data, lock::Wait::Flock { fd, operation })
    }

    /// Waits in a helper process.
    fn wait(&mut self, user_data: u32, wait: lock::Wait) -> c_int {
        let pidfd = self.locks.start(user_data, wait);
        if pidfd < 0 {
            return pidfd;
        }
        let polled = self.submit(user_data, pidfd, Op::Poll { events: libc::POLLIN as u32 });
        if polled == PENDING {
            return PENDING;
        }
        self.end_wait(user_data, polled).unwrap_or(polled)
    }

    /// The poll of a helper came to its end; the result of its wait, if `user_data` is one's.
    pub(super) fn end_wait(&mut self, user_data: u32, polled: c_int) -> Option<c_int> {
        let (pidfd, outcome) = self.locks.take(user_data, polled)?;
        if let Backend::Poller(poller) = &mut self.backend {
            poller.forget(pidfd);
        }
        // SAFETY: the helper's, closed once.
        unsafe { libc::close(pidfd) };
        Some(outcome)
    }
}

/// Runs a system call that may block in a pool thread. A canceled call that has not begun completes with
/// `-ECANCELED`; one that has begun runs to its end and completes with its result.
///
/// # Safety
/// `engine` is live; what the arguments point to stays valid until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_call(
    engine: *mut Engine,
    user_data: u32,
    number: c_int,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.pool.start(user_data, pool::Job::Call { number: number.into(), arguments: [a, b, c, d, e] })
}

/// Asks a question of `resolve` in a pool thread; the result is its outcome. A canceled one completes at once with
/// `-ECANCELED`, even if the C library goes on for minutes: the thread has its own share of the question.
///
/// # Safety
/// `engine` and `resolution` are live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_resolve(
    engine: *mut Engine,
    user_data: u32,
    resolution: *const Resolution,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let resolution = unsafe { resolve::share(resolution) };
    engine.pool.start(user_data, pool::Job::Resolve(resolution))
}

/// fcntl(2) with `F_SETLKW`, waiting in a helper process. Canceled, it leaves the range without a lock of this process.
///
/// # Safety
/// `engine` is live; `lock` points to a `struct flock`; `fd` stays open until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_lock_record(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    lock: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let lock = unsafe { lock.cast::<libc::flock>().read() };
    engine.wait(user_data, lock::Wait::Record { fd, lock })
}

/// Waits, in a helper process, until a semaphore of the C library is above zero; takes nothing. `-ETIMEDOUT` when
/// `deadline`, in seconds of the monotonic clock, has passed first; a negative one never does.
///
/// # Safety
/// `engine` is live; `semaphore` is a `sem_t` that stays mapped until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_wait_semaphore(
    engine: *mut Engine,
    user_data: u32,
    semaphore: *mut c_void,
    deadline: f64,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    let deadline = (deadline >= 0.0)
        .then(|| libc::timespec { tv_sec: deadline as i64, tv_nsec: (deadline.fract() * 1e9) as i64 });
    let semaphore = lock::Semaphore(semaphore.cast());
    engine.wait(user_data, lock::Wait::Semaphore { semaphore, deadline })
}

/// flock(2), waiting in a helper process for a lock that is not free. Canceled, it leaves the file without a lock,
/// unless the lock was there first.
///
/// # Safety
/// `engine` is live; `fd` stays open until the completion, or until the operation was canceled.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_flock(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    operation: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.flock(user_data, fd, operation)
}

/// openat2(2) of a file that is there, waiting in a helper process; the result is the descriptor, close-on-exec.
///
/// # Safety
/// `engine` is live; `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_open(
    engine: *mut Engine,
    user_data: u32,
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    resolve: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let path = unsafe { memory::c_string(path) };
    match opening::Opening::new(dirfd, path, flags, resolve.into()) {
        Err(errno) => -errno,
        // The helper's end of the socket pair is closed here once the helper has been started.
        Ok((opening, _lent)) => engine.wait(user_data, lock::Wait::Open(opening)),
    }
}
