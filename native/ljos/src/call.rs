//! System calls by number, at fixed arity.
//!
//! `ljos_call<n>` answers the kernel's int result, `>= 0` or `-errno`. `ljos_call_wide` is for results wider than an
//! int (offsets, addresses): the result goes to `*out` and the call answers 0 or `-errno`. Arguments are register-sized
//! words; whoever declares these for a call with pointers declares them as pointers (the same registers on both
//! architectures). Never varargs: on aarch64 those would put LuaJIT's numbers into float registers.

use std::ffi::c_int;

fn last_errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

fn narrow(result: i64) -> c_int {
    if result == -1 {
        return -last_errno();
    }
    c_int::try_from(result).unwrap_or(-libc::EOVERFLOW)
}

/// A system call with no argument.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call0(number: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number) })
}

/// A system call with 1 argument.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call1(number: i64, a: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a) })
}

/// A system call with 2 arguments.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call2(number: i64, a: i64, b: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a, b) })
}

/// A system call with 3 arguments.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call3(number: i64, a: i64, b: i64, c: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a, b, c) })
}

/// A system call with 4 arguments.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call4(number: i64, a: i64, b: i64, c: i64, d: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a, b, c, d) })
}

/// A system call with 5 arguments.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call5(number: i64, a: i64, b: i64, c: i64, d: i64, e: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a, b, c, d, e) })
}

/// A system call with 6 arguments.
///
/// # Safety
/// The arguments are what the call `number` wants.
#[no_mangle]
pub unsafe extern "C" fn ljos_call6(number: i64, a: i64, b: i64, c: i64, d: i64, e: i64, f: i64) -> c_int {
    // SAFETY: the caller's promise.
    narrow(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// A system call with any number of arguments and a result wider than an int.
///
/// # Safety
/// The arguments are what the call `number` wants; `out` is writable.
#[no_mangle]
pub unsafe extern "C" fn ljos_call_wide(
    out: *mut i64,
    number: i64,
    a: i64,
    b: i64,
    c: i64,
    d: i64,
    e: i64,
    f: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        return -last_errno();
    }
    // SAFETY: the caller's promise.
    unsafe { out.write(result) };
    0
}
