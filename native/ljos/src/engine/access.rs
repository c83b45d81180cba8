//! How read(2) and write(2) on a descriptor can be kept from blocking.
#![forbid(unsafe_code)]

use super::op::{is_block_or_regular, is_in_memory, is_memory_device, Direction, Op};
use std::ffi::c_int;

/// What is known of one direction of a descriptor.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Unknown,
    /// RWF_NOWAIT works.
    NoWait,
    /// A file that is kept in memory, or the kernel's own log: never blocks.
    Plain,
    /// No RWF_NOWAIT, but poll(2) tells.
    PollFirst,
    /// A file whose filesystem has no RWF_NOWAIT: may block at any time.
    Blocking,
}

impl Access {
    /// Tries a read or write; `-EAGAIN` when it would, or may, block.
    pub fn attempt(&mut self, fd: c_int, op: &Op) -> c_int {
        if *self == Access::NoWait {
            return op.attempt(fd);
        }
        if *self == Access::Unknown {
            let result = op.attempt(fd);
            if result != -libc::EOPNOTSUPP && result != -libc::EINVAL {
                *self = Access::NoWait;
                return result;
            }
            *self = match () {
                () if is_in_memory(fd) => Access::Plain,
                // Of /dev/kmsg poll(2) never says that it takes something.
                () if op.direction() == Direction::Out && is_memory_device(fd) => Access::Plain,
                () if is_block_or_regular(fd) => Access::Blocking,
                () => Access::PollFirst,
            };
        }
        match self {
            Access::Plain => op.attempt_plainly(fd),
            Access::Blocking => -libc::EAGAIN,
            _ => op.attempt_after_poll(fd),
        }
    }
}
