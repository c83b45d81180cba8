//! IP addresses: text, binary and socket address forms of one small struct.
//!
//! Text goes through inet_pton(3) and inet_ntop(3), scopes through if_nametoindex(3); socket addresses are laid
//! out by the crate `libc`, so that no Lua file knows a `sockaddr`.

use crate::memory;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::mem::size_of;

/// An IPv4 (`version` 4, the first four `bytes`) or IPv6 address (`version` 6). Unused parts are zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IpAddress {
    pub bytes: [u8; 16],
    pub scope: u32,
    pub version: u32,
}

/// What the crate `libc` does not declare.
/// cbindgen:ignore
mod c {
    use std::ffi::{c_char, c_int, c_void};

    extern "C" {
        pub fn inet_pton(family: c_int, text: *const c_char, out: *mut c_void) -> c_int;
        pub fn inet_ntop(family: c_int, address: *const c_void, out: *mut c_char, size: u32)
            -> *const c_char;
    }
}

const TEXT_MAX: usize = 46; // INET6_ADDRSTRLEN: the longest IPv6 text and its NUL

impl IpAddress {
    fn v4(address: libc::in_addr) -> IpAddress {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(address.s_addr.to_ne_bytes()) {
            *to = from;
        }
        IpAddress { bytes, scope: 0, version: 4 }
    }

    fn v4_part(&self) -> u32 {
        let [a, b, c, d, ..] = self.bytes;
        u32::from_ne_bytes([a, b, c, d])
    }

    fn parse(text: &[u8]) -> Option<IpAddress> {
        let (address, scope) = match text.iter().position(|byte| *byte == b'%') {
            Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
            None => (text, None),
        };
        let address = CString::new(address).ok()?;
        for (family, version) in [(libc::AF_INET, 4), (libc::AF_INET6, 6)] {
            let mut bytes = [0u8; 16]; // anew: a failed attempt may have written
                                       // SAFETY: a NUL-terminated string and room for either form.
            if unsafe { c::inet_pton(family, address.as_ptr(), bytes.as_mut_ptr().cast()) } != 1 {
                continue;
            }
            let scope = match scope {
                Some(_) if version == 4 => return None,
                Some(name) => scope_of(name)?,
                None => 0,
            };
            return Some(IpAddress { bytes, scope, version });
        }
        None
    }

    fn format(&self) -> Vec<u8> {
        let mut text = [0 as c_char; TEXT_MAX];
        let family = if self.version == 4 { libc::AF_INET } else { libc::AF_INET6 };
        let size = text.len() as u32;
        // SAFETY: the bytes hold either form, and the text has room for the longest.
        if unsafe { c::inet_ntop(family, self.bytes.as_ptr().cast(), text.as_mut_ptr(), size) }.is_null() {
            return Vec::new();
        }
        // SAFETY: inet_ntop ended it with a NUL.
        let mut text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_bytes().to_vec();
        if self.scope != 0 {
            text.push(b'%');
            text.extend(self.scope_text());
        }
        text
    }

    /// An interface's name where the scope is a link, which is when it can be one.
    fn scope_text(&self) -> Vec<u8> {
        let [first, second, ..] = self.bytes;
        let is_link = (first == 0xfe && second & 0xc0 == 0x80) || (first == 0xff && second & 0x0f == 2);
        let mut name = [0 as c_char; libc::IF_NAMESIZE];
        // SAFETY: room for the longest name.
        if is_link && !unsafe { libc::if_indextoname(self.scope, name.as_mut_ptr()) }.is_null() {
            // SAFETY: if_indextoname ended it with a NUL.
            return unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes().to_vec();
        }
        self.scope.to_string().into_bytes()
    }
}

/// The scope written after `%`: a number, or the name of an interface.
fn scope_of(text: &[u8]) -> Option<u32> {
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let name = CString::new(text).ok()?;
    // SAFETY: a NUL-terminated string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// Reads an address from text as inet_pton(3) does, with an optional `%scope` after an IPv6 address. 0, or
/// `-EINVAL`, and then `out` is as it was.
///
/// # Safety
/// `text` is valid for `len` bytes; `out` for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_ip_parse(text: *const c_void, len: u32, out: *mut IpAddress) -> c_int {
    // SAFETY: the caller's promise.
    match IpAddress::parse(unsafe { memory::slice(text.cast::<u8>(), len as usize) }) {
        Some(address) => {
            // SAFETY: the caller's promise.
            unsafe { *out = address };
            0
        }
        None => -libc::EINVAL,
    }
}

/// Writes an address as inet_ntop(3) does, without a NUL, and returns the length; `-ENOSPC` when `capacity` (80
/// is always enough) is too small.
///
/// # Safety
/// `address` is valid; `out` has room for `capacity` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_ip_format(address: *const IpAddress, out: *mut c_char, capacity: u32) -> c_int {
    // SAFETY: the caller's promise.
    let text = unsafe { *address }.format();
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(out.cast::<u8>(), capacity as usize) };
    match out.get_mut(..text.len()) {
        Some(room) => {
            room.copy_from_slice(&text);
            text.len() as c_int
        }
        None => -libc::ENOSPC,
    }
}

/// Fills the `sockaddr_in` or `sockaddr_in6` of an address and a port, and returns its length.
///
/// # Safety
/// `address` is valid; `out` has room for a `sockaddr_storage`, aligned as one.
#[no_mangle]
pub unsafe extern "C" fn ljos_ip_to_sockaddr(
    address: *const IpAddress,
    port: u32,
    out: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let address = unsafe { *address };
    let port = (port as u16).to_be();
    if address.version == 4 {
        let sockaddr = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: port,
            sin_addr: libc::in_addr { s_addr: address.v4_part() },
            sin_zero: [0; 8],
        };
        // SAFETY: the caller's promise.
        unsafe { out.cast::<libc::sockaddr_in>().write(sockaddr) };
        return size_of::<libc::sockaddr_in>() as c_int;
    }
    let sockaddr = libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: port,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: address.bytes },
        sin6_scope_id: address.scope,
    };
    // SAFETY: the caller's promise.
    unsafe { out.cast::<libc::sockaddr_in6>().write(sockaddr) };
    size_of::<libc::sockaddr_in6>() as c_int
}

/// The address and port of a `sockaddr_in` or `sockaddr_in6`; none when it is neither, or not complete.
///
/// # Safety
/// `sockaddr` is null, or valid for `len` bytes and aligned as the socket address that it is.
pub(crate) unsafe fn read(sockaddr: *const c_void, len: usize) -> Option<(IpAddress, c_int)> {
    if sockaddr.is_null() || len < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: long enough, the rest is the caller's promise.
    let family = c_int::from(unsafe { *sockaddr.cast::<libc::sa_family_t>() });
    let (address, port) = if family == libc::AF_INET && len >= size_of::<libc::sockaddr_in>() {
        // SAFETY: long enough, the rest is the caller's promise.
        let v4 = unsafe { *sockaddr.cast::<libc::sockaddr_in>() };
        (IpAddress::v4(v4.sin_addr), v4.sin_port)
    } else if family == libc::AF_INET6 && len >= size_of::<libc::sockaddr_in6>() {
        // SAFETY: long enough, the rest is the caller's promise.
        let v6 = unsafe { *sockaddr.cast::<libc::sockaddr_in6>() };
        (IpAddress { bytes: v6.sin6_addr.s6_addr, scope: v6.sin6_scope_id, version: 6 }, v6.sin6_port)
    } else {
        return None;
    };
    Some((address, c_int::from(u16::from_be(port))))
}

/// Reads address and port from a socket address. Returns the port, or `-EAFNOSUPPORT` when it is no (complete)
/// `sockaddr_in` or `sockaddr_in6`, and then `out` is as it was.
///
/// # Safety
/// `sockaddr` is valid for `len` bytes and aligned as a `sockaddr_storage`; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_ip_from_sockaddr(
    sockaddr: *const c_void,
    len: u32,
    out: *mut IpAddress,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some((address, port)) = (unsafe { read(sockaddr, len as usize) }) else {
        return -libc::EAFNOSUPPORT;
    };
    // SAFETY: the caller's promise.
    unsafe { *out = address };
    port
}

/// Fills what joining or leaving a multicast group takes, and returns its length: an `ip_mreqn` for an IPv4 group, an
/// `ipv6_mreq` for an IPv6 group. The interface is that of `interface`, an IPv4 address, or else number `index`.
///
/// # Safety
/// `group` is valid, `interface` is valid or null; `out` has room for 20 bytes, aligned as a `c_int`.
#[no_mangle]
pub unsafe extern "C" fn ljos_ip_membership(
    group: *const IpAddress,
    interface: *const IpAddress,
    index: u32,
    out: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let group = unsafe { memory::reference(group) };
    if group.version != 4 {
        let address = libc::in6_addr { s6_addr: group.bytes };
        let request = libc::ipv6_mreq { ipv6mr_multiaddr: address, ipv6mr_interface: index };
        // SAFETY: the caller's promise.
        unsafe { out.cast::<libc::ipv6_mreq>().write(request) };
        return size_of::<libc::ipv6_mreq>() as c_int;
    }
    let local = if interface.is_null() {
        0
    } else {
        // SAFETY: the caller's promise.
        unsafe { memory::reference(interface) }.v4_part()
    };
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: group.v4_part() },
        imr_address: libc::in_addr { s_addr: local },
        imr_ifindex: index as c_int,
    };
    // SAFETY: the caller's promise.
    unsafe { out.cast::<libc::ip_mreqn>().write(request) };
    size_of::<libc::ip_mreqn>() as c_int
}
