//! POSIX patterns in PCRE2's words, as the C library means them without REG_NEWLINE.
//!
//! Only what means the same in both: no collating elements, no repeated repetitions, no reference to a group inside a
//! repeated one (which keeps its capture of an earlier round in one of them), nothing that POSIX leaves open.
#![forbid(unsafe_code)]

/// Translates a pattern that regcomp(3) has taken; None where the meaning could differ.
pub fn translate(pattern: &[u8], extended: bool) -> Option<Vec<u8>> {
    let mut translator = Translator {
        rest: pattern,
        extended,
        out: Vec::new(),
        last: Last::Nothing,
        groups: 0,
        open: Vec::new(),
        closed: Vec::new(),
        repeated: Vec::new(),
        references: Vec::new(),
    };
    while !translator.rest.is_empty() {
        translator.token()?;
    }
    let Translator { repeated, references, open, .. } = &translator;
    let unclear = references.iter().any(|group| repeated.iter().any(|inner| inner.contains(group)));
    (open.is_empty() && !unclear).then_some(translator.out)
}

/// What stands before a quantifier.
#[derive(Clone, PartialEq)]
enum Last {
    /// The beginning of a branch.
    Nothing,
    Anchor,
    Repetition,
    Atom,
    /// A group; the numbers of those inside it.
    Group(std::ops::Range<u32>),
}

struct Translator<'a> {
    rest: &'a [u8],
    extended: bool,
    out: Vec<u8>,
    last: Last,
    groups: u32,
    open: Vec<u32>,
    closed: Vec<u32>,
    repeated: Vec<std::ops::Range<u32>>,
    references: Vec<u32>,
}

impl Translator<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn put(&mut self, text: &str, last: Last) -> Option<()> {
        self.out.extend_from_slice(text.as_bytes());
        self.last = last;
        Some(())
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        self.put(&format!("\\x{byte:02x}"), Last::Atom)
    }

    fn token(&mut self) -> Option<()> {
        let byte = self.next()?;
        match byte {
            b'\\' => self.escaped(),
            b'[' => self.bracket(),
            // regcomp's dot is any byte but NUL.
            b'.' => self.put("[^\\x00]", Last::Atom),
            b'*' if self.last == Last::Nothing && !self.extended => self.literal(byte),
            b'*' => self.repeat("*"),
            b'^' if self.extended || self.last == Last::Nothing => self.put("\\A", Last::Anchor),
            b'$' if self.extended || self.ends_branch() => self.put("\\z", Last::Anchor),
            b'(' | b')' | b'|' | b'{' | b'+' | b'?' if self.extended => self.operator(byte),
            _ => self.literal(byte),
        }
    }

    fn ends_branch(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with(b"\\)") || self.rest.starts_with(b"\\|")
    }

    fn escaped(&mut self) -> Option<()> {
        let byte = self.next()?;
        match byte {
            b'(' | b')' | b'|' | b'{' | b'+' | b'?' if !self.extended => self.operator(byte),
            b'1'..=b'9' => {
                let group = u32::from(byte - b'0');
                self.references.push(group);
                self.closed.contains(&group).then_some(())?;
                self.put(&format!("\\g{{{group}}}"), Last::Atom)
            }
            b'w' | b'W' | b's' | b'S' => self.put(&format!("\\{}", char::from(byte)), Last::Atom),
            b'b' | b'B' => self.put(&format!("\\{}", char::from(byte)), Last::Anchor),
            b'<' => self.put("\\b(?=\\w)", Last::Anchor),
            b'>' => self.put("\\b(?<=\\w)", Last::Anchor),
            b'`' => self.put("\\A", Last::Anchor),
            b'\'' => self.put("\\z", Last::Anchor),
            _ if byte.is_ascii_punctuation() => self.literal(byte),
            _ => None,
        }
    }

    fn operator(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'(' => {
                self.groups += 1;
                self.open.push(self.groups);
                self.put("(", Last::Nothing)
            }
            b')' => {
                let group = self.open.pop()?;
                self.closed.push(group);
                self.put(")", Last::Group(group + 1..self.groups + 1))
            }
            b'|' => self.put("|", Last::Nothing),
            b'+' => self.repeat("+"),
            b'?' => self.repeat("?"),
            _ => self.interval(),
        }
    }

    fn repeat(&mut self, quantifier: &str) -> Option<()> {
        match std::mem::replace(&mut self.last, Last::Repetition) {
            Last::Atom => {}
            Last::Group(inner) => self.repeated.push(inner),
            _ => return None,
        }
        self.put(quantifier, Last::Repetition)
    }

    fn interval(&mut self) -> Option<()> {
        let len = self.rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b',')?;
        let (numbers, rest) = self.rest.split_at(len);
        self.rest = rest.strip_prefix(if self.extended { b"}".as_slice() } else { b"\\}" })?;
        let numbers = String::from_utf8_lossy(numbers).into_owned();
        match numbers.split_once(',') {
            Some(("", most)) if !most.is_empty() => self.repeat(&format!("{{0,{most}}}")),
            Some(("", _)) => None,
            _ => self.repeat(&format!("{{{numbers}}}")),
        }
    }

    fn bracket(&mut self) -> Option<()> {
        self.out.push(b'[');
        if self.rest.first() == Some(&b'^') {
            self.next();
            self.out.push(b'^');
        }
        let mut is_first = true;
        loop {
            let byte = self.next()?;
            let class = byte == b'[' && self.rest.first().is_some_and(|kind| b":.=".contains(kind));
            match byte {
                b']' if !is_first => break,
                b'[' if class => self.class()?,
                _ => {
                    self.out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
                    if self.rest.first() == Some(&b'-') && self.rest.get(1).is_some_and(|end| *end != b']') {
                        self.next();
                        let end = self.next().filter(|end| *end != b'[')?;
                        self.out.extend_from_slice(format!("-\\x{end:02x}").as_bytes());
                    }
                }
            }
            is_first = false;
        }
        self.put("]", Last::Atom)
    }

    /// `[:name:]`; regcomp knows the same names as PCRE2, which has some more.
    fn class(&mut self) -> Option<()> {
        let len = self.rest.windows(2).position(|pair| pair == b":]").filter(|at| *at > 0)?;
        let (name, rest) = self.rest.split_at(len);
        name.starts_with(b":").then_some(())?;
        self.rest = rest.get(2..)?;
        self.out.extend_from_slice(b"[");
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b":]");
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    fn extended(pattern: &str) -> Option<String> {
        translate(pattern.as_bytes(), true).map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    fn basic(pattern: &str) -> Option<String> {
        translate(pattern.as_bytes(), false).map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn operators_change_their_clothes() {
        assert_eq!(basic(r"^\(a*\)\{2,\}\1$").as_deref(), Some(r"\A(\x61*){2,}\g{1}\z"));
        assert_eq!(basic(r"*(a^$b)\|.").as_deref(), Some(r"\x2a\x28\x61\x5e\x24\x62\x29|[^\x00]"));
        assert_eq!(extended(r"(a|b)+\1{,3}\(").as_deref(), Some(r"(\x61|\x62)+\g{1}{0,3}\x28"));
        assert_eq!(
            extended(r"[]^a-c\[:digit:]-]\w").as_deref(),
            Some(r"[\x5d\x5e\x61-\x63\x5c[:digit:]\x2d]\w")
        );
    }

    #[test]
    fn what_is_unclear_is_left_alone() {
        for pattern in
            ["a**", "^*", "((a)|b)*\\2", "(a\\1)", "[[.a.]]", "[a-[.b.]]", "a{x", "\\q", "(a", "a)"]
        {
            assert_eq!(extended(pattern), None, "{pattern}");
        }
    }
}
