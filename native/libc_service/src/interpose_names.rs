//! getaddrinfo: the answer as a list that the C library can free.

use crate::carry_out::next;
use crate::interpose_socket::{inet, inet6, request_of, CONNECT};
use crate::question::set_errno;
use crate::service;
use crate::wire::{Function, Reply, Request};
use std::ffi::{c_char, c_int, CStr, CString};
use std::mem::{size_of, transmute, zeroed};
use std::net::Ipv4Addr;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

type Getaddrinfo = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const libc::addrinfo,
    *mut *mut libc::addrinfo,
) -> c_int;

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
