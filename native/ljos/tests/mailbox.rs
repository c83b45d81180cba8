//! Mailboxes between threads: nothing is lost, doubled, or missed by a receiver who sleeps, and nothing stays open.
//! `RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu -p ljos --test mailbox`
//! looks for data races as well.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::multiple_unsafe_ops_per_block)]

use ljos::address::{ljos_address_free, ljos_address_send};
use ljos::inbox::{
    ljos_inbox_arm, ljos_inbox_clear, ljos_inbox_fd, ljos_inbox_free, ljos_inbox_new, ljos_inbox_take,
};
use ljos::mailbox::{Attached, AttachmentKind, Cell, Delivery, Inbox, Mailbox};
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{fs, ptr, thread};

const SENDERS: usize = 4;
const MESSAGES: usize = 20_000;

/// A handle that goes to another thread.
struct Sendable<T>(T);
unsafe impl<T> Send for Sendable<T> {}

impl<T> Sendable<T> {
    fn take(self) -> T {
        self.0
    }
}

fn new_inbox() -> *mut Inbox {
    let mut inbox = ptr::null_mut();
    assert_eq!(0, unsafe { ljos_inbox_new(&mut inbox) });
    inbox
}

fn address_of(inbox: *const Inbox) -> *const Mailbox {
    unsafe { &*inbox }.address().into_raw()
}

fn attached(kind: AttachmentKind, fd: c_int, address: *const Mailbox) -> Attached {
    Attached { kind: kind as c_int, fd, address, inbox: ptr::null() }
}

fn send(address: *const Mailbox, numbers: &[f64], beside: &[Attached]) -> c_int {
    let cells: Vec<Cell> = numbers.iter().map(|&number| Cell { number }).collect();
    unsafe {
        ljos_address_send(address, cells.as_ptr(), cells.len() as u32, beside.as_ptr(), beside.len() as u32)
    }
}

fn has_input(fd: c_int) -> bool {
    let mut waiting = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    unsafe { libc::poll(&mut waiting, 1, 20_000) == 1 }
}

/// The next message: sleeps until there is one, with or without `arm`. None: nobody can send any more.
fn receive(inbox: *mut Inbox, arms: bool) -> Option<Delivery> {
    let mut delivery = Delivery { cells: ptr::null(), attached: ptr::null_mut(), count: 0 };
    loop {
        if arms {
            unsafe { ljos_inbox_arm(inbox) };
            assert!(has_input(unsafe { ljos_inbox_fd(inbox) }), "not woken");
            unsafe { ljos_inbox_clear(inbox) };
        }
        match unsafe { ljos_inbox_take(inbox, &mut delivery) } {
            0 => return Some(delivery),
            res if res == -libc::ENOLINK => return None,
            res => assert_eq!(-libc::EAGAIN, res),
        }
        if !arms {
            assert!(has_input(unsafe { ljos_inbox_fd(inbox) }), "not woken");
            unsafe { ljos_inbox_clear(inbox) };
        }
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Each sender counts up; every 64th message has a descriptor and a further address of the receiver's with it.
fn all_arrive(arms: bool, sent_fd: c_int) {
    let inbox = new_inbox();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let address = Sendable(address_of(inbox));
            thread::spawn(move || {
                let address = address.take();
                for i in 0..MESSAGES {
                    let fd = attached(AttachmentKind::LjosAttachedFd, sent_fd, ptr::null());
                    let further = attached(AttachmentKind::LjosAttachedAddress, -1, address);
                    let both = [fd, further];
                    let beside = if i % 64 == 0 { &both[..] } else { &[] };
                    assert_eq!(0, send(address, &[sender as f64, i as f64], beside));
                    if i % 1000 == 0 {
                        thread::yield_now(); // so that the receiver sleeps now and then
                    }
                }
                unsafe { ljos_address_free(address) };
            })
        })
        .collect();
    let mut next = [0; SENDERS];
    while let Some(delivery) = receive(inbox, arms) {
        let (sender, i) = unsafe { ((*delivery.cells).number as usize, (*delivery.cells.add(1)).number) };
        assert_eq!(next[sender] as f64, i);
        assert_eq!(if next[sender] % 64 == 0 { 2 } else { 0 }, delivery.count);
        if next[sender] % 128 == 0 {
            // Taken: the others are let go of with the next message.
            let taken = unsafe { &mut *delivery.attached };
            taken.kind = AttachmentKind::LjosAttachedNone as c_int;
            drop(unsafe { OwnedFd::from_raw_fd(taken.fd) });
        }
        next[sender] += 1;
    }
    assert_eq!([MESSAGES; SENDERS], next);
    for sender in senders {
        sender.join().unwrap();
    }
    unsafe { ljos_inbox_free(inbox) };
}

/// The receiver ends while others send, and while he is being woken.
fn ends_amid(round: usize, sent_fd: c_int) {
    let inbox = new_inbox();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let address = Sendable(address_of(inbox));
            thread::spawn(move || {
                let address = address.take();
                let beside = [
                    attached(AttachmentKind::LjosAttachedFd, sent_fd, ptr::null()),
                    attached(AttachmentKind::LjosAttachedAddress, -1, address),
                ];
                let mut res = 0;
                while res == 0 || res == -libc::EMFILE {
                    res = send(address, &[1.0], &beside);
                }
                assert_eq!(-libc::EPIPE, res);
                unsafe { ljos_address_free(address) };
            })
        })
        .collect();
    for _ in 0..round % 8 {
        assert!(receive(inbox, round % 16 > 7).is_some());
    }
    unsafe { ljos_inbox_free(inbox) };
    for sender in senders {
        sender.join().unwrap();
    }
}

/// Two inboxes whose messages hold addresses of each other, and of themselves, end in either order.
fn circles() {
    let (one, other) = (new_inbox(), new_inbox());
    let (to_one, to_other) = (address_of(one), address_of(other));
    let both = [
        attached(AttachmentKind::LjosAttachedAddress, -1, to_one),
        attached(AttachmentKind::LjosAttachedAddress, -1, to_other),
    ];
    assert_eq!(0, send(to_one, &[], &both));
    assert_eq!(0, send(to_other, &[], &both));
    unsafe { ljos_inbox_free(one) };
    unsafe { ljos_address_free(to_one) };
    unsafe { ljos_address_free(to_other) };
    assert!(receive(other, false).is_some());
    assert!(receive(other, false).is_none());
    unsafe { ljos_inbox_free(other) };
}

/// One test, as descriptors are counted.
#[test]
fn mailboxes() {
    let before = open_descriptors();
    let null = fs::File::open("/dev/null").unwrap();
    all_arrive(false, null.as_raw_fd());
    all_arrive(true, null.as_raw_fd());
    (0..200).for_each(|round| ends_amid(round, null.as_raw_fd()));
    circles();
    drop(null);
    assert_eq!(before, open_descriptors());
}
