//! The grammars "basic" and "extended": the C library's regcomp(3) and regexec(3), leftmost-longest.
//!
//! Bytes are characters whatever the process's locale: the calls run under the C locale. The subject has bounds, so
//! NUL is a byte like others and the bytes before `start` are context.
//!
//! Without back-references a start costs no more than a pass over the subject. With them it grows with a power of its
//! length, so such patterns take short subjects only.

use super::{bound, posix_size, Fault, Options, Span, Wanted};
use std::ffi::{c_char, c_int, CString};
use std::mem::MaybeUninit;

extern "C" {
    fn ljos_regex_posix_group_count(regex: *const libc::regex_t) -> usize;
    fn ljos_regex_posix_search(
        regex: *mut libc::regex_t,
        subject: *const c_char,
        len: c_int,
        start: c_int,
        range: c_int,
        count: u32,
        starts: *mut c_int,
        ends: *mut c_int,
    ) -> c_int;
}

/// The longest subject of a pattern with none, one, two and more back-references; from one start `\(.*\)\1` takes a
/// second or so for it, and its like with more groups.
const LONGEST: [usize; 4] = [usize::MAX, 8192, 64, 40];

/// While it lives the thread's locale is C.
struct CLocale {
    previous: libc::locale_t,
}

impl CLocale {
    fn enter() -> CLocale {
        // SAFETY: the name is a C string. For the name "C" glibc returns a static object: nothing to free.
        let c = unsafe { libc::newlocale(libc::LC_ALL_MASK, c"C".as_ptr(), std::ptr::null_mut()) };
        // SAFETY: `c` is a locale; were it null the call would change nothing.
        CLocale { previous: unsafe { libc::uselocale(c) } }
    }
}

impl Drop for CLocale {
    fn drop(&mut self) {
        // SAFETY: it is what the thread used before.
        unsafe { libc::uselocale(self.previous) };
    }
}

pub struct Program {
    regex: Box<libc::regex_t>,
    ignore_case: bool,
    longest: usize,
    starts: Vec<c_int>,
    ends: Vec<c_int>,
}

impl Program {
    pub fn new(pattern: &[u8], extended: bool, options: Options) -> Result<Program, Fault> {
        posix_size::check(pattern, extended)?;
        let text = CString::new(pattern).map_err(|nul| Fault {
            offset: Some(nul.nul_position()),
            message: "a NUL byte, which this grammar cannot express".to_owned(),
        })?;
        let mut flags = if extended { libc::REG_EXTENDED } else { 0 };
        if options.ignore_case {
            flags |= libc::REG_ICASE;
        }
        let mut regex = Box::new(MaybeUninit::<libc::regex_t>::zeroed());
        let _locale = CLocale::enter();
        // SAFETY: `regex` is writable memory of the right type, `text` a C string.
        let status = unsafe { libc::regcomp(regex.as_mut_ptr(), text.as_ptr(), flags) };
        if status != 0 {
            return Err(Fault::new(&message_of(status, regex.as_ptr())));
        }
        // SAFETY: regcomp succeeded, so it initialised the object.
        let regex = unsafe { regex.assume_init() };
        let references = posix_size::count_references(pattern).min(LONGEST.len() - 1);
        let longest = LONGEST.get(references).copied().unwrap_or_default();
        let (starts, ends) = (Vec::new(), Vec::new());
        let mut program = Program { regex, ignore_case: options.ignore_case, longest, starts, ends };
        program.starts.resize(program.group_count() + 1, -1);
        program.ends.resize(program.group_count() + 1, -1);
        Ok(program)
    }

    pub fn group_count(&self) -> usize {
        // SAFETY: the object is compiled.
        unsafe { ljos_regex_posix_group_count(&*self.regex) }
    }

    pub fn find(
        &mut self,
        subject: &[u8],
        start: usize,
        wanted: Wanted,
        groups: usize,
    ) -> Result<Option<Span>, c_int> {
        match wanted {
            Wanted::Any => self.search(subject, start, groups),
            // The longest match at the leftmost place is the whole subject if any match is.
            Wanted::Whole => {
                let found = self.execute(subject, 0, 0, groups)?;
                Ok(found.filter(|span| span.end == subject.len()))
            }
            // Where the longest match is empty, none is not.
            Wanted::NotEmpty => {
                let mut from = start;
                while from <= subject.len() {
                    match self.search(subject, from, groups)? {
                        Some(span) if span.start == span.end => from = span.end + 1,
                        found => return Ok(found),
                    }
                }
                Ok(None)
            }
        }
    }

    pub fn group(&self, index: usize) -> Option<Span> {
        let start = usize::try_from(*self.starts.get(index)?).ok()?;
        Some(Span { start, end: *self.ends.get(index)? as usize })
    }

    fn search(&mut self, subject: &[u8], start: usize, groups: usize) -> Result<Option<Span>, c_int> {
        // One start with a back-reference may cost as much as all starts of another pattern.
        let width = if self.longest == usize::MAX { bound::FIRST_WINDOW } else { 1 };
        bound::in_windows(start, subject.len(), width, |first, last| {
            self.execute(subject, first, last, groups)
        })
    }

    /// Finds a match that begins at `first` to `last`.
    fn execute(
        &mut self,
        subject: &[u8],
        first: usize,
        last: usize,
        groups: usize,
    ) -> Result<Option<Span>, c_int> {
        if subject.len() - first > self.longest {
            return Err(libc::EOVERFLOW);
        }
        // Folding the case of the subject asks the locale, nothing else does.
        let _locale = self.ignore_case.then(CLocale::enter);
        // The C library keeps a log as long as the subject when it is asked for groups: ask for no more than needed.
        let count = self.starts.len().min(groups + 1);
        // SAFETY: the object is compiled and used by this thread alone; the subject has the length given, and its
        // pointer is never null for a slice; `starts` and `ends` have at least `count` elements.
        let status = unsafe {
            ljos_regex_posix_search(
                &mut *self.regex,
                subject.as_ptr().cast::<c_char>(),
                subject.len() as c_int,
                first as c_int,
                (last - first) as c_int,
                count as u32,
                self.starts.as_mut_ptr(),
                self.ends.as_mut_ptr(),
            )
        };
        match status {
            0.. => Ok(self.group(0)),
            -1 => Ok(None),
            _ => Err(libc::ENOMEM),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the object is compiled and not used again.
        unsafe { libc::regfree(&mut *self.regex) };
    }
}

fn message_of(status: c_int, regex: *const libc::regex_t) -> String {
    let mut text = [0u8; 128];
    // SAFETY: the buffer has the size given; `regex` is what regcomp was given.
    unsafe { libc::regerror(status, regex, text.as_mut_ptr().cast::<c_char>(), text.len()) };
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    String::from_utf8_lossy(text.get(..end).unwrap_or_default()).into_owned()
}
