//! TLS: the one callback of OpenSSL's that cannot be done without, which calls nothing itself.

use crate::memory::{reference, slice};
use std::ffi::{c_int, c_uint, c_void};

/// The application protocols that a server takes, best first, each behind a byte with its length (RFC 7301).
#[repr(C)]
pub struct ljos_tls_protocols {
    pub list: *const u8,
    pub len: c_uint,
}

/// `SSL_TLSEXT_ERR_OK` and `SSL_TLSEXT_ERR_ALERT_FATAL` of tls1.h.
const ACCEPTED: c_int = 0;
const REFUSED: c_int = 2;

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
