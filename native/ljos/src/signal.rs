//! Signals as counters: a handler that only counts and writes to an eventfd, for sets of signals.
//!
//! A set has a mask, a counter per signal and an eventfd. The handler adds one to the counter of every set that
//! has the signal and makes the set's eventfd readable; nothing else happens in signal context. While a signal
//! is in no set, its disposition is what it was before.

use crate::engine::errno;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const SETS: usize = 128;
const SIGNALS: usize = 65;

/// One set of signals. Free while `eventfd` is -1.
struct Set {
    eventfd: AtomicI32,
    mask: AtomicU64,
    counts: [AtomicU32; SIGNALS],
}

static REGISTRY: [Set; SETS] = [const {
    Set {
        eventfd: AtomicI32::new(-1),
        mask: AtomicU64::new(0),
        counts: [const { AtomicU32::new(0) }; SIGNALS],
    }
}; SETS];

/// What each signal did before the first set asked for it.
static BEFORE: Mutex<[Option<libc::sigaction>; SIGNALS]> = Mutex::new([None; SIGNALS]);

fn bit(signal: c_int) -> u64 {
    1u64 << (signal - 1)
}

/// ASYNC-SIGNAL-SAFE: atomics and write(2) only; keeps errno.
extern "C" fn on_signal(signal: c_int) {
    let errno_before = errno();
    for set in &REGISTRY {
        if set.mask.load(Ordering::Acquire) & bit(signal) == 0 {
            continue;
        }
        if let Some(count) = set.counts.get(signal as usize) {
            count.fetch_add(1, Ordering::AcqRel);
        }
        let one = 1u64;
        // SAFETY: eight bytes of a local; a closed descriptor only makes the write fail.
        unsafe { libc::write(set.eventfd.load(Ordering::Acquire), (&raw const one).cast(), 8) };
    }
    // SAFETY: always valid; thread-local.
    let errno_now = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { errno_now.write(errno_before) };
}

fn action(handler: usize) -> libc::sigaction {
    // SAFETY: an all-zero sigaction is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    action
}

fn sigaction(signal: c_int, new: &libc::sigaction, old: Option<&mut libc::sigaction>) -> c_int {
    let old = old.map_or(std::ptr::null_mut(), |old| &raw mut *old);
    // SAFETY: valid pointers for the duration of the call.
    match unsafe { libc::sigaction(signal, new, old) } {
        0 => 0,
        _ => -errno(),
    }
}

fn is_valid(signal: c_int) -> bool {
    (1..SIGNALS as c_int).contains(&signal)
}

fn in_use(signal: c_int) -> bool {
    REGISTRY.iter().any(|set| set.mask.load(Ordering::Acquire) & bit(signal) != 0)
}

/// Makes an empty set; the result is its number, to be ended with `ljos_signal_set_free`. `-ENOBUFS` when there are
/// too many. The set does not own `eventfd`.
#[no_mangle]
pub extern "C" fn ljos_signal_set_new(eventfd: c_int) -> c_int {
    for (number, set) in REGISTRY.iter().enumerate() {
        if set.eventfd.compare_exchange(-1, eventfd, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return number as c_int;
        }
    }
    -libc::ENOBUFS
}

/// Adds a signal to a set. A signal that is there already stays.
#[no_mangle]
pub extern "C" fn ljos_signal_set_add(number: c_int, signal: c_int) -> c_int {
    let Some(set) = REGISTRY.get(number as usize) else { return -libc::EINVAL };
    if !is_valid(signal) {
        return -libc::EINVAL;
    }
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(slot) = before.get_mut(signal as usize) else { return -libc::EINVAL };
    if slot.is_none() {
        let mut old = action(libc::SIG_DFL);
        let result = sigaction(signal, &action(on_signal as *const () as usize), Some(&mut old));
        if result < 0 {
            return result;
        }
        *slot = Some(old);
    }
    set.mask.fetch_or(bit(signal), Ordering::AcqRel);
    0
}

/// Removes a signal from a set and drops what was queued for it.
#[no_mangle]
pub extern "C" fn ljos_signal_set_remove(number: c_int, signal: c_int) -> c_int {
    let Some(set) = REGISTRY.get(number as usize) else { return -libc::EINVAL };
    if !is_valid(signal) {
        return -libc::EINVAL;
    }
    set.mask.fetch_and(!bit(signal), Ordering::AcqRel);
    if let Some(count) = set.counts.get(signal as usize) {
        count.store(0, Ordering::Release);
    }
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if in_use(signal) {
        return 0;
    }
    match before.get_mut(signal as usize).and_then(Option::take) {
        Some(old) => sigaction(signal, &old, None),
        None => 0,
    }
}

/// Takes the lowest signal that is queued for a set: its number, or 0 when there is none.
#[no_mangle]
pub extern "C" fn ljos_signal_set_take(number: c_int) -> c_int {
    let Some(set) = REGISTRY.get(number as usize) else { return -libc::EINVAL };
    for (signal, count) in set.counts.iter().enumerate() {
        let taken = count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1));
        if taken.is_ok() {
            return signal as c_int;
        }
    }
    0
}

/// Ends a set: removes all its signals.
#[no_mangle]
pub extern "C" fn ljos_signal_set_free(number: c_int) {
    let Some(set) = REGISTRY.get(number as usize) else { return };
    for signal in 1..SIGNALS as c_int {
        if set.mask.load(Ordering::Acquire) & bit(signal) != 0 {
            ljos_signal_set_remove(number, signal);
        }
    }
    set.eventfd.store(-1, Ordering::Release);
}

/// Ignores a signal (`ignore` not 0) or resets it to the default. `-EBUSY` while a set has it.
#[no_mangle]
pub extern "C" fn ljos_signal_dispose(signal: c_int, ignore: c_int) -> c_int {
    if !is_valid(signal) {
        return -libc::EINVAL;
    }
    if in_use(signal) {
        return -libc::EBUSY;
    }
    sigaction(signal, &action(if ignore != 0 { libc::SIG_IGN } else { libc::SIG_DFL }), None)
}
