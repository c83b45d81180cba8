//! Files and directories: the calls that take or fill structs, flattened.
//!
//! Sizes and seconds are doubles, exact up to 2^53, so that Lua reads them without making 64-bit objects. Every
//! other call on files has plain arguments and needs nothing here.

use crate::engine::op::{file_flags, set_non_blocking};
use crate::memory;
use crate::pipe::without_sigpipe;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::mem::size_of;
use std::sync::OnceLock;

/// What statx(2) says of a file; `blocks` are of 512 bytes.
#[repr(C)]
pub struct FileStatus {
    pub size: f64,
    pub blocks: f64,
    pub mtime_seconds: f64,
    pub mtime_nanoseconds: u32,
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    pub device_major: u32,
    pub device_minor: u32,
    pub special_major: u32,
    pub special_minor: u32,
    pub inode: u64,
}

/// The room of a filesystem in bytes, as statvfs(3) says.
#[repr(C)]
pub struct FileSpace {
    pub capacity: f64,
    pub free: f64,
    pub available: f64,
}

fn result(value: c_long) -> c_int {
    if value >= 0 {
        return value as c_int;
    }
    -std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// statx(2) with the basic fields; `flags` are `AT_*`.
///
/// # Safety
/// `path` is a NUL-terminated string; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_status(
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    out: *mut FileStatus,
) -> c_int {
    // SAFETY: an all-zero statx is valid.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the caller's promise, and a local.
    let failed = unsafe { libc::statx(dirfd, path, flags, libc::STATX_BASIC_STATS, &mut status) };
    if failed != 0 {
        return result(-1);
    }
    let status = FileStatus {
        size: status.stx_size as f64,
        blocks: status.stx_blocks as f64,
        mtime_seconds: status.stx_mtime.tv_sec as f64,
        mtime_nanoseconds: status.stx_mtime.tv_nsec,
        mode: u32::from(status.stx_mode),
        links: status.stx_nlink,
        uid: status.stx_uid,
        gid: status.stx_gid,
        device_major: status.stx_dev_major,
        device_minor: status.stx_dev_minor,
        special_major: status.stx_rdev_major,
        special_minor: status.stx_rdev_minor,
        inode: status.stx_ino,
    };
    // SAFETY: the caller's promise.
    unsafe { out.write(status) };
    0
}

type Openat2 = unsafe extern "C" fn(c_int, *const c_char, *const libc::open_how) -> c_int;

/// Who opens files instead of the kernel.
static FORWARD: OnceLock<Openat2> = OnceLock::new();

/// From now on openat2(2), which no C library has a function for, goes through `openat2`; nothing else is asked about a
/// file before it is opened. For the runner of actors, where somebody else may be asked (libc_service).
pub fn forward_openat2(openat2: Openat2) {
    FORWARD.get_or_init(|| openat2);
}

/// openat2(2); `resolve` are `RESOLVE_*`.
///
/// # Safety
/// `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_openat2(
    dirfd: c_int,
    path: *const c_char,
    flags: c_uint,
    mode: c_uint,
    resolve: c_uint,
) -> c_int {
    // SAFETY: an all-zero open_how is valid.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from(flags);
    how.mode = u64::from(mode);
    how.resolve = u64::from(resolve);
    if let Some(forward) = FORWARD.get() {
        // SAFETY: the caller's promise, and a local.
        return result(c_long::from(unsafe { forward(dirfd, path, &how) }));
    }
    // SAFETY: the caller's promise, and a local.
    result(unsafe { libc::syscall(libc::SYS_openat2, dirfd, path, &how, size_of::<libc::open_how>()) })
}

/// Whether opening `path` with these flags may wait for somebody: that is what `ljos_engine_open` is for.
///
/// # Safety
/// `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_may_wait(
    dirfd: c_int,
    path: *const c_char,
    flags: c_int,
    resolve: u32,
) -> c_int {
    if FORWARD.get().is_some() {
        return 0;
    }
    // SAFETY: the caller's promise.
    let path = unsafe { memory::c_string(path) };
    crate::engine::opening_may_wait(dirfd, path, flags, resolve.into()).into()
}

/// getdents64(2): fills `buffer` with records and returns the bytes, 0 at the end of the directory.
///
/// # Safety
/// `buffer` has room for `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_read_directory(fd: c_int, buffer: *mut c_void, len: u32) -> c_int {
    // SAFETY: the caller's promise.
    result(unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer, len as usize) })
}

/// Sets the time of the last modification, and no other: utimensat(2) with `UTIME_OMIT`. Follows symlinks.
///
/// # Safety
/// `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_set_mtime(path: *const c_char, seconds: f64, nanoseconds: u32) -> c_int {
    let omit = libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT };
    let mtime = libc::timespec { tv_sec: seconds as libc::time_t, tv_nsec: nanoseconds as _ };
    let times = [omit, mtime];
    // SAFETY: the caller's promise, and a local.
    result(c_long::from(unsafe { libc::utimensat(libc::AT_FDCWD, path, times.as_ptr(), 0) }))
}

/// statvfs(3).
///
/// # Safety
/// `path` is a NUL-terminated string; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_space(path: *const c_char, out: *mut FileSpace) -> c_int {
    // SAFETY: an all-zero statvfs is valid.
    let mut space: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the caller's promise, and a local.
    if unsafe { libc::statvfs(path, &mut space) } != 0 {
        return result(-1);
    }
    let unit = space.f_frsize as f64;
    let space = FileSpace {
        capacity: space.f_blocks as f64 * unit,
        free: space.f_bfree as f64 * unit,
        available: space.f_bavail as f64 * unit,
    };
    // SAFETY: the caller's promise.
    unsafe { out.write(space) };
    0
}

/// makedev(3), written as a double to `out`.
///
/// # Safety
/// `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_makedev(major: u32, minor: u32, out: *mut f64) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { out.write(libc::makedev(major, minor) as f64) };
    0
}

/// major(3) and minor(3) of a device number, written to `out`.
///
/// # Safety
/// `out` is valid for two writes.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_device_parts(device: f64, out: *mut u32) -> c_int {
    let device = device as libc::dev_t;
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(out, 2) };
    out.copy_from_slice(&[libc::major(device), libc::minor(device)]);
    0
}

/// mknodat(2); `device` as `ljos_file_makedev` writes it.
///
/// # Safety
/// `path` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_mknod(dirfd: c_int, path: *const c_char, mode: u32, device: f64) -> c_int {
    // SAFETY: the caller's promise.
    result(c_long::from(unsafe { libc::mknodat(dirfd, path, mode, device as libc::dev_t) }))
}

/// Whether the ends of a range of a file are in the page cache, so that reading the range does not wait for a disk:
/// 1 or 0. 1 where the file cannot tell.
#[no_mangle]
pub extern "C" fn ljos_file_is_cached(fd: c_int, offset: i64, len: u32) -> c_int {
    let ends = [offset, offset + i64::from(len.saturating_sub(1))];
    let cold = ends.iter().any(|at| {
        let mut byte = 0u8;
        let vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        // SAFETY: one byte of a local.
        let count = unsafe { libc::preadv2(fd, &vector, 1, *at, libc::RWF_NOWAIT) };
        result(count as c_long) == -libc::EAGAIN
    });
    c_int::from(!cold)
}

/// A call's result once no signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> c_int) -> c_int {
    loop {
        let result = call();
        if result != -libc::EINTR {
            return result;
        }
    }
}

/// pread(2): waits for the disk where it must.
///
/// # Safety
/// `buffer` has room for `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_file_pread(fd: c_int, buffer: *mut c_void, len: u32, offset: i64) -> c_int {
    // SAFETY: the caller's promise.
    uninterrupted(|| result(unsafe { libc::pread(fd, buffer, len as usize, offset) } as c_long))
}

/// sendfile(2) from `offset` of a file to a socket, without waiting for the socket (`-EAGAIN`) and without SIGPIPE.
/// The socket is non-blocking during the call: nothing else can keep sendfile from waiting.
#[no_mangle]
pub extern "C" fn ljos_file_send(socket: c_int, file: c_int, offset: i64, len: u32) -> c_int {
    let flags = file_flags(socket);
    let blocks = flags >= 0 && flags & libc::O_NONBLOCK == 0;
    if blocks {
        set_non_blocking(socket, flags | libc::O_NONBLOCK);
    }
    let mut at: libc::off_t = offset;
    let sent = uninterrupted(|| {
        // SAFETY: the offset is a local.
        without_sigpipe(len as usize, || unsafe { libc::sendfile(socket, file, &mut at, len as usize) })
    });
    if blocks {
        set_non_blocking(socket, flags);
    }
    sent
}
