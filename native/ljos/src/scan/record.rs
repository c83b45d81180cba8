//! Where records end.
#![forbid(unsafe_code)]

use super::mask::{equal_at, Isa, Task};
use std::ops::ControlFlow;

/// The first record is longer than allowed.
#[derive(Debug, PartialEq)]
pub struct TooLong;

/// Finds the separators of the records that begin at `from`. The bytes before `resume` are known to hold none.
pub struct Search<'a> {
    pub data: &'a [u8],
    pub from: usize,
    pub resume: usize,
    pub separator: &'a [u8],
    pub longest: usize,
    pub out: &'a mut [i32],
}

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

impl Task for Search<'_> {
    type Output = Result<usize, TooLong>;

    /// Writes the separators' offsets and returns how many. Stops before a record longer than `longest`.
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        let Search { data, from, resume, separator, longest, out } = self;
        let capacity = out.len();
        let mut ends = Ends { slots: out.iter_mut(), count: 0, start: from, skip: separator.len(), longest };
        let stopped = match separator {
            [] => ControlFlow::Continue(()),
            [byte] => single(isa, data, resume, *byte, &mut ends),
            _ => several(data, resume, separator, &mut ends),
        };
        let unfinished = data.len().saturating_sub(ends.start);
        let too_long = stopped.is_break() || unfinished >= longest.saturating_add(separator.len());
        if ends.count == 0 && too_long && capacity > 0 {
            return Err(TooLong);
        }
        Ok(ends.count)
    }
}

#[inline(always)]
fn single(isa: impl Isa, data: &[u8], resume: usize, separator: u8, ends: &mut Ends) -> ControlFlow<()> {
    let mut at = resume;
    while at < data.len() {
        let mut found = equal_at(isa, data, at, separator);
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
