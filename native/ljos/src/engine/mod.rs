//! The engine: operations go in, completions come out.
//!
//! Two back ends keep one contract: `ring` (io_uring) and `poller` (epoll that behaves like a completion
//! queue). Every submission answers with
//!   - `>= 0`: done at once, the operation's result;
//!   - `-errno`: failed at once;
//!   - `LJOS_PENDING`: in flight; exactly one completion with its `user_data` will come out of `turn`, and until
//!     then the buffers belong to the kernel. `cancel` only hastens that completion.
//!
//! Work that the kernel cannot do asynchronously runs in `pool`, a few native threads; locks, semaphores and the other
//! ends of FIFOs are waited for in `lock`.

mod access;
mod alone;
mod canceling;
mod lock;
mod op;
mod opening;
mod poller;
mod pool;
mod raw;
mod ring;
mod stalled;

use crate::memory;
use crate::message::Datagram;
use crate::resolve::{self, Resolution};
use op::Op;
pub(crate) use op::{errno, result};
pub(crate) use opening::may_wait as opening_may_wait;
use std::ffi::{c_char, c_int, c_void};

/// What comes out of `ljos_engine_turn`: the result of the operation submitted with `user_data`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Completion {
    pub user_data: u32,
    pub res: i32,
    pub flags: u32,
}

/// Beside `>= 0` and `-errno`: what a submission may answer.
#[repr(C)]
pub enum Status {
    LjosPending = -2147483647,
}

pub const PENDING: c_int = Status::LjosPending as c_int;

/// Which back end an engine has, or is asked to have.
#[repr(C)]
pub enum EngineKind {
    LjosEngineAny = 0,
    LjosEngineIoUring = 1,
    LjosEngineEpoll = 2,
}

// One per thread: the room a ring takes more than a poller does not matter, an indirection per call would.
#[allow(clippy::large_enum_variant)]
enum Backend {
    Ring(ring::Ring),
    Poller(poller::Poller),
}

/// One event loop's engine; used by the thread that made it, and no other.
pub struct Engine {
    backend: Backend,
    pool: pool::Pool,
    locks: lock::Locks,
    stalled: stalled::Stalled,
}

impl Engine {
    fn new(kind: c_int) -> Result<Engine, c_int> {
        let pool = pool::Pool::new()?;
        let want_ring = kind != EngineKind::LjosEngineEpoll as c_int;
        let ring = if want_ring { Some(ring::Ring::new(pool.wake_fd())) } else { None };
        let backend = match ring {
            Some(Ok(ring)) => Backend::Ring(ring),
            Some(Err(errno)) if kind == EngineKind::LjosEngineIoUring as c_int => return Err(errno),
            _ => Backend::Poller(poller::Poller::new(pool.wake_fd())?),
        };
        Ok(Engine { backend, pool, locks: lock::Locks::default(), stalled: stalled::Stalled::default() })
    }

    fn submit(&mut self, user_data: u32, fd: c_int, op: Op) -> c_int {
        let is_ring = matches!(self.backend, Backend::Ring(_));
        if stalled::Stalled::takes(&op) || is_ring && op.outlives_peer(fd) {
            return self.stalled.submit(user_data, fd, op);
        }
        match &mut self.backend {
            Backend::Ring(ring) => ring.submit(user_data, fd, op),
            Backend::Poller(poller) => poller.submit(user_data, fd, op, &mut self.pool),
        }
    }

    fn turn(&mut self, out: &mut [Completion], timeout_ns: i64) -> c_int {
        let mut finished = self.pool.take_finished(out);
        finished += self.stalled.take_finished(out.get_mut(finished..).unwrap_or_default());
        let timeout_ns = if finished > 0 { 0 } else { self.stalled.limit(timeout_ns) };
        let count = match &mut self.backend {
            Backend::Ring(ring) => {
                for completion in out.iter().take(finished) {
                    ring.ended_elsewhere(completion.user_data);
                }
                ring.turn(out.get_mut(finished..).unwrap_or_default(), timeout_ns)
            }
            Backend::Poller(poller) => poller.turn(out.get_mut(finished..).unwrap_or_default(), timeout_ns),
        };
        match count {
            Ok(count) => {
                if !self.locks.is_empty() {
                    for completion in out.iter_mut().skip(finished).take(count) {
                        if let Some(outcome) = self.end_wait(completion.user_data, completion.res) {
                            completion.res = outcome;
                        }
                    }
                }
                (finished + count) as c_int
            }
            Err(_) if finished > 0 => finished as c_int,
            Err(errno) => -errno,
        }
    }

    /// What to poll for the engine's having something; `None` when it has something now.
    fn quiet_fd(&mut self) -> Option<c_int> {
        match &mut self.backend {
            Backend::Ring(ring) => ring.quiet_fd(),
            Backend::Poller(poller) => poller.quiet_fd(),
        }
    }

    /// recvmsg(2) beside `watching` operations that nobody waits for.
    fn receive_alone(&mut self, fd: c_int, message: *mut libc::msghdr, watching: bool) -> c_int {
        if !watching {
            return alone::receive(-1, fd, message);
        }
        if let Backend::Poller(poller) = &mut self.backend {
            poller.unwatch(fd);
        }
        let Some(engine_fd) = self.quiet_fd() else { return -libc::EAGAIN };
        let received = alone::receive(engine_fd, fd, message);
        if let (Backend::Ring(ring), true) = (&self.backend, received == -libc::EAGAIN) {
            ring.hear();
        }
        received
    }

    fn flock(&mut self, user_data: u32, fd: c_int, operation: c_int) -> c_int {
        let res = lock::try_lock(fd, operation);
        if res != -libc::EWOULDBLOCK {
            return res;
        }
        self.wait(user_data, lock::Wait::Flock { fd, operation })
    }

    /// Waits in a helper process.
    fn wait(&mut self, user_data: u32, wait: lock::Wait) -> c_int {
        let pidfd = self.locks.start(user_data, wait);
        if pidfd < 0 {
            return pidfd;
        }
        let polled = self.submit(user_data, pidfd, Op::Poll { events: libc::POLLIN as u32 });
        if polled == PENDING {
            return PENDING;
        }
        self.end_wait(user_data, polled).unwrap_or(polled)
    }

    /// The poll of a helper came to its end; the result of its wait, if `user_data` is one's.
    fn end_wait(&mut self, user_data: u32, polled: c_int) -> Option<c_int> {
        let (pidfd, outcome) = self.locks.take(user_data, polled)?;
        if let Backend::Poller(poller) = &mut self.backend {
            poller.forget(pidfd);
        }
        // SAFETY: the helper's, closed once.
        unsafe { libc::close(pidfd) };
        Some(outcome)
    }
}

/// Makes an engine: io_uring where the kernel allows it, else epoll, or the kind asked for.
///
/// # Safety
/// `out` is valid for one write. The engine belongs to the calling thread; end it with `ljos_engine_free`.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_new(kind: c_int, out: *mut *mut Engine) -> c_int {
    match Engine::new(kind) {
        Err(errno) => -errno,
        Ok(engine) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(Box::into_raw(Box::new(engine))) };
            0
        }
    }
}

/// recvmsg(2) for a caller who has nothing else to wait for, the operations in flight apart that nobody waits for
/// (`watching` of them). Blocks the thread. `-EAGAIN` when one of those has ended, or a signal came: the operation is to
/// be submitted then.
///
/// # Safety
/// `engine` is live; `message` and what it points to are valid.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_receive_alone(
    engine: *mut Engine,
    fd: c_int,
    message: *mut c_void,
    watching: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.receive_alone(fd, message.cast(), watching > 0)
}

/// Ends an engine. Operations still in flight are torn down by the kernel first.
///
/// # Safety
/// `engine` came from `ljos_engine_new` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_free(engine: *mut Engine) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(engine) });
}

/// Which back end this engine has: `LJOS_ENGINE_IO_URING` or `LJOS_ENGINE_EPOLL`.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_kind(engine: *mut Engine) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    match engine.backend {
        Backend::Ring(_) => EngineKind::LjosEngineIoUring as c_int,
        Backend::Poller(_) => EngineKind::LjosEngineEpoll as c_int,
    }
}

/// Submits what is queued, waits until a completion is there or `timeout_ns` has passed (0: does not wait,
/// negative: no limit), and copies up to `capacity` completions to `out`. Returns their number; a signal ends
/// the wait with 0.
///
/// # Safety
/// `engine` is live; `out` has room for `capacity` completions.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_turn(
    engine: *mut Engine,
    out: *mut Completion,
    capacity: u32,
    timeout_ns: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(out, capacity as usize) };
    engine.turn(out, timeout_ns)
}

/// Asks for the operation `target` on `fd` to end early. Its one completion still comes: with `-ECANCELED`, or
/// with its result where it was faster.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_cancel(engine: *mut Engine, target: u32, fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    if engine.stalled.cancel(target) || engine.pool.cancel(target) || engine.locks.cancel(target) {
        return 0;
    }
    if fd < 0 {
        return 0; // a call of the pool that has begun, or ended; or what was canceled when its object was closed
    }
    match &mut engine.backend {
        Backend::Ring(ring) => ring.cancel(target),
        Backend::Poller(poller) => poller.cancel(target, fd),
    }
}

/// Forgets what the engine knows of `fd`, before the descriptor is closed or handed away. Operations in flight must
/// have been canceled; what was queued for `fd` is submitted first, so that it cannot meet the number's next owner.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_forget(engine: *mut Engine, fd: c_int, in_flight: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    match &mut engine.backend {
        Backend::Ring(ring) => ring.forget(fd, in_flight > 0),
        Backend::Poller(poller) => {
            poller.forget(fd);
            0
        }
    }
}

/// read(2) for pipes, terminals and the like; for files too, whose page cache is asked at once: pread(2) when
/// `offset >= 0`, and with the file's own position when it is -1. An offset of -2 says: no file.
///
/// # Safety
/// `engine` is live; `buffer` has room for `len` bytes until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_read(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    buffer: *mut c_void,
    len: u32,
    offset: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Read { buffer, len, offset })
}

/// write(2); `offset` as in `ljos_engine_read`.
///
/// # Safety
/// `engine` is live; `buffer` holds `len` bytes until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_write(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    buffer: *const c_void,
    len: u32,
    offset: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Write { buffer, len, offset })
}

/// recv(2).
///
/// # Safety
/// `engine` is live; `buffer` has room for `len` bytes until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_recv(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    buffer: *mut c_void,
    len: u32,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Recv { buffer, len, flags })
}

/// send(2), always with `MSG_NOSIGNAL`.
///
/// # Safety
/// `engine` is live; `buffer` holds `len` bytes until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_send(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    buffer: *const c_void,
    len: u32,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Send { buffer, len, flags })
}

/// recvmsg(2); `message` is a `struct msghdr`.
///
/// # Safety
/// `engine` is live; the message and all it points to stay valid until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_recvmsg(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    message: *mut c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::RecvMsg { message: message.cast(), flags })
}

/// sendmsg(2), always with `MSG_NOSIGNAL`; `message` is a `struct msghdr`.
///
/// # Safety
/// `engine` is live; the message and all it points to stay valid until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_sendmsg(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    message: *const c_void,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::SendMsg { message: message.cast(), flags })
}

/// recvfrom(2): afterwards `datagram->message.name_len` bytes of `datagram->name` are the sender's address.
///
/// # Safety
/// `engine` is live; `datagram` stays valid, and `buffer` has room for `len` bytes, until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_recvfrom(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    datagram: *mut Datagram,
    buffer: *mut c_void,
    len: u32,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let datagram = unsafe { memory::handle(datagram) };
    let message = datagram.prepare(buffer, len, size_of_val(&datagram.name) as u32);
    engine.submit(user_data, fd, Op::RecvMsg { message, flags })
}

/// sendto(2) the address in the first `name_len` bytes of `datagram->name`; always with `MSG_NOSIGNAL`.
///
/// # Safety
/// `engine` is live; `datagram` stays valid, and `buffer` holds `len` bytes, until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_sendto(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    datagram: *mut Datagram,
    name_len: u32,
    buffer: *const c_void,
    len: u32,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let message = unsafe { memory::handle(datagram) }.prepare(buffer.cast_mut(), len, name_len);
    engine.submit(user_data, fd, Op::SendMsg { message, flags })
}

/// accept4(2) with `SOCK_CLOEXEC`; the result is the new descriptor.
///
/// # Safety
/// `engine` is live; `address` and `address_len` are null, or valid until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_accept(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    address: *mut c_void,
    address_len: *mut u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Accept { address: address.cast(), address_len })
}

/// connect(2).
///
/// # Safety
/// `engine` is live; `address` holds `address_len` bytes until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_connect(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    address: *const c_void,
    address_len: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Connect { address: address.cast(), address_len })
}

/// Waits until `fd` has one of the poll(2) `events`; the result is the set of events that are there.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_poll(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    events: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.submit(user_data, fd, Op::Poll { events })
}

/// Runs a system call that may block in a pool thread. A canceled call that has not begun completes with
/// `-ECANCELED`; one that has begun runs to its end and completes with its result.
///
/// # Safety
/// `engine` is live; what the arguments point to stays valid until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_call(
    engine: *mut Engine,
    user_data: u32,
    number: c_int,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.pool.start(user_data, pool::Job::Call { number: number.into(), arguments: [a, b, c, d, e] })
}

/// Asks a question of `resolve` in a pool thread; the result is its outcome. A canceled one completes at once with
/// `-ECANCELED`, even if the C library goes on for minutes: the thread has its own share of the question.
///
/// # Safety
/// `engine` and `resolution` are live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_resolve(
    engine: *mut Engine,
    user_data: u32,
    resolution: *const Resolution,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let resolution = unsafe { resolve::share(resolution) };
    engine.pool.start(user_data, pool::Job::Resolve(resolution))
}

/// fcntl(2) with `F_SETLKW`, waiting in a helper process. Canceled, it leaves the range without a lock of this process.
///
/// # Safety
/// `engine` is live; `lock` points to a `struct flock`; `fd` stays open until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_lock_record(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    lock: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let lock = unsafe { lock.cast::<libc::flock>().read() };
    engine.wait(user_data, lock::Wait::Record { fd, lock })
}

/// Waits, in a helper process, until a semaphore of the C library is above zero; takes nothing. `-ETIMEDOUT` when
/// `deadline`, in seconds of the monotonic clock, has passed first; a negative one never does.
///
/// # Safety
/// `engine` is live; `semaphore` is a `sem_t` that stays mapped until the completion.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_wait_semaphore(
    engine: *mut Engine,
    user_data: u32,
    semaphore: *mut c_void,
    deadline: f64,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    let deadline = (deadline >= 0.0)
        .then(|| libc::timespec { tv_sec: deadline as i64, tv_nsec: (deadline.fract() * 1e9) as i64 });
    let semaphore = lock::Semaphore(semaphore.cast());
    engine.wait(user_data, lock::Wait::Semaphore { semaphore, deadline })
}

/// flock(2), waiting in a helper process for a lock that is not free. Canceled, it leaves the file without a lock,
/// unless the lock was there first.
///
/// # Safety
/// `engine` is live; `fd` stays open until the completion, or until the operation was canceled.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_flock(
    engine: *mut Engine,
    user_data: u32,
    fd: c_int,
    operation: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.flock(user_data, fd, operation)
}

/// openat2(2) of a file that is there, waiting in a helper process; the result is the descriptor, close-on-exec.
///
/// # Safety
/// `engine` is live; `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_open(
    engine: *mut Engine,
    user_data: u32,
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    resolve: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    // SAFETY: the caller's promise.
    let path = unsafe { memory::c_string(path) };
    match opening::Opening::new(dirfd, path, flags, resolve.into()) {
        Err(errno) => -errno,
        // The helper's end of the socket pair is closed here once the helper has been started.
        Ok((opening, _lent)) => engine.wait(user_data, lock::Wait::Open(opening)),
    }
}
