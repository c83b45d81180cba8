//! connect, bind and getaddrinfo. Sockets of families that have no request go to the kernel.

use crate::carry_out;
use crate::interpose_file::{result, set_errno};
use crate::service;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::mem::{offset_of, size_of, transmute, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

const PATH: usize = offset_of!(libc::sockaddr_un, sun_path);

/// The functions of one family's requests, as connect and bind have them.
struct Functions {
    unix: Function,
    inet: Function,
    inet6: Function,
}

const CONNECT: Functions =
    Functions { unix: Function::ConnectUnix, inet: Function::ConnectInet, inet6: Function::ConnectInet6 };
const BIND: Functions =
    Functions { unix: Function::BindUnix, inet: Function::BindInet, inet6: Function::BindInet6 };

/// The request about a socket address; `None` where there is none for its family.
///
/// # Safety
/// `address` has `length` bytes.
unsafe fn request_of(
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

fn inet(storage: &mut libc::sockaddr_storage, address: Ipv4Addr, port: u32) -> usize {
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

fn inet6(storage: &mut libc::sockaddr_storage, address: Ipv6Addr, port: u32, scope: u32) -> usize {
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

// Names

type Getaddrinfo = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const libc::addrinfo,
    *mut *mut libc::addrinfo,
) -> c_int;

/// The function of the C library that this program's hides.
pub fn next(name: &CStr) -> *mut c_void {
    // SAFETY: a string.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}

fn real() -> Option<Getaddrinfo> {
    static REAL: OnceLock<usize> = OnceLock::new();
    let address = *REAL.get_or_init(|| next(c"getaddrinfo") as usize);
    // SAFETY: null, or the C library's function of this name and type.
    unsafe { transmute::<usize, Option<Getaddrinfo>>(address) }
}

/// # Safety
/// getaddrinfo(3)
#[no_mangle]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    list: *mut *mut libc::addrinfo,
) -> c_int {
    // SAFETY: the caller's promise.
    let wanted = unsafe { hints.as_ref() };
    if service::is_active() {
        // SAFETY: the caller's promise.
        let texts = [node, service].map(|text| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }));
        if let Some(reply) = name_answer(texts, wanted) {
            let (code, found) = list_of(&reply, wanted);
            // SAFETY: null, or the first entry.
            if let Some(first) = unsafe { found.as_mut() }.filter(|_| wants_name(wanted)) {
                // Of malloc(3), which freeaddrinfo(3) gives it back to; null where the node is.
                // SAFETY: a string.
                first.ai_canonname = if node.is_null() { null_mut() } else { unsafe { libc::strdup(node) } };
            }
            if code == 0 {
                // SAFETY: the caller's promise.
                unsafe { list.write(found) };
            }
            return code;
        }
    }
    match real() {
        // SAFETY: the caller's promise.
        Some(real) => unsafe { real(node, service, hints, list) },
        None => libc::EAI_FAIL,
    }
}

fn wants_name(wanted: Option<&libc::addrinfo>) -> bool {
    wanted.is_some_and(|hints| hints.ai_flags & libc::AI_CANONNAME != 0)
}

fn name_answer([node, service]: [Option<&CStr>; 2], wanted: Option<&libc::addrinfo>) -> Option<Reply> {
    if node.is_none() && service.is_none() {
        return Some(Reply { result: libc::EAI_NONAME, ..Reply::default() });
    }
    let mut request = Request::new(Function::Getaddrinfo);
    // A null pointer for the node says: any address, or the own machine's.
    let texts = [node, service].map(|text| text.map(CStr::to_bytes).unwrap_or_default());
    for text in texts {
        if request.add(text).is_err() {
            return Some(Reply { result: libc::EAI_NONAME, ..Reply::default() });
        }
    }
    request.protocol = wanted.map_or(0, |hints| match (hints.ai_socktype, hints.ai_protocol) {
        (libc::SOCK_STREAM, _) | (0, libc::IPPROTO_TCP) => libc::IPPROTO_TCP,
        (libc::SOCK_DGRAM, _) | (0, libc::IPPROTO_UDP) => libc::IPPROTO_UDP,
        _ => 0,
    });
    service::answer(&request)
}

/// The kinds of socket that an address is listed for, as the hints ask.
fn kinds(wanted: Option<&libc::addrinfo>) -> impl Iterator<Item = (c_int, c_int)> {
    let [socktype, protocol] = wanted.map_or([0, 0], |hints| [hints.ai_socktype, hints.ai_protocol]);
    [
        (libc::SOCK_STREAM, libc::IPPROTO_TCP),
        (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        (libc::SOCK_RAW, protocol),
    ]
    .into_iter()
    .filter(move |kind| (socktype == 0 || socktype == kind.0) && (protocol == 0 || protocol == kind.1))
}

/// The result of getaddrinfo, and the list that freeaddrinfo(3) of the C library can free: each entry with its address
/// is one block of malloc(3).
fn list_of(reply: &Reply, wanted: Option<&libc::addrinfo>) -> (c_int, *mut libc::addrinfo) {
    if reply.errno != 0 {
        set_errno(reply.errno);
    }
    if reply.result != 0 || reply.version == 0 {
        return (reply.result, null_mut());
    }
    // SAFETY: an all-zero address is valid.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let [a, b, c, d, ..] = reply.address;
    let length = match reply.version {
        4 => inet(&mut storage, Ipv4Addr::new(a, b, c, d), reply.port),
        _ => inet6(&mut storage, reply.address.into(), reply.port, reply.scope),
    };
    let family = c_int::from(storage.ss_family);
    if wanted.is_some_and(|hints| ![libc::AF_UNSPEC, family].contains(&hints.ai_family)) {
        return (libc::EAI_NONAME, null_mut());
    }
    let mut head = null_mut();
    let kinds: [Option<(c_int, c_int)>; 3] = {
        let mut kinds = kinds(wanted);
        [kinds.next(), kinds.next(), kinds.next()]
    };
    for (socktype, protocol) in kinds.into_iter().rev().flatten() {
        head = prepend(head, &storage, length, socktype, protocol);
        if head.is_null() {
            return (libc::EAI_MEMORY, head);
        }
    }
    if head.is_null() {
        return (libc::EAI_SOCKTYPE, head);
    }
    (0, head)
}

/// A new entry before `list`; null, with the list freed, where there is no memory.
fn prepend(
    list: *mut libc::addrinfo,
    address: &libc::sockaddr_storage,
    length: usize,
    socktype: c_int,
    protocol: c_int,
) -> *mut libc::addrinfo {
    // SAFETY: a plain allocation.
    let block = unsafe { libc::calloc(1, size_of::<libc::addrinfo>() + length) };
    if block.is_null() {
        // SAFETY: null, or a list of such blocks.
        unsafe { free_list(list) };
        return null_mut();
    }
    let entry = block.cast::<libc::addrinfo>();
    // SAFETY: within the block.
    let place = unsafe { entry.add(1) }.cast::<libc::sockaddr>();
    // SAFETY: an address has at most the bytes of a storage; the block has room for it.
    unsafe { std::ptr::copy_nonoverlapping((&raw const *address).cast::<u8>(), place.cast(), length) };
    let value = libc::addrinfo {
        ai_flags: 0,
        ai_family: c_int::from(address.ss_family),
        ai_socktype: socktype,
        ai_protocol: protocol,
        ai_addrlen: length as libc::socklen_t,
        ai_addr: place,
        ai_canonname: null_mut(),
        ai_next: list,
    };
    // SAFETY: a block of that size.
    unsafe { entry.write(value) };
    entry
}

/// # Safety
/// `list` is null or a list that getaddrinfo made.
unsafe fn free_list(list: *mut libc::addrinfo) {
    if !list.is_null() {
        // SAFETY: the caller's promise.
        unsafe { libc::freeaddrinfo(list) };
    }
}

/// The first address that the C library finds for a request.
pub fn real_getaddrinfo(request: &Request) -> Reply {
    let texts = [request.text1(), request.text2()].map(|text| CString::new(text.unwrap_or_default()));
    let [Ok(node), Ok(service)] = texts else { return service::denied(request, 0) };
    let Some(real) = real() else { return service::denied(request, 0) };
    // SAFETY: all-zero hints are valid.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_protocol = request.protocol;
    let pointer = |text: &CString| if text.is_empty() { null() } else { text.as_ptr() };
    let mut list = null_mut();
    // SAFETY: strings, and locals.
    let code = unsafe { real(pointer(&node), pointer(&service), &hints, &mut list) };
    let errno = if code == libc::EAI_SYSTEM { Reply::of(-1).errno } else { 0 };
    let mut reply = Reply { result: code, errno, ..Reply::default() };
    // SAFETY: null, or a list.
    if let Some(first) = unsafe { list.as_ref() }.filter(|_| code == 0) {
        // SAFETY: an entry's address has its length.
        let found = unsafe { request_of(&CONNECT, 0, first.ai_addr, first.ai_addrlen as usize) };
        if let Some(Request { function, port, scope, address, .. }) = found {
            reply.version = if function == Function::ConnectInet as u32 { 4 } else { 6 };
            (reply.port, reply.scope, reply.address) = (port, scope, address);
        }
        // SAFETY: not used any more.
        unsafe { free_list(list) };
    }
    reply
}
