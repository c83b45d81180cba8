//! The operations of descriptors, one export each: each goes to the ring or to the poller.

use super::op::Op;
use super::Engine;
use crate::memory;
use crate::message::Datagram;
use std::ffi::{c_int, c_void};

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
