//! Signals as a queue of what came with them: a handler that only copies its siginfo, for handlers written in Lua.
//!
//! The handler runs in signal context and puts the siginfo into a free slot; whoever drains the queue does so later, in
//! a context of its own. A signal that finds all slots taken is dropped, as the kernel drops a second one that is pending.

use crate::engine::errno;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const SLOTS: usize = 128;
const WORDS: usize = size_of::<libc::siginfo_t>() / size_of::<u64>();

const FREE: u32 = 0;
const BUSY: u32 = 1;
const FULL: u32 = 2;

struct Slot {
    state: AtomicU32,
    signal: AtomicU32,
    turn: AtomicU64,
    info: [AtomicU64; WORDS],
}

static QUEUE: [Slot; SLOTS] = [const {
    Slot {
        state: AtomicU32::new(FREE),
        signal: AtomicU32::new(0),
        turn: AtomicU64::new(0),
        info: [const { AtomicU64::new(0) }; WORDS],
    }
}; SLOTS];

static TURN: AtomicU64 = AtomicU64::new(0);
static QUEUED: AtomicU32 = AtomicU32::new(0);

/// ASYNC-SIGNAL-SAFE: atomics only.
extern "C" fn enqueue(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    for slot in &QUEUE {
        if slot.state.compare_exchange(FREE, BUSY, Ordering::AcqRel, Ordering::Acquire).is_err() {
            continue;
        }
        for (i, word) in slot.info.iter().enumerate() {
            // SAFETY: i is below the siginfo's size in words.
            let source = unsafe { info.cast::<u64>().add(i) };
            // SAFETY: the kernel gave a whole siginfo, which is aligned to a word.
            word.store(unsafe { source.read() }, Ordering::Relaxed);
        }
        slot.signal.store(signal as u32, Ordering::Relaxed);
        slot.turn.store(TURN.fetch_add(1, Ordering::AcqRel), Ordering::Relaxed);
        slot.state.store(FULL, Ordering::Release);
        QUEUED.fetch_add(1, Ordering::AcqRel);
        return;
    }
}

/// Makes the queue the handler of a signal: sigaction(2) with the mask and the flags given.
///
/// # Safety
/// `mask` points to a signal set of the kernel, eight bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_signal_queue_handle(signal: c_int, mask: *const u64, flags: c_int) -> c_int {
    // SAFETY: an all-zero sigaction is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = enqueue as *const () as usize;
    action.sa_flags = flags | libc::SA_SIGINFO;
    // SAFETY: the caller's promise.
    let bits = unsafe { mask.read_unaligned() };
    for number in 1..=64 {
        if bits & (1u64 << (number - 1)) != 0 {
            // SAFETY: the set is a local; sigaddset refuses the two numbers that the C library keeps.
            unsafe { libc::sigaddset(&raw mut action.sa_mask, number) };
        }
    }
    // SAFETY: a valid action for the duration of the call.
    match unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } {
        0 => 0,
        _ => -errno(),
    }
}

/// Takes the oldest signal that is queued and in `mask`: its number, with `info` filled, or 0 when there is none.
///
/// # Safety
/// `mask` points to a signal set of eight bytes, `info` to a siginfo.
#[no_mangle]
pub unsafe extern "C" fn ljos_signal_queue_take(mask: *const u64, info: *mut c_void) -> c_int {
    if QUEUED.load(Ordering::Acquire) == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let bits = unsafe { mask.read_unaligned() };
    let wanted = |slot: &&Slot| {
        let signal = slot.signal.load(Ordering::Relaxed);
        slot.state.load(Ordering::Acquire) == FULL && signal != 0 && bits & (1u64 << (signal - 1)) != 0
    };
    let oldest = QUEUE.iter().filter(wanted).min_by_key(|slot| slot.turn.load(Ordering::Relaxed));
    let Some(slot) = oldest else { return 0 };
    if slot.state.compare_exchange(FULL, BUSY, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return 0;
    }
    for (i, word) in slot.info.iter().enumerate() {
        // SAFETY: i is below the siginfo's size in words.
        let target = unsafe { info.cast::<u64>().add(i) };
        // SAFETY: the caller's promise.
        unsafe { target.write_unaligned(word.load(Ordering::Relaxed)) };
    }
    let signal = slot.signal.load(Ordering::Relaxed);
    slot.state.store(FREE, Ordering::Release);
    QUEUED.fetch_sub(1, Ordering::AcqRel);
    signal as c_int
}
