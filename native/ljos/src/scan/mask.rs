//! 64 bytes at a time as a bit mask: bit i is set when byte i is of the class asked for.

pub type Block = [u8; 64];

/// A class of bytes that can be looked up 64 at a time.
pub trait Class: Copy {
    fn mask(self, block: &Block) -> u64;
}

/// The bytes equal to this one.
#[derive(Clone, Copy)]
pub struct Equal(pub u8);

/// Linear white space: space, \t, \n, \v, \f, \r.
#[derive(Clone, Copy)]
pub struct Blank;

/// The mask of the 64 bytes of `data` from `at`; past the end of `data` the bits are zero.
#[inline(always)]
pub fn mask_at(data: &[u8], at: usize, class: impl Class) -> u64 {
    match data.get(at..).and_then(<[u8]>::first_chunk::<64>) {
        Some(block) => class.mask(block),
        None => mask_of_tail(data.get(at..).unwrap_or(&[]), class),
    }
}

#[cold]
#[inline(never)]
fn mask_of_tail(tail: &[u8], class: impl Class) -> u64 {
    let mut block: Block = [0; 64];
    for (to, from) in block.iter_mut().zip(tail) {
        *to = *from;
    }
    class.mask(&block) & below(tail.len())
}

/// A mask of the bits below `n`.
#[inline(always)]
pub fn below(n: usize) -> u64 {
    if n >= 64 {
        u64::MAX
    } else {
        (1 << n) - 1
    }
}

// SSE2 belongs to every x86-64, so its intrinsics need no check at run time. (Since Rust 1.87 the compiler knows and
// calls them safe.)
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe)]
mod lanes {
    use super::{Blank, Block, Class, Equal};
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    #[inline(always)]
    fn splat(byte: u8) -> __m128i {
        // SAFETY: SSE2 is there.
        unsafe { _mm_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn equal(a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: SSE2 is there.
        unsafe { _mm_cmpeq_epi8(a, b) }
    }

    #[inline(always)]
    fn gather(block: &Block, class: impl Fn(__m128i) -> __m128i) -> u64 {
        let lane = |at: usize| {
            // SAFETY: `at` is 0, 16, 32 or 48, so the 16 bytes lie inside the block; the load needs no alignment.
            let bytes = unsafe { _mm_loadu_si128(block.as_ptr().wrapping_add(at).cast()) };
            // SAFETY: SSE2 is there.
            let bits = unsafe { _mm_movemask_epi8(class(bytes)) };
            u64::from(bits as u32) << at
        };
        lane(0) | lane(16) | lane(32) | lane(48)
    }

    impl Class for Equal {
        #[inline(always)]
        fn mask(self, block: &Block) -> u64 {
            let wanted = splat(self.0);
            gather(block, |bytes| equal(bytes, wanted))
        }
    }

    impl Class for Blank {
        #[inline(always)]
        fn mask(self, block: &Block) -> u64 {
            let [space, tab, four] = [splat(b' '), splat(b'\t'), splat(4)];
            gather(block, |bytes| {
                // \t to \r are the bytes whose distance from \t, unsigned, is at most 4.
                // SAFETY: SSE2 is there.
                let distance = unsafe { _mm_sub_epi8(bytes, tab) };
                // SAFETY: SSE2 is there.
                let clamped = unsafe { _mm_min_epu8(distance, four) };
                // SAFETY: SSE2 is there.
                unsafe { _mm_or_si128(equal(clamped, distance), equal(bytes, space)) }
            })
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod lanes {
    use super::{is_blank, Blank, Block, Class, Equal};

    // The comparison vectorises by itself; the 64 answers are then packed eight at a time.
    #[inline(always)]
    fn gather(block: &Block, class: impl Fn(u8) -> bool) -> u64 {
        let found = block.map(|byte| u8::from(class(byte)));
        found.rchunks_exact(8).fold(0, |mask, eight| {
            let eight = eight.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            // The product moves bit 0 of each byte to the top byte, in order.
            (mask << 8) | (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56)
        })
    }

    impl Class for Equal {
        #[inline(always)]
        fn mask(self, block: &Block) -> u64 {
            gather(block, |byte| byte == self.0)
        }
    }

    impl Class for Blank {
        #[inline(always)]
        fn mask(self, block: &Block) -> u64 {
            gather(block, is_blank)
        }
    }
}

/// Whether `byte` is linear white space.
#[inline(always)]
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') <= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(data: &[u8], at: usize, class: impl Fn(u8) -> bool) -> u64 {
        data.iter()
            .skip(at)
            .take(64)
            .enumerate()
            .fold(0, |mask, (i, byte)| mask | (u64::from(class(*byte)) << i))
    }

    #[test]
    fn masks_agree_with_a_byte_by_byte_oracle() {
        let data: Vec<u8> = (0..700u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 % 40).collect();
        for at in 0..=data.len() {
            assert_eq!(mask_at(&data, at, Blank), naive(&data, at, is_blank), "blank at {at}");
            for byte in [0, 9, 10, 13, 32, 39] {
                assert_eq!(
                    mask_at(&data, at, Equal(byte)),
                    naive(&data, at, |b| b == byte),
                    "{byte} at {at}"
                );
            }
        }
    }

    #[test]
    fn every_byte_is_classified() {
        let all: Vec<u8> = (0..=255).collect();
        for at in [0, 64, 128, 192] {
            assert_eq!(mask_at(&all, at, Blank), naive(&all, at, |b| b" \t\n\x0b\x0c\r".contains(&b)));
        }
    }
}
