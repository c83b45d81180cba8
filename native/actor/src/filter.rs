//! The seccomp filter: which system calls an actor can make.
//!
//! A list of what is allowed: what Lua code, the loop and granted descriptors need. What is not named answers EPERM; a
//! number that this table is too old to know answers ENOSYS, as an older kernel would, and so does clone3(2), whose
//! flags no filter can see: the C library then takes clone(2). Another architecture's calls end the process.
#![forbid(unsafe_code)]

use crate::bpf::{errno, Program, ALLOW, KILL};
use crate::Failure;
use libc::c_long;

macro_rules! calls {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// Through descriptors that it has, or makes for itself.
const DESCRIPTORS: &[c_long] = calls! {
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev SYS_preadv2 SYS_pwritev2
    SYS_lseek SYS_close SYS_close_range SYS_dup SYS_dup3 SYS_fstat SYS_statx SYS_newfstatat SYS_fstatfs SYS_getdents64
    SYS_fsync SYS_fdatasync SYS_sync_file_range SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_readahead SYS_flock
    SYS_sendfile SYS_copy_file_range SYS_pipe2 SYS_eventfd2 SYS_signalfd4
    SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime
    SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_ppoll SYS_pselect6
    SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_connect SYS_shutdown SYS_getsockname SYS_getpeername
    SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg SYS_getsockopt
};

/// By name: the empty root has none, and what there is without it is Landlock's business. What Landlock does not
/// know (modes, owners, times, extended attributes) is missing here, for descriptors too: one that was granted for
/// reading does not change its file.
const FILES: &[c_long] = calls! {
    SYS_openat SYS_openat2 SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_unlinkat SYS_mkdirat SYS_mknodat
    SYS_renameat SYS_renameat2 SYS_linkat SYS_symlinkat SYS_truncate SYS_statfs SYS_chdir SYS_fchdir SYS_getcwd SYS_umask
};

/// Its own memory, threads, signals and clocks, and who it is.
const ITSELF: &[c_long] = calls! {
    SYS_brk SYS_munmap SYS_mremap SYS_msync
    SYS_set_robust_list SYS_set_tid_address SYS_rseq SYS_sched_yield SYS_sched_getaffinity SYS_getcpu
    SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_pidfd_open SYS_restart_syscall
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigsuspend SYS_rt_sigreturn
    SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_sigaltstack SYS_kill SYS_tkill SYS_tgkill SYS_pidfd_send_signal
    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday
    SYS_getpid SYS_getppid SYS_gettid SYS_getpgid SYS_getsid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid
    SYS_getresuid SYS_getresgid SYS_getgroups SYS_capget SYS_getpriority SYS_getrlimit SYS_getrusage SYS_times
    SYS_uname SYS_sysinfo SYS_getrandom
};

/// Older forms of the above, where the architecture has them.
#[cfg(target_arch = "x86_64")]
const OLD: &[c_long] = calls! {
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_unlink SYS_mkdir SYS_rmdir SYS_mknod SYS_rename
    SYS_link SYS_symlink SYS_getdents SYS_dup2 SYS_pipe SYS_eventfd SYS_signalfd SYS_poll SYS_select SYS_pause
    SYS_epoll_create SYS_epoll_wait SYS_time SYS_getpgrp
};
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c_long] = &[];

/// All that PID 1 does once it has started the actor.
const INIT: &[c_long] = calls! {
    SYS_read SYS_recvfrom SYS_ppoll SYS_kill SYS_wait4 SYS_exit_group SYS_restart_syscall
};
#[cfg(target_arch = "x86_64")]
const OLD_INIT: &[c_long] = calls! { SYS_poll };
#[cfg(not(target_arch = "x86_64"))]
const OLD_INIT: &[c_long] = &[];

/// The newest call that this table knows, to allow or to deny.
const NEWEST: c_long = libc::SYS_mseal;

/// Namespaces, and a child of somebody else's.
const CLONE_REFUSED: u32 = (libc::CLONE_PARENT
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// Locks, seals and the descriptor's own flags. Not F_SETFL, whose O_APPEND, F_SETOWN and F_SETLEASE, which are those of
/// whoever else has the open file: FIONBIO serves for O_NONBLOCK.
const FCNTL: &[u32] = &[
    libc::F_DUPFD as u32,
    libc::F_DUPFD_CLOEXEC as u32,
    libc::F_GETFD as u32,
    libc::F_SETFD as u32,
    libc::F_GETFL as u32,
    libc::F_GETLK as u32,
    libc::F_SETLK as u32,
    libc::F_SETLKW as u32,
    libc::F_OFD_GETLK as u32,
    libc::F_OFD_SETLK as u32,
    libc::F_OFD_SETLKW as u32,
    libc::F_GETPIPE_SZ as u32,
    libc::F_ADD_SEALS as u32,
    libc::F_GET_SEALS as u32,
];

/// What is asked of any descriptor; nothing that changes a terminal or types into it.
const IOCTL: &[u32] = &[
    libc::FIONREAD as u32,
    libc::FIONBIO as u32,
    libc::FIOCLEX as u32,
    libc::FIONCLEX as u32,
    libc::TIOCOUTQ as u32,
    libc::TIOCGWINSZ as u32,
    libc::TCGETS as u32,
    libc::FICLONE as u32,
    0x8905, // SIOCATMARK
];

const PRCTL: &[u32] = &[
    libc::PR_SET_NAME as u32,
    libc::PR_GET_NAME as u32,
    libc::PR_SET_PDEATHSIG as u32,
    libc::PR_GET_PDEATHSIG as u32,
    libc::PR_SET_TIMERSLACK as u32,
    libc::PR_GET_TIMERSLACK as u32,
    libc::PR_GET_DUMPABLE as u32,
    libc::PR_SET_NO_NEW_PRIVS as u32,
    libc::PR_GET_NO_NEW_PRIVS as u32,
    libc::PR_GET_SECCOMP as u32,
    libc::PR_GET_SECUREBITS as u32,
    linux_raw_sys::prctl::PR_GET_SPECULATION_CTRL,
    libc::PR_GET_MDWE as u32,
    libc::PR_CAPBSET_READ as u32,
    libc::PR_SET_VMA as u32, // names of mappings, by the C library
];

/// Without MADV_MERGEABLE, by which others' pages can be compared, and what needs a capability.
const MADVISE: &[u32] = &[
    libc::MADV_NORMAL as u32,
    libc::MADV_RANDOM as u32,
    libc::MADV_SEQUENTIAL as u32,
    libc::MADV_WILLNEED as u32,
    libc::MADV_DONTNEED as u32,
    libc::MADV_FREE as u32,
    libc::MADV_DONTFORK as u32,
    libc::MADV_HUGEPAGE as u32,
    libc::MADV_NOHUGEPAGE as u32,
    libc::MADV_DONTDUMP as u32,
    libc::MADV_WIPEONFORK as u32,
    102, // MADV_GUARD_INSTALL and MADV_GUARD_REMOVE: stacks of threads
    103,
];

/// Waiting and waking; nothing that lends priorities, which no lock here does.
const FUTEX: &[u32] = &[
    libc::FUTEX_WAIT as u32,
    libc::FUTEX_WAKE as u32,
    libc::FUTEX_REQUEUE as u32,
    libc::FUTEX_CMP_REQUEUE as u32,
    libc::FUTEX_WAKE_OP as u32,
    libc::FUTEX_WAIT_BITSET as u32,
    libc::FUTEX_WAKE_BITSET as u32,
];
const FUTEX_FLAGS: u32 = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u32;

/// Options by which a socket runs a program, or is taken over by another protocol.
const PROGRAMS: &[u32] = &[
    libc::SO_ATTACH_FILTER as u32,
    libc::SO_ATTACH_BPF as u32,
    libc::SO_ATTACH_REUSEPORT_CBPF as u32,
    libc::SO_ATTACH_REUSEPORT_EBPF as u32,
];
const UPPER_PROTOCOLS: &[u32] = &[libc::TCP_ULP as u32, libc::TCP_REPAIR as u32];

/// The families of sockets: always the first, and the others where there is a network to use.
const FAMILIES: [u32; 3] = [libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32];
const PROTOCOLS: [u32; 3] = [0, libc::IPPROTO_TCP as u32, libc::IPPROTO_UDP as u32];

/// What of a filter depends on the sandbox.
#[derive(Default)]
pub struct Grants {
    /// Calls that are allowed with any arguments.
    pub calls: Vec<c_long>,
    /// TCP and UDP sockets: there is a network to use.
    pub internet: bool,
    /// No memory becomes executable any more.
    pub no_new_code: bool,
    /// There is a Landlock domain.
    pub landlock: bool,
}

/// The actor's filter.
pub fn restrict(grants: &Grants) -> Result<(), Failure> {
    let mut program = Program::begin();
    program.calls(&grants.calls, ALLOW);
    argument_rules(&mut program, grants);
    for group in [DESCRIPTORS, FILES, ITSELF, OLD] {
        program.calls(group, ALLOW);
    }
    program.newer_than(NEWEST, errno(libc::ENOSYS));
    program.install(errno(libc::EPERM))
}

/// PID 1's filter.
pub fn restrict_init() -> Result<(), Failure> {
    let mut program = Program::begin();
    program.calls(INIT, ALLOW);
    program.calls(OLD_INIT, ALLOW);
    program.install(KILL)
}

/// The calls of which it depends on the arguments. Of an argument the kernel looks at the low half alone, as here.
fn argument_rules(program: &mut Program, grants: &Grants) {
    program.calls(&[libc::SYS_clone3], errno(libc::ENOSYS));
    // Threads alone: a second process would have its own processor time and descriptors, so that the limits of one were
    // not those of the sandbox. Who may start programs needs a process for each, until then in the same memory.
    let starts_programs =
        [libc::SYS_execve, libc::SYS_execveat].iter().any(|call| grants.calls.contains(call));
    program.rule(libc::SYS_clone, |rule| {
        rule.none_of(0, CLONE_REFUSED);
        rule.any_of(0, if starts_programs { libc::CLONE_VM } else { libc::CLONE_THREAD } as u32);
    });
    if grants.landlock {
        // By name, as Landlock does from its version 3 on.
        program.calls(&[libc::SYS_truncate], errno(libc::EACCES));
    }
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        program.rule(call, |rule| {
            rule.is_one_of(0, if grants.internet { FAMILIES.as_slice() } else { FAMILIES.split_at(1).0 });
            rule.is_one_of(2, &PROTOCOLS);
        });
    }
    program.rule(libc::SYS_setsockopt, |rule| {
        rule.unless(1, libc::SOL_SOCKET as u32, 2, PROGRAMS);
        rule.unless(1, libc::IPPROTO_TCP as u32, 2, UPPER_PROTOCOLS);
    });
    program.rule(libc::SYS_futex, |rule| rule.is_one_of_without(1, FUTEX_FLAGS, FUTEX));
    program.rule(libc::SYS_fcntl, |rule| rule.is_one_of(1, FCNTL));
    program.rule(libc::SYS_ioctl, |rule| rule.is_one_of(1, IOCTL));
    program.rule(libc::SYS_prctl, |rule| rule.is_one_of(0, PRCTL));
    program.rule(libc::SYS_madvise, |rule| rule.is_one_of(2, MADVISE));
    program.rule(libc::SYS_prlimit64, |rule| rule.is_one_of(0, &[0]));
    // Further filters only take away; one that asks a listener would let the listener allow.
    program.rule(libc::SYS_seccomp, |rule| {
        rule.is_one_of(0, &[libc::SECCOMP_SET_MODE_FILTER]);
        rule.none_of(1, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32);
    });
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        program.rule(call, |rule| {
            if grants.no_new_code {
                rule.none_of(2, libc::PROT_EXEC as u32);
            }
        });
    }
}
