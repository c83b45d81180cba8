//! Resource limits: setrlimit(2), for PID 1, the actor and all its threads.
//!
//! A limit is lowered, never raised: where the parent's own hard limit is lower, that stays. The kernel counts
//! processes and signals by user within the sandbox's user namespace, so that those of the host do not count.
#![forbid(unsafe_code)]

use crate::boot::Boot;
use crate::Failure;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

/// What the parent gives a number for, under `limits`: "memory=N processes=N ...".
const BY_NAME: [(&str, Resource); 5] = [
    ("memory", Resource::As),
    ("processes", Resource::Nproc),
    ("files", Resource::Nofile),
    ("file_size", Resource::Fsize),
    ("cpu_time", Resource::Cpu),
];

/// What nobody asks for: queued signals and timers, memory that is kept from the swap, POSIX queues, priorities.
const FIXED: [(Resource, u64); 5] = [
    (Resource::Sigpending, 256),
    (Resource::Memlock, 0),
    (Resource::Msgqueue, 0),
    (Resource::Nice, 0),
    (Resource::Rtprio, 0),
];

pub fn apply(boot: &Boot) -> Result<(), Failure> {
    for (name, resource) in BY_NAME {
        if let Some(value) = boot.value("limits", name) {
            lower(resource, value)?;
        }
    }
    for (resource, value) in FIXED {
        lower(resource, value)?;
    }
    Ok(())
}

fn lower(resource: Resource, value: u64) -> Result<(), Failure> {
    let lowest = |limit: Option<u64>, value: u64| Some(limit.map_or(value, |limit| limit.min(value)));
    // A second between SIGXCPU and SIGKILL: the first alone says why.
    let grace = u64::from(resource == Resource::Cpu);
    let now = getrlimit(resource);
    let new = Rlimit { current: lowest(now.maximum, value), maximum: lowest(now.maximum, value + grace) };
    setrlimit(resource, new)
        .map_err(|errno| Failure { step: format!("limits: {resource:?}"), errno: errno.raw_os_error() })
}
