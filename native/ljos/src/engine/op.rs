//! The operations an engine can carry, and how to try one without blocking.

use crate::pipe;
use std::ffi::{c_int, c_void};

/// The offset of reads and writes on what has no position (pipes, terminals).
pub const NO_FILE: i64 = -2;

/// One operation; the descriptor travels beside it.
#[derive(Clone, Copy)]
pub enum Op {
    Read { buffer: *mut c_void, len: u32, offset: i64 },
    Write { buffer: *const c_void, len: u32, offset: i64 },
    Recv { buffer: *mut c_void, len: u32, flags: c_int },
    Send { buffer: *const c_void, len: u32, flags: c_int },
    RecvMsg { message: *mut libc::msghdr, flags: c_int },
    SendMsg { message: *const libc::msghdr, flags: c_int },
    Accept { address: *mut libc::sockaddr, address_len: *mut u32 },
    Connect { address: *const libc::sockaddr, address_len: u32 },
    Poll { events: u32 },
}

/// The offset that means the file's own position.
pub const FILE_POSITION: i64 = -1;

/// Which readiness an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// The calling thread's errno.
pub fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// A system call's result as `>= 0` or `-errno`.
pub fn result(value: isize) -> c_int {
    if value < 0 {
        -errno()
    } else {
        value as c_int
    }
}

impl Op {
    pub fn direction(&self) -> Direction {
        match self {
            Op::Read { .. } | Op::Recv { .. } | Op::RecvMsg { .. } | Op::Accept { .. } => Direction::In,
            Op::Poll { events } if events & !(libc::POLLOUT as u32) != 0 => Direction::In,
            _ => Direction::Out,
        }
    }

    /// Whether it takes nothing from the others of its direction, nor they from it: waiting for readiness, and urgent
    /// data, which has a place of its own.
    pub fn is_apart(&self) -> bool {
        match *self {
            Op::Poll { .. } => true,
            Op::Recv { flags, .. } => flags & libc::MSG_OOB != 0,
            _ => false,
        }
    }

    /// Whether the ring cannot wait for it: its polls end with POLLRDHUP too, asked for or not (IO_POLL_UNMASK), and that
    /// stays once the peer sends nothing more.
    pub fn outlives_peer(&self, fd: c_int) -> bool {
        const ENDED: u32 = libc::POLLRDHUP as u32;
        match *self {
            Op::Poll { events } if events & (libc::POLLIN as u32 | ENDED) == 0 => {
                poll_now(fd, ENDED) & ENDED as c_int == ENDED as c_int && poll_now(fd, events) == 0
            }
            _ => false,
        }
    }

    /// Whether `result` shows that a stream socket was drained (or filled) by this operation, so that the next
    /// try would fail with EAGAIN.
    pub fn exhausts(&self, result: c_int) -> bool {
        match *self {
            Op::Recv { len, flags, .. } => flags == 0 && result > 0 && (result as u32) < len,
            Op::Send { len, flags, .. } => flags == 0 && result > 0 && (result as u32) < len,
            _ => false,
        }
    }

    /// Tries the operation without blocking; `-EAGAIN` when it would.
    pub fn attempt(&self, fd: c_int) -> c_int {
        loop {
            let result = self.attempt_once(fd);
            if result != -libc::EINTR {
                return result;
            }
        }
    }

    fn attempt_once(&self, fd: c_int) -> c_int {
        match *self {
            Op::Recv { buffer, len, flags } => {
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::recv(fd, buffer, len as usize, flags | libc::MSG_DONTWAIT) })
            }
            Op::Send { buffer, len, flags } => {
                let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::send(fd, buffer, len as usize, flags) })
            }
            Op::RecvMsg { message, flags } => {
                let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
                // SAFETY: the message belongs to the operation until it completes.
                result(unsafe { libc::recvmsg(fd, message, flags) })
            }
            Op::SendMsg { message, flags } => {
                let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                // SAFETY: the message belongs to the operation until it completes.
                result(unsafe { libc::sendmsg(fd, message, flags) })
            }
            Op::Accept { address, address_len } => {
                // SAFETY: the address belongs to the operation until it completes.
                let accepted = unsafe { libc::accept4(fd, address, address_len, libc::SOCK_CLOEXEC) };
                result(accepted as isize)
            }
            Op::Connect { address, address_len } => {
                // SAFETY: the address belongs to the operation until it completes.
                result(unsafe { libc::connect(fd, address, address_len) } as isize)
            }
            Op::Poll { events } => match poll_now(fd, events) {
                0 => -libc::EAGAIN,
                revents => revents,
            },
            Op::Read { buffer, len, offset } => {
                let vector = libc::iovec { iov_base: buffer, iov_len: len as usize };
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::preadv2(fd, &vector, 1, offset.max(-1), libc::RWF_NOWAIT) })
            }
            Op::Write { buffer, len, offset } => {
                let vector = libc::iovec { iov_base: buffer.cast_mut(), iov_len: len as usize };
                // SAFETY: the buffer belongs to the operation until it completes.
                let write = || unsafe { libc::pwritev2(fd, &vector, 1, offset.max(-1), libc::RWF_NOWAIT) };
                // What has positions is no pipe.
                if offset >= 0 {
                    result(write())
                } else {
                    pipe::without_sigpipe(len as usize, write)
                }
            }
        }
    }

    /// As `attempt`, for files whose driver does not know `RWF_NOWAIT` (terminals, some devices): asks poll(2)
    /// first, then calls plainly.
    pub fn attempt_after_poll(&self, fd: c_int) -> c_int {
        let events = match self.direction() {
            Direction::In => libc::POLLIN,
            Direction::Out => libc::POLLOUT,
        };
        if poll_now(fd, events as u32) == 0 {
            return -libc::EAGAIN;
        }
        self.attempt_plainly(fd)
    }

    /// As `attempt`, with the plain call where there is one: it may block.
    pub fn attempt_plainly(&self, fd: c_int) -> c_int {
        match *self {
            Op::Read { buffer, len, offset } if offset >= 0 => {
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::pread(fd, buffer, len as usize, offset) })
            }
            Op::Read { buffer, len, .. } => {
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::read(fd, buffer, len as usize) })
            }
            Op::Write { buffer, len, offset } if offset >= 0 => {
                // SAFETY: the buffer belongs to the operation until it completes.
                result(unsafe { libc::pwrite(fd, buffer, len as usize, offset) })
            }
            Op::Write { buffer, len, .. } => {
                // So much a pipe takes at once when poll(2) says that it takes something.
                let len = (len as usize).min(libc::PIPE_BUF);
                // SAFETY: the buffer belongs to the operation until it completes.
                pipe::without_sigpipe(len, || unsafe { libc::write(fd, buffer, len) })
            }
            _ => self.attempt(fd),
        }
    }

    /// Whether this writes to something without positions, where nobody may read any more.
    pub fn may_raise_sigpipe(&self, fd: c_int) -> bool {
        matches!(self, Op::Write { offset, .. } if *offset < 0) && !is_block_or_regular(fd)
    }

    /// Accepts a connection that is there already; none where one must be waited for. The descriptor is non-blocking
    /// during the call: whoever shares it may be faster.
    pub fn accept_at_once(&self, fd: c_int) -> Option<c_int> {
        if poll_now(fd, libc::POLLIN as u32) != c_int::from(libc::POLLIN) {
            return None;
        }
        let flags = file_flags(fd);
        set_non_blocking(fd, flags | libc::O_NONBLOCK);
        let result = self.attempt(fd);
        set_non_blocking(fd, flags);
        (result != -libc::EAGAIN).then_some(result)
    }

    /// Whether this receives from a datagram socket that is shut down for receiving. A receive that waits answers 0 then,
    /// without a sender and without descriptors; one that does not wait says EAGAIN for ever.
    pub fn ends_at_shutdown(&self, fd: c_int) -> bool {
        let ends = matches!(self, Op::Recv { .. } | Op::RecvMsg { .. })
            && poll_now(fd, libc::POLLRDHUP as u32) & c_int::from(libc::POLLRDHUP) != 0;
        if let (true, Op::RecvMsg { message, .. }) = (ends, *self) {
            // SAFETY: the message belongs to the operation until it completes.
            let message = unsafe { &mut *message };
            (message.msg_namelen, message.msg_controllen, message.msg_flags) = (0, 0, 0);
        }
        ends
    }

    /// The blocking form, as a system call for the pool: number and arguments.
    pub fn blocking_call(&self, fd: c_int) -> Option<(libc::c_long, [usize; 5])> {
        let fd = fd as usize;
        match *self {
            Op::Read { buffer, len, offset } if offset >= 0 => {
                Some((libc::SYS_pread64, [fd, buffer as usize, len as usize, offset as usize, 0]))
            }
            Op::Read { buffer, len, .. } => Some((libc::SYS_read, [fd, buffer as usize, len as usize, 0, 0])),
            Op::Write { buffer, len, offset } if offset >= 0 => {
                Some((libc::SYS_pwrite64, [fd, buffer as usize, len as usize, offset as usize, 0]))
            }
            Op::Write { buffer, len, .. } => {
                Some((libc::SYS_write, [fd, buffer as usize, len as usize, 0, 0]))
            }
            _ => None,
        }
    }
}

/// Whether `fd` is a regular file of a filesystem in memory (tmpfs, memfd, ramfs): it does not know `RWF_NOWAIT`,
/// and does not need it.
pub fn is_in_memory(fd: c_int) -> bool {
    const MEMORY: [libc::c_long; 3] = [libc::TMPFS_MAGIC as _, 0x8584_58f6, libc::HUGETLBFS_MAGIC as _];
    // SAFETY: an all-zero statfs is valid.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: valid pointer to a local.
    let failed = unsafe { libc::fstatfs(fd, &mut status) };
    failed == 0 && MEMORY.contains(&(status.f_type as libc::c_long)) && file_type(fd) == libc::S_IFREG
}

/// Whether `fd` is /dev/null, /dev/kmsg or their like: what is written there is taken at once.
pub fn is_memory_device(fd: c_int) -> bool {
    const MEMORY_DEVICES: libc::c_uint = 1;
    let status = status_of(fd);
    status.st_mode & libc::S_IFMT == libc::S_IFCHR && libc::major(status.st_rdev) == MEMORY_DEVICES
}

/// Whether a socket address is a UNIX one.
pub fn is_unix_address(address: *const c_void, len: u32) -> bool {
    if address.is_null() || (len as usize) < size_of::<libc::sa_family_t>() {
        return false;
    }
    // SAFETY: an address of that length begins with its family.
    let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
    c_int::from(family) == libc::AF_UNIX
}

pub fn file_flags(fd: c_int) -> c_int {
    // SAFETY: plain system call.
    unsafe { libc::fcntl(fd, libc::F_GETFL) }
}

/// Sets O_NONBLOCK as it is in `flags`. By ioctl(2): that touches no other flag, so a sandbox allows it.
pub fn set_non_blocking(fd: c_int, flags: c_int) {
    let mut is_on = c_int::from(flags & libc::O_NONBLOCK != 0);
    // SAFETY: valid pointer to a local.
    unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut is_on) };
}

/// The poll(2) events that `fd` has right now, or `-errno`.
fn poll_now(fd: c_int, events: u32) -> c_int {
    let mut entry = libc::pollfd { fd, events: events as i16, revents: 0 };
    // SAFETY: one entry, valid during the call.
    let count = unsafe { libc::poll(&mut entry, 1, 0) };
    match count {
        0 => 0,
        count if count < 0 => -errno(),
        _ if entry.revents & libc::POLLNVAL != 0 => -libc::EBADF,
        _ => entry.revents as c_int,
    }
}

/// What fstat(2) says; all zero when that cannot be told.
fn status_of(fd: c_int) -> libc::stat {
    // SAFETY: an all-zero stat is valid.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer to a local, left alone by a call that fails.
    unsafe { libc::fstat(fd, &mut status) };
    status
}

/// The `S_IF*` of what `fd` refers to; 0 when that cannot be told.
fn file_type(fd: c_int) -> libc::mode_t {
    status_of(fd).st_mode & libc::S_IFMT
}

/// Whether `fd` has a position that reads and writes move.
pub fn is_block_or_regular(fd: c_int) -> bool {
    matches!(file_type(fd), libc::S_IFREG | libc::S_IFBLK)
}
