//! Where the fields of a record begin and end.
//!
//! Leading and inner empty fields count, one trailing empty field does not; an empty record has one empty field.
#![forbid(unsafe_code)]

use super::mask::{below, is_blank, mask_at, Blank, Equal};
use std::ops::ControlFlow;

/// What separates fields.
#[derive(Clone, Copy)]
pub enum Separator<'a> {
    /// Nothing does.
    None,
    /// One byte string.
    Literal(&'a [u8]),
    /// Any run of linear white space.
    Blanks,
}

/// What is cut off both ends of a record: a set of bytes, one bit each.
pub type Trim<'a> = Option<&'a [u8; 32]>;

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

/// Calls `emit` with the bounds of each field of `from..to` until it breaks.
#[inline(always)]
pub fn each(
    data: &[u8],
    from: usize,
    to: usize,
    separator: Separator,
    mut emit: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match separator {
        Separator::None => ControlFlow::Continue(()),
        Separator::Blanks => by_blanks(data, from, to, &mut emit),
        Separator::Literal([byte]) => by_byte(data, from, to, *byte, &mut emit),
        Separator::Literal(bytes) => by_literal(data, from, to, bytes, &mut emit),
    }
}

#[inline(always)]
fn by_blanks(
    data: &[u8],
    from: usize,
    to: usize,
    emit: &mut impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (mut start, mut in_field, mut at) = (from, true, from);
    while at < to {
        // What lies past the record counts as blank, so that its last field ends there.
        let blank = mask_at(data, at, Blank) | !below(to - at);
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

#[inline(always)]
fn by_byte(
    data: &[u8],
    from: usize,
    to: usize,
    separator: u8,
    emit: &mut impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (mut start, mut at) = (from, from);
    while at < to {
        let mut found = mask_at(data, at, Equal(separator)) & below(to - at);
        while found != 0 {
            let end = at + found.trailing_zeros() as usize;
            found &= found - 1;
            emit(start, end)?;
            start = end + 1;
        }
        at += 64;
    }
    last(from, start, to, emit)
}

fn by_literal(
    data: &[u8],
    from: usize,
    to: usize,
    separator: &[u8],
    emit: &mut impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut start = from;
    for found in memchr::memmem::find_iter(data.get(from..to).unwrap_or(&[]), separator) {
        emit(start, from + found)?;
        start = from + found + separator.len();
    }
    last(from, start, to, emit)
}

#[inline(always)]
fn last(
    from: usize,
    start: usize,
    to: usize,
    emit: &mut impl FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if start < to || start == from {
        emit(start, to)?;
    }
    ControlFlow::Continue(())
}

/// The bounds of field `wanted` (from 1; 0 is the record itself), empty at the record's end when there is none.
#[inline(always)]
pub fn nth(data: &[u8], record: (usize, usize), separator: Separator, wanted: usize) -> (usize, usize) {
    let (from, to) = record;
    if wanted == 0 {
        return record;
    }
    if let Separator::Blanks = separator {
        return nth_by_blanks(data, from, to, wanted);
    }
    let (mut left, mut found) = (wanted, (to, to));
    let _ = each(data, from, to, separator, |start, end| {
        left -= 1;
        if left > 0 {
            return ControlFlow::Continue(());
        }
        found = (start, end);
        ControlFlow::Break(())
    });
    found
}

/// As `nth`, without a branch per field: how long fields are is hard to predict.
#[inline(always)]
fn nth_by_blanks(data: &[u8], from: usize, to: usize, mut wanted: usize) -> (usize, usize) {
    if data.get(from).copied().is_some_and(is_blank) {
        // What lies before leading blanks is a field, too, and empty.
        if wanted == 1 {
            return (from, from);
        }
        wanted -= 1;
    }
    let (mut at, mut carry) = (from, 1);
    while at < to {
        let blank = mask_at(data, at, Blank) | !below(to - at);
        let all = !blank & (blank << 1 | carry);
        let mut starts = all;
        for _ in 1..wanted {
            starts &= starts.wrapping_sub(1);
        }
        if starts != 0 {
            let start = starts.trailing_zeros();
            let rest = blank >> start;
            let begin = at + start as usize;
            return (
                begin,
                if rest != 0 { begin + rest.trailing_zeros() as usize } else { word_end(data, at + 64, to) },
            );
        }
        wanted -= all.count_ones() as usize;
        carry = blank >> 63;
        at += 64;
    }
    (to, to)
}

#[cold]
fn word_end(data: &[u8], mut at: usize, to: usize) -> usize {
    while at < to {
        let blank = mask_at(data, at, Blank) | !below(to - at);
        if blank != 0 {
            return at + blank.trailing_zeros() as usize;
        }
        at += 64;
    }
    to
}
