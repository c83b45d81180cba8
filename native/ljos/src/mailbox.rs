//! Mailboxes: queues of messages between the Lua states of one process, from many senders to one receiver.
//!
//! A mailbox has two kinds of handles: `ljos_inbox`, its receiver's, used by one thread; and `ljos_address`, which
//! counts as a sender and may be made, used and freed by any thread. A message is a run of cells, which mean something
//! to Lua only; what cannot be copied goes beside it as attachments, which belong to the message until they are
//! received: whatever becomes of it, its descriptors are closed and its addresses freed.
//!
//! Senders append to one vector under a lock. The receiver swaps it for an empty one and reads that without the lock,
//! which is never held while Lua runs, and only around copying or a swap: a receiver who said that he waits is woken
//! afterwards, by a write(2) to his eventfd, as he might run at once and want the lock. He does not close that before all
//! who are about to wake him have done so. Nobody takes a second lock meanwhile: attachments are made before and freed
//! after.
//! The queue has no limit but memory (seed 003: sending does not wait).
//!
//! In the child of a fork(2) no other thread is there, and one may have held a lock: there, nothing here does anything.

use crate::engine::errno;
use crate::memory;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Room of a queue that has run empty: more is given back.
const KEEP_CELLS: usize = 8192;

/// Eight bytes of a message.
#[repr(C)]
#[derive(Clone, Copy)]
pub union Cell {
    pub number: f64,
    pub head: CellHead,
    pub bytes: [u8; 8],
}

/// What follows: its kind, and its size in a unit of that kind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CellHead {
    pub kind: u32,
    pub size: u32,
}

/// What an attachment is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AttachmentKind {
    /// Nothing any more: the receiver has taken it.
    LjosAttachedNone = 0,
    /// A descriptor.
    LjosAttachedFd = 1,
    /// A descriptor that is an address of an actor in a process.
    LjosAttachedChannel = 2,
    /// An address.
    LjosAttachedAddress = 3,
    /// To be sent: an address of the inbox in `inbox`. It is received as an address.
    LjosAttachedInbox = 4,
    /// A descriptor that the inbox shall receive from, too. To be sent by `ljos_address_add_source`.
    LjosAttachedSource = 5,
}

/// What goes beside a message. To be sent: borrowed. Received: its `fd` or `address` belongs to whoever sets `kind` to
/// `LJOS_ATTACHED_NONE`.
#[repr(C)]
pub struct Attached {
    pub kind: c_int,
    pub fd: c_int,
    pub address: *const Mailbox,
    pub inbox: *const Inbox,
}

/// A message that was received; valid until the next is.
#[repr(C)]
pub struct Delivery {
    pub cells: *const Cell,
    pub attached: *mut Attached,
    pub count: u32,
}

pub enum Attachment {
    Fd(OwnedFd),
    Channel(OwnedFd),
    Source(OwnedFd),
    Address(Address),
}

struct State {
    cells: Vec<Cell>,
    attachments: VecDeque<Attachment>,
    senders: usize,
    /// The receiver wants to be woken.
    waits: bool,
    /// There is no receiver any more.
    closed: bool,
}

/// What a receiver and his senders share.
pub struct Mailbox {
    state: Mutex<State>,
    /// What wakes the receiver; his.
    eventfd: RawFd,
    /// How many have taken it upon themselves to wake him. Grows under the lock, and while the receiver is there.
    wakers: AtomicU32,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Gives the lock back and wakes the receiver, if he waits.
    fn unlock_and_wake(&self, mut state: MutexGuard<'_, State>) {
        if !state.waits || state.closed {
            return;
        }
        state.waits = false;
        self.wakers.fetch_add(1, Ordering::Relaxed);
        drop(state);
        announce(self.eventfd);
        self.wakers.fetch_sub(1, Ordering::Release);
    }
}

fn announce(eventfd: RawFd) {
    let one = 1u64;
    // SAFETY: eight bytes of a local.
    unsafe { libc::write(eventfd, (&raw const one).cast(), 8) };
}

/// A sender's share of a mailbox.
pub struct Address(Arc<Mailbox>);

impl Address {
    fn new(mailbox: &Arc<Mailbox>) -> Address {
        mailbox.lock().senders += 1;
        Address(Arc::clone(mailbox))
    }

    /// A handle for Lua: the same pointer for every address of one mailbox.
    pub fn into_raw(self) -> *const Mailbox {
        // SAFETY: `self` is not dropped, so that the reference is moved.
        let mailbox = unsafe { ptr::read(&self.0) };
        std::mem::forget(self);
        Arc::into_raw(mailbox)
    }

    /// # Safety
    /// `address` came from `into_raw` and is not used again.
    pub unsafe fn from_raw(address: *const Mailbox) -> Address {
        // SAFETY: the caller's promise.
        Address(unsafe { Arc::from_raw(address) })
    }

    pub fn send(&self, cells: &[Cell], attachments: Vec<Attachment>) -> c_int {
        let mut state = self.0.lock();
        if state.closed {
            drop(state); // before the attachments, which may be addresses of this very mailbox
            return -libc::EPIPE;
        }
        let header = CellHead { kind: attachments.len() as u32, size: cells.len() as u32 };
        if state.cells.try_reserve(cells.len() + 1).is_err() {
            drop(state);
            return -libc::ENOMEM;
        }
        state.cells.push(Cell { head: header });
        state.cells.extend_from_slice(cells);
        state.attachments.extend(attachments);
        self.0.unlock_and_wake(state);
        0
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        if is_forked() {
            return;
        }
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.0.unlock_and_wake(state);
        }
    }
}

/// The receiver's share of a mailbox.
pub struct Inbox {
    mailbox: Arc<Mailbox>,
    eventfd: OwnedFd,
    /// What was taken out of the shared queue, and where the next message is.
    cells: Vec<Cell>,
    next: usize,
    attachments: VecDeque<Attachment>,
    /// What came with the last message.
    current: Vec<Attached>,
}

impl Inbox {
    pub fn new() -> Result<Inbox, c_int> {
        // SAFETY: plain system call. It blocks who reads it with nothing there: see `engine::alone`.
        let eventfd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if eventfd < 0 {
            return Err(errno());
        }
        let state = State {
            cells: Vec::new(),
            attachments: VecDeque::new(),
            senders: 0,
            waits: false,
            closed: false,
        };
        Ok(Inbox {
            mailbox: Arc::new(Mailbox { state: Mutex::new(state), eventfd, wakers: AtomicU32::new(0) }),
            // SAFETY: new, and nobody else's.
            eventfd: unsafe { OwnedFd::from_raw_fd(eventfd) },
            cells: Vec::new(),
            next: 0,
            attachments: VecDeque::new(),
            current: Vec::new(),
        })
    }

    pub fn eventfd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }

    pub fn address(&self) -> Address {
        Address::new(&self.mailbox)
    }

    /// Swaps the shared queue for an empty one; `-EAGAIN` when there is nothing, and the receiver is woken when there is;
    /// `-ENOLINK` when there cannot be anything any more.
    fn refill(&mut self) -> c_int {
        self.cells.clear();
        if self.cells.capacity() > KEEP_CELLS {
            self.cells = Vec::new();
        }
        self.next = 0;
        let mut state = self.mailbox.lock();
        if state.cells.is_empty() {
            if state.senders == 0 {
                return -libc::ENOLINK;
            }
            state.waits = true;
            return -libc::EAGAIN;
        }
        std::mem::swap(&mut self.cells, &mut state.cells);
        std::mem::swap(&mut self.attachments, &mut state.attachments);
        0
    }

    pub fn take(&mut self) -> Result<Delivery, c_int> {
        self.drop_current();
        if self.next >= self.cells.len() {
            let res = self.refill();
            if res < 0 {
                return Err(res);
            }
        }
        let (Some(header), start) = (self.cells.get(self.next), self.next + 1) else {
            return Err(-libc::EIO);
        };
        // SAFETY: every message begins with a header.
        let CellHead { kind: count, size } = unsafe { header.head };
        let Some(rest) = self.cells.get(start..) else { return Err(-libc::EIO) };
        self.next = start + size as usize;
        for _ in 0..count {
            let Some(attachment) = self.attachments.pop_front() else { break };
            self.current.push(attachment.into_raw());
        }
        Ok(Delivery { cells: rest.as_ptr(), attached: self.current.as_mut_ptr(), count })
    }

    fn drop_current(&mut self) {
        for attached in self.current.drain(..) {
            drop(Attachment::from_raw(&attached));
        }
    }

    /// Makes the eventfd readable when `take` has something to say, or else when it has. For receivers that wait for
    /// something else, too.
    pub fn arm(&self) -> c_int {
        if is_forked() {
            announce(self.mailbox.eventfd);
            return 0;
        }
        let mut state = self.mailbox.lock();
        if self.next < self.cells.len() || !state.cells.is_empty() || state.senders == 0 {
            announce(self.mailbox.eventfd);
        } else {
            state.waits = true;
        }
        0
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if is_forked() {
            return;
        }
        self.drop_current();
        let mut state = self.mailbox.lock();
        state.closed = true;
        let queue = std::mem::take(&mut state.attachments);
        state.cells = Vec::new();
        drop(state);
        drop(queue); // it may hold addresses of this very mailbox
        while self.mailbox.wakers.load(Ordering::Acquire) > 0 {
            std::thread::yield_now(); // for as long as a write(2) takes
        }
    }
}

impl Attachment {
    fn into_raw(self) -> Attached {
        let mut attached = Attached {
            kind: AttachmentKind::LjosAttachedNone as c_int,
            fd: -1,
            address: ptr::null(),
            inbox: ptr::null(),
        };
        let (kind, fd) = match self {
            Attachment::Fd(fd) => (AttachmentKind::LjosAttachedFd, fd),
            Attachment::Channel(fd) => (AttachmentKind::LjosAttachedChannel, fd),
            Attachment::Source(fd) => (AttachmentKind::LjosAttachedSource, fd),
            Attachment::Address(address) => {
                attached.kind = AttachmentKind::LjosAttachedAddress as c_int;
                attached.address = address.into_raw();
                return attached;
            }
        };
        attached.kind = kind as c_int;
        attached.fd = fd.into_raw_fd();
        attached
    }

    /// Takes back what `into_raw` gave and nobody has taken.
    fn from_raw(attached: &Attached) -> Option<Attachment> {
        if attached.kind == AttachmentKind::LjosAttachedNone as c_int {
            return None;
        }
        if !attached.address.is_null() {
            // SAFETY: came from `into_raw`, and nobody has taken it.
            return Some(Attachment::Address(unsafe { Address::from_raw(attached.address) }));
        }
        // SAFETY: as above.
        Some(Attachment::Fd(unsafe { OwnedFd::from_raw_fd(attached.fd) }))
    }

    /// Makes what a message takes with it: duplicates, and further addresses.
    pub fn from_borrowed(attached: &Attached) -> Result<Attachment, c_int> {
        if attached.kind == AttachmentKind::LjosAttachedAddress as c_int {
            // SAFETY: an address of the sender's, alive during the call.
            let mailbox = std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(attached.address) });
            return Ok(Attachment::Address(Address::new(&mailbox)));
        }
        if attached.kind == AttachmentKind::LjosAttachedInbox as c_int {
            // SAFETY: the sender's own inbox, alive during the call.
            let inbox = unsafe { memory::reference(attached.inbox) };
            return Ok(Attachment::Address(inbox.address()));
        }
        // SAFETY: no memory is involved.
        let fd = unsafe { libc::fcntl(attached.fd, libc::F_DUPFD_CLOEXEC, 0) };
        if fd < 0 {
            return Err(-errno());
        }
        // SAFETY: new, and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        match attached.kind == AttachmentKind::LjosAttachedChannel as c_int {
            true => Ok(Attachment::Channel(fd)),
            false => Ok(Attachment::Fd(fd)),
        }
    }
}

static FORKED: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Says that this process is the child of a fork(2). ASYNC-SIGNAL-SAFE.
pub extern "C" fn in_forked_child() {
    FORKED.store(true, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
    fn the_child_of_a_fork_waits_for_no_lock() {
        let mut inbox = Inbox::new().unwrap();
        let address = inbox.address();
        let mailbox = Arc::clone(&inbox.mailbox);
        let locked = mailbox.lock(); // as another thread of the parent might have it
        let child = unsafe { libc::fork() };
        if child == 0 {
            in_forked_child();
            unsafe { libc::alarm(20) };
            let mut readable = libc::pollfd { fd: inbox.eventfd(), events: libc::POLLIN, revents: 0 };
            inbox.arm();
            let is_told = unsafe { libc::poll(&mut readable, 1, 0) } == 1;
            drop(address);
            drop(inbox);
            unsafe { libc::_exit(c_int::from(!is_told)) };
        }
        drop(locked);
        let mut status = 0;
        assert_eq!(child, unsafe { libc::waitpid(child, &mut status, 0) });
        assert_eq!(0, status);
        drop(address);
        assert_eq!(Some(-libc::ENOLINK), inbox.take().err());
    }
}
