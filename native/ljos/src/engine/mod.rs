//! The engine: operations go in, completions come out.
//!
//! Two back ends keep one contract: `ring` (io_uring) and `poller` (epoll that behaves like a completion
//! queue). Every submission answers with
//!   - `>= 0`: done at once, the operation's result;
//!   - `-errno`: failed at once;
//!   - `LJOS_PENDING`: in flight; exactly one completion with its `user_data` will come out of `turn`, and until
//!     then the buffers belong to the kernel. `cancel` only hastens that completion.
//!
//! Here is the engine itself, from its start to its end; its operations are in `submit`, one export each, and in
//! `waiting` those that the kernel cannot do asynchronously.

mod access;
mod alone;
mod canceling;
mod emptied;
mod lock;
pub(crate) mod op;
mod opening;
mod poller;
mod pool;
mod ring;
mod sends;
mod stalled;
mod submit;
mod waiting;

use crate::memory;
use op::Op;
pub(crate) use op::{errno, result};
pub(crate) use opening::may_wait as opening_may_wait;
use std::ffi::{c_int, c_void};

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

    /// Waits for `fd` outside of the engine, beside `watching` operations that nobody waits for: `wait` gets what to
    /// poll for those, -1 where there are none.
    fn alone(&mut self, fd: c_int, watching: bool, wait: impl FnOnce(c_int) -> c_int) -> c_int {
        if !watching {
            return wait(-1);
        }
        if let Backend::Poller(poller) = &mut self.backend {
            poller.unwatch(fd);
        }
        let Some(engine_fd) = self.quiet_fd() else { return -libc::EAGAIN };
        let result = wait(engine_fd);
        if let (Backend::Ring(ring), true) = (&self.backend, result == -libc::EAGAIN) {
            ring.hear();
        }
        result
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
    engine.alone(fd, watching > 0, |engine_fd| alone::receive(engine_fd, fd, message.cast()))
}

/// As `ljos_engine_receive_alone`, read(2) of an eventfd: 0 when there was something.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_read_alone(engine: *mut Engine, fd: c_int, watching: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    engine.alone(fd, watching > 0, |engine_fd| alone::read(engine_fd, fd))
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

/// Ends the threads for blocking calls and answers how many they were; later work starts new ones. `-EBUSY`: one of
/// them has work, and all stay.
///
/// # Safety
/// `engine` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_engine_dismiss(engine: *mut Engine) -> c_int {
    // SAFETY: the caller's promise.
    let engine = unsafe { memory::handle(engine) };
    match engine.pool.dismiss() {
        Ok(count) => count as c_int,
        Err(errno) => -errno,
    }
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
