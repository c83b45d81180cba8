//! The bulk tokeniser of `stream.scanner`: where the records and fields of a whole buffer lie.
//!
//! Lua fills a `ScanBatch` with a buffer's address; `ljos_scan_records` writes where the complete records end, and
//! the other calls look into those records. Offsets are from 0 and count from `data`. Nothing is kept between calls.

mod field;
mod mask;
pub(crate) mod number;
mod record;

use crate::memory;
use field::{Blanks, Byte, Literal, Nothing, Splitter, Trim};
use mask::{Isa, Task};
use std::ffi::c_int;
use std::ops::ControlFlow;

/// What `ScanRules::field_kind` may hold: what separates fields.
#[repr(C)]
pub enum ScanField {
    /// Nothing: a record has no fields.
    LjosScanFieldNone = 0,
    /// The bytes `field_separator`.
    LjosScanFieldLiteral = 1,
    /// Runs of space, \t, \n, \v, \f and \r.
    LjosScanFieldBlanks = 2,
}

/// How text is broken into records and fields. The separators belong to the caller and outlive each call.
#[repr(C)]
pub struct ScanRules {
    pub record_separator: *const u8,
    pub field_separator: *const u8,
    pub record_separator_len: i32,
    pub field_separator_len: i32,
    /// The length of the longest record allowed.
    pub longest: i32,
    pub field_kind: i32,
    /// Whether the bytes of `trim_set` are cut off both ends of a record.
    pub trim: i32,
    /// One bit per byte value.
    pub trim_set: [u8; 32],
}

/// The records found in a buffer: the first begins at `from`, record i ends at `ends[i]`, and a separator lies between.
#[repr(C)]
pub struct ScanBatch {
    pub data: *const u8,
    pub ends: *mut i32,
    pub from: i32,
    /// Where the bytes in the buffer end.
    pub to: i32,
    /// The places in `ends`.
    pub capacity: i32,
    /// The places in use.
    pub count: i32,
}

enum Separator<'a> {
    None,
    Literal(&'a [u8]),
    Blanks,
}

struct Rules<'a> {
    record_separator: &'a [u8],
    separator: Separator<'a>,
    trim: Trim<'a>,
    longest: usize,
}

fn length(len: i32) -> usize {
    len.max(0) as usize
}

/// # Safety
/// `rules` is valid, and its separators for the lengths it says; they do not change during `'a`.
unsafe fn view_rules<'a>(rules: *const ScanRules) -> Rules<'a> {
    // SAFETY: the caller's promise.
    let rules = unsafe { memory::reference(rules) };
    // SAFETY: the caller's promise.
    let record_separator =
        unsafe { memory::slice(rules.record_separator, length(rules.record_separator_len)) };
    // SAFETY: the caller's promise.
    let literal = unsafe { memory::slice(rules.field_separator, length(rules.field_separator_len)) };
    let separator = match rules.field_kind {
        kind if kind == ScanField::LjosScanFieldLiteral as i32 && !literal.is_empty() => {
            Separator::Literal(literal)
        }
        kind if kind == ScanField::LjosScanFieldBlanks as i32 => Separator::Blanks,
        _ => Separator::None,
    };
    let trim = (rules.trim != 0).then_some(&rules.trim_set);
    Rules { record_separator, separator, trim, longest: length(rules.longest) }
}

/// The records a batch holds, and the bytes they lie in.
struct Records<'a> {
    data: &'a [u8],
    rules: Rules<'a>,
    from: usize,
    ends: &'a [i32],
}

/// # Safety
/// `rules` as for `view_rules`; `batch` was filled by `ljos_scan_records`, and the bytes have not changed since.
unsafe fn view<'a>(rules: *const ScanRules, batch: *const ScanBatch) -> Records<'a> {
    // SAFETY: the caller's promise.
    let batch = unsafe { memory::reference(batch) };
    // SAFETY: the caller's promise.
    let rules = unsafe { view_rules(rules) };
    // SAFETY: the caller's promise.
    let data = unsafe { memory::slice(batch.data, length(batch.to)) };
    // SAFETY: the caller's promise.
    let ends = unsafe { memory::slice(batch.ends.cast_const(), length(batch.count)) };
    Records { data, rules, from: length(batch.from), ends }
}

impl Records<'_> {
    /// The trimmed bounds of each record from number `first` on.
    #[inline(always)]
    fn bounds<'s>(&'s self, first: usize, trim: Trim<'s>) -> impl Iterator<Item = (usize, usize)> + 's {
        let (done, rest) = self.ends.split_at_checked(first).unwrap_or((&[], &[]));
        let skip = self.rules.record_separator.len();
        let mut start = done.last().map_or(self.from, |end| length(*end) + skip);
        rest.iter().map(move |end| {
            let end = length(*end);
            let bounds = field::trimmed(self.data, start, end, trim);
            start = end + skip;
            bounds
        })
    }
}

/// What to do with the records once the rule for their fields is known. `run` is `#[inline(always)]`, as in `Task`.
trait FieldTask {
    type Output;
    fn run<I: Isa, S: Splitter>(self, isa: I, splitter: S) -> Self::Output;
}

struct With<T, S>(T, S);

impl<T: FieldTask, S: Splitter> Task for With<T, S> {
    type Output = T::Output;
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> T::Output {
        self.0.run(isa, self.1)
    }
}

fn run<T: FieldTask>(separator: &Separator, leading: bool, task: T) -> T::Output {
    match separator {
        Separator::None => mask::run(With(task, Nothing)),
        Separator::Blanks => mask::run(With(task, Blanks { leading })),
        Separator::Literal([byte]) => mask::run(With(task, Byte(*byte))),
        Separator::Literal(bytes) => mask::run(With(task, Literal(bytes))),
    }
}

/// What becomes of a field. (A trait and no closure: see `mask`.)
trait Sink {
    fn take(&mut self, data: &[u8], from: usize, to: usize);
}

/// Gives field `k` of each record to the sink; 0 is the record itself.
struct Column<'a, 'b, F> {
    records: &'a Records<'b>,
    trim: Trim<'a>,
    k: usize,
    sink: F,
}

impl<F: Sink> FieldTask for Column<'_, '_, F> {
    type Output = F;
    #[inline(always)]
    fn run<I: Isa, S: Splitter>(self, isa: I, splitter: S) -> F {
        let Column { records, trim, k, mut sink } = self;
        let data = records.data;
        for (from, to) in records.bounds(0, trim) {
            let (from, to) = if k == 0 { (from, to) } else { splitter.nth(isa, data, from, to, k) };
            sink.take(data, from, to);
        }
        sink
    }
}

fn column<F: Sink>(records: &Records, k: i32, sink: F) -> F {
    let k = length(k);
    let rules = &records.rules;
    // Where both are blanks, splitting trims: cheaper than trimming first.
    let splitting_trims =
        k > 0 && matches!(rules.separator, Separator::Blanks) && rules.trim == Some(&field::BLANKS);
    let trim = if splitting_trims { None } else { rules.trim };
    run(&rules.separator, !splitting_trims, Column { records, trim, k, sink })
}

struct Bounds<'a>(std::slice::ChunksExactMut<'a, i32>);

impl Sink for Bounds<'_> {
    #[inline(always)]
    fn take(&mut self, _: &[u8], from: usize, to: usize) {
        if let Some([begin, end]) = self.0.next() {
            (*begin, *end) = (from as i32, to as i32);
        }
    }
}

struct Numbers<'a>(std::slice::IterMut<'a, f64>);

impl Sink for Numbers<'_> {
    #[inline(always)]
    fn take(&mut self, data: &[u8], from: usize, to: usize) {
        if let Some(number) = self.0.next() {
            *number = number::leading(data, from, to);
        }
    }
}

struct Sum(f64);

impl Sink for Sum {
    #[inline(always)]
    fn take(&mut self, data: &[u8], from: usize, to: usize) {
        self.0 += number::leading(data, from, to);
    }
}

/// Finds the ends of the complete records from `batch.from` on: fills `ends` and `count`, returns the count. The bytes
/// before `resume` are known to hold no separator. Stops before a record longer than `rules.longest`;
/// -EMSGSIZE when that is the first, be it complete or not.
///
/// # Safety
/// `rules` and `batch` are valid, and what they point to is valid for the lengths they say; nobody else touches it
/// during the call.
#[no_mangle]
pub unsafe extern "C" fn ljos_scan_records(
    rules: *const ScanRules,
    batch: *mut ScanBatch,
    resume: i32,
) -> c_int {
    // SAFETY: the caller's promise.
    let batch = unsafe { memory::handle(batch) };
    // SAFETY: the caller's promise.
    let rules = unsafe { view_rules(rules) };
    // SAFETY: the caller's promise.
    let data = unsafe { memory::slice(batch.data, length(batch.to)) };
    // SAFETY: the caller's promise.
    let ends = unsafe { memory::slice_mut(batch.ends, length(batch.capacity)) };
    let from = length(batch.from);
    let found = mask::run(record::Search {
        data,
        from,
        resume: length(resume).max(from),
        separator: rules.record_separator,
        longest: rules.longest,
        out: ends,
    });
    batch.count = found.as_ref().map_or(0, |count| *count as i32);
    found.map_or(-libc::EMSGSIZE, |count| count as c_int)
}

/// Splits the batch's records from number `first` (from 0) on, and returns how many whole records fitted into
/// `capacity` pairs. `fields` gets pairs of offsets (begin, end): for each record the record itself, trimmed, then its
/// fields; `heads[i]` is the number of the pair where the i-th of these records begins, and one more head ends
/// the last.
///
/// # Safety
/// `batch` was filled by `ljos_scan_records` with the same record separator, and its bytes have not changed since.
/// `heads` has `batch.count - first + 1` places, `fields` has `2 * capacity`.
#[no_mangle]
pub unsafe extern "C" fn ljos_scan_fields(
    rules: *const ScanRules,
    batch: *const ScanBatch,
    first: i32,
    heads: *mut i32,
    fields: *mut i32,
    capacity: i32,
) -> c_int {
    // SAFETY: the caller's promise.
    let records = unsafe { view(rules, batch) };
    let places = records.ends.len().saturating_sub(length(first)) + 1;
    // SAFETY: the caller's promise.
    let heads = unsafe { memory::slice_mut(heads, places) };
    // SAFETY: the caller's promise.
    let fields = unsafe { memory::slice_mut(fields, 2 * length(capacity)) };
    run(&records.rules.separator, true, Split { records: &records, first: length(first), heads, fields })
        as c_int
}

struct Split<'a, 'b> {
    records: &'a Records<'b>,
    first: usize,
    heads: &'a mut [i32],
    fields: &'a mut [i32],
}

impl FieldTask for Split<'_, '_> {
    type Output = usize;
    #[inline(always)]
    fn run<I: Isa, S: Splitter>(self, isa: I, splitter: S) -> usize {
        let Split { records, first, heads, fields } = self;
        let (mut pairs, mut used, mut whole) = (fields.chunks_exact_mut(2), 0, 0);
        let mut put = |from: usize, to: usize| {
            let Some([begin, end]) = pairs.next() else { return ControlFlow::Break(()) };
            (*begin, *end) = (from as i32, to as i32);
            used += 1;
            ControlFlow::Continue(used)
        };
        let mut heads = heads.iter_mut();
        if let Some(head) = heads.next() {
            *head = 0;
        }
        for ((from, to), head) in records.bounds(first, records.rules.trim).zip(heads) {
            let mut last = 0;
            let mut emit = |from, to| put(from, to).map_continue(|used| last = used);
            if emit(from, to).is_break() || splitter.each(isa, records.data, from, to, emit).is_break() {
                break;
            }
            *head = last;
            whole += 1;
        }
        whole
    }
}

/// Writes where field `k` of each record of the batch lies, as pairs of offsets (begin, end); `k` = 0 is the trimmed
/// record. Where there is no such field, the pair is empty.
///
/// # Safety
/// As for `ljos_scan_fields`; `pairs` has `2 * batch.count` places.
#[no_mangle]
pub unsafe extern "C" fn ljos_scan_column(
    rules: *const ScanRules,
    batch: *const ScanBatch,
    k: i32,
    pairs: *mut i32,
) {
    // SAFETY: the caller's promise.
    let records = unsafe { view(rules, batch) };
    // SAFETY: the caller's promise.
    let pairs = unsafe { memory::slice_mut(pairs, 2 * records.ends.len()) };
    column(&records, k, Bounds(pairs.chunks_exact_mut(2)));
}

/// Writes the number that field `k` of each record of the batch begins with, 0 where there is none.
///
/// # Safety
/// As for `ljos_scan_fields`; `numbers` has `batch.count` places.
#[no_mangle]
pub unsafe extern "C" fn ljos_scan_numbers(
    rules: *const ScanRules,
    batch: *const ScanBatch,
    k: i32,
    numbers: *mut f64,
) {
    // SAFETY: the caller's promise.
    let records = unsafe { view(rules, batch) };
    // SAFETY: the caller's promise.
    let numbers = unsafe { memory::slice_mut(numbers, records.ends.len()) };
    column(&records, k, Numbers(numbers.iter_mut()));
}

/// The sum of what `ljos_scan_numbers` would write, added from first to last.
///
/// # Safety
/// As for `ljos_scan_fields`.
#[no_mangle]
pub unsafe extern "C" fn ljos_scan_sum(rules: *const ScanRules, batch: *const ScanBatch, k: i32) -> f64 {
    // SAFETY: the caller's promise.
    let records = unsafe { view(rules, batch) };
    column(&records, k, Sum(0.0)).0
}
