//! Programs of seccomp(2): classic BPF over the number of a system call and its arguments.
//!
//! A program is a list of tests in the order given, each with its verdict behind it, so that no jump is long. From Linux
//! 5.11 on the kernel keeps a bitmap of the calls that are allowed whatever their arguments: they cost nothing.

use crate::Failure;
use libc::{c_long, sock_filter, sock_fprog};
use std::mem::offset_of;

pub const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
pub const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

/// The verdict that the call fails.
pub const fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number as u32
}

// AUDIT_ARCH_*: the machine, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 62 | 0xc000_0000;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 183 | 0xc000_0000;

/// From here on: calls of the x32 ABI, under the same architecture.
const X32: Option<u32> = if cfg!(target_arch = "x86_64") { Some(0x4000_0000) } else { None };

const NUMBER_AT: usize = offset_of!(libc::seccomp_data, nr);
const ARCHITECTURE_AT: usize = offset_of!(libc::seccomp_data, arch);
const ARGUMENTS_AT: usize = offset_of!(libc::seccomp_data, args);

fn load(at: usize) -> sock_filter {
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at as u32 }
}

fn jump(test: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt: if_true, jf: if_false, k: value }
}

fn verdict(value: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: value }
}

/// Fails where the kernel has no filters, or not their verdicts.
pub fn probe() -> Result<(), Failure> {
    let verdict = KILL;
    // SAFETY: the verdict is valid during the call.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const verdict) };
    check("seccomp: SECCOMP_GET_ACTION_AVAIL", result)
}

fn check(step: &str, result: c_long) -> Result<(), Failure> {
    if result == 0 {
        return Ok(());
    }
    Err(Failure::last(step))
}

pub struct Program(Vec<sock_filter>);

impl Program {
    /// A program that ends the process at calls of another architecture.
    pub fn begin() -> Program {
        let mut code = vec![
            load(ARCHITECTURE_AT),
            jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
            verdict(KILL),
            load(NUMBER_AT),
        ];
        if let Some(first) = X32 {
            code.extend([jump(libc::BPF_JGE, first, 0, 1), verdict(KILL)]);
        }
        Program(code)
    }

    /// The verdict on calls whatever their arguments.
    pub fn calls(&mut self, numbers: &[c_long], value: u32) {
        let mut numbers: Vec<u32> = numbers.iter().map(|number| *number as u32).collect();
        numbers.sort_unstable();
        for run in numbers.chunk_by(|number, next| *next - *number <= 1) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            self.0.extend([
                jump(libc::BPF_JGE, *first, 0, 2),
                jump(libc::BPF_JGT, *last, 1, 0),
                verdict(value),
            ]);
        }
    }

    /// The verdict on a call by its arguments: allowed unless one of the rule's conditions is not met.
    pub fn rule(&mut self, number: c_long, conditions: impl FnOnce(&mut Rule)) {
        let mut rule = Rule(Vec::new());
        conditions(&mut rule);
        rule.0.push(verdict(ALLOW));
        self.0.push(jump(libc::BPF_JEQ, number as u32, 0, rule.0.len() as u8));
        self.0.append(&mut rule.0);
    }

    /// The verdict on calls with larger numbers.
    pub fn newer_than(&mut self, number: c_long, value: u32) {
        self.0.extend([jump(libc::BPF_JGT, number as u32, 0, 1), verdict(value)]);
    }

    /// The verdict on all that came this far; then the program is in force, for every thread there is. Without
    /// capabilities the kernel takes it from those alone who can gain none, so that comes first.
    pub fn install(mut self, otherwise: u32) -> Result<(), Failure> {
        rustix::thread::set_no_new_privs(true).map_err(|errno| Failure {
            step: "seccomp: PR_SET_NO_NEW_PRIVS".into(),
            errno: errno.raw_os_error(),
        })?;
        self.0.push(verdict(otherwise));
        let program = sock_fprog { len: self.0.len() as u16, filter: self.0.as_mut_ptr() };
        // SAFETY: the program lives until the call returns.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_TSYNC,
                &raw const program,
            )
        };
        check("seccomp: SECCOMP_SET_MODE_FILTER", result)
    }
}

/// Conditions on the arguments of one call: on the low half of each, which is all that the kernel looks at.
pub struct Rule(Vec<sock_filter>);

const DENIED: u32 = errno(libc::EPERM);

impl Rule {
    fn load(&mut self, argument: usize) {
        self.0.push(load(ARGUMENTS_AT + 8 * argument));
    }

    pub fn is_one_of(&mut self, argument: usize, values: &[u32]) {
        self.load(argument);
        self.loaded_is_one_of(values);
    }

    /// The same, whatever the flags are.
    pub fn is_one_of_without(&mut self, argument: usize, flags: u32, values: &[u32]) {
        self.load(argument);
        let code = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
        self.0.push(sock_filter { code, jt: 0, jf: 0, k: !flags });
        self.loaded_is_one_of(values);
    }

    /// Where `argument` is `value`, `other` is none of `values`.
    pub fn unless(&mut self, argument: usize, value: u32, other: usize, values: &[u32]) {
        self.load(argument);
        self.0.push(jump(libc::BPF_JEQ, value, 0, 1 + 2 * values.len() as u8));
        self.load(other);
        for value in values {
            self.0.extend([jump(libc::BPF_JEQ, *value, 0, 1), verdict(DENIED)]);
        }
    }

    fn loaded_is_one_of(&mut self, values: &[u32]) {
        for (index, value) in values.iter().enumerate() {
            self.0.push(jump(libc::BPF_JEQ, *value, (values.len() - index) as u8, 0));
        }
        self.0.push(verdict(DENIED));
    }

    /// None of the mask's bits is set.
    pub fn none_of(&mut self, argument: usize, mask: u32) {
        self.load(argument);
        self.0.extend([jump(libc::BPF_JSET, mask, 0, 1), verdict(DENIED)]);
    }

    /// One of the mask's bits at least is set.
    pub fn any_of(&mut self, argument: usize, mask: u32) {
        self.load(argument);
        self.0.extend([jump(libc::BPF_JSET, mask, 1, 0), verdict(DENIED)]);
    }
}
