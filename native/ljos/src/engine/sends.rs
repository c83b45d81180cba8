//! Sends of one round, made by one system call.
//!
//! A send wakes its peer, who may run as soon as the call returns and before the next fiber has sent. Where many fibers
//! run between two waits, their sends are therefore put off to the end of the round and handed to io_submit(2), which
//! carries out each as it takes it: a socket's completion is there when the call returns. It takes `RWF_NOSIGNAL`,
//! Linux 6.18; without that, or where a policy forbids the call, each send is a call of its own.

use super::op::{errno, Op};
use std::ffi::{c_int, c_long};

/// So many are handed over at once.
const ROOM: usize = 64;
/// So many completions in a round make putting off worth its while.
const MANY: usize = 4;
/// So many sends come first: a process that has used io_submit(2) ends 30 ms later, when an RCU period has passed.
const FIRST: u32 = 1000;

// linux/aio_abi.h and linux/fs.h; no crate has them yet.
const IOCB_CMD_PWRITE: u16 = 1;
const RWF_NOSIGNAL: c_int = 0x100;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct IoEvent {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

/// A send that was put off.
#[derive(Clone, Copy)]
pub struct Send {
    pub user_data: u32,
    pub fd: c_int,
    pub op: Op,
}

impl Send {
    fn block(&self, index: usize) -> libc::iocb {
        // SAFETY: an all-zero iocb is valid.
        let mut block: libc::iocb = unsafe { std::mem::zeroed() };
        block.aio_data = index as u64;
        block.aio_lio_opcode = IOCB_CMD_PWRITE;
        block.aio_rw_flags = libc::RWF_NOWAIT | RWF_NOSIGNAL;
        block.aio_fildes = self.fd as u32;
        if let Op::Send { buffer, len, .. } = self.op {
            block.aio_buf = buffer as u64;
            block.aio_nbytes = len.into();
        }
        block
    }
}

/// The kernel's side: made when it is first needed.
enum Context {
    NotYet,
    Made(libc::c_ulong),
    Refused,
}

pub struct Sends {
    context: Context,
    last_round: usize,
    candidates: u32,
    queued: Vec<Send>,
}

impl Drop for Sends {
    fn drop(&mut self) {
        if let Context::Made(context) = self.context {
            // SAFETY: owned, destroyed once.
            unsafe { libc::syscall(libc::SYS_io_destroy, context) };
        }
    }
}

impl Sends {
    pub const fn new() -> Sends {
        Sends { context: Context::NotYet, last_round: 0, candidates: 0, queued: Vec::new() }
    }

    /// The fibers of `count` completions are about to run.
    pub fn begin_round(&mut self, count: usize) {
        self.last_round = count;
    }

    /// Whether `op` is to be put off.
    pub fn wants(&mut self, op: &Op) -> bool {
        let is_candidate = self.last_round >= MANY && matches!(op, Op::Send { flags: 0, .. });
        if !is_candidate || matches!(self.context, Context::Refused) {
            return false;
        }
        self.candidates = self.candidates.saturating_add(1);
        self.candidates > FIRST
    }

    pub fn put_off(&mut self, send: Send) {
        self.queued.push(send);
    }

    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Takes a send out that is not to be made any more; whether there was one.
    pub fn cancel(&mut self, target: u32) -> bool {
        let found = self.queued.iter().position(|send| send.user_data == target);
        found.map(|index| self.queued.remove(index)).is_some()
    }

    /// Makes the sends that were put off, and tells each one's result.
    pub fn make(&mut self, mut told: impl FnMut(Send, c_int)) {
        while !self.queued.is_empty() {
            let results = self.hand_over();
            let count = self.queued.len().min(ROOM);
            for (index, send) in self.queued.drain(..count).enumerate() {
                match results.get(index) {
                    Some(&result) if result != -libc::EINTR => told(send, result),
                    _ => told(send, send.op.attempt(send.fd)),
                }
            }
        }
    }

    /// Has the kernel make the first sends. The results of those that it took, in order.
    fn hand_over(&mut self) -> Vec<c_int> {
        let Some(context) = self.context() else { return Vec::new() };
        let first = self.queued.iter().take(ROOM).enumerate();
        let blocks: Vec<_> = first.map(|(index, send)| send.block(index)).collect();
        let pointers: Vec<_> = blocks.iter().map(|block| &raw const *block).collect();
        let count = pointers.len() as c_long;
        // SAFETY: `count` blocks, valid during the call; the buffers belong to their operations until these complete.
        let taken = unsafe { libc::syscall(libc::SYS_io_submit, context, count, pointers.as_ptr()) };
        if taken < 0 {
            if errno() != libc::EBADF {
                self.context = Context::Refused;
            }
            return Vec::new();
        }
        let mut results = vec![-libc::EIO; taken as usize];
        for event in wait(context, taken) {
            if let Some(result) = results.get_mut(event.data as usize) {
                *result = event.res as c_int;
            }
        }
        results
    }

    fn context(&mut self) -> Option<libc::c_ulong> {
        if let Context::NotYet = self.context {
            let mut made: libc::c_ulong = 0;
            // SAFETY: the context goes into a local.
            let res = unsafe { libc::syscall(libc::SYS_io_setup, ROOM, &raw mut made) };
            self.context = if res == 0 { Context::Made(made) } else { Context::Refused };
        }
        match self.context {
            Context::Made(context) => Some(context),
            _ => None,
        }
    }
}

/// The completions of `count` operations; for sockets they are there already.
fn wait(context: libc::c_ulong, count: c_long) -> Vec<IoEvent> {
    let mut events = vec![IoEvent::default(); count as usize];
    let forever = std::ptr::null::<libc::timespec>();
    loop {
        // SAFETY: room for `count` events.
        let came = unsafe {
            libc::syscall(libc::SYS_io_getevents, context, count, count, events.as_mut_ptr(), forever)
        };
        if came == count || errno() != libc::EINTR {
            return events;
        }
    }
}
