//! Regular expressions: "ecma" by PCRE2, "basic" and "extended" by the C library (with back-references on longer subjects
//! by PCRE2).
//!
//! A handle owns its compiled pattern and the scratch memory of a search, so one thread uses it at a time. Results
//! are byte offsets from the start of the subject, written to the caller's array as pairs {start, end}, `end`
//! exclusive; the subject is neither copied nor kept. Besides bad arguments a search fails with `-EOVERFLOW` when it
//! costs more than `bound` and the engines allow, and with `-ENOMEM`.

mod bound;
mod ecma;
mod ecma_syntax;
mod posix;
mod posix_size;
mod posix_syntax;
mod split;

use crate::memory;
use std::ffi::{c_char, c_int, c_void};

/// The syntax of a pattern.
#[repr(C)]
pub enum RegexGrammar {
    LjosRegexBasic = 0,
    LjosRegexExtended = 1,
    LjosRegexEcma = 2,
}

/// How a pattern is compiled; the values are or-ed. `MULTILINE` is for the grammar ecma only.
#[repr(C)]
pub enum RegexFlag {
    LjosRegexIgnoreCase = 1,
    LjosRegexNosubs = 2,
    LjosRegexOptimize = 4,
    LjosRegexMultiline = 8,
}

/// Which match a search looks for: the first one, the first one that is not empty, or the whole subject.
#[repr(C)]
pub enum RegexWanted {
    LjosRegexAny = 0,
    LjosRegexNotEmpty = 1,
    LjosRegexWhole = 2,
}

/// Why a pattern was refused: the compiler's words (NUL-terminated), and how many bytes of the pattern it had read,
/// or -1 where it does not say.
#[repr(C)]
pub struct RegexFault {
    pub offset: i32,
    pub message: [c_char; 252],
}

/// Where a bulk split goes on: the position of the next field, -1 after the last one, and the end of the last
/// non-empty match, -1 before the first one. Begin with {0, -1}.
#[repr(C)]
pub struct RegexCursor {
    pub position: i32,
    pub last_end: i32,
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Any,
    NotEmpty,
    Whole,
}

#[derive(Clone, Copy)]
struct Options {
    ignore_case: bool,
    nosubs: bool,
    optimize: bool,
    multiline: bool,
}

/// Byte offsets of a match, `end` exclusive.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

struct Fault {
    offset: Option<usize>,
    message: String,
}

impl Fault {
    fn new(message: &str) -> Fault {
        Fault { offset: None, message: message.to_owned() }
    }
}

enum Program {
    Ecma(ecma::Program),
    Posix(posix::Program),
}

/// A compiled pattern; used by one thread at a time.
pub struct Regex {
    program: Program,
    group_count: usize,
}

impl Regex {
    fn new(grammar: c_int, options: Options, pattern: &[u8]) -> Result<Regex, Fault> {
        let (program, group_count) = if grammar == RegexGrammar::LjosRegexEcma as c_int {
            let program = ecma::Program::new(pattern, options)?;
            let group_count = program.group_count();
            (Program::Ecma(program), group_count)
        } else {
            let extended = grammar == RegexGrammar::LjosRegexExtended as c_int;
            let program = posix::Program::new(pattern, extended, options)?;
            let group_count = program.group_count();
            (Program::Posix(program), group_count)
        };
        Ok(Regex { program, group_count: if options.nosubs { 0 } else { group_count } })
    }

    /// Finds the first match at or after `start`; `groups` says how many groups `group` will be asked for.
    fn find(
        &mut self,
        subject: &[u8],
        start: usize,
        wanted: Wanted,
        groups: usize,
    ) -> Result<Option<Span>, c_int> {
        match &mut self.program {
            Program::Ecma(program) => program.find(subject, start, wanted),
            Program::Posix(program) => program.find(subject, start, wanted, groups),
        }
    }

    /// The span of group `index` (0: the whole match) in the match found last; None for a group that took no part.
    fn group(&self, index: usize) -> Option<Span> {
        match &self.program {
            Program::Ecma(program) => program.group(index),
            Program::Posix(program) => program.group(index),
        }
    }

    fn search(
        &mut self,
        subject: &[u8],
        start: usize,
        wanted: Wanted,
        out: &mut [i32],
    ) -> Result<usize, c_int> {
        let pairs = (self.group_count + 1).min(out.len() / 2);
        if self.find(subject, start, wanted, pairs.saturating_sub(1))?.is_none() {
            return Ok(0);
        }
        for (index, pair) in out.chunks_exact_mut(2).take(pairs).enumerate() {
            let (start, end) =
                self.group(index).map_or((-1, -1), |span| (span.start as i32, span.end as i32));
            pair.copy_from_slice(&[start, end]);
        }
        Ok(pairs)
    }
}

fn result(outcome: Result<usize, c_int>) -> c_int {
    match outcome {
        Ok(count) => count as c_int,
        Err(errno) => -errno,
    }
}

fn report(fault: &Fault, out: &mut RegexFault) {
    out.offset = fault.offset.map_or(-1, |offset| offset as i32);
    let room = out.message.len() - 1;
    let text = fault.message.as_bytes();
    for (to, from) in out.message.iter_mut().zip(text.iter().take(room).chain(&[0])) {
        *to = *from as c_char;
    }
}

/// Compiles a pattern. A pattern that cannot be compiled gives `-EINVAL` and says why in `fault`.
///
/// # Safety
/// `pattern` holds `len` bytes; `out` and `fault` are valid for one write. End the handle with `ljos_regex_free`.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_new(
    grammar: c_int,
    flags: u32,
    pattern: *const c_void,
    len: u32,
    out: *mut *mut Regex,
    fault: *mut RegexFault,
) -> c_int {
    // SAFETY: the caller's promise.
    let pattern = unsafe { memory::slice(pattern.cast::<u8>(), len as usize) };
    let has = |flag: RegexFlag| flags & flag as u32 != 0;
    let options = Options {
        ignore_case: has(RegexFlag::LjosRegexIgnoreCase),
        nosubs: has(RegexFlag::LjosRegexNosubs),
        optimize: has(RegexFlag::LjosRegexOptimize),
        multiline: has(RegexFlag::LjosRegexMultiline),
    };
    match Regex::new(grammar, options, pattern) {
        Ok(regex) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(Box::into_raw(Box::new(regex))) };
            0
        }
        Err(reason) => {
            // SAFETY: the caller's promise.
            report(&reason, unsafe { memory::handle(fault) });
            -libc::EINVAL
        }
    }
}

/// Ends a handle.
///
/// # Safety
/// `regex` came from `ljos_regex_new` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_free(regex: *mut Regex) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(regex) });
}

/// The number of groups that capture; 0 for a pattern compiled with `LJOS_REGEX_NOSUBS`.
///
/// # Safety
/// `regex` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_group_count(regex: *mut Regex) -> c_int {
    // SAFETY: the caller's promise.
    let regex = unsafe { memory::handle(regex) };
    regex.group_count as c_int
}

/// Finds a match at or after byte `start`, writes its offsets and returns how many pairs it wrote, at most `capacity`;
/// 0 without a match. What is before `start` counts as context (`^`, `\b`). Pair 0 is the match, pair n group n,
/// {-1, -1} for a group that took no part. `LJOS_REGEX_WHOLE` needs a `start` of 0.
///
/// # Safety
/// `regex` is live; `subject` holds `len` bytes; `offsets` has room for `2 * capacity` elements, at least one pair.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_search(
    regex: *mut Regex,
    subject: *const c_void,
    len: u32,
    start: u32,
    wanted: c_int,
    offsets: *mut i32,
    capacity: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let regex = unsafe { memory::handle(regex) };
    // SAFETY: the caller's promise.
    let subject = unsafe { memory::slice(subject.cast::<u8>(), len as usize) };
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(offsets, 2 * capacity as usize) };
    let wanted = match wanted {
        w if w == RegexWanted::LjosRegexNotEmpty as c_int => Wanted::NotEmpty,
        w if w == RegexWanted::LjosRegexWhole as c_int => Wanted::Whole,
        _ => Wanted::Any,
    };
    if out.is_empty() || start > len || (wanted == Wanted::Whole && start > 0) {
        return -libc::EINVAL;
    }
    result(regex.search(subject, start as usize, wanted, out))
}

/// Writes the fields between the matches, at most `capacity` pairs, and moves `cursor` on. Returns their number.
///
/// An empty match separates nothing; fields may be empty, but one empty field at the end is dropped; an empty
/// subject is one empty field (gawk's FS).
///
/// # Safety
/// As for `ljos_regex_search`; `cursor` is valid for reads and writes.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_split(
    regex: *mut Regex,
    subject: *const c_void,
    len: u32,
    cursor: *mut RegexCursor,
    offsets: *mut i32,
    capacity: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let regex = unsafe { memory::handle(regex) };
    // SAFETY: the caller's promise.
    let subject = unsafe { memory::slice(subject.cast::<u8>(), len as usize) };
    // SAFETY: the caller's promise.
    let cursor = unsafe { memory::handle(cursor) };
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(offsets, 2 * capacity as usize) };
    result(split::between(regex, subject, cursor, out))
}

/// Writes the matches themselves, at most `capacity` pairs, and moves `cursor` on. Returns their number.
///
/// A match may be empty, but not right behind a match that was not; an empty subject has none (gawk's FPAT).
///
/// # Safety
/// As for `ljos_regex_split`.
#[no_mangle]
pub unsafe extern "C" fn ljos_regex_patsplit(
    regex: *mut Regex,
    subject: *const c_void,
    len: u32,
    cursor: *mut RegexCursor,
    offsets: *mut i32,
    capacity: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let regex = unsafe { memory::handle(regex) };
    // SAFETY: the caller's promise.
    let subject = unsafe { memory::slice(subject.cast::<u8>(), len as usize) };
    // SAFETY: the caller's promise.
    let cursor = unsafe { memory::handle(cursor) };
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(offsets, 2 * capacity as usize) };
    result(split::matches(regex, subject, cursor, out))
}
