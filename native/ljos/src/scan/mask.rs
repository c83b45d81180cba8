//! 64 bytes at a time as a bit mask: bit i is set when byte i is of the class asked for.

pub type Block = [u8; 64];

/// One way to compute masks: an instruction set.
pub trait Isa: Copy {
    /// The bytes equal to `byte`.
    fn equal(self, block: &Block, byte: u8) -> u64;
    /// Linear white space: space, \t, \n, \v, \f, \r.
    fn blank(self, block: &Block) -> u64;
}

/// What to do once the instruction set is known. `run` is `#[inline(always)]`, so that it is compiled for each of them.
pub trait Task {
    type Output;
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// Whether `byte` is linear white space.
#[inline(always)]
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') <= 4
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

// No closures below: they would not be compiled for the instruction set of the function they are inlined into.

/// The mask of the 64 bytes of `data` from `at` that equal `byte`; past the end of `data` the bits are zero.
#[inline(always)]
pub fn equal_at(isa: impl Isa, data: &[u8], at: usize, byte: u8) -> u64 {
    let rest = data.get(at..).unwrap_or(&[]);
    match rest.first_chunk::<64>() {
        Some(block) => isa.equal(block, byte),
        None => isa.equal(&padded(rest), byte) & below(rest.len()),
    }
}

/// The mask of the 64 bytes of `data` from `at` that are blank; past the end of `data` the bits are zero.
#[inline(always)]
pub fn blank_at(isa: impl Isa, data: &[u8], at: usize) -> u64 {
    let rest = data.get(at..).unwrap_or(&[]);
    match rest.first_chunk::<64>() {
        Some(block) => isa.blank(block),
        None => isa.blank(&padded(rest)) & below(rest.len()),
    }
}

#[cold]
#[inline(never)]
fn padded(tail: &[u8]) -> Block {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(tail) {
        *to = *from;
    }
    block
}

/// Runs a task on the best instruction set that this processor has.
#[cfg(target_arch = "x86_64")]
pub fn run<T: Task>(task: T) -> T::Output {
    use std::arch::is_x86_feature_detected as has;
    if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt") {
        // SAFETY: the processor has all of them.
        return unsafe { run_on_avx2(task) };
    }
    task.run(x86::Sse2)
}

/// # Safety
/// The processor has these features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn run_on_avx2<T: Task>(task: T) -> T::Output {
    task.run(x86::Avx2)
}

/// Runs a task; the compiler knows the one instruction set there is.
#[cfg(not(target_arch = "x86_64"))]
pub fn run<T: Task>(task: T) -> T::Output {
    task.run(portable::Portable)
}

// Since Rust 1.87 intrinsics without pointers are safe to call where their features are known to be there.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe)]
mod x86 {
    use super::{Block, Isa};
    use std::arch::x86_64::{
        __m128i, __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8,
    };

    /// Every x86-64 has it.
    #[derive(Clone, Copy)]
    pub struct Sse2;

    /// Only `run_on_avx2` makes one.
    #[derive(Clone, Copy)]
    pub struct Avx2;

    #[inline(always)]
    fn load16(block: &Block, at: usize) -> __m128i {
        // SAFETY: `at` is at most 48, so the 16 bytes lie inside the block; the load needs no alignment.
        unsafe { _mm_loadu_si128(block.as_ptr().wrapping_add(at).cast()) }
    }

    #[inline(always)]
    fn load32(block: &Block, at: usize) -> __m256i {
        // SAFETY: `at` is at most 32, so the 32 bytes lie inside the block; the load needs no alignment.
        unsafe { _mm256_loadu_si256(block.as_ptr().wrapping_add(at).cast()) }
    }

    #[inline(always)]
    fn bits16(found: __m128i, at: usize) -> u64 {
        // SAFETY: SSE2 is there.
        let bits = unsafe { _mm_movemask_epi8(found) };
        u64::from(bits as u32) << at
    }

    #[inline(always)]
    fn bits32(found: __m256i, at: usize) -> u64 {
        // SAFETY: AVX2 is there.
        let bits = unsafe { _mm256_movemask_epi8(found) };
        u64::from(bits as u32) << at
    }

    // \t to \r are the bytes whose distance from \t, unsigned, is at most 4.

    #[inline(always)]
    fn blank16(bytes: __m128i) -> __m128i {
        // SAFETY: SSE2 is there.
        let distance = unsafe { _mm_sub_epi8(bytes, splat16(b'\t')) };
        // SAFETY: SSE2 is there.
        let clamped = unsafe { _mm_min_epu8(distance, splat16(4)) };
        // SAFETY: SSE2 is there.
        unsafe { _mm_or_si128(equal16(clamped, distance), equal16(bytes, splat16(b' '))) }
    }

    #[inline(always)]
    fn blank32(bytes: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        let distance = unsafe { _mm256_sub_epi8(bytes, splat32(b'\t')) };
        // SAFETY: AVX2 is there.
        let clamped = unsafe { _mm256_min_epu8(distance, splat32(4)) };
        // SAFETY: AVX2 is there.
        unsafe { _mm256_or_si256(equal32(clamped, distance), equal32(bytes, splat32(b' '))) }
    }

    #[inline(always)]
    fn splat16(byte: u8) -> __m128i {
        // SAFETY: SSE2 is there.
        unsafe { _mm_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn splat32(byte: u8) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn equal16(a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: SSE2 is there.
        unsafe { _mm_cmpeq_epi8(a, b) }
    }

    #[inline(always)]
    fn equal32(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: AVX2 is there.
        unsafe { _mm256_cmpeq_epi8(a, b) }
    }

    impl Isa for Sse2 {
        #[inline(always)]
        fn equal(self, block: &Block, byte: u8) -> u64 {
            let mut mask = 0;
            for at in [0, 16, 32, 48] {
                mask |= bits16(equal16(load16(block, at), splat16(byte)), at);
            }
            mask
        }

        #[inline(always)]
        fn blank(self, block: &Block) -> u64 {
            let mut mask = 0;
            for at in [0, 16, 32, 48] {
                mask |= bits16(blank16(load16(block, at)), at);
            }
            mask
        }
    }

    impl Isa for Avx2 {
        #[inline(always)]
        fn equal(self, block: &Block, byte: u8) -> u64 {
            let wanted = splat32(byte);
            bits32(equal32(load32(block, 0), wanted), 0) | bits32(equal32(load32(block, 32), wanted), 32)
        }

        #[inline(always)]
        fn blank(self, block: &Block) -> u64 {
            bits32(blank32(load32(block, 0)), 0) | bits32(blank32(load32(block, 32)), 32)
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    use super::{is_blank, Block, Isa};

    #[derive(Clone, Copy)]
    pub struct Portable;

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

    impl Isa for Portable {
        #[inline(always)]
        fn equal(self, block: &Block, byte: u8) -> u64 {
            gather(block, |other| other == byte)
        }

        #[inline(always)]
        fn blank(self, block: &Block) -> u64 {
            gather(block, is_blank)
        }
    }
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

    struct Agrees;

    impl Task for Agrees {
        type Output = ();
        fn run<I: Isa>(self, isa: I) {
            let random = (0..700u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 % 40);
            let data: Vec<u8> = random.chain(0..=255).collect();
            for at in 0..=data.len() {
                assert_eq!(
                    blank_at(isa, &data, at),
                    naive(&data, at, |b| b" \t\n\x0b\x0c\r".contains(&b)),
                    "at {at}"
                );
                for byte in [0, 9, 10, 13, 32, 39, 200] {
                    assert_eq!(
                        equal_at(isa, &data, at, byte),
                        naive(&data, at, |b| b == byte),
                        "{byte} at {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn masks_agree_with_a_byte_by_byte_oracle_on_every_instruction_set() {
        run(Agrees);
        Agrees.run(portable::Portable);
        #[cfg(target_arch = "x86_64")]
        Agrees.run(x86::Sse2);
    }
}
