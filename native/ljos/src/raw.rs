//! System calls for processes that share our memory: no errno, no C library.

use std::ffi::{c_int, c_long};
use std::ops::Range;

/// Closes every descriptor but those of `kept`, which are in ascending order; negative ones are none.
pub fn close_all_but(kept: &[c_int]) {
    let mut first = 0;
    for fd in kept.iter().filter_map(|fd| usize::try_from(*fd).ok()) {
        close_range(first, fd);
        first = fd + 1;
    }
    close_range(first, u32::MAX as usize + 1);
}

/// Closes the descriptors from `first` up to, but without, `end`.
fn close_range(first: usize, end: usize) {
    if end > first && raw_call(libc::SYS_close_range, [first, end - 1, 0, 0, 0, 0]) < 0 {
        each_open(first..end, |fd| {
            raw_call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
        });
    }
}

/// Has all descriptors from `first` on closed by exec; 0, or `-errno`.
pub fn close_on_exec(first: usize) -> isize {
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    let last = u32::MAX as usize;
    let result = raw_call(libc::SYS_close_range, [first, last, CLOSE_RANGE_CLOEXEC, 0, 0, 0]);
    if result == 0 {
        return 0;
    }
    let listed = each_open(first..last, |fd| {
        raw_call(libc::SYS_fcntl, [fd, libc::F_SETFD as usize, libc::FD_CLOEXEC as usize, 0, 0, 0]);
    });
    if listed == 0 {
        0
    } else {
        result
    }
}

/// Calls `f` for every open descriptor of the range, as /proc lists them: the filter of a container may refuse
/// close_range(2), as it was made before that call. 0, or `-errno`.
fn each_open(range: Range<usize>, f: impl Fn(usize)) -> isize {
    let (path, flags) = (c"/proc/self/fd".as_ptr() as usize, libc::O_DIRECTORY | libc::O_CLOEXEC);
    let list = raw_call(libc::SYS_openat, [libc::AT_FDCWD as usize, path, flags as usize, 0, 0, 0]);
    let Ok(directory) = usize::try_from(list) else { return list };
    let mut buffer = [0u8; 2048];
    let result = loop {
        let room = [directory, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
        let read = raw_call(libc::SYS_getdents64, room);
        if read <= 0 {
            break read;
        }
        let mut entries = buffer.get(..read as usize).unwrap_or_default();
        while let Some((entry, others)) = split_entry(entries) {
            if let Some(fd) = number(entry).filter(|fd| range.contains(fd) && *fd != directory) {
                f(fd);
            }
            entries = others;
        }
    };
    raw_call(libc::SYS_close, [directory, 0, 0, 0, 0, 0]);
    result
}

/// The name of the first of these entries, and the others: getdents64(2), "struct linux_dirent64".
fn split_entry(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_ne_bytes(entries.get(16..18)?.try_into().ok()?) as usize;
    Some((entries.get(19..length)?, entries.get(length..)?))
}

/// The number that this text is, up to its NUL.
fn number(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| **byte != 0);
    digits.map(|byte| char::from(*byte).to_digit(10)).try_fold(0, |n, digit| Some(n * 10 + digit? as usize))
}

/// A system call; returns `-errno` as the kernel does, and leaves `errno` alone.
#[cfg(target_arch = "x86_64")]
pub fn raw_call(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let value: isize;
    // SAFETY: the kernel preserves all registers but rax, rcx and r11; callers pass pointers that are valid.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => value,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    value
}

/// A system call; returns `-errno` as the kernel does, and leaves `errno` alone.
#[cfg(target_arch = "aarch64")]
pub fn raw_call(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let value: isize;
    // SAFETY: the kernel preserves all registers but x0; callers pass pointers that are valid.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => value,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    value
}
