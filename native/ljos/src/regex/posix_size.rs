//! How large a POSIX pattern gets when its repetitions are written out.
//!
//! regcomp(3) of glibc has no limit: `((a{255}){255}){255}` takes gigabytes, thousands of stars take minutes, and long
//! patterns overflow the stack. So patterns are measured before it sees them.
#![forbid(unsafe_code)]

use super::Fault;

/// Characters, brackets and operators, repetitions written out.
const MAX_ITEMS: usize = 32 * 1024;
/// Of these, the ones at which a match branches: `*`, `?`, `|`, intervals and groups. Memory grows with their square.
const MAX_BRANCHES: usize = 2000;

#[derive(Clone, Copy, Default)]
struct Size {
    items: usize,
    branches: usize,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.items = self.items.saturating_add(other.items);
        self.branches = self.branches.saturating_add(other.branches);
    }

    fn times(self, factor: usize) -> Size {
        Size { items: self.items.saturating_mul(factor), branches: self.branches.saturating_mul(factor) }
    }
}

const ITEM: Size = Size { items: 1, branches: 0 };
const BRANCH: Size = Size { items: 1, branches: 1 };

/// Refuses a pattern that is too large for regcomp. What is wrong in the pattern otherwise is left to regcomp.
pub fn check(pattern: &[u8], extended: bool) -> Result<(), Fault> {
    let size = measure(pattern, extended);
    if size.items > MAX_ITEMS || size.branches > MAX_BRANCHES {
        return Err(Fault::new("the pattern is too large"));
    }
    Ok(())
}

fn measure(pattern: &[u8], extended: bool) -> Size {
    // The sizes of the open groups, and of the innermost one's last item, which an interval repeats.
    let (mut open, mut size, mut last) = (Vec::new(), Size::default(), ITEM);
    let mut at = 0;
    while let Some(&byte) = pattern.get(at) {
        let escaped = byte == b'\\' && at + 1 < pattern.len();
        let token = if escaped { pattern.get(at + 1).copied().unwrap_or(byte) } else { byte };
        at += if escaped { 2 } else { 1 };
        // An operator is a bare character in one grammar and an escaped one in the other; `*` and `[` are bare in both.
        let operator = escaped != extended;
        match token {
            b'(' if operator => {
                open.push(size);
                size = BRANCH;
            }
            b')' if operator => {
                last = size;
                size = open.pop().unwrap_or_default();
                size.add(last);
            }
            b'{' if operator => {
                let (factor, len) = interval(pattern.get(at..).unwrap_or_default());
                size.add(last.times(factor - 1));
                size.add(BRANCH);
                last = last.times(factor);
                at += len + if extended { 1 } else { 2 };
            }
            b'*' | b'+' | b'?' | b'|' => size.add(BRANCH),
            b'[' if !escaped => {
                at += bracket_len(pattern.get(at..).unwrap_or_default());
                last = ITEM;
                size.add(last);
            }
            _ => {
                last = ITEM;
                size.add(last);
            }
        }
    }
    for outer in open {
        size.add(outer);
    }
    size
}

/// How many back-references a pattern has: `\1` to `\9`, in either grammar.
pub fn count_references(pattern: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(&byte) = pattern.get(at) {
        at += 1;
        if byte == b'[' {
            at += bracket_len(pattern.get(at..).unwrap_or_default());
        } else if byte == b'\\' {
            count += usize::from(matches!(pattern.get(at), Some(b'1'..=b'9')));
            at += 1;
        }
    }
    count
}

/// The largest number of an interval (at least 1), and the interval's length without its closing brace.
fn interval(rest: &[u8]) -> (usize, usize) {
    let (mut number, mut largest, mut len) = (0usize, 1, 0);
    for byte in rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b',') {
        number =
            if *byte == b',' { 0 } else { number.saturating_mul(10).saturating_add((byte - b'0') as usize) };
        largest = largest.max(number);
        len += 1;
    }
    (largest, len)
}

/// The length of a bracket expression behind its `[`, with the closing bracket.
fn bracket_len(rest: &[u8]) -> usize {
    let mut at = usize::from(rest.first() == Some(&b'^'));
    // A bracket that comes first is a member.
    at += usize::from(rest.get(at) == Some(&b']'));
    while let Some(&byte) = rest.get(at) {
        at += 1;
        if byte == b']' {
            break;
        }
        let kind = rest.get(at).copied().unwrap_or_default();
        if byte == b'[' && b":.=".contains(&kind) {
            let name = rest.iter().skip(at + 1);
            at +=
                1 + name.zip(rest.iter().skip(at + 2)).take_while(|pair| *pair != (&kind, &b']')).count() + 2;
        }
    }
    at.min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::{count_references, measure};

    fn items(pattern: &str) -> usize {
        measure(pattern.as_bytes(), true).items
    }

    #[test]
    fn references_are_counted() {
        assert_eq!(count_references(br"(a)\1\\2[\3](b)\2"), 2);
        assert_eq!(count_references(br"\0\n\"), 0);
    }

    #[test]
    fn repetitions_are_written_out() {
        assert_eq!(items("abc"), 3);
        assert_eq!(items("a{3}b"), 3 + 1 + 1);
        assert_eq!(items("(ab){2,10}"), 30 + 1);
        assert!(items("((a{255}){255}){255}") > 16_000_000);
        assert_eq!(items("a{2}{3}"), 2 + 1 + 4 + 1);
        assert_eq!(items("[]({a]{2}"), 2 + 1);
        assert_eq!(items("[[:alpha:](]{2}"), 2 + 1);
        assert_eq!(items("\\(a{2}"), 1 + 2 + 1);
        assert_eq!(items("(((a{9}"), 3 + 9 + 1);
        assert_eq!(measure(b"(a{9}\\(b\\)\\{7\\}", false).items, 5 + 14 + 1);
    }
}
