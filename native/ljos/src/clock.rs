//! Clocks as doubles: a call that makes no garbage in any caller.

use std::ffi::c_int;

fn seconds(clock: c_int) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer to a local; the clocks named below always exist.
    unsafe { libc::clock_gettime(clock, &mut time) };
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
