//! The decimal number a field begins with, as AWK sees it.
#![forbid(unsafe_code)]

use super::mask::is_blank;

const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The longest mantissa that surely fits u64.
const MAX_DIGITS: u32 = 19;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn digit(&mut self) -> Option<u8> {
        let digit = self.peek()?.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        self.at += 1;
        Some(digit)
    }

    /// `e`, an optional sign and at least one digit; else nothing is taken.
    fn exponent(&mut self) -> i32 {
        let start = self.at;
        self.at += 1;
        let negative = self.peek() == Some(b'-');
        if negative || self.peek() == Some(b'+') {
            self.at += 1;
        }
        let first = self.at;
        let mut value = 0i32;
        while let Some(digit) = self.digit() {
            value = value.saturating_mul(10).saturating_add(i32::from(digit));
        }
        if self.at == first {
            self.at = start;
        }
        if negative {
            -value
        } else {
            value
        }
    }
}

/// The value of the longest prefix of `field` that is a decimal number, after blanks; 0 when there is none.
/// Correctly rounded.
#[inline]
pub fn leading(field: &[u8]) -> f64 {
    let mut cursor = Cursor { bytes: field, at: 0 };
    while cursor.peek().is_some_and(is_blank) {
        cursor.at += 1;
    }
    let start = cursor.at;
    let negative = cursor.peek() == Some(b'-');
    if negative || cursor.peek() == Some(b'+') {
        cursor.at += 1;
    }
    let (mut mantissa, mut digits, mut scale) = (0u64, 0u32, 0i32);
    while let Some(digit) = cursor.digit() {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        digits += 1;
    }
    if cursor.peek() == Some(b'.') {
        cursor.at += 1;
        let first = cursor.at;
        while let Some(digit) = cursor.digit() {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += 1;
        }
        scale = first.wrapping_sub(cursor.at) as i32;
    }
    if digits == 0 {
        return 0.0;
    }
    if matches!(cursor.peek(), Some(b'e' | b'E')) {
        scale = scale.saturating_add(cursor.exponent());
    }
    // Both the mantissa and the power of ten are exact doubles, so one rounding is the right one (Clinger 1990).
    if digits <= MAX_DIGITS && mantissa < 1 << 53 {
        if let Some(power) = POWERS_OF_TEN.get(scale.unsigned_abs() as usize) {
            let magnitude = if scale < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
            return if negative { -magnitude } else { magnitude };
        }
    }
    slow(field.get(start..cursor.at).unwrap_or(&[]))
}

#[cold]
#[inline(never)]
fn slow(number: &[u8]) -> f64 {
    std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::leading;

    #[test]
    fn a_prefix_is_read_as_awk_reads_it() {
        for (text, value) in [
            ("", 0.0),
            ("abc", 0.0),
            ("-", 0.0),
            (".", 0.0),
            ("e5", 0.0),
            ("12", 12.0),
            ("12abc", 12.0),
            ("  7 ", 7.0),
            ("+3.50x", 3.5),
            ("-0.25", -0.25),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("1e-2z", 0.01),
            ("0x10", 0.0),
            ("nan", 0.0),
            ("inf", 0.0),
            ("1.2.3", 1.2),
            ("--1", 0.0),
        ] {
            assert_eq!(leading(text.as_bytes()), value, "{text:?}");
        }
        assert!(leading(b"-0").is_sign_negative());
    }

    #[test]
    fn rounding_is_the_one_of_the_standard_library() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..200_000 {
            let text = format!(
                "{}{}.{}e{}",
                if next() % 2 == 0 { "" } else { "-" },
                next() >> (next() % 64),
                next() >> (next() % 64),
                (next() % 80) as i64 - 40
            );
            let expected: f64 = text.parse().unwrap_or(f64::NAN);
            assert_eq!(leading(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(leading(b"1e400"), f64::INFINITY);
        assert_eq!(leading(b"1e99999999999"), f64::INFINITY);
        assert_eq!(leading(b"0.000000000000000000000000000000000000000000001"), 1e-45);
        assert_eq!(leading(b"123456789012345678901234567890"), 123456789012345678901234567890.0);
    }
}
