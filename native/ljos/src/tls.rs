//! TLS: the callbacks of OpenSSL's that cannot be done without. What they choose from stands in memory beforehand.

use crate::memory::{c_str, reference, slice};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

/// The application protocols that a server takes, best first, each behind a byte with its length (RFC 7301).
#[repr(C)]
pub struct ljos_tls_protocols {
    pub list: *const u8,
    pub len: c_uint,
}

/// One of a server's names, and the SSL_CTX that has its certificate.
#[repr(C)]
pub struct ljos_tls_host {
    pub name: *const u8,
    pub len: c_uint,
    /// Not `name` itself is meant, but every name that has one label more: "*.example.org".
    pub is_wildcard: c_int,
    pub ctx: *mut c_void,
}

/// A server's names, and what of OpenSSL's library choosing among them takes.
#[repr(C)]
pub struct ljos_tls_hosts {
    pub hosts: *const ljos_tls_host,
    pub count: c_uint,
    /// The X509_STORE of the context that listens: whom to believe is its to say, whichever is chosen.
    pub store: *mut c_void,
    pub get_servername: unsafe extern "C" fn(*const c_void, c_int) -> *const c_char,
    pub set_ctx: unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void,
    pub ctrl: unsafe extern "C" fn(*mut c_void, c_int, c_long, *const c_void) -> c_long,
}

/// `SSL_TLSEXT_ERR_OK`, `SSL_TLSEXT_ERR_ALERT_FATAL` and `SSL_TLSEXT_ERR_NOACK` of tls1.h.
const ACCEPTED: c_int = 0;
const REFUSED: c_int = 2;
const IGNORED: c_int = 3;

/// `TLSEXT_NAMETYPE_host_name` of tls1.h, `SSL_CTRL_SET_VERIFY_CERT_STORE` of ssl.h.
const HOST_NAME: c_int = 0;
const SET_VERIFY_CERT_STORE: c_int = 106;

/// Chooses an application protocol: the first of the server's that the client offers. For
/// SSL_CTX_set_alpn_select_cb(3).
///
/// # Safety
/// `offered` has `offered_len` bytes; `protocols` is a struct whose list has `len` bytes and outlives the connection;
/// `chosen` and `chosen_len` can be written to.
#[no_mangle]
pub unsafe extern "C" fn ljos_tls_select_protocol(
    _ssl: *mut c_void,
    chosen: *mut *const u8,
    chosen_len: *mut u8,
    offered: *const u8,
    offered_len: c_uint,
    protocols: *const ljos_tls_protocols,
) -> c_int {
    // SAFETY: the caller's promise.
    let protocols = unsafe { reference(protocols) };
    // SAFETY: the caller's promise.
    let own = unsafe { slice(protocols.list, protocols.len as usize) };
    // SAFETY: the caller's promise.
    let offered = unsafe { slice(offered, offered_len as usize) };
    let Some(name) = names(own).find(|name| names(offered).any(|other| other == *name)) else {
        return REFUSED;
    };
    // SAFETY: the caller's promise.
    unsafe { chosen.write(name.as_ptr()) };
    // SAFETY: the caller's promise. A name's length stands in one byte.
    unsafe { chosen_len.write(name.len() as u8) };
    ACCEPTED
}

/// The names of a list, up to its end or the first that is cut off.
fn names(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = list.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*len))?;
        list = rest;
        Some(name)
    })
}

/// Chooses the context that has the certificate for the name that a client asks for; leaves the one that listens where
/// no name fits, or none was asked for. For SSL_CTX_set_tlsext_servername_callback(3).
///
/// # Safety
/// `ssl` is a connection in its handshake; `hosts` is a struct whose arrays have the lengths it says, whose functions
/// are OpenSSL's, and whose contexts, names and store outlive the handshake.
#[no_mangle]
pub unsafe extern "C" fn ljos_tls_choose_context(
    ssl: *mut c_void,
    _alert: *mut c_int,
    hosts: *const ljos_tls_hosts,
) -> c_int {
    // SAFETY: the caller's promise.
    let choice = unsafe { reference(hosts) };
    // SAFETY: OpenSSL's own function on a connection of its own.
    let asked = unsafe { (choice.get_servername)(ssl, HOST_NAME) };
    // SAFETY: OpenSSL answers null or a string that lives as long as the connection.
    let asked = unsafe { c_str(asked) };
    // SAFETY: the caller's promise.
    let hosts = unsafe { slice(choice.hosts, choice.count as usize) };
    // SAFETY: the caller's promise.
    let Some(ctx) = (unsafe { find(hosts, asked) }) else {
        return IGNORED;
    };
    // SAFETY: the caller's promise: both are OpenSSL's and alive.
    if unsafe { (choice.set_ctx)(ssl, ctx) }.is_null() {
        return REFUSED;
    }
    // SAFETY: as above. The connection takes a reference of its own (the 1).
    match unsafe { (choice.ctrl)(ssl, SET_VERIFY_CERT_STORE, 1, choice.store) } {
        1 => ACCEPTED,
        _ => REFUSED,
    }
}

/// The context for a name: the name's own rather than that of all names around it.
///
/// # Safety
/// Each name has the length it says.
unsafe fn find(hosts: &[ljos_tls_host], asked: &[u8]) -> Option<*mut c_void> {
    let parent = asked.iter().position(|byte| *byte == b'.').and_then(|dot| asked.get(dot + 1..));
    let mut around = None;
    for host in hosts {
        // SAFETY: the caller's promise.
        let name = unsafe { slice(host.name, host.len as usize) };
        if host.is_wildcard == 0 && name.eq_ignore_ascii_case(asked) {
            return Some(host.ctx);
        }
        if host.is_wildcard != 0 && parent.is_some_and(|parent| name.eq_ignore_ascii_case(parent)) {
            around = Some(host.ctx);
        }
    }
    around
}
