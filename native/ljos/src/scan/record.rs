//! Where records end.
#![forbid(unsafe_code)]

use super::mask::{mask_at, Equal};
use std::ops::ControlFlow;

/// The first record is longer than allowed.
#[derive(Debug, PartialEq)]
pub struct TooLong;

struct Ends<'a> {
    slots: std::slice::IterMut<'a, i32>,
    count: usize,
    start: usize,
    skip: usize,
    longest: usize,
}

impl Ends<'_> {
    /// Takes the separator found at `at`; breaks at a record that is too long and when the slots are full.
    #[inline(always)]
    fn push(&mut self, at: usize) -> ControlFlow<()> {
        let Some(slot) = self.slots.next() else { return ControlFlow::Break(()) };
        if at - self.start > self.longest {
            return ControlFlow::Break(());
        }
        *slot = at as i32;
        self.count += 1;
        self.start = at + self.skip;
        ControlFlow::Continue(())
    }
}

/// Writes the offsets of the separators of the records that begin at `from`, and returns how many. The bytes before
/// `resume` are known to hold none. Stops before a record longer than `longest`.
pub fn ends(
    data: &[u8],
    from: usize,
    resume: usize,
    separator: &[u8],
    longest: usize,
    out: &mut [i32],
) -> Result<usize, TooLong> {
    let capacity = out.len();
    let mut ends = Ends { slots: out.iter_mut(), count: 0, start: from, skip: separator.len(), longest };
    let stopped = match separator {
        [] => ControlFlow::Continue(()),
        [byte] => single(data, resume, *byte, &mut ends),
        _ => several(data, resume, separator, &mut ends),
    };
    let unfinished = data.len().saturating_sub(ends.start);
    let too_long = stopped.is_break() || unfinished >= longest.saturating_add(separator.len());
    if ends.count == 0 && too_long && capacity > 0 {
        return Err(TooLong);
    }
    Ok(ends.count)
}

fn single(data: &[u8], resume: usize, separator: u8, ends: &mut Ends) -> ControlFlow<()> {
    let mut at = resume;
    while at < data.len() {
        let mut found = mask_at(data, at, Equal(separator));
        while found != 0 {
            ends.push(at + found.trailing_zeros() as usize)?;
            found &= found - 1;
        }
        at += 64;
    }
    ControlFlow::Continue(())
}

fn several(data: &[u8], resume: usize, separator: &[u8], ends: &mut Ends) -> ControlFlow<()> {
    let unsearched = data.get(resume..).unwrap_or(&[]);
    memchr::memmem::find_iter(unsearched, separator).try_for_each(|at| ends.push(resume + at))
}
