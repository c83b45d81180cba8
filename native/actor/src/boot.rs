//! What the parent hands over: the numbers of the descriptors, the boot record, the control socket.

use crate::Failure;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{FromRawFd, RawFd};

/// Beside stdin, stdout and stderr; `lua/ljos/actor/launch.lua` has the same numbers. Descriptors that the
/// parent grants follow from 6 on.
pub const BOOT: RawFd = 4;
pub const CONTROL: RawFd = 5;
pub const INIT_ARG: RawFd = 6;

/// The boot record: keys and values, each behind its length.
pub struct Boot {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Boot {
    fn parse(mut bytes: &[u8]) -> Option<Boot> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let key = field(&mut bytes)?;
            let value = field(&mut bytes)?;
            entries.push((key, value));
        }
        Some(Boot { entries })
    }

    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().filter(|(key, _)| key != b"init").map(|(key, value)| (&key[..], &value[..]))
    }

    pub fn get(&self, wanted: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(key, _)| key == wanted.as_bytes()).map(|(_, value)| &value[..])
    }

    pub fn has(&self, wanted: &str) -> bool {
        self.get(wanted).is_some()
    }

    /// Overwrites a value that nothing needs any more.
    pub fn forget(&mut self, unwanted: &str) {
        for (_, value) in self.entries.iter_mut().filter(|(key, _)| key == unwanted.as_bytes()) {
            wipe(value);
        }
    }

    /// The numbers in the list of words behind `key`.
    pub fn numbers(&self, key: &str) -> Vec<i64> {
        let words = self.get(key).and_then(|words| std::str::from_utf8(words).ok()).unwrap_or("");
        words.split(' ').filter_map(|word| word.parse().ok()).collect()
    }

    /// The number behind `name` in the list of words "name=number" behind `key`.
    pub fn value(&self, key: &str, name: &str) -> Option<u64> {
        let words = std::str::from_utf8(self.get(key)?).ok()?;
        words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }

    /// Whether the list of words behind `key` has `word`.
    pub fn lists(&self, key: &str, word: &str) -> bool {
        self.get(key)
            .is_some_and(|words| words.split(|byte| *byte == b' ').any(|each| each == word.as_bytes()))
    }
}

fn field(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
    *bytes = rest;
    Some(value.to_vec())
}

/// Reads the boot record and closes its descriptor; `None` when this process was not started by ljos.
pub fn take() -> Option<(Boot, Control)> {
    // SAFETY: no memory is involved.
    let seals = unsafe { libc::fcntl(BOOT, libc::F_GET_SEALS) };
    if seals & libc::F_SEAL_SEAL == 0 || seals < 0 {
        return None;
    }
    // SAFETY: a memfd that the parent made for this purpose; nobody else uses the number.
    let mut file = unsafe { File::from_raw_fd(BOOT) };
    // The parent wrote it through the same open file.
    file.rewind().ok()?;
    // With room for all at once: growing would leave copies behind.
    let size = file.metadata().ok()?.len() as usize;
    let mut bytes = Vec::with_capacity(size + 1);
    file.read_to_end(&mut bytes).ok()?;
    let boot = Boot::parse(&bytes);
    wipe(&mut bytes);
    boot.map(|boot| (boot, Control))
}

fn wipe(bytes: &mut [u8]) {
    // SAFETY: the whole slice, which is ours; unlike `fill` it is never optimised away.
    unsafe { libc::explicit_bzero(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// The control socket. To the parent: one message, "R" (ready) or "E", errno and the step that failed. From the
/// parent: one byte when the actor may outlive it, and the end of the stream when the parent has ended.
pub struct Control;

impl Control {
    /// Says what went wrong: to the parent where it waits for that word, else, as it went on at once, on stderr.
    pub fn fail(&self, failure: &Failure, is_awaited: bool) {
        if !is_awaited {
            eprintln!("ljos-actor: {failure}");
            return;
        }
        let mut message = vec![b'E'];
        message.extend_from_slice(&failure.errno.to_ne_bytes());
        message.extend_from_slice(failure.step.as_bytes());
        send(&message);
    }

    /// Says that the confinement is in place. `close`: PID 1 watches the socket, this process need not.
    pub fn ready(&self, close: bool) {
        send(b"R");
        if close {
            // SAFETY: ours, and not used again.
            unsafe { libc::close(CONTROL) };
        }
    }
}

/// ASYNC-SIGNAL-SAFE. One byte from the parent, without waiting: 1, or 0 at its end, or -1 with errno.
pub fn hear() -> isize {
    let mut byte = 0u8;
    // SAFETY: room for one byte.
    let mut receive = || unsafe { libc::recv(CONTROL, (&raw mut byte).cast(), 1, libc::MSG_DONTWAIT) };
    let received = receive();
    // It ended without having read all that was under way to it; what it had said comes after that news.
    if received < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ECONNRESET) {
        return receive();
    }
    received
}

// A parent that is gone hears nothing.
fn send(message: &[u8]) {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the slice is valid during the call.
    unsafe { libc::send(CONTROL, message.as_ptr().cast(), message.len(), flags) };
}
