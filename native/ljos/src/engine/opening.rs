//! Opening what another one must open too: a FIFO waits for its other end, a terminal line for its carrier.
//!
//! What is there is held by an O_PATH descriptor, found by the caller's own rules (its directory, openat2's `resolve`).
//! A helper process (`lock`) opens that, waits, and sends the file over a socket pair. Killed at any moment, it leaves
//! nothing behind: not sent, the file ends with it; sent, it is the result.

use super::op::errno;
use crate::raw::raw_call;
use std::ffi::{c_int, CStr, CString};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What does not matter, or would do harm, once the file was found.
const FOUND: c_int = libc::O_CREAT | libc::O_NOFOLLOW;

pub struct Opening {
    place: OwnedFd,
    link: CString,
    flags: c_int,
    /// Where it was found: for a helper that has no /proc.
    dirfd: c_int,
    path: CString,
    how: libc::open_how,
    /// Of the socket pair: our end, and the number of the helper's.
    end: OwnedFd,
    helpers_end: c_int,
}

/// Control data with one descriptor, as cmsg(3) lays it out.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fd: c_int,
}

/// What must be found by rules of openat2(2) is not opened without it; everything else does not need it.
fn openat(dirfd: c_int, path: &CStr, how: &libc::open_how) -> isize {
    let (dirfd, path) = (dirfd as usize, path.as_ptr() as usize);
    if how.resolve == 0 {
        return raw_call(libc::SYS_openat, [dirfd, path, how.flags as usize, 0, 0, 0]);
    }
    let how = &raw const *how as usize;
    raw_call(libc::SYS_openat2, [dirfd, path, how, size_of::<libc::open_how>(), 0, 0])
}

fn open_how(flags: c_int, resolve: u64) -> libc::open_how {
    // SAFETY: an all-zero open_how is valid.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = flags as u64;
    how.resolve = resolve;
    how
}

/// What `path` names, found by the rules of an opening with these flags; or `-errno`.
fn find(dirfd: c_int, path: &CStr, flags: c_int, resolve: u64) -> c_int {
    let how = open_how(libc::O_PATH | libc::O_CLOEXEC | flags & libc::O_NOFOLLOW, resolve);
    openat(dirfd, path, &how) as c_int
}

/// Whether opening `path` with these flags may wait for somebody.
pub fn may_wait(dirfd: c_int, path: &CStr, flags: c_int, resolve: u64) -> bool {
    let settled = libc::O_PATH | libc::O_DIRECTORY | libc::O_NONBLOCK;
    if flags & settled != 0 || flags & (libc::O_CREAT | libc::O_EXCL) == libc::O_CREAT | libc::O_EXCL {
        return false;
    }
    let follow = if flags & libc::O_NOFOLLOW != 0 { libc::AT_SYMLINK_NOFOLLOW } else { 0 };
    // SAFETY: an all-zero stat is valid.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    let failed = if resolve == 0 {
        // SAFETY: a path, and a local.
        unsafe { libc::fstatat(dirfd, path.as_ptr(), &mut status, follow) }
    } else {
        let found = find(dirfd, path, flags, resolve);
        if found < 0 {
            return false;
        }
        // SAFETY: nobody else's.
        let found = unsafe { OwnedFd::from_raw_fd(found) };
        // SAFETY: a local.
        unsafe { libc::fstat(found.as_raw_fd(), &mut status) }
    };
    failed == 0 && waits(&status, flags & libc::O_ACCMODE)
}

fn waits(status: &libc::stat, access: c_int) -> bool {
    match status.st_mode & libc::S_IFMT {
        libc::S_IFIFO => access != libc::O_RDWR,
        // Memory devices and pseudo-terminals never do (Documentation/admin-guide/devices.txt).
        libc::S_IFCHR => !matches!(libc::major(status.st_rdev), 1 | 5 | 136..=143),
        _ => false,
    }
}

impl Opening {
    /// What a helper needs; and what the helper alone must have once it has been started.
    pub fn new(dirfd: c_int, path: &CStr, flags: c_int, resolve: u64) -> Result<(Opening, OwnedFd), c_int> {
        let place = find(dirfd, path, flags, resolve);
        if place < 0 {
            return Err(-place);
        }
        // SAFETY: nobody else's.
        let place = unsafe { OwnedFd::from_raw_fd(place) };
        let mut ends = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: room for two descriptors.
        if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) } != 0 {
            return Err(errno());
        }
        // SAFETY: nobody else's.
        let [end, lent] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        let opening = Opening {
            link: CString::new(format!("/proc/self/fd/{}", place.as_raw_fd())).map_err(|_| libc::EINVAL)?,
            place,
            flags: (flags | libc::O_CLOEXEC) & !FOUND,
            dirfd,
            path: path.into(),
            how: open_how((flags | libc::O_CLOEXEC) & !libc::O_CREAT, resolve),
            end,
            helpers_end: lent.as_raw_fd(),
        };
        Ok((opening, lent))
    }

    /// The descriptors that the helper needs, in ascending order.
    pub fn needs(&self) -> [c_int; 3] {
        let mut needed = [self.place.as_raw_fd(), self.helpers_end, self.dirfd];
        needed.sort_unstable();
        needed
    }

    /// In the helper: opens the file, sends it, and answers 0; or `-errno`.
    pub fn open(&self) -> isize {
        let link = self.link.as_ptr() as usize;
        let mut opened =
            raw_call(libc::SYS_openat, [libc::AT_FDCWD as usize, link, self.flags as usize, 0, 0, 0]);
        if opened == -libc::ENOENT as isize {
            opened = openat(self.dirfd, &self.path, &self.how);
        }
        if opened < 0 {
            return opened;
        }
        let mut rights = Rights { header: control_header(), fd: opened as c_int };
        let mut byte = 0u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let message = message(&mut vector, &mut rights);
        let arguments =
            [self.helpers_end as usize, &raw const message as usize, libc::MSG_NOSIGNAL as usize, 0, 0, 0];
        raw_call(libc::SYS_sendmsg, arguments).min(0)
    }

    /// The file that the helper has sent, if it has; `-EMFILE` where we have no room for it.
    pub fn receive(&self) -> Option<c_int> {
        let mut rights = Rights { header: control_header(), fd: -libc::EMFILE };
        let mut byte = 0u8;
        let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut message = message(&mut vector, &mut rights);
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the message and what it points to are locals.
        let received = unsafe { libc::recvmsg(self.end.as_raw_fd(), &mut message, flags) };
        (received == 1).then_some(rights.fd)
    }
}

fn control_header() -> libc::cmsghdr {
    // SAFETY: an all-zero cmsghdr is valid.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<c_int>()) as _;
    header.cmsg_level = libc::SOL_SOCKET;
    header.cmsg_type = libc::SCM_RIGHTS;
    header
}

fn message(vector: &mut libc::iovec, rights: &mut Rights) -> libc::msghdr {
    // SAFETY: an all-zero msghdr is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vector;
    message.msg_iovlen = 1;
    message.msg_control = std::ptr::from_mut(rights).cast();
    message.msg_controllen = size_of::<Rights>() as _;
    message
}
