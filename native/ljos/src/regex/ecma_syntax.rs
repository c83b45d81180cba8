//! ECMAScript's syntax where the same text means something else to PCRE2.
//!
//! PCRE2's own options cover most of it (see `ecma.rs`). What is left is rewritten here: `\v` is the vertical tab, a
//! brace that begins no quantifier is itself, `\X` of a letter without a meaning is refused (PCRE2 gives meanings to
//! most of them), and so is `(*`, by which a PCRE2 pattern changes modes. What ECMAScript would refuse and PCRE2
//! understands, like `(?>...)`, is left alone.
#![forbid(unsafe_code)]

use super::Fault;

/// A pattern for PCRE2 that knows where each of its bytes came from.
#[derive(Default)]
pub struct Translated {
    pub pattern: Vec<u8>,
    origin: Vec<usize>,
}

impl Translated {
    /// The offset in the original pattern of a byte of the translated one.
    pub fn original(&self, offset: usize) -> Option<usize> {
        self.origin.get(offset).copied()
    }

    fn push(&mut self, bytes: &[u8], from: usize) {
        self.pattern.extend_from_slice(bytes);
        self.origin.resize(self.pattern.len(), from);
    }
}

/// Translates a pattern; the one thing it refuses is what PCRE2 would take for something else.
pub fn translate(source: &[u8]) -> Result<Translated, Fault> {
    let mut out = Translated::default();
    let mut in_class = false;
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let rest = source.get(at..).unwrap_or_default();
        let len = match byte {
            b'\\' => escape(rest, at, &mut out)?,
            b'[' if in_class => copy(rest, posix_class(rest), at, &mut out),
            b'[' => {
                in_class = true;
                copy(rest, if rest.starts_with(b"[^") { 2 } else { 1 }, at, &mut out)
            }
            b']' => {
                in_class = false;
                copy(rest, 1, at, &mut out)
            }
            b'{' if !in_class && !is_quantifier(rest) => {
                out.push(b"\\{", at);
                1
            }
            b'(' if !in_class && rest.starts_with(b"(*") => {
                return Err(fault(at + 1, "nothing to repeat"));
            }
            _ => copy(rest, 1, at, &mut out),
        };
        at += len;
    }
    Ok(out)
}

fn fault(offset: usize, message: &str) -> Fault {
    Fault { offset: Some(offset), message: message.to_owned() }
}

fn copy(rest: &[u8], len: usize, at: usize, out: &mut Translated) -> usize {
    for (index, byte) in rest.iter().take(len).enumerate() {
        out.push(&[*byte], at + index);
    }
    len
}

/// Translates the escape at the head of `rest`; returns its length.
fn escape(rest: &[u8], at: usize, out: &mut Translated) -> Result<usize, Fault> {
    match rest.get(1) {
        None => Ok(copy(rest, 1, at, out)),
        Some(b'v') => {
            out.push(b"\\x0b", at);
            Ok(2)
        }
        Some(b'c') => match rest.get(2) {
            Some(letter) if letter.is_ascii_alphabetic() => Ok(copy(rest, 3, at, out)),
            _ => Err(fault(at + 2, "\\c must be followed by a letter")),
        },
        Some(b'k') if rest.get(2) != Some(&b'<') => Err(fault(at + 2, "\\k must be followed by <name>")),
        Some(letter) if letter.is_ascii_alphabetic() && !b"bBdDsSwWfnrtxuk".contains(letter) => {
            Err(fault(at + 2, &format!("\\{} is no escape of ECMAScript", *letter as char)))
        }
        Some(_) => Ok(copy(rest, 2, at, out)),
    }
}

/// The length of `[:name:]` (or with `.` or `=`) at the head of `rest`, else 1 for the lone bracket.
fn posix_class(rest: &[u8]) -> usize {
    let Some(&kind) = rest.get(1).filter(|kind| b":.=".contains(kind)) else { return 1 };
    let name = rest.iter().skip(2).take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'^').count();
    let closed = rest.get(name + 2) == Some(&kind) && rest.get(name + 3) == Some(&b']');
    if closed {
        name + 4
    } else {
        1
    }
}

/// Whether `rest` begins with `{n}`, `{n,}` or `{n,m}`.
fn is_quantifier(rest: &[u8]) -> bool {
    let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let min = digits(1);
    if min == 0 {
        return false;
    }
    match rest.get(min + 1) {
        Some(b'}') => true,
        Some(b',') => rest.get(min + 2 + digits(min + 2)) == Some(&b'}'),
        _ => false,
    }
}
