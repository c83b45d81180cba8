//! Messages with descriptors: the structures of sendmsg(2) and recvmsg(2), and SCM_RIGHTS in and out of them.

use crate::memory;
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;

/// A `struct iovec`.
#[repr(C)]
pub struct Vector {
    pub base: *mut c_void,
    pub len: usize,
}

/// A `struct msghdr`.
#[repr(C)]
pub struct Message {
    pub name: *mut c_void,
    pub name_len: u32,
    pub vectors: *mut Vector,
    pub vector_count: usize,
    pub control: *mut c_void,
    pub control_len: usize,
    pub flags: c_int,
}

/// One datagram in flight: a message of one vector, and room for its peer's socket address.
#[repr(C)]
pub struct Datagram {
    pub message: Message,
    pub vector: Vector,
    pub name: [u64; 16],
}

impl Datagram {
    /// Points the message at `len` bytes and at `name_len` bytes of address.
    pub(crate) fn prepare(&mut self, buffer: *mut c_void, len: u32, name_len: u32) -> *mut libc::msghdr {
        self.vector = Vector { base: buffer, len: len as usize };
        self.message = Message {
            name: self.name.as_mut_ptr().cast(),
            name_len,
            vectors: &raw mut self.vector,
            vector_count: 1,
            control: ptr::null_mut(),
            control_len: 0,
            flags: 0,
        };
        (&raw mut self.message).cast()
    }
}

const _: () = {
    assert!(size_of::<[u64; 16]>() == size_of::<libc::sockaddr_storage>());
    assert!(size_of::<Vector>() == size_of::<libc::iovec>());
    assert!(offset_of!(Vector, len) == offset_of!(libc::iovec, iov_len));
    assert!(size_of::<Message>() == size_of::<libc::msghdr>());
    assert!(offset_of!(Message, vectors) == offset_of!(libc::msghdr, msg_iov));
    assert!(offset_of!(Message, vector_count) == offset_of!(libc::msghdr, msg_iovlen));
    assert!(offset_of!(Message, control) == offset_of!(libc::msghdr, msg_control));
    assert!(offset_of!(Message, control_len) == offset_of!(libc::msghdr, msg_controllen));
    assert!(offset_of!(Message, flags) == offset_of!(libc::msghdr, msg_flags));
};

/// sendmsg(2) that neither waits nor signals: `-EAGAIN` when there is no room now.
///
/// # Safety
/// `message` and what it points to are valid.
#[no_mangle]
pub unsafe extern "C" fn ljos_message_send_now(fd: c_int, message: *const Message) -> c_int {
    loop {
        // SAFETY: the caller's promise; the layouts agree (above).
        let sent = unsafe { libc::sendmsg(fd, message.cast(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        let result = crate::engine::result(sent);
        if result != -libc::EINTR {
            return result;
        }
    }
}

/// The bytes of control data that carry `count` descriptors.
#[no_mangle]
pub extern "C" fn ljos_message_control_bytes(count: u32) -> c_int {
    // SAFETY: arithmetic only.
    let bytes = unsafe { libc::CMSG_SPACE(count.saturating_mul(size_of::<c_int>() as u32)) };
    bytes as c_int
}

/// Writes one SCM_RIGHTS block with `count` descriptors to the message's control buffer, and sets `control_len`.
/// With none, the message gets no control data. `-ENOBUFS` when they don't fit.
///
/// # Safety
/// `message->control` has room for `capacity` bytes and the alignment of a `size_t`; `fds` holds `count` numbers.
#[no_mangle]
pub unsafe extern "C" fn ljos_message_put_fds(
    message: *mut Message,
    capacity: u32,
    fds: *const c_int,
    count: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let message = unsafe { memory::handle(message) };
    let needed = ljos_message_control_bytes(count);
    if count == 0 {
        message.control_len = 0;
        return 0;
    }
    if needed as u32 > capacity {
        return -libc::ENOBUFS;
    }
    // SAFETY: `needed` bytes fit, as the caller promised; the padding must not carry old memory out.
    unsafe { ptr::write_bytes(message.control.cast::<u8>(), 0, needed as usize) };
    let header: *mut libc::cmsghdr = message.control.cast();
    let payload = count * size_of::<c_int>() as u32;
    // SAFETY: an all-zero cmsghdr is valid; the fields are set below.
    let mut block: libc::cmsghdr = unsafe { std::mem::zeroed() };
    // SAFETY: arithmetic only.
    block.cmsg_len = unsafe { libc::CMSG_LEN(payload) } as _;
    block.cmsg_level = libc::SOL_SOCKET;
    block.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: the buffer is aligned and has room for the header.
    unsafe { header.write(block) };
    // SAFETY: within the buffer that the header begins.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: `count` numbers on both sides.
    unsafe { ptr::copy_nonoverlapping(fds.cast::<u8>(), data, payload as usize) };
    message.control_len = needed as usize;
    0
}

/// Takes the descriptors out of a received message: their number, at most `capacity` of them in `fds`. What came
/// beyond that is closed, and the result is `-EMSGSIZE` with all of them closed.
///
/// # Safety
/// `message` was filled in by recvmsg(2); `fds` has room for `capacity` numbers.
#[no_mangle]
pub unsafe extern "C" fn ljos_message_take_fds(
    message: *const Message,
    fds: *mut c_int,
    capacity: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(fds, capacity as usize) };
    let message: *const libc::msghdr = message.cast();
    let mut count = 0usize;
    // SAFETY: recvmsg left a valid chain of blocks.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: a block of the chain.
        let block = unsafe { header.read_unaligned() };
        if block.cmsg_level == libc::SOL_SOCKET && block.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: the data begins behind the header.
            let data: *const c_int = unsafe { libc::CMSG_DATA(header) }.cast();
            // SAFETY: arithmetic only.
            let payload = block.cmsg_len as usize - unsafe { libc::CMSG_LEN(0) } as usize;
            for index in 0..payload / size_of::<c_int>() {
                // SAFETY: within the block.
                let at = unsafe { data.add(index) };
                // SAFETY: as above; the block's data need not be aligned.
                let fd = unsafe { at.read_unaligned() };
                match out.get_mut(count) {
                    Some(slot) => *slot = fd,
                    None => close(fd),
                }
                count += 1;
            }
        }
        // SAFETY: a block of the chain.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    if count > out.len() {
        out.iter().for_each(|fd| close(*fd));
        return -libc::EMSGSIZE;
    }
    count as c_int
}

fn close(fd: c_int) {
    // SAFETY: a descriptor that the message handed to us.
    unsafe { libc::close(fd) };
}
