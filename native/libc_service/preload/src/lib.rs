//! libc_service for other programs: a library for LD_PRELOAD that begins where the environment names a descriptor.
//!
//! What the dynamic linker could not load it would leave out without a word; what is loaded and could not work ends the
//! program before its first line.

use ljos_libc_service::{missing, start, Reply, Request};
use std::ffi::{c_int, c_void, CStr};
use std::mem::size_of;

/// The number of the socket to the master. `lua/ljos/libc_service/preload.lua` has the same name.
const VARIABLE: &CStr = c"LJOS_LIBC_SERVICE";

/// What a shell says of a program that cannot be run.
const CANNOT_RUN: c_int = 127;

#[used]
#[link_section = ".init_array"]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    // SAFETY: a string; no other thread runs yet.
    let value = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    if value.is_null() {
        return;
    }
    // SAFETY: getenv gave a string.
    let text = unsafe { CStr::from_ptr(value) };
    match text.to_str().ok().and_then(|text| text.parse().ok()).filter(is_socket) {
        None => refuse("LJOS_LIBC_SERVICE names no socket"),
        Some(_) if missing().is_some() => refuse("this program has functions of its own"),
        // What this program starts is the master's, too: it inherits socket and environment.
        Some(socket) => start(socket, false, 0, no_filter),
    }
}

fn is_socket(fd: &c_int) -> bool {
    let mut kind: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    let place = (&raw mut kind).cast::<c_void>();
    // SAFETY: room for an int.
    let got = unsafe { libc::getsockopt(*fd, libc::SOL_SOCKET, libc::SO_TYPE, place, &mut length) };
    got == 0 && kind == libc::SOCK_SEQPACKET
}

fn no_filter(_: &Request, _: &mut Reply) {}

fn refuse(why: &str) {
    eprintln!("libc_service: {why}");
    // SAFETY: nothing has begun that would have to end.
    unsafe { libc::_exit(CANNOT_RUN) };
}
