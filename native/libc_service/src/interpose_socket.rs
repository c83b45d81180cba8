//! connect and bind. Sockets of families that have no request go to the kernel.

use crate::carry_out;
use crate::question::result;
use crate::service;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int};
use std::mem::{offset_of, size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr};

const PATH: usize = offset_of!(libc::sockaddr_un, sun_path);

/// The functions of one family's requests, as connect and bind have them.
pub struct Functions {
    unix: Function,
    inet: Function,
    inet6: Function,
}

pub const CONNECT: Functions =
    Functions { unix: Function::ConnectUnix, inet: Function::ConnectInet, inet6: Function::ConnectInet6 };
const BIND: Functions =
    Functions { unix: Function::BindUnix, inet: Function::BindInet, inet6: Function::BindInet6 };

/// The request about a socket address; `None` where there is none for its family.
///
/// # Safety
/// `address` has `length` bytes.
pub unsafe fn request_of(
    functions: &Functions,
    fd: c_int,
    address: *const libc::sockaddr,
    length: usize,
) -> Option<Request> {
    if fd < 0 || address.is_null() || length < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: the caller's promise; no alignment is asked for.
    let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
    let mut request = match c_int::from(family) {
        libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: as above.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            inet_request(functions, &address)
        }
        libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            inet6_request(functions, &address)
        }
        libc::AF_UNIX if length > PATH && length <= size_of::<libc::sockaddr_un>() => {
            // SAFETY: as above.
            let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length) };
            unix_request(functions, bytes.get(PATH..)?)?
        }
        _ => return None,
    };
    request.fd = fd;
    Some(request)
}

fn inet_request(functions: &Functions, address: &libc::sockaddr_in) -> Request {
    let mut request = Request::new(functions.inet);
    request.port = u16::from_be(address.sin_port).into();
    if let Some(place) = request.address.first_chunk_mut() {
        *place = address.sin_addr.s_addr.to_ne_bytes();
    }
    request
}

fn inet6_request(functions: &Functions, address: &libc::sockaddr_in6) -> Request {
    let mut request = Request::new(functions.inet6);
    request.port = u16::from_be(address.sin6_port).into();
    request.scope = address.sin6_scope_id;
    request.address = address.sin6_addr.s6_addr;
    request
}

/// A pathname ends with its NUL; an abstract name begins with one, and has all the bytes there are.
fn unix_request(functions: &Functions, bytes: &[u8]) -> Option<Request> {
    let path = match bytes.first() {
        Some(0) => bytes,
        _ => bytes.split(|byte| *byte == 0).next()?,
    };
    let mut request = Request::new(functions.unix);
    request.add(path).ok()?;
    Some(request)
}

/// The socket address of a request, and its length; `None` for other functions.
pub fn sockaddr_of(request: &Request) -> Option<(libc::sockaddr_storage, libc::socklen_t)> {
    // SAFETY: an all-zero address is valid.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let is = |function| request.is(function);
    let length = if is(Function::ConnectInet) || is(Function::BindInet) {
        let [a, b, c, d, ..] = request.address;
        inet(&mut storage, Ipv4Addr::new(a, b, c, d), request.port)
    } else if is(Function::ConnectInet6) || is(Function::BindInet6) {
        inet6(&mut storage, request.address.into(), request.port, request.scope)
    } else if is(Function::ConnectUnix) || is(Function::BindUnix) {
        unix(&mut storage, request.text1()?)
    } else {
        return None;
    };
    Some((storage, length as libc::socklen_t))
}

pub fn inet(storage: &mut libc::sockaddr_storage, address: Ipv4Addr, port: u32) -> usize {
    let value = libc::sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: (port as u16).to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: a storage has room for, and the alignment of, any address.
    unsafe { (&raw mut *storage).cast::<libc::sockaddr_in>().write(value) };
    size_of::<libc::sockaddr_in>()
}

pub fn inet6(storage: &mut libc::sockaddr_storage, address: Ipv6Addr, port: u32, scope: u32) -> usize {
    let value = libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as _,
        sin6_port: (port as u16).to_be(),
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: address.octets() },
        sin6_scope_id: scope,
    };
    // SAFETY: as above.
    unsafe { (&raw mut *storage).cast::<libc::sockaddr_in6>().write(value) };
    size_of::<libc::sockaddr_in6>()
}

fn unix(storage: &mut libc::sockaddr_storage, path: &[u8]) -> usize {
    // SAFETY: an all-zero address is valid.
    let mut value: libc::sockaddr_un = unsafe { zeroed() };
    value.sun_family = libc::AF_UNIX as _;
    for (place, byte) in value.sun_path.iter_mut().zip(path) {
        *place = *byte as c_char;
    }
    // SAFETY: as above.
    unsafe { (&raw mut *storage).cast::<libc::sockaddr_un>().write(value) };
    let end = if path.first() == Some(&0) { 0 } else { 1 };
    PATH + (path.len() + end).min(value.sun_path.len())
}

/// # Safety
/// connect(2)
#[no_mangle]
pub unsafe extern "C" fn connect(
    fd: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { answer(&CONNECT, fd, address, length) } {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::connect(fd, address, length) },
    }
}

/// # Safety
/// bind(2)
#[no_mangle]
pub unsafe extern "C" fn bind(fd: c_int, address: *const libc::sockaddr, length: libc::socklen_t) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { answer(&BIND, fd, address, length) } {
        Some(reply) => result(&reply),
        // SAFETY: the caller's promise.
        None => unsafe { carry_out::bind(fd, address, length) },
    }
}

/// # Safety
/// `address` has `length` bytes.
unsafe fn answer(
    functions: &Functions,
    fd: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
) -> Option<Reply> {
    if !service::is_active() {
        return None;
    }
    // SAFETY: the caller's promise.
    service::answer(&unsafe { request_of(functions, fd, address, length as usize) }?)
}
