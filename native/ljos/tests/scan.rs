//! The bulk tokeniser against an oracle that splits byte by byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ljos::scan::{
    ljos_scan_column, ljos_scan_fields, ljos_scan_numbers, ljos_scan_records, ljos_scan_sum, ScanBatch,
    ScanField, ScanRules,
};

const BLANKS: &[u8] = b" \t\n\x0b\x0c\r";

/// The rules in terms of the oracle.
#[derive(Debug)]
struct Spec {
    record: Vec<u8>,
    /// `None`: blanks; empty: no fields.
    field: Option<Vec<u8>>,
    trim: Vec<u8>,
    longest: usize,
}

impl Spec {
    fn rules(&self) -> ScanRules {
        let mut trim_set = [0u8; 32];
        for byte in &self.trim {
            trim_set[usize::from(byte >> 3)] |= 1 << (byte & 7);
        }
        let field = self.field.as_deref().unwrap_or(b"");
        let kind = match &self.field {
            None => ScanField::LjosScanFieldBlanks,
            Some(literal) if literal.is_empty() => ScanField::LjosScanFieldNone,
            Some(_) => ScanField::LjosScanFieldLiteral,
        };
        ScanRules {
            record_separator: self.record.as_ptr(),
            field_separator: field.as_ptr(),
            record_separator_len: self.record.len() as i32,
            field_separator_len: field.len() as i32,
            longest: self.longest as i32,
            field_kind: kind as i32,
            trim: i32::from(!self.trim.is_empty()),
            trim_set,
        }
    }

    /// The complete records of `data[from..]`; None when the first is too long.
    fn records(&self, data: &[u8], from: usize) -> Option<Vec<(usize, usize)>> {
        let (mut records, mut start) = (Vec::new(), from);
        let mut at = from;
        while at + self.record.len() <= data.len() {
            if data[at..].starts_with(&self.record) {
                if at - start > self.longest {
                    break;
                }
                records.push((start, at));
                at += self.record.len();
                start = at;
            } else {
                at += 1;
            }
        }
        let rest = data.len() - start;
        (!records.is_empty() || rest < self.longest + self.record.len()).then_some(records)
    }

    fn trimmed(&self, data: &[u8], (mut from, mut to): (usize, usize)) -> (usize, usize) {
        while from < to && self.trim.contains(&data[to - 1]) {
            to -= 1;
        }
        while from < to && self.trim.contains(&data[from]) {
            from += 1;
        }
        (from, to)
    }

    fn fields(&self, data: &[u8], (from, to): (usize, usize)) -> Vec<(usize, usize)> {
        let separator_at = |at: usize| match &self.field {
            None => data[at..to].iter().take_while(|byte| BLANKS.contains(byte)).count(),
            Some(literal) if data[at..to].starts_with(literal) => literal.len(),
            Some(_) => 0,
        };
        if self.field.as_ref().is_some_and(Vec::is_empty) {
            return Vec::new();
        }
        let (mut fields, mut start, mut at) = (Vec::new(), from, from);
        while at < to {
            let len = separator_at(at);
            if len > 0 {
                fields.push((start, at));
                start = at + len;
            }
            at += len.max(1);
        }
        if start < to || fields.is_empty() {
            fields.push((start, to));
        }
        fields
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn bytes(&mut self, len: usize, alphabet: &[u8]) -> Vec<u8> {
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

fn pair(flat: &[i32], at: usize) -> (usize, usize) {
    (flat[2 * at] as usize, flat[2 * at + 1] as usize)
}

/// Compares all that is known of the records in `data[from..]`; of the columns the first four, and `far`.
fn check(spec: &Spec, data: &[u8], from: usize, slots: usize, capacity: usize, far: i32) {
    let rules = spec.rules();
    let mut ends = vec![-1i32; slots];
    let mut batch = ScanBatch {
        data: data.as_ptr(),
        ends: ends.as_mut_ptr(),
        from: from as i32,
        to: data.len() as i32,
        capacity: slots as i32,
        count: -1,
    };
    // SAFETY: all pointers are to live vectors of the lengths given.
    let count = unsafe { ljos_scan_records(&rules, &mut batch, 0) };
    let expected = if slots == 0 { Some(Vec::new()) } else { spec.records(data, from) };
    let Some(mut expected) = expected else {
        assert_eq!(count, -libc::EMSGSIZE, "{spec:?}");
        return;
    };
    expected.truncate(slots);
    let expected_ends: Vec<i32> = expected.iter().map(|record| record.1 as i32).collect();
    assert_eq!(count as usize, expected.len(), "{spec:?}");
    assert_eq!(ends[..expected.len()], expected_ends[..], "{spec:?}");

    let first = expected.len() / 3;
    let (mut heads, mut flat) = (vec![-1i32; expected.len() - first + 1], vec![-1i32; 2 * capacity]);
    // SAFETY: as above.
    let whole = unsafe {
        ljos_scan_fields(&rules, &batch, first as i32, heads.as_mut_ptr(), flat.as_mut_ptr(), capacity as i32)
    } as usize;
    let mut used = 0;
    for (number, record) in expected[first..].iter().enumerate() {
        let record = spec.trimmed(data, *record);
        let mut pairs = vec![record];
        pairs.extend(spec.fields(data, record));
        if used + pairs.len() > capacity {
            assert_eq!(whole, number, "{spec:?}");
            break;
        }
        assert!(number < whole, "{spec:?}: record {number} of {whole}");
        assert_eq!(heads[number] as usize, used);
        let got: Vec<_> = (used..heads[number + 1] as usize).map(|at| pair(&flat, at)).collect();
        assert_eq!(got, pairs, "{spec:?}: record {number}");
        used += pairs.len();
    }

    for k in [0, 1, 2, 3, far] {
        let (mut pairs, mut numbers) = (vec![-1i32; 2 * expected.len()], vec![-1f64; expected.len()]);
        // SAFETY: as above.
        unsafe { ljos_scan_column(&rules, &batch, k, pairs.as_mut_ptr()) };
        // SAFETY: as above.
        unsafe { ljos_scan_numbers(&rules, &batch, k, numbers.as_mut_ptr()) };
        // SAFETY: as above.
        let sum = unsafe { ljos_scan_sum(&rules, &batch, k) };
        for (number, record) in expected.iter().enumerate() {
            let record = spec.trimmed(data, *record);
            let fields = spec.fields(data, record);
            let field = if k == 0 { Some(record) } else { fields.get(k as usize - 1).copied() };
            let (got, expected) = (pair(&pairs, number), field.unwrap_or((record.1, record.1)));
            // An empty field is somewhere in its record.
            let both_empty = got.0 == got.1 && expected.0 == expected.1;
            assert!(got == expected || both_empty, "{spec:?}: field {k}: {got:?}, not {expected:?}");
        }
        assert_eq!(sum, numbers.iter().fold(0.0, |sum, number| sum + number));
    }
}

#[test]
fn records_and_fields_agree_with_the_oracle() {
    let seed = std::env::var("LJOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    });
    println!("LJOS_SEED={seed}");
    let mut random = Random(seed);
    let separators: [&[u8]; 6] = [b"\n", b"\r\n", b"ab", b"aab", b" ", b"--"];
    for _ in 0..20_000 {
        let (len, long) = (random.below(300), random.below(400));
        let alphabets: [&[u8]; 3] =
            [b"a1 \n", b"aab2.5-, \t\r\n\n", b"aaaaaaaaaa1111111111          ,,,,,\n"];
        let alphabet = alphabets[random.below(3)];
        let data = random.bytes(len, alphabet);
        let field = match random.below(4) {
            0 => Some(Vec::new()),
            1 => Some(separators[random.below(separators.len())].to_vec()),
            2 => Some(b",".to_vec()),
            _ => None,
        };
        let trim: &[u8] = [&b""[..], BLANKS, b"a"][random.below(3)];
        let record = separators[random.below(separators.len())].to_vec();
        let spec =
            Spec { record, field, trim: trim.to_vec(), longest: if long < 200 { long } else { 1 << 20 } };
        let from = random.below(data.len() + 1);
        check(&spec, &data, from, random.below(60), random.below(200), 4 + random.below(40) as i32);
    }
}

#[test]
fn the_search_resumes_where_it_is_told() {
    let data = b"x".repeat(1000).into_iter().chain(*b"\nrest").collect::<Vec<u8>>();
    let spec = Spec { record: b"\n".to_vec(), field: None, trim: Vec::new(), longest: 2000 };
    let mut ends = [0i32; 4];
    let mut batch =
        ScanBatch { data: data.as_ptr(), ends: ends.as_mut_ptr(), from: 0, to: 1005, capacity: 4, count: 0 };
    // SAFETY: the pointers are to live arrays of the lengths given.
    assert_eq!(unsafe { ljos_scan_records(&spec.rules(), &mut batch, 1000) }, 1);
    assert_eq!(ends[0], 1000);
}
