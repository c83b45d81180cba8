//! The way to the master and back, and the filters in between.

use crate::wire::{Function, Reply, Request, DENIED, RESULT, USE_SLAVE_CREDENTIALS};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::OnceLock;

/// Fills the reply of a call that a filter answers.
pub type Filter = fn(&Request, &mut Reply);

const NONE: RawFd = -1;

/// The socket to the master; `NONE` as long as the functions are the C library's.
static SOCKET: AtomicI32 = AtomicI32::new(NONE);

/// One bit for each function that has a filter.
static FILTERED: AtomicU32 = AtomicU32::new(0);
static FILTER: OnceLock<Filter> = OnceLock::new();

thread_local! {
    /// What a filter calls itself goes to the kernel: only the function it is given asks the master.
    static IN_FILTER: Cell<bool> = const { Cell::new(false) };
}

/// From now on the functions ask over `socket`, which programs that this one starts inherit or not; those whose bit is
/// in `filtered` call the filter first.
pub fn start(socket: RawFd, cloexec: bool, filtered: u32, filter: Filter) {
    // SAFETY: no memory is involved.
    unsafe { libc::fcntl(socket, libc::F_SETFD, if cloexec { libc::FD_CLOEXEC } else { 0 }) };
    FILTER.get_or_init(|| filter);
    FILTERED.store(filtered, Ordering::Relaxed);
    SOCKET.store(socket, Ordering::Release);
}

/// Whether this thread is inside a filter.
pub fn in_filter() -> bool {
    IN_FILTER.try_with(Cell::get).unwrap_or(false)
}

/// Whether calls of this thread are to be asked about.
pub fn is_active() -> bool {
    SOCKET.load(Ordering::Acquire) != NONE && !in_filter()
}

/// The answer to a call, by its filter or by the master; `None`: make the call.
pub fn answer(request: &Request) -> Option<Reply> {
    let bit = 1u32.checked_shl(request.function).unwrap_or(0);
    let reply = match FILTER.get() {
        Some(filter) if FILTERED.load(Ordering::Relaxed) & bit != 0 => filtered(*filter, request),
        _ => ask(request),
    };
    (reply.kind != USE_SLAVE_CREDENTIALS).then_some(reply)
}

fn filtered(filter: Filter, request: &Request) -> Reply {
    let mut reply = denied(request, libc::EACCES);
    // A thread that ends has no such mark any more; its last calls are denied.
    let entered = IN_FILTER.try_with(|mark| mark.set(true)).is_ok();
    if entered {
        filter(request, &mut reply);
        let _ = IN_FILTER.try_with(|mark| mark.set(false));
    }
    reply
}

/// Asks the master, and waits for the answer. Whatever goes wrong is a denial.
pub fn ask(request: &Request) -> Reply {
    match send(request).and_then(|end| receive(&end, request)) {
        Ok(reply) => reply,
        Err(errno) => denied(request, errno),
    }
}

/// What a function answers that was not allowed to ask.
pub fn denied(request: &Request, errno: c_int) -> Reply {
    let result = if request.is(Function::Getaddrinfo) { libc::EAI_FAIL } else { -1 };
    Reply { result, errno, ..Reply::default() }
}

/// Retries a call that a signal interrupted; the error is the errno. The calls that wait are system calls by number:
/// those of the C library are points where pthread_cancel(3) would unwind this code.
fn retry(mut call: impl FnMut() -> c_long) -> Result<usize, c_int> {
    loop {
        let result = call();
        if result >= 0 {
            return Ok(result as usize);
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            errno => return Err(errno.unwrap_or(libc::EIO)),
        }
    }
}

/// Control data with up to two descriptors, as cmsg(3) lays it out.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fds: [c_int; 2],
}

fn message(vector: &mut libc::iovec, rights: &mut Rights, descriptors: usize) -> libc::msghdr {
    // SAFETY: an all-zero msghdr is valid.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut *rights).cast();
    // The same for one descriptor and for two: the kernel aligns.
    message.msg_controllen = size_of::<Rights>() as _;
    rights.header.cmsg_len = (size_of::<libc::cmsghdr>() + descriptors * size_of::<c_int>()) as _;
    rights.header.cmsg_level = libc::SOL_SOCKET;
    rights.header.cmsg_type = libc::SCM_RIGHTS;
    message
}

fn no_rights() -> Rights {
    // SAFETY: all-zero control data is valid.
    unsafe { zeroed() }
}

/// Sends the request; the result is where the answer comes.
fn send(request: &Request) -> Result<OwnedFd, c_int> {
    let mut ends = [NONE; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two numbers.
    retry(|| c_long::from(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) }))?;
    // SAFETY: nobody else's.
    let [own, theirs] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let mut rights = no_rights();
    rights.fds = [theirs.as_raw_fd(), request.fd];
    let base = (&raw const *request).cast::<c_void>().cast_mut();
    let mut vector = libc::iovec { iov_base: base, iov_len: request.bytes() };
    let message = message(&mut vector, &mut rights, if request.fd < 0 { 1 } else { 2 });
    let socket = SOCKET.load(Ordering::Relaxed);
    // SAFETY: the message and what it points to are locals, and the request.
    let sent = retry(|| unsafe { libc::syscall(libc::SYS_sendmsg, socket, &message, libc::MSG_NOSIGNAL) });
    match sent {
        Ok(_) => Ok(own),
        // Of a descriptor of the caller's that is none; the master's socket is open as long as this process.
        Err(libc::EBADF) if request.fd >= 0 => Err(libc::EBADF),
        Err(_) => Err(libc::EACCES),
    }
}

/// Waits until there is an answer, or nobody to give one. The end of the answer's own way says that too, but not while
/// a child that was forked meanwhile holds the other end.
fn wait_for_answer(end: &OwnedFd) -> Result<(), c_int> {
    let socket = SOCKET.load(Ordering::Relaxed);
    let entry = |fd, events| libc::pollfd { fd, events, revents: 0 };
    let mut polled = [entry(end.as_raw_fd(), libc::POLLIN), entry(socket, 0)];
    let (none, size) = (std::ptr::null::<c_void>(), 0);
    // SAFETY: two entries; no time limit and no signals are null pointers.
    retry(|| unsafe { libc::syscall(libc::SYS_ppoll, polled.as_mut_ptr(), 2, none, none, size) })?;
    let [answer, _] = polled;
    if answer.revents == 0 {
        return Err(libc::EACCES);
    }
    Ok(())
}

fn receive(end: &OwnedFd, request: &Request) -> Result<Reply, c_int> {
    wait_for_answer(end)?;
    let mut reply = Reply::default();
    let mut rights = no_rights();
    let mut vector = libc::iovec { iov_base: (&raw mut reply).cast(), iov_len: size_of::<Reply>() };
    let mut message = message(&mut vector, &mut rights, 0);
    let wants_cloexec = !opens(request) || request.flags & libc::O_CLOEXEC != 0;
    let flags = if wants_cloexec { libc::MSG_CMSG_CLOEXEC } else { 0 };
    // SAFETY: the message and what it points to are locals.
    let count = retry(|| unsafe { libc::syscall(libc::SYS_recvmsg, end.as_raw_fd(), &mut message, flags) });
    let came = message.msg_controllen as usize >= size_of::<libc::cmsghdr>() + size_of::<c_int>();
    let [fd, _] = rights.fds;
    // SAFETY: the kernel made it for this process.
    let descriptor = came.then(|| unsafe { OwnedFd::from_raw_fd(fd) });
    if count != Ok(size_of::<Reply>()) || reply.kind >= DENIED {
        return Err(libc::EACCES);
    }
    if reply.kind == RESULT && reply.has_descriptor != 0 {
        // It was cut off: this process may not have more.
        return take(reply, request, descriptor.ok_or(libc::EMFILE)?);
    }
    Ok(reply)
}

fn opens(request: &Request) -> bool {
    request.is(Function::Open) || request.is(Function::Openat)
}

/// What the descriptor is for: the result of an opening; of the others, what the caller's socket becomes.
fn take(mut reply: Reply, request: &Request, descriptor: OwnedFd) -> Result<Reply, c_int> {
    if opens(request) {
        reply.result = std::os::fd::IntoRawFd::into_raw_fd(descriptor);
        return Ok(reply);
    }
    // SAFETY: no memory is involved.
    let old = unsafe { libc::fcntl(request.fd, libc::F_GETFD) };
    let flags = if old & libc::FD_CLOEXEC != 0 { libc::O_CLOEXEC } else { 0 };
    // SAFETY: no memory is involved; the caller asked for its socket to be changed.
    retry(|| c_long::from(unsafe { libc::dup3(descriptor.as_raw_fd(), request.fd, flags) }))?;
    Ok(reply)
}
