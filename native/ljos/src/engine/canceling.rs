//! Cancel requests that the kernel could not meet yet.
//!
//! A request that comes while its target is on its way from one place in the kernel to another finds nothing
//! (ENOENT), or a thread that is not asleep yet (EALREADY). The target may still wait afterwards, so such a request is
//! made again, every millisecond, until the target's completion has come.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::ffi::c_int;
use std::time::{Duration, Instant};

const AGAIN_AFTER: Duration = Duration::from_millis(1);

#[derive(Default)]
pub struct Canceling {
    /// Targets whose completion has not come.
    targets: HashSet<u32>,
    /// Those of them whose request missed.
    missed: Vec<u32>,
    last: Option<Instant>,
}

impl Canceling {
    pub fn begin(&mut self, target: u32) {
        self.targets.insert(target);
    }

    /// The completion of an operation has come. Whether its cancellation had been requested.
    pub fn completed(&mut self, user_data: u32) -> bool {
        !self.targets.is_empty() && self.targets.remove(&user_data)
    }

    /// What the kernel said of a request.
    pub fn answered(&mut self, target: u32, result: c_int) {
        let missed = result == -libc::ENOENT || result == -libc::EALREADY;
        if missed && self.targets.contains(&target) {
            self.missed.push(target);
        }
    }

    /// How long a turn may wait that would wait `timeout_ns`.
    pub fn limit(&self, timeout_ns: i64) -> i64 {
        let again_ns = AGAIN_AFTER.as_nanos() as i64;
        match timeout_ns {
            timeout_ns if self.missed.is_empty() => timeout_ns,
            timeout_ns if timeout_ns < 0 => again_ns,
            timeout_ns => timeout_ns.min(again_ns),
        }
    }

    /// The targets whose cancel request is due again.
    pub fn due(&mut self) -> Vec<u32> {
        if self.missed.is_empty() || self.last.is_some_and(|last| last.elapsed() < AGAIN_AFTER) {
            return Vec::new();
        }
        self.last = Some(Instant::now());
        let targets = &self.targets;
        let mut due = std::mem::take(&mut self.missed);
        due.retain(|target| targets.contains(target));
        due
    }
}
