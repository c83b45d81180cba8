//! libc_service: functions of the C library that ask a supervisor, the master, before they act (seed 003,
//! "libc_service").
//!
//! The runner of actors links this crate and exports the functions. A symbol of the program comes before that of any
//! library, so whatever is loaded into the actor calls these. Until `start` they do what the C library's do.
//!
//! A request travels over one socket that all threads share. Beside it goes one end of a fresh socket pair, for the
//! answer: so threads need no lock, a forked child asks for itself, and an end that is closed, because the master is
//! gone or did not answer, is a denial (EACCES) and never a wait.
//!
//! A convenience, no boundary: a system call that is made directly, or by a function that is not listed here, goes to
//! the kernel, whose rules for this process alone decide.

mod carry_out;
mod interpose_names;
mod interpose_open;
mod interpose_path;
mod interpose_socket;
mod interpose_status;
mod interpose_stdio;
mod live;
mod question;
mod service;
mod status;
mod wire;

pub use carry_out::forward;
pub use interpose_open::openat2;
pub use live::missing;
pub use service::{in_filter, start, Filter};
pub use wire::{Reply, Request};
