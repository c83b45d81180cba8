//! The dynamic linker: where it looks for libraries.

use crate::memory;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::ptr;

/// dlinfo(3), `Dl_serpath`.
#[repr(C)]
struct SearchPath {
    name: *const c_char,
    flags: c_uint,
}

/// dlinfo(3), `Dl_serinfo`; `paths` has `count` elements.
#[repr(C)]
struct SearchInfo {
    size: usize,
    count: c_uint,
    paths: [SearchPath; 0],
}

/// Writes the directories that the program's libraries are searched in, each ended by a NUL, and returns how many bytes
/// that takes; nothing is written when `size` is less. `-ENOTSUP` where the linker does not tell. Source: dlinfo(3),
/// `RTLD_DI_SERINFO`.
///
/// # Safety
/// `out` has room for `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_linker_search_path(out: *mut c_char, size: u32) -> c_int {
    let Some(directories) = search_path() else { return -libc::ENOTSUP };
    let text: Vec<u8> = directories.concat();
    if text.len() <= size as usize {
        // SAFETY: the caller's promise.
        let out = unsafe { memory::slice_mut(out.cast::<u8>(), text.len()) };
        out.copy_from_slice(&text);
    }
    text.len() as c_int
}

/// The directories, with their NUL.
fn search_path() -> Option<Vec<Vec<u8>>> {
    // SAFETY: a null name is the program itself, which stays loaded.
    let program = unsafe { libc::dlopen(ptr::null(), libc::RTLD_LAZY) };
    let mut size = SearchInfo { size: 0, count: 0, paths: [] };
    info(program, libc::RTLD_DI_SERINFOSIZE, (&raw mut size).cast())?;
    // The linker wants to find the size in the answer's place, and puts the names behind the structs.
    let mut room = vec![0u64; size.size.div_ceil(8)];
    let found = room.as_mut_ptr().cast::<SearchInfo>();
    info(program, libc::RTLD_DI_SERINFOSIZE, found.cast())?;
    info(program, libc::RTLD_DI_SERINFO, found.cast())?;
    // SAFETY: the linker has filled in the struct, and `room` has its size.
    let count = unsafe { (*found).count };
    // SAFETY: within `room`, as above.
    let first = unsafe { &raw const (*found).paths }.cast::<SearchPath>();
    // SAFETY: the linker has filled in `count` elements.
    let paths = unsafe { memory::slice(first, count as usize) };
    Some(paths.iter().map(name).collect())
}

fn info(program: *mut c_void, request: c_int, answer: *mut c_void) -> Option<()> {
    // SAFETY: `answer` is what the request wants.
    let result = unsafe { libc::dlinfo(program, request, answer) };
    (result == 0).then_some(())
}

fn name(path: &SearchPath) -> Vec<u8> {
    // SAFETY: the linker's names are strings inside the answer, which still lives.
    let name = unsafe { CStr::from_ptr(path.name) };
    name.to_bytes_with_nul().to_vec()
}
