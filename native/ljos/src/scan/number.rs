//! Decimal numbers: the one a field begins with, as AWK sees it, and the one a text is.
#![forbid(unsafe_code)]

use super::mask::is_blank;

const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The longest mantissa that surely fits u64.
const MAX_DIGITS: usize = 19;

/// Eight times the digit 0. What is xor-ed with it has 0 to 9 for a digit.
const ZEROS: u64 = 0x3030_3030_3030_3030;

const POINT: u64 = (b'.' ^ b'0') as u64;

/// The top bits of the bytes that are no digits. Right up to the first of them; a carry may spoil the bytes behind it.
#[inline(always)]
fn others(values: u64) -> u64 {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
}

/// The value of eight digits, the first in the lowest byte: pairs, then fours, then the whole.
#[inline(always)]
fn value_of(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// The value of a field of at most eight bytes that is nothing but digits, with or without a point among them. No
/// branch depends on their number.
#[inline(always)]
fn short(data: &[u8], from: usize, to: usize) -> Option<f64> {
    let len = to.wrapping_sub(from);
    if len.wrapping_sub(1) > 7 {
        return None;
    }
    let text = u64::from_le_bytes(*data.get(from..)?.first_chunk::<8>()?);
    // The field moves to the end of the eight bytes, zeros before it.
    let values = (text ^ ZEROS) << (64 - 8 * len);
    let others_there = others(values);
    if others_there == 0 {
        return Some(value_of(values) as f64);
    }
    let point = others_there.trailing_zeros() & !7;
    let before = (1 << point) - 1;
    let (whole, behind) = (values & before, values & !before & !(0xff << point));
    if (values >> point) & 0xff != POINT || others(behind) != 0 || len == 1 {
        return None;
    }
    let decimals = 7 - point as usize / 8;
    POWERS_OF_TEN.get(decimals).map(|power| value_of(whole << 8 | behind) as f64 / power)
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    to: usize,
}

impl Cursor<'_> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        if self.at < self.to {
            self.data.get(self.at).copied()
        } else {
            None
        }
    }

    /// Takes up to eight digits: their value, and how many they are. No branch depends on the number of digits.
    #[inline(always)]
    fn eight(&mut self) -> (u64, usize) {
        let rest = self.data.get(self.at..).unwrap_or(&[]);
        let text = match rest.first_chunk::<8>() {
            Some(text) => u64::from_le_bytes(*text),
            None => tail(rest),
        };
        let values = text ^ ZEROS;
        let count = (others(values).trailing_zeros() as usize / 8).min(self.to.saturating_sub(self.at));
        self.at += count;
        // The digits move to the end of the eight bytes, zeros before them. The shift is 64 for no digit at all.
        (value_of(values.checked_shl(64 - 8 * count as u32).unwrap_or(0)), count)
    }

    /// Takes all digits that follow into `mantissa`, and returns how many they are.
    #[inline(always)]
    fn digits(&mut self, mantissa: &mut u64) -> usize {
        let mut total = 0;
        loop {
            let (value, count) = self.eight();
            let power = POWERS.get(count).copied().unwrap_or(1);
            *mantissa = mantissa.wrapping_mul(power).wrapping_add(value);
            total += count;
            if count < 8 {
                return total;
            }
        }
    }

    /// `e`, an optional sign and at least one digit; else nothing is taken.
    #[cold]
    fn exponent(&mut self) -> i32 {
        let start = self.at;
        self.at += 1;
        let negative = self.peek() == Some(b'-');
        if negative || self.peek() == Some(b'+') {
            self.at += 1;
        }
        let first = self.at;
        let mut value = 0i32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
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

#[cold]
fn tail(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |text, byte| text << 8 | u64::from(*byte))
}

/// The value of the longest prefix of `data[from..to]` that is a decimal number, after blanks; 0 when there is none.
/// Correctly rounded.
#[inline(always)]
pub fn leading(data: &[u8], from: usize, to: usize) -> f64 {
    if let Some(value) = short(data, from, to) {
        return value;
    }
    let mut cursor = Cursor { data, at: from, to };
    while cursor.peek().is_some_and(is_blank) {
        cursor.at += 1;
    }
    general(&mut cursor).unwrap_or(0.0)
}

/// The value of `data` where it is a decimal number and nothing else, of a usual size: not where it is long, or the
/// value is 0 written at length, subnormal or infinite, for Lua has limits of its own there. Correctly rounded.
pub fn whole(data: &[u8]) -> Option<f64> {
    if data.len() > 40 {
        return None;
    }
    short(data, 0, data.len()).or_else(|| {
        let mut cursor = Cursor { data, at: 0, to: data.len() };
        general(&mut cursor).filter(|value| cursor.at == data.len() && value.is_normal())
    })
}

/// Takes the longest decimal number at the cursor.
fn general(cursor: &mut Cursor) -> Option<f64> {
    let start = cursor.at;
    let negative = cursor.peek() == Some(b'-');
    if negative || cursor.peek() == Some(b'+') {
        cursor.at += 1;
    }
    let mut mantissa = 0;
    let mut digits = cursor.digits(&mut mantissa);
    let mut scale = 0i32;
    if cursor.peek() == Some(b'.') {
        cursor.at += 1;
        let decimals = cursor.digits(&mut mantissa);
        digits += decimals;
        scale = -(decimals as i32);
    }
    if digits == 0 {
        return None;
    }
    if matches!(cursor.peek(), Some(b'e' | b'E')) {
        scale = scale.saturating_add(cursor.exponent());
    }
    // Both the mantissa and the power of ten are exact doubles, so one rounding is the right one (Clinger 1990).
    if digits <= MAX_DIGITS && mantissa < 1 << 53 {
        if let Some(power) = POWERS_OF_TEN.get(scale.unsigned_abs() as usize) {
            let magnitude = if scale < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
            return Some(if negative { -magnitude } else { magnitude });
        }
    }
    slow(cursor.data.get(start..cursor.at)?)
}

#[cold]
#[inline(never)]
fn slow(number: &[u8]) -> Option<f64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    fn leading(text: &[u8]) -> f64 {
        let padded = [b"7", text, b"7"].concat();
        let value = super::leading(text, 0, text.len());
        assert_eq!(
            super::leading(&padded, 1, 1 + text.len()).to_bits(),
            value.to_bits(),
            "bounds of {text:?}"
        );
        value
    }

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
    fn a_whole_text_is_a_number_or_none() {
        for text in [
            "",
            " 1",
            "1 ",
            "+",
            ".",
            "1e",
            "12a",
            "12345678a",
            "1e400",
            "0e99999",
            "123456789.1.",
            "0x10",
            "nan",
        ] {
            assert_eq!(super::whole(text.as_bytes()), None, "{text:?}");
        }
        for (text, value) in
            [("7", 7.0), ("-0.25", -0.25), ("+123456789.5", 123456789.5), ("1e3", 1000.0), (".5", 0.5)]
        {
            assert_eq!(super::whole(text.as_bytes()), Some(value), "{text:?}");
        }
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
