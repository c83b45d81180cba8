//! Inboxes: the receiver's handle of a mailbox, for Lua.

use crate::mailbox::{is_forked, Delivery, Inbox};
use crate::memory;
use std::ffi::c_int;

/// Makes an inbox, to be ended with `ljos_inbox_free`.
///
/// # Safety
/// `out` is valid for one write. The inbox is used by one thread.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_new(out: *mut *mut Inbox) -> c_int {
    match Inbox::new() {
        Err(errno) => -errno,
        Ok(inbox) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(Box::into_raw(Box::new(inbox))) };
            0
        }
    }
}

/// Ends an inbox: senders get `-EPIPE` from now on, and what was not received is dropped.
///
/// # Safety
/// `inbox` came from here or `ljos_thread_inbox` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_free(inbox: *mut Inbox) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(inbox) });
}

/// What becomes readable when the inbox has something, after `ljos_inbox_take` has said `-EAGAIN` or `ljos_inbox_arm` was
/// called. It stays the inbox's.
///
/// # Safety
/// `inbox` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_fd(inbox: *const Inbox) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { memory::reference(inbox) }.eventfd()
}

/// Takes the next message. `-EAGAIN`: there is none yet; `-ENOLINK`: there is none, and no address to send one to.
///
/// # Safety
/// `inbox` is live; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_take(inbox: *mut Inbox, out: *mut Delivery) -> c_int {
    if is_forked() {
        return -libc::ENOLINK;
    }
    // SAFETY: the caller's promise.
    match unsafe { memory::handle(inbox) }.take() {
        Err(res) => res,
        Ok(delivery) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(delivery) };
            0
        }
    }
}

/// Makes the inbox's descriptor readable when there is a message already, or no address any more.
///
/// # Safety
/// `inbox` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_arm(inbox: *const Inbox) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { memory::reference(inbox) }.arm()
}

/// Makes the inbox's descriptor unreadable. Never blocks.
///
/// # Safety
/// `inbox` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_inbox_clear(inbox: *const Inbox) {
    if is_forked() {
        return; // it is the parent's, too
    }
    // SAFETY: the caller's promise.
    let fd = unsafe { memory::reference(inbox) }.eventfd();
    let mut count = 0u64;
    let vector = libc::iovec { iov_base: (&raw mut count).cast(), iov_len: 8 };
    // SAFETY: eight bytes of a local.
    unsafe { libc::preadv2(fd, &vector, 1, -1, libc::RWF_NOWAIT) };
}
