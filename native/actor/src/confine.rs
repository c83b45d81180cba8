//! Confinement: what is taken from the actor before its module's first line.
//!
//! The parent names the protections (`lua/ljos/sandbox.lua` has what each is for); each is applied or the actor does
//! not start. The order is part of the protection: the file system while there is the privilege to mount, the ids
//! before the capabilities, Landlock and then the seccomp filter last, so that nothing here runs under a weaker rule than
//! the module.

use crate::boot::Boot;
use crate::{bpf, filter, limits, Failure};
use caps::{CapSet, Capability};
use landlock::{
    Access, AccessFs, AccessNet, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetError, RulesetStatus, Scope, ABI,
};
use linux_raw_sys::prctl as control;
use rustix::fs::CWD;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, unmount, FsMountFlags,
    FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags,
};
use rustix::process::{chdir, fchdir, pivot_root, setrlimit, setsid, DumpableBehavior, Resource, Rlimit};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid, Gid, Uid, UnshareFlags};
use std::ffi::{c_int, c_ulong};

type Result<T = ()> = std::result::Result<T, Failure>;

/// Where root goes: the kernel's id for "nobody", which owns nothing.
const NOBODY: u32 = 65534;

fn step<T>(name: &str, result: rustix::io::Result<T>) -> Result<T> {
    result.map_err(|errno| Failure { step: name.into(), errno: errno.raw_os_error() })
}

fn wants(boot: &Boot, protection: &str) -> bool {
    boot.lists("protections", protection)
}

/// Applies the protections that the parent named.
pub fn apply(boot: &Boot) -> Result {
    if wants(boot, "session") {
        own_session()?;
    }
    if wants(boot, "mount") {
        empty_root()?;
    }
    if wants(boot, "user") {
        leave_root()?;
    }
    if wants(boot, "memory") {
        seal_memory()?;
    }
    if wants(boot, "mdwe") {
        forbid_new_code()?;
    }
    if wants(boot, "limits") {
        limits::apply(boot)?;
    }
    if wants(boot, "capabilities") {
        drop_capabilities()?;
    }
    if wants(boot, "no_new_privs") {
        step("no_new_privs", rustix::thread::set_no_new_privs(true))?;
    }
    if wants(boot, "landlock") {
        check_landlock(boot)?;
        deny_everything()?;
    }
    if wants(boot, "seccomp") {
        bpf::probe()?; // now, as PID 1 may no longer say that it failed
    }
    Ok(())
}

/// What the actor's process needs once more below PID 1: a Landlock domain that PID 1 is not in.
pub fn apply_again(boot: &Boot) -> Result {
    if wants(boot, "memory") {
        seal_memory()?;
    }
    if wants(boot, "landlock") {
        deny_everything()?;
    }
    Ok(())
}

/// The last of all: from here on only the calls of `filter` are made.
pub fn filter_calls(boot: &Boot) -> Result {
    if !wants(boot, "seccomp") {
        return Ok(());
    }
    filter::restrict(&filter::Grants {
        calls: boot.numbers("syscalls"),
        internet: boot.has("internet"),
        no_new_code: boot.has("no_jit"),
        landlock: wants(boot, "landlock"),
    })
}

/// No controlling terminal, and none of the caller's keys.
fn own_session() -> Result {
    step("session: setsid", setsid())?;
    // KEYCTL_JOIN_SESSION_KEYRING is 1.
    // SAFETY: a null name asks for an anonymous keyring.
    if unsafe { libc::syscall(libc::SYS_keyctl, 1, 0) } >= 0 {
        return Ok(());
    }
    let failure = Failure::last("session: KEYCTL_JOIN_SESSION_KEYRING");
    // Where keyctl(2) does not exist or is forbidden, it is so for the actor too.
    match failure.errno {
        libc::ENOSYS | libc::EPERM | libc::EACCES => Ok(()),
        _ => Err(failure),
    }
}

/// Makes a file system that has nothing in it the root of this mount namespace.
fn empty_root() -> Result {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    step("mount: private", mount_change("/", private))?;
    let context = step("mount: fsopen tmpfs", fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC))?;
    step("mount: size", fsconfig_set_string(&context, "size", "4096"))?;
    step("mount: mode", fsconfig_set_string(&context, "mode", "0555"))?;
    step("mount: create", fsconfig_create(&context))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let root = step("mount: fsmount", fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes))?;
    let from_fd = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    step("mount: move_mount", move_mount(&root, "", CWD, "/", from_fd))?;
    step("mount: fchdir", fchdir(&root))?;
    step("mount: pivot_root", pivot_root(".", "."))?;
    step("mount: umount", unmount(".", UnmountFlags::DETACH))?;
    step("mount: chdir", chdir("/"))
}

/// A parent that is root would leave the actor the owner of its files: become nobody, in a user namespace that maps
/// no id at all, so that none can be taken on and no further namespace be made.
fn leave_root() -> Result {
    caps::securebits::set_keepcaps(true).map_err(|error| capability_failure(&error))?;
    match set_thread_groups(&[]) {
        // EPERM: groups are frozen in this user namespace.
        Ok(()) | Err(rustix::io::Errno::PERM) => {}
        Err(errno) => return step("user: setgroups", Err(errno)),
    }
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    // EINVAL: this user namespace has no other id to become.
    match set_thread_res_gid(gid, gid, gid) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(errno) => return step("user: setresgid", Err(errno)),
    }
    match set_thread_res_uid(uid, uid, uid) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(errno) => return step("user: setresuid", Err(errno)),
    }
    // With CAP_SYS_ADMIN back, also where only root may make user namespaces.
    let permitted = caps::read(None, CapSet::Permitted).map_err(|error| capability_failure(&error))?;
    caps::set(None, CapSet::Effective, &permitted).map_err(|error| capability_failure(&error))?;
    // SAFETY: this process has one thread, and shares nothing with another.
    step("user: unshare", unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) })
}

/// No memory is both written and run, and none becomes executable that was not (Linux 6.3).
fn forbid_new_code() -> Result {
    // SAFETY: no memory is involved.
    let result =
        unsafe { libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN as c_ulong, 0, 0, 0) };
    if result == 0 {
        return Ok(());
    }
    Err(Failure::last("mdwe: PR_SET_MDWE"))
}

/// What this process teaches the processor's branch predictor is forgotten before others run, where the processor needs
/// that and the kernel leaves the choice to processes.
fn isolate_speculation() {
    const INDIRECT_BRANCH: c_ulong = control::PR_SPEC_INDIRECT_BRANCH as c_ulong;
    // SAFETY: no memory is involved.
    let state = unsafe { libc::prctl(control::PR_GET_SPECULATION_CTRL as c_int, INDIRECT_BRANCH, 0, 0, 0) };
    if state > 0 && state as u32 & control::PR_SPEC_PRCTL != 0 {
        let force = control::PR_SPEC_FORCE_DISABLE as c_ulong;
        // SAFETY: no memory is involved. Where it is forced already, it fails.
        unsafe { libc::prctl(control::PR_SET_SPECULATION_CTRL as c_int, INDIRECT_BRANCH, force, 0, 0) };
    }
}

/// No core file, and no other process of the same user may look inside.
fn seal_memory() -> Result {
    isolate_speculation();
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    step("memory: setrlimit", setrlimit(Resource::Core, none))?;
    step("memory: PR_SET_DUMPABLE", rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))
}

fn capability_failure(error: &caps::errors::CapsError) -> Failure {
    Failure::last(&format!("capabilities: {error}"))
}

/// The capabilities in a new user namespace came through exec as ambient ones. From here on they are this process'
/// alone, as if there had been no exec: nothing that it starts inherits them.
pub fn settle_capabilities() -> Result {
    caps::clear(None, CapSet::Ambient).map_err(|error| capability_failure(&error))?;
    caps::clear(None, CapSet::Inheritable).map_err(|error| capability_failure(&error))
}

fn drop_capabilities() -> Result {
    let may_drop_bounding = caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP);
    if may_drop_bounding.map_err(|error| capability_failure(&error))? {
        for capability in caps::runtime::thread_all_supported() {
            caps::drop(None, CapSet::Bounding, capability).map_err(|error| capability_failure(&error))?;
        }
        lock_securebits()?;
    }
    clear_all_sets().map_err(|error| capability_failure(&error))
}

fn clear_all_sets() -> std::result::Result<(), caps::errors::CapsError> {
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::clear(None, CapSet::Effective)?;
    caps::clear(None, CapSet::Permitted)
}

/// No user id gives capabilities any more, and that for good.
fn lock_securebits() -> Result {
    // NOROOT, NO_SETUID_FIXUP, KEEP_CAPS (off), NO_CAP_AMBIENT_RAISE, each with its lock.
    const BITS: c_ulong = 0b11 | 0b11 << 2 | 0b10 << 4 | 0b11 << 6;
    // SAFETY: no memory is involved.
    if unsafe { libc::prctl(libc::PR_SET_SECUREBITS, BITS, 0, 0, 0) } < 0 {
        return Err(Failure::last("capabilities: PR_SET_SECUREBITS"));
    }
    Ok(())
}

/// Signals, TCP ports and abstract sockets out of the sandbox are another protection's matter too, and so is cutting a
/// file by its name. Where that is done without, a Landlock that is too old to deny it is none.
fn check_landlock(boot: &Boot) -> Result {
    let version = landlock_version()?;
    let is_there = |name: &str| match name {
        "pid" => boot.has("pid1"),
        "net" => !boot.has("internet"),
        _ => wants(boot, name),
    };
    let without: Vec<_> =
        ["pid", "net", "mount", "seccomp"].into_iter().filter(|name| !is_there(name)).collect();
    let needed = match *without {
        [] | ["seccomp"] | ["mount"] => 1,
        ["mount", "seccomp"] => 3,
        _ => 6,
    };
    if version < needed {
        let names = without.join(" and ");
        let step = format!(
            "landlock: its version {needed} is needed without {names}, and this kernel has {version}"
        );
        return Err(Failure { step, errno: libc::EOPNOTSUPP });
    }
    Ok(())
}

/// ENOSYS: not built in, EOPNOTSUPP: not enabled at boot.
fn landlock_version() -> Result<i64> {
    // LANDLOCK_CREATE_RULESET_VERSION is 1.
    // SAFETY: a null attribute asks for the version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    if version < 0 {
        return Err(Failure::last("landlock: landlock_create_ruleset"));
    }
    Ok(version)
}

/// A Landlock ruleset without a rule: every access that this kernel can deny is denied.
fn deny_everything() -> Result {
    let enforced = restrict().map_err(|error| Failure::last(&format!("landlock: {error}")))?;
    if enforced.ruleset == RulesetStatus::NotEnforced {
        return Err(Failure { step: "landlock: not enforced".into(), errno: 0 });
    }
    Ok(())
}

fn restrict() -> std::result::Result<RestrictionStatus, RulesetError> {
    // The first version is required; of later ones, what the kernel has.
    let newest = ABI::V9;
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()
}
