//! Processes: started by clone + exec, held by a pidfd, reaped without touching the host's signal handlers.
//!
//! The child shares the parent's memory until it has exec'ed (`CLONE_VM | CLONE_VFORK`), so that a start costs the
//! same in a process of 500 MB as in one of 5. What happens between clone and exec is in `child`, told by
//! a `ljos_process_spec`; a step that fails there is reported with its name. The child is cloned without an exit
//! signal, so a start that fails is invisible to the host; exec makes it SIGCHLD, as the kernel always does.

mod child;

use crate::engine::errno;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// A descriptor of the caller, and the number it gets in the child.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ProcessFd {
    pub source: c_int,
    pub target: c_int,
}

/// A resource limit of the child; see setrlimit(2).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ProcessLimit {
    pub resource: c_int,
    pub soft: u64,
    pub hard: u64,
}

/// Bits of `ljos_process_spec.flags`.
#[repr(C)]
pub enum ProcessFlag {
    /// setsid(2).
    LjosProcessNewSession = 1,
    /// prctl(2), `PR_SET_NO_NEW_PRIVS`.
    LjosProcessNoNewPrivs = 2,
    /// Carry the capabilities that the child has in its new user namespace through exec, as ambient ones.
    LjosProcessKeepCapabilities = 4,
}

/// How a child starts. `ljos_process_spec_init` fills in "as the caller"; descriptors that are absent are -1.
/// Everything pointed to belongs to the caller and is read during the spawn only. The members are in the order
/// of their size, not in the order in which the child follows them: that is in `process/child.rs`.
#[repr(C)]
pub struct ProcessSpec {
    /// The files to try, in this order, ended by null (a PATH search already done); null: `program_fd`.
    pub paths: *const *const c_char,
    pub argv: *const *const c_char,
    /// What `/bin/sh` gets when a file of `paths` is executable but in no format that the kernel knows, as with
    /// execvp(3); the second string becomes the file's path. Null: such a file is `ENOEXEC`.
    pub shell_argv: *mut *const c_char,
    pub envp: *const *const c_char,
    /// Room for 12 bytes inside one string of `envp`: becomes the child's pid in decimal.
    pub pid_text: *mut c_char,
    pub working_directory: *const c_char,
    /// The only descriptors the child gets; no target twice.
    pub fds: *const ProcessFd,
    pub groups: *const u32,
    pub limits: *const ProcessLimit,
    /// A `struct sock_fprog`; installed last.
    pub seccomp: *const c_void,
    pub fd_count: u32,
    /// Negative: the supplementary groups stay.
    pub group_count: c_int,
    pub limit_count: u32,
    /// `CLONE_NEW*`.
    pub namespaces: u32,
    pub flags: u32,
    pub program_fd: c_int,
    pub working_directory_fd: c_int,
    pub setns_user: c_int,
    pub setns_mount: c_int,
    pub setns_uts: c_int,
    pub setns_ipc: c_int,
    pub setns_net: c_int,
    /// Becomes the controlling terminal (needs a new session).
    pub ctty_fd: c_int,
    /// The terminal whose foreground job the child's process group becomes.
    pub foreground_fd: c_int,
    /// Negative: the caller's; 0: a group of its own.
    pub process_group: c_int,
    /// Ids: `0xffffffff` stays.
    pub ruid: u32,
    pub euid: u32,
    pub rgid: u32,
    pub egid: u32,
    /// Negative: the caller's.
    pub umask: c_int,
    /// Negative: the caller's; may carry `SCHED_RESET_ON_FORK`.
    pub scheduler_policy: c_int,
    pub scheduler_priority: c_int,
    /// 0: none.
    pub pdeathsig: c_int,
    pub landlock_fd: c_int,
}

/// A started child, or the step that failed.
#[repr(C)]
pub struct ProcessChild {
    pub pid: c_int,
    /// With `O_CLOEXEC`; the caller's to close.
    pub pidfd: c_int,
    /// After a failure: the system call that failed ("clone", "execve", ...), a static string.
    pub failed_step: *const c_char,
}

/// How a child ended.
#[repr(C)]
#[derive(Default)]
pub struct ProcessExit {
    /// The exit code; 0 when a signal ended the child.
    pub code: c_int,
    /// The signal that ended it, or 0.
    pub signal: c_int,
}

/// Fills in a spec that changes nothing and hands nothing over.
///
/// # Safety
/// `spec` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_process_spec_init(spec: *mut ProcessSpec) {
    let nothing = ProcessSpec {
        paths: ptr::null(),
        argv: ptr::null(),
        shell_argv: ptr::null_mut(),
        envp: ptr::null(),
        pid_text: ptr::null_mut(),
        working_directory: ptr::null(),
        fds: ptr::null(),
        groups: ptr::null(),
        limits: ptr::null(),
        seccomp: ptr::null(),
        fd_count: 0,
        group_count: -1,
        limit_count: 0,
        namespaces: 0,
        flags: 0,
        program_fd: -1,
        working_directory_fd: -1,
        setns_user: -1,
        setns_mount: -1,
        setns_uts: -1,
        setns_ipc: -1,
        setns_net: -1,
        ctty_fd: -1,
        foreground_fd: -1,
        process_group: -1,
        ruid: u32::MAX,
        euid: u32::MAX,
        rgid: u32::MAX,
        egid: u32::MAX,
        umask: -1,
        scheduler_policy: -1,
        scheduler_priority: 0,
        pdeathsig: 0,
        landlock_fd: -1,
    };
    // SAFETY: the caller's promise.
    unsafe { spec.write(nothing) };
}

/// Starts a process. Returns 0, or `-errno` with `failed_step` set; then nothing is left behind.
///
/// # Safety
/// `spec` came from `ljos_process_spec_init`, and all it points to is valid; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_process_spawn(spec: *const ProcessSpec, out: *mut ProcessChild) -> c_int {
    // SAFETY: the caller's promise.
    let spec = unsafe { &*spec };
    let (result, child) = start(spec);
    // SAFETY: the caller's promise.
    unsafe { out.write(child) };
    result
}

const STACK_BYTES: usize = 64 * 1024;
const FLAGS: c_int = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;

fn start(spec: &ProcessSpec) -> (c_int, ProcessChild) {
    let mut child = ProcessChild { pid: -1, pidfd: -1, failed_step: ptr::null() };
    let mut task = child::Task::new(spec);
    // Not filled in: the child uses little of it, and the rest costs nothing then.
    let mut stack = Vec::<u128>::with_capacity(STACK_BYTES / 16);
    let mut pidfd: c_int = -1;
    let flags = FLAGS | spec.namespaces as c_int;

    // No handler of the host may run in the child, whose memory is ours. The raw call also blocks the
    // signals that glibc keeps for itself (setxid must not reach the child).
    let mask = set_signal_mask(u64::MAX);
    // SAFETY: the end of the stack, which outlives the child's use of it: CLONE_VFORK holds us until exec or exit.
    let pid = unsafe {
        libc::clone(
            child::main,
            stack.spare_capacity_mut().as_mut_ptr_range().end.cast(),
            flags,
            ptr::from_mut(&mut task).cast(),
            &mut pidfd,
        )
    };
    let clone_errno = if pid < 0 { errno() } else { 0 };
    set_signal_mask(mask);

    if pid < 0 {
        child.failed_step = c"clone".as_ptr();
        return (-clone_errno, child);
    }
    if let Some((step, errno)) = task.failure() {
        // It has ended; if somebody else reaped it, that is just as well.
        let _ = reap(pidfd, 0);
        // SAFETY: ours, just made.
        unsafe { libc::close(pidfd) };
        child.failed_step = step;
        return (-errno, child);
    }
    child.pid = pid;
    child.pidfd = pidfd;
    (0, child)
}

pub(crate) fn set_signal_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: both masks have the kernel's size, 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &mask, &mut old, size_of::<u64>()) };
    old
}

/// waitid(2) on a pidfd: how the child ended, `None` when it still runs (with `WNOHANG`).
pub(crate) fn reap(pidfd: c_int, options: c_int) -> Result<Option<ProcessExit>, c_int> {
    // SAFETY: an all-zero siginfo_t is valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = options | libc::WEXITED | libc::__WALL;
    loop {
        // SAFETY: `info` is valid for the write.
        let result = unsafe { libc::waitid(libc::P_PIDFD, pidfd as libc::id_t, &mut info, options) };
        if result == 0 {
            break;
        }
        if errno() != libc::EINTR {
            return Err(errno());
        }
    }
    // SAFETY: waitid fills in these members; with WNOHANG and nothing to report they stay zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    if pid == 0 {
        return Ok(None);
    }
    Ok(Some(match info.si_code {
        libc::CLD_EXITED => ProcessExit { code: status, signal: 0 },
        _ => ProcessExit { code: 0, signal: status },
    }))
}

/// Reaps the child behind `pidfd` if it has ended: 1 with `out` filled in, 0 when it still runs. Never blocks;
/// poll(2) the pidfd to wait. `-ECHILD`: it is no child of ours, or is reaped already.
///
/// # Safety
/// `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_process_reap(pidfd: c_int, out: *mut ProcessExit) -> c_int {
    match reap(pidfd, libc::WNOHANG) {
        Err(errno) => -errno,
        Ok(None) => 0,
        Ok(Some(exit)) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(exit) };
            1
        }
    }
}

pub(crate) fn kill(pidfd: c_int, signal: c_int) -> c_int {
    // SAFETY: no memory is involved.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, ptr::null::<c_void>(), 0) };
    crate::engine::result(result as isize)
}

/// pidfd_send_signal(2).
#[no_mangle]
pub extern "C" fn ljos_process_kill(pidfd: c_int, signal: c_int) -> c_int {
    kill(pidfd, signal)
}
