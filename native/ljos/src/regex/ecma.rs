//! The grammar "ecma": PCRE2 over bytes, with the options that bring it closest to ECMAScript.
//!
//! A program is compiled to machine code at its first search (at once when `optimize` is set), and searched by the
//! interpreter where PCRE2 has no compiler or the process may not map executable memory. A second program, bound to
//! both ends, is made when a whole-subject match is first asked for: PCRE2's machine code cannot be told so at the call.
//! Of each there is a guarded form for long subjects, which reports every step (PCRE2_AUTO_CALLOUT) to a meter that
//! ends the search when it has cost too much.
//! Three differences from ECMAScript stay: a group inside a repetition keeps its capture of an earlier round, one that a
//! repetition matches empty (`(a*)?`) has taken part, and letters are ASCII.

use super::{ecma_syntax, Fault, Options, Span, Wanted};
use pcre2_sys::*;
use std::ffi::{c_int, c_void};
use std::ptr::{null_mut, NonNull};

/// How often a search of a short subject may backtrack from one starting point.
const MATCH_LIMIT: u32 = 10_000_000;
/// Longer subjects are searched by guarded programs. In machine code not every step counts toward the match limit: for
/// what does not, a power of the subject's length is bound enough only where that is small.
const GUARDED_FROM: usize = 256;
/// What a guarded search may cost: bytes passed, forward and back, and steps of the pattern; a second or so.
const COST: usize = 1_000_000_000;
const COST_PER_BYTE: usize = 100;
/// What the interpreter may allocate for one search, in KiB.
const HEAP_LIMIT_KIB: u32 = 256 * 1024;
/// Machine code first runs on 32 KiB of the thread's own stack, then on one of this size.
const JIT_STACK_MAX: usize = 64 * 1024 * 1024;
const JIT_STACK_START: usize = 64 * 1024;

const SYNTAX: u32 = PCRE2_ALT_BSUX
    | PCRE2_MATCH_UNSET_BACKREF
    | PCRE2_ALLOW_EMPTY_CLASS
    | PCRE2_DOLLAR_ENDONLY
    | PCRE2_NEVER_UTF;

struct Code {
    code: NonNull<pcre2_code_8>,
    compiled: bool,
}

impl Code {
    fn new(pattern: &[u8], options: u32) -> Result<Code, (usize, c_int)> {
        // SAFETY: no arguments that matter; null is checked.
        let context = unsafe { pcre2_compile_context_create_8(null_mut()) };
        if context.is_null() {
            return Err((0, PCRE2_ERROR_NOMEMORY));
        }
        // ECMAScript's line terminators, as far as they are bytes.
        // SAFETY: the context is live.
        unsafe { pcre2_set_newline_8(context, PCRE2_NEWLINE_ANYCRLF) };
        let mut error = 0;
        let mut offset = 0;
        // SAFETY: the pattern is a slice; the context is live.
        let code = unsafe {
            pcre2_compile_8(pattern.as_ptr(), pattern.len(), options, &mut error, &mut offset, context)
        };
        // SAFETY: the context is not used again; null was ruled out.
        unsafe { pcre2_compile_context_free_8(context) };
        NonNull::new(code).map(|code| Code { code, compiled: false }).ok_or((offset, error))
    }

    fn group_count(&self) -> usize {
        let mut count = 0u32;
        let to: *mut u32 = &mut count;
        // SAFETY: the code is live; the answer is a u32.
        unsafe { pcre2_pattern_info_8(self.code.as_ptr(), PCRE2_INFO_CAPTURECOUNT, to.cast::<c_void>()) };
        count as usize
    }

    /// Makes machine code; without it the interpreter runs, so a failure is none.
    fn optimize(&mut self) {
        if !self.compiled {
            self.compiled = true;
            // SAFETY: the code is live and used by this thread alone.
            unsafe { pcre2_jit_compile_8(self.code.as_ptr(), PCRE2_JIT_COMPLETE) };
        }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the code is live and not used again.
        unsafe { pcre2_code_free_8(self.code.as_ptr()) };
    }
}

/// What a program is for.
#[derive(Clone, Copy)]
enum Kind {
    Search,
    Whole,
    Longest,
}

/// The beginning of a `pcre2_callout_block` (pcre2.h), which crate pcre2-sys leaves out.
#[repr(C)]
struct CalloutBlock {
    version: u32,
    callout_number: u32,
    capture_top: u32,
    capture_last: u32,
    offset_vector: *const usize,
    mark: *const u8,
    subject: *const u8,
    subject_length: usize,
    start_match: usize,
    current_position: usize,
}

type Callout = unsafe extern "C" fn(*mut CalloutBlock, *mut c_void) -> c_int;

extern "C" {
    fn pcre2_set_callout_8(context: *mut pcre2_match_context_8, callout: Callout, data: *mut c_void)
        -> c_int;
}

/// The number of the callout at the end of a pattern whose longest match is looked for; those of AUTO_CALLOUT are 255.
const AT_END: u32 = 1;

/// Adds up what a guarded search costs, and keeps the longest match where that is looked for.
#[derive(Default)]
struct Meter {
    left: usize,
    position: usize,
    longest: Option<Span>,
    /// Of the longest match: starts and ends of its groups, those of the whole first.
    groups: Vec<usize>,
}

impl Meter {
    /// The end of the pattern was reached. Takes the match for the longest one, if it is, and has PCRE2 look for others.
    fn reached(&mut self, match_: Span, offsets: &[usize], len: usize) -> c_int {
        if self.longest.is_none_or(|longest| longest.end < match_.end) {
            self.longest = Some(match_);
            self.groups.clear();
            self.groups.extend_from_slice(offsets);
        }
        if match_.end == len {
            PCRE2_ERROR_CALLOUT
        } else {
            1
        }
    }
}

/// Called by PCRE2 before each step of the pattern.
unsafe extern "C" fn count(block: *mut CalloutBlock, meter: *mut c_void) -> c_int {
    // SAFETY: PCRE2 passes a block that lives during the call.
    let block = unsafe { &*block };
    let position = block.current_position;
    // SAFETY: `Program::new` registered its meter, which lives as long as the context and is touched nowhere else
    // during a search.
    let meter = unsafe { &mut *meter.cast::<Meter>() };
    let cost = position.abs_diff(meter.position) + 1;
    meter.position = position;
    match meter.left.checked_sub(cost) {
        Some(left) => meter.left = left,
        None => return PCRE2_ERROR_MATCHLIMIT,
    }
    if block.callout_number != AT_END {
        return 0;
    }
    // SAFETY: PCRE2 has the offsets of so many groups there during the call.
    let offsets = unsafe { crate::memory::slice(block.offset_vector, 2 * block.capture_top as usize) };
    meter.reached(Span { start: block.start_match, end: position }, offsets, block.subject_length)
}

pub struct Program {
    /// Unbound, bound to both ends, both of these guarded; and one that begins where it is told and reports its end.
    codes: [Option<Code>; 5],
    pattern: Vec<u8>,
    options: u32,
    group_count: usize,
    data: *mut pcre2_match_data_8,
    context: *mut pcre2_match_context_8,
    stack: *mut pcre2_jit_stack_8,
    meter: Box<Meter>,
}

impl Program {
    pub fn new(source: &[u8], wanted: Options) -> Result<Program, Fault> {
        let translated = ecma_syntax::translate(source)?;
        let mut options = SYNTAX;
        for (flag, bit) in [
            (wanted.ignore_case, PCRE2_CASELESS),
            (wanted.nosubs, PCRE2_NO_AUTO_CAPTURE),
            (wanted.multiline, PCRE2_MULTILINE),
        ] {
            options |= if flag { bit } else { 0 };
        }
        let search =
            Code::new(&translated.pattern, options | PCRE2_USE_OFFSET_LIMIT).map_err(|(offset, error)| {
                Fault {
                    offset: Some(translated.original(offset).unwrap_or(source.len())),
                    message: message_of(error),
                }
            })?;
        let mut program = Program::with(search, translated.pattern, options)?;
        if wanted.optimize {
            // What compiled once compiles again; a lack of memory is found at the first match.
            let _ = (program.code(Kind::Search, false), program.code(Kind::Whole, false));
        }
        Ok(program)
    }

    /// For a pattern in PCRE2's own words, of which `find_longest` is asked.
    pub fn for_longest(pattern: Vec<u8>, ignore_case: bool) -> Option<Program> {
        let options = PCRE2_NEVER_UTF | if ignore_case { PCRE2_CASELESS } else { 0 };
        let search = Code::new(&pattern, options).ok()?;
        Program::with(search, pattern, options).ok()
    }

    fn with(search: Code, pattern: Vec<u8>, options: u32) -> Result<Program, Fault> {
        // SAFETY: the code is live; null is checked.
        let data = unsafe { pcre2_match_data_create_from_pattern_8(search.code.as_ptr(), null_mut()) };
        // SAFETY: no arguments that matter; null is checked.
        let context = unsafe { pcre2_match_context_create_8(null_mut()) };
        let mut program = Program {
            group_count: search.group_count(),
            codes: [Some(search), None, None, None, None],
            pattern,
            options,
            data,
            context,
            stack: null_mut(),
            meter: Box::default(),
        };
        if data.is_null() || context.is_null() {
            return Err(Fault::new(&message_of(PCRE2_ERROR_NOMEMORY)));
        }
        // SAFETY: the context is live.
        unsafe { pcre2_set_match_limit_8(context, MATCH_LIMIT) };
        // SAFETY: the context is live.
        unsafe { pcre2_set_heap_limit_8(context, HEAP_LIMIT_KIB) };
        let meter = (&raw mut *program.meter).cast::<c_void>();
        // SAFETY: the context is live; the meter lives as long as it.
        unsafe { pcre2_set_callout_8(context, count, meter) };
        Ok(program)
    }

    pub fn group_count(&self) -> usize {
        self.group_count
    }

    pub fn find(&mut self, subject: &[u8], start: usize, wanted: Wanted) -> Result<Option<Span>, c_int> {
        let kind = if wanted == Wanted::Whole { Kind::Whole } else { Kind::Search };
        let guarded = subject.len() - start >= GUARDED_FROM;
        self.meter.longest = None;
        match self.run(kind, guarded, subject, start, wanted)? {
            true => Ok(self.group(0)),
            false => Ok(None),
        }
    }

    /// As `find`, of the matches that begin where that one does the longest.
    pub fn find_longest(
        &mut self,
        subject: &[u8],
        start: usize,
        wanted: Wanted,
    ) -> Result<Option<Span>, c_int> {
        let found = self.find(subject, start, wanted)?;
        if let (Some(first), false) = (found, wanted == Wanted::Whole) {
            self.run(Kind::Longest, true, subject, first.start, Wanted::Any)?;
            return Ok(self.meter.longest);
        }
        Ok(found)
    }

    fn run(
        &mut self,
        kind: Kind,
        guarded: bool,
        subject: &[u8],
        start: usize,
        wanted: Wanted,
    ) -> Result<bool, c_int> {
        let code = self.code(kind, guarded)?;
        let options = if wanted == Wanted::NotEmpty { PCRE2_NOTEMPTY } else { 0 };
        self.meter.left = COST + COST_PER_BYTE * (subject.len() - start);
        self.meter.position = start;
        let mut status = self.execute(code, subject, start, options);
        if status == PCRE2_ERROR_JIT_STACKLIMIT && self.grow_stack() {
            status = self.execute(code, subject, start, options);
        }
        if status == PCRE2_ERROR_JIT_STACKLIMIT {
            status = self.execute(code, subject, start, options | PCRE2_NO_JIT);
        }
        match status {
            0.. | PCRE2_ERROR_CALLOUT => Ok(true),
            PCRE2_ERROR_NOMATCH => Ok(false),
            PCRE2_ERROR_NOMEMORY => Err(libc::ENOMEM),
            // The limits, and endless recursion (`(?R)`), the only other one that a checked pattern can cause.
            _ => Err(libc::EOVERFLOW),
        }
    }

    pub fn group(&self, index: usize) -> Option<Span> {
        if let (Some(longest), 0) = (self.meter.longest, index) {
            return Some(longest);
        }
        // SAFETY: the match data is live.
        let count = unsafe { pcre2_get_ovector_count_8(self.data) } as usize;
        // SAFETY: the match data is live.
        let pairs = unsafe { pcre2_get_ovector_pointer_8(self.data) };
        // SAFETY: PCRE2 keeps `count` pairs there until the next search.
        let pairs = unsafe { crate::memory::slice(pairs.cast_const(), 2 * count) };
        let pairs = if self.meter.longest.is_some() { &self.meter.groups } else { pairs };
        let (start, end) = (*pairs.get(2 * index)?, *pairs.get(2 * index + 1)?);
        // A group that took no part has usize::MAX.
        (start <= end && end != usize::MAX).then_some(Span { start, end })
    }

    fn code(&mut self, kind: Kind, guarded: bool) -> Result<NonNull<pcre2_code_8>, c_int> {
        let (index, bound) = match kind {
            Kind::Search => (2 * usize::from(guarded), 0),
            Kind::Whole => (1 + 2 * usize::from(guarded), PCRE2_ANCHORED | PCRE2_ENDANCHORED),
            Kind::Longest => (4, PCRE2_ANCHORED),
        };
        let slot = self.codes.get_mut(index).ok_or(libc::EINVAL)?;
        let code = match slot {
            Some(code) => code,
            None => {
                let options = self.options | bound | if guarded { PCRE2_AUTO_CALLOUT } else { 0 };
                let made = match kind {
                    Kind::Longest => {
                        let pattern = [b"(?:", self.pattern.as_slice(), b")(?C1)"].concat();
                        Code::new(&pattern, options)
                    }
                    _ => Code::new(&self.pattern, options),
                };
                slot.insert(made.map_err(|_| libc::ENOMEM)?)
            }
        };
        code.optimize();
        Ok(code.code)
    }

    fn execute(&self, code: NonNull<pcre2_code_8>, subject: &[u8], start: usize, options: u32) -> c_int {
        // SAFETY: code, data and context are live and of one pattern; `start` is within the subject.
        unsafe {
            pcre2_match_8(
                code.as_ptr(),
                subject.as_ptr(),
                subject.len(),
                start,
                options,
                self.data,
                self.context,
            )
        }
    }

    /// Gives the machine code the large stack; false when it has it already, or there is none.
    fn grow_stack(&mut self) -> bool {
        if !self.stack.is_null() {
            return false;
        }
        // SAFETY: no arguments that matter; null is checked.
        self.stack = unsafe { pcre2_jit_stack_create_8(JIT_STACK_START, JIT_STACK_MAX, null_mut()) };
        if self.stack.is_null() {
            return false;
        }
        // SAFETY: without a callback the last argument is the stack, which lives as long as the context.
        unsafe { pcre2_jit_stack_assign_8(self.context, None, self.stack.cast::<c_void>()) };
        true
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: live or null, not used again.
        unsafe { pcre2_match_data_free_8(self.data) };
        // SAFETY: live or null, not used again.
        unsafe { pcre2_match_context_free_8(self.context) };
        // SAFETY: live or null, not used again.
        unsafe { pcre2_jit_stack_free_8(self.stack) };
    }
}

fn message_of(error: c_int) -> String {
    let mut text = [0u8; 256];
    // SAFETY: the buffer has the size given.
    let len = unsafe { pcre2_get_error_message_8(error, text.as_mut_ptr(), text.len()) };
    let len = usize::try_from(len).unwrap_or(0);
    String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()
}
