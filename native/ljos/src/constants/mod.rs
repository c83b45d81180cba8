//! The kernel's constants by group, as text that `native.constants` reads: `NAME=value` lines.
//!
//! Values come from the crates `libc` and `linux-raw-sys`. The few names that neither has are `typed`, and only where
//! the value is the same on all architectures; `tests/c_headers.rs` compares every value with the C compiler's.

use crate::memory;
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock};

/// The constants of one group: a list per source, because a source may be absent on an architecture.
pub struct Group {
    pub name: &'static str,
    pub tables: &'static [&'static [(&'static str, i64)]],
}

macro_rules! constant {
    ([$($path:tt)*] $name:ident) => { (stringify!($name), $($path)*::$name as i64) };
}

macro_rules! table {
    ($source:tt $($name:ident)*) => { &[$(constant!($source $name)),*] };
}

// One section of a group: where the names come from, and the architecture when only one has them.
macro_rules! section {
    (typed { $($name:ident = $value:expr),* }) => { &[$((stringify!($name), $value)),*] };
    (x86_64 $source:tt { $($name:ident)* }) => {{
        #[cfg(target_arch = "x86_64")]
        const TABLE: &[(&str, i64)] = table!($source $($name)*);
        #[cfg(not(target_arch = "x86_64"))]
        const TABLE: &[(&str, i64)] = &[];
        TABLE
    }};
    (aarch64 $source:tt { $($name:ident)* }) => {{
        #[cfg(target_arch = "aarch64")]
        const TABLE: &[(&str, i64)] = table!($source $($name)*);
        #[cfg(not(target_arch = "aarch64"))]
        const TABLE: &[(&str, i64)] = &[];
        TABLE
    }};
    ($source:tt { $($name:ident)* }) => { table!($source $($name)*) };
}

macro_rules! group {
    ($group:literal: $($sections:tt)*) => { Group { name: $group, tables: sections!([] $($sections)*) } };
}

// Collects `[source] {names}`, `arch [source] {names}` and `typed {name = value}` into a list of tables.
macro_rules! sections {
    ([$($done:expr,)*]) => { &[$($done),*] };
    ([$($done:expr,)*] typed $names:tt $($rest:tt)*) => { sections!([$($done,)* section!(typed $names),] $($rest)*) };
    ([$($done:expr,)*] x86_64 $source:tt $names:tt $($rest:tt)*) => {
        sections!([$($done,)* section!(x86_64 $source $names),] $($rest)*)
    };
    ([$($done:expr,)*] aarch64 $source:tt $names:tt $($rest:tt)*) => {
        sections!([$($done,)* section!(aarch64 $source $names),] $($rest)*)
    };
    ([$($done:expr,)*] $source:tt $names:tt $($rest:tt)*) => {
        sections!([$($done,)* section!($source $names),] $($rest)*)
    };
}

mod bpf;
mod device;
mod errno;
mod file;
mod input;
mod limit;
mod mman;
mod mount;
mod netlink;
mod number;
mod process;
mod selection;
mod socket;
mod time;

const FACILITIES: &[&[Group]] = &[
    errno::GROUPS,
    number::GROUPS,
    file::GROUPS,
    mount::GROUPS,
    process::GROUPS,
    mman::GROUPS,
    time::GROUPS,
    socket::GROUPS,
    netlink::GROUPS,
    device::GROUPS,
    input::GROUPS,
    bpf::GROUPS,
    limit::GROUPS,
    selection::GROUPS,
];

/// Every group, in the order of the files.
pub fn groups() -> impl Iterator<Item = &'static Group> {
    FACILITIES.iter().copied().flatten()
}

/// A group by its name.
pub fn find(name: &[u8]) -> Option<&'static Group> {
    groups().find(|group| group.name.as_bytes() == name)
}

fn text_of(group: &Group) -> String {
    let mut text = String::new();
    for (name, value) in group.tables.iter().copied().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={value}");
    }
    text.push('\0');
    text
}

/// The constants of `group` as `NAME=value` lines, or null for a group that does not exist. The text lives as
/// long as the library.
///
/// # Safety
/// `group` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_constants(group: *const c_char) -> *const c_char {
    static TEXTS: OnceLock<Mutex<BTreeMap<&'static str, &'static str>>> = OnceLock::new();
    // SAFETY: the caller's promise.
    let wanted = unsafe { memory::c_str(group) };
    let Some(group) = find(wanted) else { return std::ptr::null() };
    let Ok(mut texts) = TEXTS.get_or_init(Mutex::default).lock() else { return std::ptr::null() };
    // Leaked once per group: the caller keeps the pointer for as long as the library is loaded.
    let text = texts.entry(group.name).or_insert_with(|| Box::leak(text_of(group).into_boxed_str()));
    text.as_ptr().cast()
}
