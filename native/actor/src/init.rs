//! PID 1 of an actor's PID namespace: starts the actor as its child, forwards signals to it, reaps, and ends the
//! whole namespace by its own end (seed 003, "spawn_vm", newns_pid).
//!
//! It stands outside the actor's reach: it holds none of the actor's descriptors, it is not dumpable, signals from
//! inside a namespace cannot kill its PID 1, it lives in the outer one of two Landlock domains, and where the actor has a
//! seccomp filter it has one of its own, with the few calls below.

use crate::boot::{self, CONTROL};
use crate::{filter, Failure};
use std::ffi::{c_int, c_uint};
use std::mem::size_of;

/// SIGRTMIN+4 is 38: glibc keeps the first two real-time signals for itself.
fn forwarded() -> [c_int; 7] {
    let rtmin_4 = libc::SIGRTMIN() + 4;
    [libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, rtmin_4]
}

/// Returns in the actor. The calling process stays as PID 1 and never returns.
pub fn fork_actor(is_filtered: bool) -> Result<(), Failure> {
    let mut watched = empty_set();
    for signal in forwarded().into_iter().chain([libc::SIGCHLD]) {
        // SAFETY: `watched` is a valid set, the numbers are signals.
        unsafe { libc::sigaddset(&mut watched, signal) };
    }
    let mut before = empty_set();
    // Blocked before the fork, so that none is lost; PID 1 reads them from a descriptor.
    // SAFETY: both sets are valid.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &watched, &mut before) };
    // SAFETY: `watched` is a valid set.
    let signals = unsafe { libc::signalfd(-1, &watched, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if signals < 0 {
        return Err(Failure::last("pid: signalfd"));
    }
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(Failure::last("pid: fork")),
        0 => {
            // SAFETY: PID 1's alone.
            unsafe { libc::close(signals) };
            // SAFETY: `before` is a valid set.
            unsafe { libc::sigprocmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
            Ok(())
        }
        actor => watch_over(actor, signals, is_filtered),
    }
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: an all-zero set is valid, and empty.
    unsafe { std::mem::zeroed() }
}

fn watch_over(actor: libc::pid_t, signals: c_int, is_filtered: bool) -> ! {
    keep_only(signals);
    // SAFETY: no memory is involved. PID 1's memory, a copy of the actor's, is nobody's to read.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    if is_filtered && filter::restrict_init().is_err() {
        exit(71);
    }
    let mut control = CONTROL;
    loop {
        let mut polled = [poll_in(signals), poll_in(control)];
        // SAFETY: two entries; a negative descriptor is passed over.
        unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) };
        let [signals_ready, control_ready] = polled.map(|entry| entry.revents != 0);
        // Else the parent lets the actor go.
        if control_ready && boot::hear() != 1 {
            exit(128 + libc::SIGKILL);
        }
        if control_ready {
            control = -1;
        }
        if signals_ready {
            handle_signals(signals, actor);
        }
    }
}

fn poll_in(fd: c_int) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

/// Closes everything but `signals` and the control socket: an end of a pipe held here would outlive the actor's.
fn keep_only(signals: c_int) {
    let [low, high] = if signals < CONTROL { [signals, CONTROL] } else { [CONTROL, signals] };
    for (first, last) in [(0, low - 1), (low + 1, high - 1), (high + 1, c_int::MAX)] {
        if first <= last {
            // SAFETY: nothing in this process uses those numbers any more.
            unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, 0) };
        }
    }
}

fn handle_signals(signals: c_int, actor: libc::pid_t) {
    // SAFETY: an all-zero record is valid.
    let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::signalfd_siginfo>();
    loop {
        // SAFETY: room for one record.
        let bytes = unsafe { libc::read(signals, (&raw mut info).cast(), size) };
        if bytes != size as isize {
            return;
        }
        if info.ssi_signo == libc::SIGCHLD as u32 {
            reap(actor);
        } else {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(actor, info.ssi_signo as c_int) };
        }
    }
}

/// Reaps every child that has ended; ends with the actor, and as the actor did.
fn reap(actor: libc::pid_t) {
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid for the write.
        let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
        if pid <= 0 {
            return;
        }
        if pid == actor {
            exit(if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                128 + libc::WTERMSIG(status)
            });
        }
    }
}

fn exit(code: c_int) -> ! {
    // SAFETY: PID 1 has nothing to flush; the kernel ends the namespace with it.
    unsafe { libc::_exit(code) }
}
