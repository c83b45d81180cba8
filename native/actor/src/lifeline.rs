//! The lifeline of an actor without a PID 1: the kernel interrupts the actor when the control socket changes, so that
//! it ends with its parent whatever its Lua code is doing.
//!
//! The socket, not PR_SET_PDEATHSIG: that signal is bound to the parent's thread, and could not be taken back by the
//! parent's `detach`. An actor that runs hostile code belongs in a PID namespace, where it cannot reach the watcher.

use crate::boot::{self, Control, CONTROL};
use crate::Failure;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

// Handlers and FFI callbacks aside, no Lua code has a reason to use the last real-time signal.
fn signal() -> c_int {
    libc::SIGRTMAX()
}

fn check(step: &str, result: c_int) -> Result<(), Failure> {
    if result < 0 {
        return Err(Failure::last(step));
    }
    Ok(())
}

/// Arms the lifeline. A parent that died before is noticed here.
pub fn arm(_: &Control) -> Result<(), Failure> {
    // SAFETY: an all-zero sigaction is valid; the handler is set next.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_change as extern "C" fn(c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid; the handler only makes system calls.
    check("sigaction", unsafe { libc::sigaction(signal(), &action, std::ptr::null_mut()) })?;
    // SAFETY: no memory is involved.
    let pid = unsafe { libc::getpid() };
    // SAFETY: no memory is involved.
    check("fcntl(F_SETOWN)", unsafe { libc::fcntl(CONTROL, libc::F_SETOWN, pid) })?;
    // SAFETY: no memory is involved.
    check("fcntl(F_SETSIG)", unsafe { libc::fcntl(CONTROL, 10, signal()) })?;
    let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_ASYNC;
    // SAFETY: no memory is involved.
    check("fcntl(F_SETFL)", unsafe { libc::fcntl(CONTROL, libc::F_SETFL, flags) })?;
    on_change(signal());
    Ok(())
}

/// False once the parent has let the actor go: signals that are still queued, and whoever has the number of the
/// descriptor then, mean nothing.
static ARMED: AtomicBool = AtomicBool::new(true);

/// ASYNC-SIGNAL-SAFE. Something came over the control socket, or its other end is gone.
extern "C" fn on_change(_: c_int) {
    if !ARMED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: thread-local, always valid.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { errno.read() };
    let received = boot::hear();
    if received == 1 {
        // "May outlive the parent": the socket has done its duty.
        ARMED.store(false, Ordering::Relaxed);
        // SAFETY: ours; nobody else uses the number.
        unsafe { libc::close(CONTROL) };
    // SAFETY: as above.
    } else if received == 0 || !matches!(unsafe { errno.read() }, libc::EAGAIN | libc::EINTR) {
        // SAFETY: ends this process.
        unsafe { libc::raise(libc::SIGKILL) };
    }
    // SAFETY: as above.
    unsafe { errno.write(saved) };
}
