//! How much a search may cost, however the pattern explodes.
//!
//! A search tries one starting point after the other: here in windows, between which the thread's processor time is
//! looked at. Each start costs little for most patterns, so windows grow; they shrink where they become slow, as in a
//! quadratic search. What one start may cost is the engine's to bound.
#![forbid(unsafe_code)]

use super::Span;
use crate::clock;
use std::ffi::c_int;

/// Of processor time: what any search may take, and what each byte of the subject adds.
const ALLOWED_SECONDS: f64 = 1.0;
const ALLOWED_SECONDS_PER_BYTE: f64 = 50e-9;
/// Searches shorter than this do not ask for the processor time.
const UNCOUNTED_SECONDS: f64 = 0.1;

/// Most searches are over within the first window, which costs no look at a clock.
pub(super) const FIRST_WINDOW: usize = 256;
/// Starts times the bytes that each may look at.
const WINDOW_STEPS: usize = 10_000_000_000;
const QUICK_SECONDS: f64 = 0.01;
const SLOW_SECONDS: f64 = 0.1;

/// Searches from `start` on, in windows of starting points: `search(first, last)`, both included. The first window has
/// `width` starts.
pub fn in_windows(
    start: usize,
    end: usize,
    mut width: usize,
    mut search: impl FnMut(usize, usize) -> Result<Option<Span>, c_int>,
) -> Result<Option<Span>, c_int> {
    let len = end - start;
    let largest = (WINDOW_STEPS / len.max(1)).max(width);
    let mut first = start;
    let mut meter = None;
    loop {
        let last = (first + width - 1).min(end);
        if let Some(span) = search(first, last)? {
            return Ok(Some(span));
        }
        if last == end {
            return Ok(None);
        }
        first = last + 1;
        let seconds = meter.get_or_insert_with(Meter::new).lap(len)?;
        if seconds < QUICK_SECONDS {
            width = (width * 2).min(largest);
        } else if seconds > SLOW_SECONDS {
            width = (width / 4).max(1);
        }
    }
}

/// The time that a search has taken.
struct Meter {
    began: f64,
    lap: f64,
    /// When processor time began to count.
    counted_from: Option<f64>,
}

impl Meter {
    fn new() -> Meter {
        let now = clock::seconds(libc::CLOCK_MONOTONIC);
        Meter { began: now, lap: now, counted_from: None }
    }

    /// The seconds since the last lap; EOVERFLOW when a search over `len` bytes has taken too long.
    fn lap(&mut self, len: usize) -> Result<f64, c_int> {
        let now = clock::seconds(libc::CLOCK_MONOTONIC);
        if now - self.began > UNCOUNTED_SECONDS {
            let used = clock::seconds(libc::CLOCK_THREAD_CPUTIME_ID);
            let allowed = ALLOWED_SECONDS + ALLOWED_SECONDS_PER_BYTE * len as f64;
            if used - *self.counted_from.get_or_insert(used) > allowed {
                return Err(libc::EOVERFLOW);
            }
        }
        let seconds = now - self.lap;
        self.lap = now;
        Ok(seconds)
    }
}
