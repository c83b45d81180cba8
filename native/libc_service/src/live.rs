//! Whether what is loaded into this process will really find the functions here.

use std::ffi::{c_void, CStr};

/// Names of functions and the functions.
macro_rules! table {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((concat!(stringify!($name), "\0"), crate::$module::$name as *const c_void)),*]
    };
}

/// The name of a function that the dynamic linker finds elsewhere, or not at all.
pub fn missing() -> Option<&'static str> {
    let functions: &[(&'static str, *const c_void)] = table![
        interpose_open::open,
        interpose_open::open64,
        interpose_open::creat,
        interpose_open::creat64,
        interpose_open::openat,
        interpose_open::openat64,
        interpose_open::__open_2,
        interpose_open::__open64_2,
        interpose_open::__openat_2,
        interpose_open::__openat64_2,
        interpose_path::unlink,
        interpose_path::rmdir,
        interpose_path::unlinkat,
        interpose_path::remove,
        interpose_path::rename,
        interpose_path::renameat,
        interpose_path::renameat2,
        interpose_path::mkdir,
        interpose_path::mkdirat,
        interpose_path::access,
        interpose_path::eaccess,
        interpose_path::euidaccess,
        interpose_path::faccessat,
        interpose_status::stat,
        interpose_status::stat64,
        interpose_status::lstat,
        interpose_status::lstat64,
        interpose_status::fstatat,
        interpose_status::fstatat64,
        interpose_status::statx,
        interpose_status::__xstat,
        interpose_status::__lxstat,
        interpose_socket::connect,
        interpose_socket::bind,
        interpose_names::getaddrinfo,
        interpose_stdio::fopen,
        interpose_stdio::fopen64,
        interpose_stdio::opendir,
    ];
    let differs = |name: &str, function: *const c_void| {
        let Ok(symbol) = CStr::from_bytes_with_nul(name.as_bytes()) else { return true };
        // SAFETY: a string.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
        found.cast_const() != function
    };
    let found = functions.iter().find(|(name, function)| differs(name, *function));
    found.map(|(name, _)| name.trim_end_matches('\0'))
}
