//! Addresses: a sender's handle of a mailbox, for Lua.

use crate::mailbox::{is_forked, Address, Attached, Attachment, Cell, Mailbox};
use crate::memory;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd};

/// Sends a message and what goes beside it, of which duplicates and further addresses are made. `-EPIPE` when there is no
/// receiver any more, `-ENOMEM`, or what made a descriptor impossible to duplicate; then nothing was sent.
///
/// # Safety
/// `address` is live; `cells` holds `cell_count`, `attached` holds `attached_count`, with live descriptors and handles.
#[no_mangle]
pub unsafe extern "C" fn ljos_address_send(
    address: *const Mailbox,
    cells: *const Cell,
    cell_count: u32,
    attached: *const Attached,
    attached_count: u32,
) -> c_int {
    if is_forked() {
        return -libc::EPIPE;
    }
    // SAFETY: the caller's promise; the address stays the caller's.
    let address = ManuallyDrop::new(unsafe { Address::from_raw(address) });
    // SAFETY: the caller's promise.
    let cells = unsafe { memory::slice(cells, cell_count as usize) };
    // SAFETY: the caller's promise.
    let attached = unsafe { memory::slice(attached, attached_count as usize) };
    match attached.iter().map(Attachment::from_borrowed).collect() {
        Ok(attachments) => address.send(cells, attachments),
        Err(res) => res,
    }
}

/// Has the receiver receive from the descriptor `fd`, too, which belongs to it from now on. On failure it is closed.
///
/// # Safety
/// `address` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_address_add_source(address: *const Mailbox, fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if is_forked() {
        return -libc::EPIPE;
    }
    // SAFETY: the caller's promise; the address stays the caller's.
    let address = ManuallyDrop::new(unsafe { Address::from_raw(address) });
    address.send(&[], vec![Attachment::Source(fd)])
}

/// Ends an address.
///
/// # Safety
/// `address` came from here or `ljos_thread_spawn` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn ljos_address_free(address: *const Mailbox) {
    // SAFETY: the caller's promise.
    drop(unsafe { Address::from_raw(address) });
}
