//! Waiting for flock(2), by a helper process for each lock that is not free.
//!
//! A thread that waits in flock(2) can be interrupted by a signal with a handler only, and the handlers are the
//! host's. But a lock belongs to the open file, not to who asked for it. So a child that shares our memory and that
//! one open file waits in our place: its exit says that we have the lock, SIGKILL ends the wait, and its pidfd is
//! polled like any other descriptor. It is cloned without an exit signal, invisible to the host's SIGCHLD and waitpid.
//!
//! A call that must wait has given up the lock that was held before (flock(2): conversions are not atomic).
//! Hence after a wait that was cut short nothing is held, and `LOCK_UN` makes sure of it.

use super::op::{errno, result};
use crate::process::{self, set_signal_mask};
use std::collections::HashMap;
use std::ffi::{c_int, c_long, c_void};

const STACK_BYTES: usize = 16 * 1024;

/// What a helper is told; it reads this from our memory.
struct Request {
    fd: c_int,
    operation: c_int,
    parent: c_int,
}

/// A helper that waits; the stack and the request are its own until it is reaped.
struct Helper {
    pidfd: c_int,
    fd: c_int,
    outcome: Option<c_int>,
    _request: Box<Request>,
    _stack: Vec<u128>,
}

/// The locks that are waited for, by the `user_data` of their operation.
#[derive(Default)]
pub struct Locks {
    helpers: HashMap<u32, Helper>,
}

impl Locks {
    pub fn is_empty(&self) -> bool {
        self.helpers.is_empty()
    }

    /// Starts a helper; returns the descriptor to poll, or `-errno`.
    pub fn start(&mut self, user_data: u32, fd: c_int, operation: c_int) -> c_int {
        match Helper::start(fd, operation) {
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
            helper.stop();
            // SAFETY: ours, closed once.
            unsafe { libc::close(helper.pidfd) };
        }
    }
}

impl Helper {
    fn start(fd: c_int, operation: c_int) -> Result<Helper, c_int> {
        // SAFETY: no memory is involved.
        let parent = unsafe { libc::getpid() };
        let mut request = Box::new(Request { fd, operation, parent });
        let mut stack = vec![0u128; STACK_BYTES / 16];
        let mut pidfd: c_int = -1;
        // No handler of the host may run in the helper, whose memory is ours.
        let mask = set_signal_mask(u64::MAX);
        // SAFETY: stack and request live until the helper is reaped.
        let pid = unsafe {
            libc::clone(
                wait_for_lock,
                stack.as_mut_ptr_range().end.cast(),
                libc::CLONE_VM | libc::CLONE_PIDFD,
                (&raw mut *request).cast(),
                &mut pidfd,
            )
        };
        let failed = if pid < 0 { Some(errno()) } else { None };
        set_signal_mask(mask);
        match failed {
            Some(errno) => Err(errno),
            None => Ok(Helper { pidfd, fd, outcome: None, _request: request, _stack: stack }),
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
        let outcome = match process::reap(self.pidfd, 0) {
            Ok(Some(exit)) if exit.signal == 0 => -exit.code,
            // Killed, before or after it got the lock.
            _ => {
                // SAFETY: plain system call.
                unsafe { libc::flock(self.fd, libc::LOCK_UN) };
                -libc::ECANCELED
            }
        };
        self.outcome = Some(outcome);
        outcome
    }
}

/// flock(2), if that needs no waiting; `-EWOULDBLOCK` if it does.
pub fn try_lock(fd: c_int, operation: c_int) -> c_int {
    // SAFETY: plain system call.
    result(unsafe { libc::flock(fd, operation | libc::LOCK_NB) } as isize)
}

/// The helper: keeps the one descriptor, dies with us, and exits with flock's errno.
///
/// We run at the same time in the same memory and thread-local storage: raw system calls only, and no errno.
extern "C" fn wait_for_lock(request: *mut c_void) -> c_int {
    // SAFETY: `start` passes it, and keeps it until we have ended.
    let Request { fd, operation, parent } = *unsafe { &*request.cast::<Request>() };
    let descriptor = fd as usize;
    if descriptor > 0 {
        raw_call(libc::SYS_close_range, [0, descriptor - 1, 0]);
    }
    raw_call(libc::SYS_close_range, [descriptor + 1, u32::MAX as usize, 0]);
    raw_call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0]);
    if raw_call(libc::SYS_getppid, [0; 3]) != parent as isize {
        return libc::ECANCELED;
    }
    -raw_call(libc::SYS_flock, [descriptor, operation as usize, 0]) as c_int
}

/// A system call without memory operands; returns `-errno` as the kernel does, and leaves `errno` alone.
#[cfg(target_arch = "x86_64")]
fn raw_call(number: c_long, [a, b, c]: [usize; 3]) -> isize {
    let value: isize;
    // SAFETY: the kernel preserves all registers but rax, rcx and r11; the calls above touch no memory.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => value,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") 0, in("r8") 0,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    value
}

/// A system call without memory operands; returns `-errno` as the kernel does, and leaves `errno` alone.
#[cfg(target_arch = "aarch64")]
fn raw_call(number: c_long, [a, b, c]: [usize; 3]) -> isize {
    let value: isize;
    // SAFETY: the kernel preserves all registers but x0; the calls above touch no memory.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => value,
            in("x1") b, in("x2") c, in("x3") 0, in("x4") 0,
            options(nostack),
        );
    }
    value
}
