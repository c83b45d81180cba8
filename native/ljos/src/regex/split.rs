//! Splitting in bulk: by what is between the matches, and by the matches themselves.
#![forbid(unsafe_code)]

use super::{Regex, RegexCursor, Span, Wanted};
use std::ffi::c_int;

const DONE: i32 = -1;

/// The fields between the matches; see `ljos_regex_split`.
pub fn between(
    regex: &mut Regex,
    subject: &[u8],
    cursor: &mut RegexCursor,
    out: &mut [i32],
) -> Result<usize, c_int> {
    let mut count = 0;
    for pair in out.chunks_exact_mut(2) {
        let Ok(begin) = usize::try_from(cursor.position) else { break };
        // What a separator leaves empty at the very end is no field.
        if begin > 0 && begin >= subject.len() {
            cursor.position = DONE;
            break;
        }
        let end = match regex.find(subject, begin, Wanted::NotEmpty, 0)? {
            Some(separator) => {
                cursor.position = separator.end as i32;
                separator.start
            }
            None => {
                cursor.position = DONE;
                subject.len()
            }
        };
        pair.copy_from_slice(&[begin as i32, end as i32]);
        count += 1;
    }
    Ok(count)
}

/// The matches; see `ljos_regex_patsplit`.
pub fn matches(
    regex: &mut Regex,
    subject: &[u8],
    cursor: &mut RegexCursor,
    out: &mut [i32],
) -> Result<usize, c_int> {
    let mut count = 0;
    if subject.is_empty() {
        cursor.position = DONE;
    }
    for pair in out.chunks_exact_mut(2) {
        let Some(span) = next_match(regex, subject, cursor)? else { break };
        pair.copy_from_slice(&[span.start as i32, span.end as i32]);
        count += 1;
    }
    Ok(count)
}

fn next_match(regex: &mut Regex, subject: &[u8], cursor: &mut RegexCursor) -> Result<Option<Span>, c_int> {
    while let Ok(position) = usize::try_from(cursor.position) {
        let found =
            if position > subject.len() { None } else { regex.find(subject, position, Wanted::Any, 0)? };
        let Some(span) = found else {
            cursor.position = DONE;
            break;
        };
        if span.end > span.start {
            cursor.position = span.end as i32;
            cursor.last_end = span.end as i32;
            return Ok(Some(span));
        }
        cursor.position = span.end as i32 + 1;
        if span.start as i32 != cursor.last_end {
            return Ok(Some(span));
        }
    }
    Ok(None)
}
