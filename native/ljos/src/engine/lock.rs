//! Waiting for what only a thread can wait for, and nothing but a signal interrupts: flock(2), record locks, semaphores,
//! the other end of a FIFO. A helper process waits for each that is not free.
//!
//! A signal that interrupts a thread needs a handler, and the handlers are the host's. But a flock belongs to the open
//! file, a record lock to the table of descriptors, a futex to the memory; not to who asked. So a child that shares
//! just that with us waits in our place: its exit says that the wait is over, SIGKILL ends it, and its pidfd is polled
//! like any other descriptor. It is cloned without an exit signal, invisible to the host's SIGCHLD and waitpid.
//!
//! A call of flock that must wait has given up the lock that was held before (flock(2): conversions are not atomic).
//! Hence after a wait that was cut short nothing is held, unless it had just been over: then the lock is there, or to be
//! had. Else an unlock makes sure. A semaphore is not taken by the helper, which only waits for it to be above zero: so
//! none is lost whatever becomes of the wait. A file is opened in the helper's own table of descriptors, and sent to us
//! (`opening`): so it is ours, or closed with the helper.

use super::op::{errno, result};
use super::opening::Opening;
use crate::process::{self, set_signal_mask};
use crate::raw::{close_all_but, raw_call};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const STACK_BYTES: usize = 16 * 1024;

/// What is waited for.
pub enum Wait {
    Flock {
        fd: c_int,
        operation: c_int,
    },
    /// fcntl(2), `F_SETLKW`; of the calling process.
    Record {
        fd: c_int,
        lock: libc::flock,
    },
    /// A value above zero of the C library's semaphore.
    Semaphore {
        semaphore: Semaphore,
        deadline: Option<libc::timespec>,
    },
    /// A file whose opening may wait; the outcome is its descriptor.
    Open(Opening),
}

/// glibc's sem_t where atomics have 64 bits (sysdeps/nptl/internaltypes.h, struct new_sem): the value in the lower
/// half, the number of those who wait in the upper one; sem_post(3) wakes somebody only where that is not zero.
#[derive(Clone, Copy)]
pub struct Semaphore(pub *const AtomicU64);

const ONE_WAITER: u64 = 1 << 32;

impl Semaphore {
    fn data(&self) -> &AtomicU64 {
        // SAFETY: mapped until the operation has ended (the export's contract).
        unsafe { &*self.0 }
    }

    fn value(&self) -> &AtomicU32 {
        // SAFETY: the lower half comes first: x86-64 and aarch64 are little-endian.
        unsafe { &*self.0.cast::<AtomicU32>() }
    }

    /// Ends a wait that `enter` began. Somebody may have been woken in vain, and another one must be.
    fn leave(&self) {
        let data = self.data().fetch_sub(ONE_WAITER, Ordering::Relaxed);
        if data as u32 > 0 {
            let address = self.value().as_ptr() as usize;
            raw_call(libc::SYS_futex, [address, libc::FUTEX_WAKE as usize, 1, 0, 0, 0]);
        }
    }
}

/// What a helper is told; it reads this from our memory.
struct Request {
    wait: Wait,
    parent: c_int,
}

/// A helper that waits; the stack and the request are its own until it is reaped.
struct Helper {
    pidfd: c_int,
    outcome: Option<c_int>,
    request: Box<Request>,
    _stack: Vec<u128>,
}

/// What is waited for, by the `user_data` of the operation.
#[derive(Default)]
pub struct Locks {
    helpers: HashMap<u32, Helper>,
}

impl Locks {
    pub fn is_empty(&self) -> bool {
        self.helpers.is_empty()
    }

    /// Starts a helper; returns the descriptor to poll, or `-errno`.
    pub fn start(&mut self, user_data: u32, wait: Wait) -> c_int {
        match Helper::start(wait) {
            Err(errno) => -errno,
            Ok(helper) => {
                let pidfd = helper.pidfd;
                self.helpers.insert(user_data, helper);
                pidfd
            }
        }
    }

    /// Ends the wait of `user_data` at once; false when there is none. The pidfd's poll still completes.
    pub fn cancel(&mut self, user_data: u32) -> bool {
        self.helpers.get_mut(&user_data).map(Helper::stop).is_some()
    }

    /// The poll of a helper has completed with `polled`: its pidfd, which is to be closed, and the lock's result.
    pub fn take(&mut self, user_data: u32, polled: c_int) -> Option<(c_int, c_int)> {
        let mut helper = self.helpers.remove(&user_data)?;
        let outcome = if polled < 0 { helper.stop() } else { helper.reap() };
        Some((helper.pidfd, outcome))
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        for helper in self.helpers.values_mut() {
            let outcome = helper.stop();
            match helper.request.wait {
                Wait::Open(_) if outcome >= 0 => {
                    // SAFETY: a file that nobody asks for any more.
                    unsafe { libc::close(outcome) };
                }
                ref wait if outcome == 0 => end(wait, false),
                _ => {}
            }
            // SAFETY: ours, closed once.
            unsafe { libc::close(helper.pidfd) };
        }
    }
}

impl Helper {
    fn start(wait: Wait) -> Result<Helper, c_int> {
        // SAFETY: no memory is involved.
        let parent = unsafe { libc::getpid() };
        let mut stack = vec![0u128; STACK_BYTES / 16];
        let mut pidfd: c_int = -1;
        let shared = match wait {
            Wait::Record { .. } => libc::CLONE_VM | libc::CLONE_FILES,
            _ => libc::CLONE_VM,
        };
        if let Wait::Semaphore { semaphore, .. } = &wait {
            semaphore.data().fetch_add(ONE_WAITER, Ordering::Relaxed);
        }
        let mut request = Box::new(Request { wait, parent });
        // No handler of the host may run in the helper, whose memory is ours.
        let mask = set_signal_mask(u64::MAX);
        // SAFETY: stack and request live until the helper is reaped.
        let pid = unsafe {
            libc::clone(
                help,
                stack.as_mut_ptr_range().end.cast(),
                shared | libc::CLONE_PIDFD,
                (&raw mut *request).cast(),
                &mut pidfd,
            )
        };
        let failed = if pid < 0 { Some(errno()) } else { None };
        set_signal_mask(mask);
        match failed {
            Some(errno) => {
                end(&request.wait, true);
                Err(errno)
            }
            None => Ok(Helper { pidfd, outcome: None, request, _stack: stack }),
        }
    }

    fn stop(&mut self) -> c_int {
        if self.outcome.is_none() {
            process::kill(self.pidfd, libc::SIGKILL);
        }
        self.reap()
    }

    /// Waits for the helper's end, which has come or is about to.
    fn reap(&mut self) -> c_int {
        if let Some(outcome) = self.outcome {
            return outcome;
        }
        let mut outcome = match process::reap(self.pidfd, 0) {
            Ok(Some(exit)) if exit.signal == 0 => -exit.code,
            // Killed, before or after its wait was over.
            _ => -libc::ECANCELED,
        };
        match &self.request.wait {
            Wait::Open(opening) => outcome = opening.receive().unwrap_or(outcome),
            wait if outcome == -libc::ECANCELED && is_held(wait) => outcome = 0,
            _ => {}
        }
        end(&self.request.wait, outcome != -libc::ECANCELED);
        self.outcome = Some(outcome);
        outcome
    }
}

/// Whether we have the lock that a killed helper waited for.
fn is_held(wait: &Wait) -> bool {
    match wait {
        Wait::Flock { fd, operation } => try_lock(*fd, *operation) == 0,
        // SAFETY: the lock is valid during the call.
        Wait::Record { fd, lock } => unsafe {
            libc::fcntl(*fd, libc::F_SETLK, std::ptr::from_ref(lock)) == 0
        },
        _ => false,
    }
}

/// The wait is over; `known` is whether we know how. If not, a lock may be held, and must not.
fn end(wait: &Wait, known: bool) {
    match *wait {
        Wait::Semaphore { semaphore, .. } => semaphore.leave(),
        Wait::Flock { fd, .. } if !known => {
            // SAFETY: plain system call.
            unsafe { libc::flock(fd, libc::LOCK_UN) };
        }
        Wait::Record { fd, mut lock } if !known => {
            lock.l_type = libc::F_UNLCK as i16;
            // SAFETY: the lock is ours.
            unsafe { libc::fcntl(fd, libc::F_SETLK, &raw const lock) };
        }
        _ => {}
    }
}

/// flock(2), if that needs no waiting; `-EWOULDBLOCK` if it does.
pub fn try_lock(fd: c_int, operation: c_int) -> c_int {
    // SAFETY: plain system call.
    result(unsafe { libc::flock(fd, operation | libc::LOCK_NB) } as isize)
}

/// The helper: keeps what it needs, dies with us, and exits with the errno of its wait.
///
/// We run at the same time in the same memory and thread-local storage: raw system calls only, and no errno.
extern "C" fn help(request: *mut c_void) -> c_int {
    // SAFETY: `start` passes it, and keeps it until we have ended.
    let request = unsafe { &*request.cast::<Request>() };
    match &request.wait {
        Wait::Flock { fd, .. } => close_all_but(&[*fd]),
        Wait::Record { .. } => {} // the table is ours
        Wait::Semaphore { .. } => close_all_but(&[]),
        Wait::Open(opening) => close_all_but(&opening.needs()),
    }
    raw_call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0, 0, 0]);
    if raw_call(libc::SYS_getppid, [0; 6]) != request.parent as isize {
        return libc::ECANCELED;
    }
    let answer = match &request.wait {
        Wait::Flock { fd, operation } => {
            raw_call(libc::SYS_flock, [*fd as usize, *operation as usize, 0, 0, 0, 0])
        }
        Wait::Record { fd, lock } => {
            let lock = std::ptr::from_ref(lock) as usize;
            raw_call(libc::SYS_fcntl, [*fd as usize, libc::F_SETLKW as usize, lock, 0, 0, 0])
        }
        Wait::Semaphore { semaphore, deadline } => wait_for_value(semaphore, deadline.as_ref()),
        Wait::Open(opening) => opening.open(),
    };
    -answer as c_int
}

fn wait_for_value(semaphore: &Semaphore, deadline: Option<&libc::timespec>) -> isize {
    const ANYBODY: usize = u32::MAX as usize; // FUTEX_BITSET_MATCH_ANY
    let address = semaphore.value().as_ptr() as usize;
    let deadline = deadline.map_or(0, |deadline| std::ptr::from_ref(deadline) as usize);
    while semaphore.value().load(Ordering::Relaxed) == 0 {
        // Not private: other processes post. The deadline is absolute, of the monotonic clock.
        let wait = libc::FUTEX_WAIT_BITSET as usize;
        let answer = raw_call(libc::SYS_futex, [address, wait, 0, deadline, 0, ANYBODY]);
        if answer < 0 && answer != -libc::EAGAIN as isize && answer != -libc::EINTR as isize {
            return answer;
        }
    }
    0
}
