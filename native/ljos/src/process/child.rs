//! What a child does between clone and exec.
//!
//! ASYNC-SIGNAL-SAFE. The child runs on the parent's memory while the parent is stopped: no allocation, no lock,
//! nothing that unwinds, raw system calls only. It may write to its own stack and to the `Task`, nothing else.
//!
//! The order of the steps is what makes them work: namespaces before what happens inside them, everything that needs
//! a privilege before the ids, the death signal after the ids (a change of ids clears it), what names a descriptor of
//! the parent before the descriptors move, Landlock and seccomp last.

use super::{ProcessFd, ProcessFlag, ProcessLimit, ProcessSpec};
use crate::engine::errno;
use crate::memory;
use crate::raw::close_on_exec;
use std::ffi::{c_char, c_int, c_long, c_void, CStr};
use std::ptr;

/// What the child is told, and where it reports.
pub struct Task<'a> {
    spec: &'a ProcessSpec,
    parent: c_int,
    /// Scratch for `hand_over_fds`, one per descriptor; the child cannot allocate.
    moved: Vec<c_int>,
    failed_step: *const c_char,
    errno: c_int,
}

impl<'a> Task<'a> {
    pub fn new(spec: &'a ProcessSpec) -> Task<'a> {
        // SAFETY: no memory is involved. Asked for only where it is needed.
        let parent = if spec.pdeathsig == 0 { 0 } else { unsafe { libc::getpid() } };
        let moved = vec![-1; spec.fd_count as usize];
        Task { spec, parent, moved, failed_step: ptr::null(), errno: 0 }
    }

    /// What the child reported before it ended, if it did not come to exec.
    pub fn failure(&self) -> Option<(*const c_char, c_int)> {
        // SAFETY: written by the child, which has ended or exec'ed; volatile because the compiler saw no call
        // that writes it.
        let step = unsafe { ptr::read_volatile(&self.failed_step) };
        // SAFETY: as above.
        let errno = unsafe { ptr::read_volatile(&self.errno) };
        (!step.is_null()).then_some((step, errno))
    }
}

struct Failure {
    step: &'static CStr,
    errno: c_int,
}

type Step<T = ()> = Result<T, Failure>;

/// The child's first function, on its own stack.
pub extern "C" fn main(task: *mut c_void) -> c_int {
    // SAFETY: `start` passes its Task, which outlives the child's stay in this memory.
    let task = unsafe { &mut *task.cast::<Task>() };
    if let Err(failure) = run(task.spec, task.parent, &mut task.moved) {
        // SAFETY: a plain write to memory that the stopped parent will read.
        unsafe { ptr::write_volatile(&mut task.errno, failure.errno) };
        // SAFETY: as above.
        unsafe { ptr::write_volatile(&mut task.failed_step, failure.step.as_ptr()) };
    }
    // SAFETY: ends this process only.
    unsafe { libc::syscall(libc::SYS_exit_group, 127) };
    // A seccomp filter refuses the exit, too. Nobody may return from here, on the parent's memory.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: an instruction that is none: SIGILL.
    unsafe {
        std::arch::asm!("ud2", options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("udf #0", options(noreturn))
    }
}

fn call(step: &'static CStr, number: c_long, arguments: [usize; 5]) -> Step<usize> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: every caller passes arguments that are valid for its call.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    if result < 0 {
        // The parent's thread is stopped, so its errno is ours.
        return Err(Failure { step, errno: errno() });
    }
    Ok(result as usize)
}

fn run(spec: &ProcessSpec, parent: c_int, moved: &mut [c_int]) -> Step {
    reset_signals()?;
    enter_namespaces(spec)?;
    join_session(spec)?;
    set_limits(spec)?;
    change_ids(spec)?;
    change_directory(spec)?;
    if spec.flags & ProcessFlag::LjosProcessKeepCapabilities as u32 != 0 {
        keep_capabilities()?;
    }
    set_death_signal(spec, parent)?;
    if spec.flags & ProcessFlag::LjosProcessNoNewPrivs as u32 != 0 {
        call(
            c"prctl(PR_SET_NO_NEW_PRIVS)",
            libc::SYS_prctl,
            [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0],
        )?;
    }
    if spec.landlock_fd >= 0 {
        call(
            c"landlock_restrict_self",
            libc::SYS_landlock_restrict_self,
            [spec.landlock_fd as usize, 0, 0, 0, 0],
        )?;
    }
    let program_fd = hand_over_fds(spec, moved)?;
    write_pid(spec)?;
    unblock_signals()?;
    if !spec.seccomp.is_null() {
        // SECCOMP_SET_MODE_FILTER is 1.
        call(c"seccomp", libc::SYS_seccomp, [1, 0, spec.seccomp as usize, 0, 0])?;
    }
    exec(spec, program_fd)
}

/// Every signal at its default: exec would leave the ignored ones ignored, and a handler must not run here meanwhile.
fn reset_signals() -> Step {
    // The kernel's struct sigaction; all zero: SIG_DFL. Most signals are at their default, and asking is cheaper.
    let default = [0usize; 4];
    let mut now = [0usize; 4];
    for signal in 1..=64usize {
        if signal == libc::SIGKILL as usize || signal == libc::SIGSTOP as usize {
            continue;
        }
        call(c"rt_sigaction", libc::SYS_rt_sigaction, [signal, 0, now.as_mut_ptr() as usize, 8, 0])?;
        let [handler, ..] = now;
        if handler != libc::SIG_DFL {
            call(c"rt_sigaction", libc::SYS_rt_sigaction, [signal, default.as_ptr() as usize, 0, 8, 0])?;
        }
    }
    Ok(())
}

fn unblock_signals() -> Step {
    let none = 0u64;
    let mask = ptr::from_ref(&none) as usize;
    call(c"rt_sigprocmask", libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, mask, 0, 8, 0])?;
    Ok(())
}

fn enter_namespaces(spec: &ProcessSpec) -> Step {
    // The user namespace first: it may give the right to enter the others.
    let namespaces = [
        (c"setns(user)", spec.setns_user, libc::CLONE_NEWUSER),
        (c"setns(uts)", spec.setns_uts, libc::CLONE_NEWUTS),
        (c"setns(ipc)", spec.setns_ipc, libc::CLONE_NEWIPC),
        (c"setns(net)", spec.setns_net, libc::CLONE_NEWNET),
        (c"setns(mount)", spec.setns_mount, libc::CLONE_NEWNS),
    ];
    for (step, fd, kind) in namespaces {
        if fd >= 0 {
            call(step, libc::SYS_setns, [fd as usize, kind as usize, 0, 0, 0])?;
        }
    }
    Ok(())
}

fn join_session(spec: &ProcessSpec) -> Step {
    if spec.flags & ProcessFlag::LjosProcessNewSession as u32 != 0 {
        call(c"setsid", libc::SYS_setsid, [0; 5])?;
    }
    if spec.process_group >= 0 {
        call(c"setpgid", libc::SYS_setpgid, [0, spec.process_group as usize, 0, 0, 0])?;
    }
    if spec.ctty_fd >= 0 {
        call(
            c"ioctl(TIOCSCTTY)",
            libc::SYS_ioctl,
            [spec.ctty_fd as usize, libc::TIOCSCTTY as usize, 0, 0, 0],
        )?;
    }
    if spec.foreground_fd >= 0 {
        // SIGTTOU is blocked, as all signals are.
        let group = call(c"getpgid", libc::SYS_getpgid, [0; 5])? as c_int;
        let group = ptr::from_ref(&group) as usize;
        let fd = spec.foreground_fd as usize;
        call(c"ioctl(TIOCSPGRP)", libc::SYS_ioctl, [fd, libc::TIOCSPGRP as usize, group, 0, 0])?;
    }
    Ok(())
}

fn set_limits(spec: &ProcessSpec) -> Step {
    if spec.umask >= 0 {
        call(c"umask", libc::SYS_umask, [spec.umask as usize, 0, 0, 0, 0])?;
    }
    if spec.scheduler_policy >= 0 {
        let priority = ptr::from_ref(&spec.scheduler_priority) as usize;
        call(
            c"sched_setscheduler",
            libc::SYS_sched_setscheduler,
            [0, spec.scheduler_policy as usize, priority, 0, 0],
        )?;
    }
    // SAFETY: the caller of `ljos_process_spawn` promised it.
    let limits: &[ProcessLimit] = unsafe { memory::slice(spec.limits, spec.limit_count as usize) };
    for limit in limits {
        let pair = ptr::from_ref(&limit.soft) as usize;
        call(c"prlimit64", libc::SYS_prlimit64, [0, limit.resource as usize, pair, 0, 0])?;
    }
    Ok(())
}

fn change_ids(spec: &ProcessSpec) -> Step {
    const SAME: u32 = u32::MAX;
    if spec.group_count >= 0 {
        call(c"setgroups", libc::SYS_setgroups, [spec.group_count as usize, spec.groups as usize, 0, 0, 0])?;
    }
    if spec.rgid != SAME || spec.egid != SAME {
        call(
            c"setresgid",
            libc::SYS_setresgid,
            [spec.rgid as usize, spec.egid as usize, SAME as usize, 0, 0],
        )?;
    }
    if spec.ruid != SAME || spec.euid != SAME {
        call(
            c"setresuid",
            libc::SYS_setresuid,
            [spec.ruid as usize, spec.euid as usize, SAME as usize, 0, 0],
        )?;
    }
    Ok(())
}

fn change_directory(spec: &ProcessSpec) -> Step {
    if spec.working_directory_fd >= 0 {
        call(c"fchdir", libc::SYS_fchdir, [spec.working_directory_fd as usize, 0, 0, 0, 0])?;
    }
    if !spec.working_directory.is_null() {
        call(c"chdir", libc::SYS_chdir, [spec.working_directory as usize, 0, 0, 0, 0])?;
    }
    Ok(())
}

/// Exec takes the capabilities of a process whose user id has no mapping yet; ambient ones stay.
fn keep_capabilities() -> Step {
    #[repr(C)]
    #[derive(Default)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    #[repr(C)]
    #[derive(Default)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    let mut sets = [Sets::default(), Sets::default()];
    let header = ptr::from_ref(&header) as usize;
    call(c"capget", libc::SYS_capget, [header, sets.as_mut_ptr() as usize, 0, 0, 0])?;
    for half in &mut sets {
        half.inheritable = half.permitted;
    }
    call(c"capset", libc::SYS_capset, [header, sets.as_ptr() as usize, 0, 0, 0])?;
    let [low, high] = sets;
    let permitted = u64::from(low.permitted) | u64::from(high.permitted) << 32;
    for capability in (0..64usize).filter(|capability| permitted >> capability & 1 == 1) {
        let (option, raise) = (libc::PR_CAP_AMBIENT as usize, libc::PR_CAP_AMBIENT_RAISE as usize);
        call(c"prctl(PR_CAP_AMBIENT)", libc::SYS_prctl, [option, raise, capability, 0, 0])?;
    }
    Ok(())
}

fn set_death_signal(spec: &ProcessSpec, parent: c_int) -> Step {
    if spec.pdeathsig == 0 {
        return Ok(());
    }
    call(
        c"prctl(PR_SET_PDEATHSIG)",
        libc::SYS_prctl,
        [libc::PR_SET_PDEATHSIG as usize, spec.pdeathsig as usize, 0, 0, 0],
    )?;
    // The parent may have died before the call. In a new pid namespace it has no number.
    let now = call(c"getppid", libc::SYS_getppid, [0; 5])? as c_int;
    if now != parent && spec.namespaces & libc::CLONE_NEWPID as u32 == 0 {
        return Err(Failure { step: c"getppid", errno: libc::ESRCH });
    }
    Ok(())
}

/// Moves the descriptors to their targets and marks all others close-on-exec. Returns where `program_fd` is now.
fn hand_over_fds(spec: &ProcessSpec, moved: &mut [c_int]) -> Step<c_int> {
    // SAFETY: the caller of `ljos_process_spawn` promised it.
    let fds: &[ProcessFd] = unsafe { memory::slice(spec.fds, spec.fd_count as usize) };
    let above = fds.iter().fold(-1, |most, fd| most.max(fd.target)) + 1;

    // First out of the way of all targets, then into place: the mapping may be any permutation. A descriptor that
    // keeps its number is in nobody's way.
    let program_fd = move_above(spec.program_fd, above)?;
    for (fd, moved) in fds.iter().zip(moved.iter_mut()) {
        *moved = if fd.source == fd.target { fd.source } else { move_above(fd.source, above)? };
    }
    for (fd, moved) in fds.iter().zip(moved.iter()) {
        let (source, target) = (*moved as usize, fd.target as usize);
        if source == target {
            call(c"fcntl(F_SETFD)", libc::SYS_fcntl, [target, libc::F_SETFD as usize, 0, 0, 0])?;
        } else {
            call(c"dup3", libc::SYS_dup3, [source, target, 0, 0, 0])?;
        }
    }
    for number in 0..above {
        if !fds.iter().any(|fd| fd.target == number) {
            // SAFETY: no memory is involved; a number that is not open is no failure.
            unsafe { libc::syscall(libc::SYS_close, number) };
        }
    }
    // Not closed: the program must stay open until exec.
    match close_on_exec(above as usize) {
        0 => Ok(program_fd),
        failed => Err(Failure { step: c"close_range", errno: -failed as c_int }),
    }
}

/// A descriptor for the same file at `least` or above; `fd` itself when it is there already, or absent.
fn move_above(fd: c_int, least: c_int) -> Step<c_int> {
    if fd < 0 || fd >= least {
        return Ok(fd);
    }
    let command = libc::F_DUPFD_CLOEXEC as usize;
    let copy = call(c"fcntl(F_DUPFD)", libc::SYS_fcntl, [fd as usize, command, least as usize, 0, 0])?;
    Ok(copy as c_int)
}

/// Writes the child's pid in decimal where the spec wants it.
fn write_pid(spec: &ProcessSpec) -> Step {
    if spec.pid_text.is_null() {
        return Ok(());
    }
    let mut pid = call(c"getpid", libc::SYS_getpid, [0; 5])?;
    let mut digits = [0u8; 12];
    let mut first = digits.len() - 1; // the last stays NUL
    for (at, digit) in digits.iter_mut().enumerate().rev().skip(1) {
        *digit = b'0' + (pid % 10) as u8;
        first = at;
        pid /= 10;
        if pid == 0 {
            break;
        }
    }
    let text = digits.get(first..).unwrap_or_default();
    // SAFETY: the caller of `ljos_process_spawn` promised 12 bytes.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), spec.pid_text.cast::<u8>(), text.len()) };
    Ok(())
}

fn exec(spec: &ProcessSpec, program_fd: c_int) -> Step {
    let (argv, envp) = (spec.argv as usize, spec.envp as usize);
    if spec.paths.is_null() {
        let empty = c"".as_ptr() as usize;
        let flags = libc::AT_EMPTY_PATH as usize;
        call(c"execveat", libc::SYS_execveat, [program_fd as usize, empty, argv, envp, flags])?;
    }
    // As execvp(3): a file that may not be run does not end the search, but is what it reports.
    let mut failure = Failure { step: c"execve", errno: libc::ENOENT };
    let mut next = spec.paths;
    loop {
        // SAFETY: within the list, which null ends.
        let path = unsafe { *next };
        if path.is_null() {
            return Err(failure);
        }
        if let Err(reason) = call(c"execve", libc::SYS_execve, [path as usize, argv, envp, 0, 0]) {
            match reason.errno {
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                libc::EACCES => failure = reason,
                libc::ENOEXEC if !spec.shell_argv.is_null() => return exec_shell(spec, path),
                _ => return Err(reason),
            }
        }
        // SAFETY: the end was not reached.
        next = unsafe { next.add(1) };
    }
}

/// Runs the script at `path`, which names no interpreter, as execvp(3) does.
fn exec_shell(spec: &ProcessSpec, path: *const c_char) -> Step {
    // SAFETY: the caller of `ljos_process_spawn` promised two strings at least.
    let second = unsafe { spec.shell_argv.add(1) };
    // SAFETY: as above.
    unsafe { second.write(path) };
    let (shell, argv, envp) = (c"/bin/sh".as_ptr() as usize, spec.shell_argv as usize, spec.envp as usize);
    call(c"execve", libc::SYS_execve, [shell, argv, envp, 0, 0])?;
    Ok(())
}
