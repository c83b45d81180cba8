//! Where the fields of a record begin and end.
//!
//! Leading and inner empty fields count, one trailing empty field does not; an empty record has one empty field.
#![forbid(unsafe_code)]

use super::mask::{below, blank_at, equal_at, is_blank, Isa};
use std::ops::ControlFlow;

/// What is cut off both ends of a record: a set of bytes, one bit each.
pub type Trim<'a> = Option<&'a [u8; 32]>;

/// The set of linear white space.
pub const BLANKS: [u8; 32] = {
    let mut set = [0; 32];
    set[1] = 0b0011_1110;
    set[4] = 1;
    set
};

/// The bounds of the record `from..to` without the bytes of the trim set at its ends.
#[inline(always)]
pub fn trimmed(data: &[u8], from: usize, to: usize, trim: Trim) -> (usize, usize) {
    let Some(set) = trim else { return (from, to) };
    let kept = |byte: &u8| set.get(usize::from(byte >> 3)).is_some_and(|bits| (bits >> (byte & 7)) & 1 == 0);
    let record = data.get(from..to).unwrap_or(&[]);
    match record.iter().position(kept) {
        None => (from, from),
        Some(first) => (from + first, from + record.iter().rposition(kept).map_or(0, |last| last + 1)),
    }
}

/// A rule for splitting a record `from..to` into fields.
pub trait Splitter: Copy {
    /// Calls `emit` with the bounds of each field until it breaks.
    fn each<I: Isa>(
        self,
        isa: I,
        data: &[u8],
        from: usize,
        to: usize,
        emit: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()>;

    /// The bounds of field `wanted`, from 1; empty at the record's end when there is none.
    #[inline(always)]
    fn nth<I: Isa>(self, isa: I, data: &[u8], from: usize, to: usize, wanted: usize) -> (usize, usize) {
        let (mut left, mut found) = (wanted, (to, to));
        let _ = self.each(isa, data, from, to, |start, end| {
            left -= 1;
            if left > 0 {
                return ControlFlow::Continue(());
            }
            found = (start, end);
            ControlFlow::Break(())
        });
        found
    }
}

/// A record has no fields.
#[derive(Clone, Copy)]
pub struct Nothing;

/// One byte separates fields.
#[derive(Clone, Copy)]
pub struct Byte(pub u8);

/// Several bytes separate fields.
#[derive(Clone, Copy)]
pub struct Literal<'a>(pub &'a [u8]);

/// Any run of linear white space separates fields.
#[derive(Clone, Copy)]
pub struct Blanks {
    /// Whether there is an empty field before leading blanks. (For `nth`; a record that is split is trimmed before.)
    pub leading: bool,
}

impl Splitter for Nothing {
    #[inline(always)]
    fn each<I: Isa>(
        self,
        _: I,
        _: &[u8],
        _: usize,
        _: usize,
        _: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Splitter for Byte {
    #[inline(always)]
    fn each<I: Isa>(
        self,
        isa: I,
        data: &[u8],
        from: usize,
        to: usize,
        mut emit: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut start, mut at) = (from, from);
        while at < to {
            let mut found = equal_at(isa, data, at, self.0) & below(to - at);
            while found != 0 {
                let end = at + found.trailing_zeros() as usize;
                found &= found - 1;
                emit(start, end)?;
                start = end + 1;
            }
            at += 64;
        }
        if start < to || start == from {
            emit(start, to)?;
        }
        ControlFlow::Continue(())
    }
}

impl Splitter for Literal<'_> {
    #[inline(always)]
    fn each<I: Isa>(
        self,
        _: I,
        data: &[u8],
        from: usize,
        to: usize,
        mut emit: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut start = from;
        for found in memchr::memmem::find_iter(data.get(from..to).unwrap_or(&[]), self.0) {
            emit(start, from + found)?;
            start = from + found + self.0.len();
        }
        if start < to || start == from {
            emit(start, to)?;
        }
        ControlFlow::Continue(())
    }
}

impl Splitter for Blanks {
    #[inline(always)]
    fn each<I: Isa>(
        self,
        isa: I,
        data: &[u8],
        from: usize,
        to: usize,
        mut emit: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut start, mut in_field, mut at) = (from, true, from);
        while at < to {
            // What lies past the record counts as blank, so that its last field ends there.
            let blank = blank_at(isa, data, at) | !below(to - at);
            let mut edges = blank ^ (blank << 1 | u64::from(!in_field));
            while edges != 0 {
                let edge = at + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                if in_field {
                    emit(start, edge)?;
                }
                start = edge;
                in_field = !in_field;
            }
            at += 64;
        }
        if in_field {
            emit(start, to)?;
        }
        ControlFlow::Continue(())
    }

    /// Without a branch per field: how long fields are is hard to predict.
    #[inline(always)]
    fn nth<I: Isa>(self, isa: I, data: &[u8], from: usize, to: usize, mut wanted: usize) -> (usize, usize) {
        if self.leading && data.get(from).copied().is_some_and(is_blank) {
            if wanted == 1 {
                return (from, from);
            }
            wanted -= 1;
        }
        let (mut at, mut carry) = (from, 1);
        while at < to {
            let blank = blank_at(isa, data, at) | !below(to - at);
            let all = !blank & (blank << 1 | carry);
            let mut starts = all;
            for _ in 1..wanted {
                starts &= starts.wrapping_sub(1);
            }
            if starts != 0 {
                let start = starts.trailing_zeros();
                let rest = blank >> start;
                let begin = at + start as usize;
                let end = if rest != 0 {
                    begin + rest.trailing_zeros() as usize
                } else {
                    word_end(isa, data, at + 64, to)
                };
                return (begin, end);
            }
            wanted -= all.count_ones() as usize;
            carry = blank >> 63;
            at += 64;
        }
        (to, to)
    }
}

#[cold]
fn word_end(isa: impl Isa, data: &[u8], mut at: usize, to: usize) -> usize {
    while at < to {
        let blank = blank_at(isa, data, at) | !below(to - at);
        if blank != 0 {
            return at + blank.trailing_zeros() as usize;
        }
        at += 64;
    }
    to
}
