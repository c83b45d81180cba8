//! The grammars "basic" and "extended": the C library's regcomp(3) and regexec(3), leftmost-longest.
//!
//! Bytes are characters whatever the process's locale: the calls run under the C locale. The subject has bounds, so
//! NUL is a byte like others and the bytes before `start` are context.
//!
//! Without back-references a start costs no more than a pass over the subject. With them it grows with a power of its
//! length, so on longer subjects PCRE2 searches for such patterns, which can be stopped. Its match is the leftmost
//! longest, too; of groups that could share a match in several ways it may prefer another one.

use super::{bound, ecma, posix_size, posix_syntax, Fault, Options, Span, Wanted};
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

/// The longest subject that the C library gets of a pattern with none, one, two and more back-references, which PCRE2 is
/// not given: from one start `\(.*\)\1` takes a second or so for it, and its like with more groups.
const LONGEST: [usize; 4] = [usize::MAX, 8192, 64, 40];
/// And of one that PCRE2 may be given.
const LONGEST_TRACKED: usize = 40;

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
    /// For longer subjects, where the pattern means the same there.
    tracker: Option<ecma::Program>,
    /// Whether the match found last is the tracker's.
    tracked: bool,
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
        let translated = if references > 0 { posix_syntax::translate(pattern, extended) } else { None };
        let tracker = translated.and_then(|text| ecma::Program::for_longest(text, options.ignore_case));
        let longest =
            if tracker.is_some() { Some(&LONGEST_TRACKED) } else { LONGEST.get(references) }.copied();
        let mut program = Program {
            regex,
            ignore_case: options.ignore_case,
            longest: longest.unwrap_or_default(),
            tracker,
            tracked: false,
            starts: Vec::new(),
            ends: Vec::new(),
        };
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
        self.tracked = subject.len() - start > self.longest;
        if self.tracked {
            return self.tracker.as_mut().ok_or(libc::EOVERFLOW)?.find_longest(subject, start, wanted);
        }
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
        if let (Some(tracker), true) = (&self.tracker, self.tracked) {
            return tracker.group(index);
        }
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

#[cfg(test)]
mod tests {
    use super::{Options, Program, Wanted};

    /// Without anchors: glibc finds `(.*)(b*)\1\2$` in the middle of "acb".
    const PIECES: [&str; 13] =
        ["a", "b", ".", "(a)", "(b*)", "(.)", "(a|ab)", "\\1", "\\1", "\\2", "a*", "[^a]", "(.*)"];

    fn random(state: &mut u32, below: usize) -> usize {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 16) as usize % below
    }

    #[test]
    fn both_ways_find_the_same() {
        let options = Options { ignore_case: false, nosubs: false, optimize: false, multiline: false };
        let mut state = 7;
        let mut compared = 0;
        for _ in 0..20_000 {
            let count = 2 + random(&mut state, 5);
            let pattern: String =
                (0..count).filter_map(|_| PIECES.get(random(&mut state, PIECES.len())).copied()).collect();
            let len = 1 + random(&mut state, 8);
            let subject: String = (0..len).filter_map(|_| "abc".chars().nth(random(&mut state, 3))).collect();
            let Ok(mut program) = Program::new(pattern.as_bytes(), true, options) else { continue };
            if program.tracker.is_none() {
                continue;
            }
            for wanted in [Wanted::Any, Wanted::NotEmpty, Wanted::Whole] {
                let mut find = |longest| {
                    program.longest = longest;
                    let found = program.find(subject.as_bytes(), 0, wanted, 9);
                    found.map(|span| span.map(|span| (span.start, span.end)))
                };
                assert_eq!(find(len), find(0), "{pattern} in {subject}");
                compared += 1;
            }
        }
        assert!(compared > 1000);
    }
}
