//! The native part of ljos: a flat C ABI over what only native code can do.
//!
//! Conventions of every export: `ljos_<facility>_<verb>`; a result is an `int`, `>= 0` or `-errno`; wider
//! results go to out-pointers; handles come in `_new`/`_free` pairs. No policy, no callbacks into Lua, no Lua
//! symbols, no thread started at load.

pub mod address;
pub mod bytes;
pub mod call;
pub mod clock;
pub mod constants;
pub mod engine;
pub mod file;
pub mod inbox;
pub mod ip;
pub mod layout;
pub mod linker;
pub mod mailbox;
pub mod memfd;
mod memory;
pub mod message;
pub mod pipe;
pub mod poll_set;
pub mod process;
mod raw;
pub mod regex;
pub mod resolve;
pub mod scan;
pub mod signal;
pub mod signal_queue;
pub mod thread;
pub mod tls;

use std::ffi::{c_char, c_uint};

/// The number `native.lua` compares before it believes the header; raised with every change of the ABI.
pub const LJOS_ABI: c_uint = 4;

/// The ABI number of this library.
#[no_mangle]
pub extern "C" fn ljos_abi() -> c_uint {
    LJOS_ABI
}

/// The C declarations of this library, NUL-terminated; valid as long as the library is loaded.
#[no_mangle]
pub extern "C" fn ljos_header() -> *const c_char {
    concat!(include_str!(concat!(env!("OUT_DIR"), "/declarations.h")), "\0").as_ptr().cast()
}
