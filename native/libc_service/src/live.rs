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
        interpose_file::open,
        interpose_file::open64,
        interpose_file::creat,
        interpose_file::creat64,
        interpose_file::openat,
        interpose_file::openat64,
        interpose_file::__open_2,
        interpose_file::__open64_2,
        interpose_file::__openat_2,
        interpose_file::__openat64_2,
        interpose_file::unlink,
        interpose_file::rmdir,
        interpose_file::unlinkat,
        interpose_file::remove,
        interpose_file::rename,
        interpose_file::renameat,
        interpose_file::renameat2,
        interpose_file::mkdir,
        interpose_file::mkdirat,
        interpose_file::access,
        interpose_file::eaccess,
        interpose_file::euidaccess,
        interpose_file::faccessat,
        interpose_file::stat,
        interpose_file::stat64,
        interpose_file::lstat,
        interpose_file::lstat64,
        interpose_file::fstatat,
        interpose_file::fstatat64,
        interpose_file::statx,
        interpose_file::__xstat,
        interpose_file::__lxstat,
        interpose_net::connect,
        interpose_net::bind,
        interpose_net::getaddrinfo,
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
