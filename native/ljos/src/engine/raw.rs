//! System calls for helper processes, which share our memory: no errno, no C library.

use std::ffi::{c_int, c_long};

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
    if end > first {
        raw_call(libc::SYS_close_range, [first, end - 1, 0, 0, 0, 0]);
    }
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
