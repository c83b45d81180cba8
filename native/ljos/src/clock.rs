//! Clocks as doubles: a call that makes no garbage in any caller.

use std::ffi::c_int;

use crate::memory;

// 0 for a clock that does not exist; those named below always do.
fn read(clock: c_int) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer to a local.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}

/// The seconds of a clock, as a double.
pub(crate) fn seconds(clock: c_int) -> f64 {
    let time = read(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The seconds of `CLOCK_MONOTONIC`: exact to the nanosecond for 104 days of uptime, to 2 ns for a year.
#[no_mangle]
pub extern "C" fn ljos_clock_monotonic() -> f64 {
    seconds(libc::CLOCK_MONOTONIC)
}

/// The seconds of `CLOCK_REALTIME` since 1970: a double holds them to a quarter of a microsecond.
#[no_mangle]
pub extern "C" fn ljos_clock_realtime() -> f64 {
    seconds(libc::CLOCK_REALTIME)
}

/// Reads a clock (`CLOCK_MONOTONIC`, ...) exactly: whole seconds and nanoseconds go to `parts[0]` and `parts[1]`.
///
/// # Safety
/// `parts` points to two writable doubles.
#[no_mangle]
pub unsafe extern "C" fn ljos_clock_read(clock: c_int, parts: *mut f64) {
    let time = read(clock);
    // SAFETY: the caller's promise.
    let parts = unsafe { memory::slice_mut(parts, 2) };
    parts.copy_from_slice(&[time.tv_sec as f64, time.tv_nsec as f64]);
}
