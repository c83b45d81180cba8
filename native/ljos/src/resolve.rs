//! Names: getaddrinfo(3) and getnameinfo(3) as questions that own everything they touch.
//!
//! A resolution is shared by its Lua owner and the pool thread that asks. So an owner that no longer wants the answer
//! may free it at any time: the thread's share keeps the memory until the C library returns.
//!
//! The outcome of asking is 0, or an `EAI_*` with its sign changed, or `-errno` where that is `EAI_SYSTEM` or hides that
//! there was no descriptor to ask with.

use crate::engine::errno;
use crate::ip::{self, IpAddress};
use crate::memory;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::mem::zeroed;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

enum Question {
    Forward { host: Option<CString>, service: Option<CString>, hints: [c_int; 4] },
    Reverse { address: IpAddress, port: u32, flags: c_int },
}

#[derive(Default)]
struct Answer {
    endpoints: Vec<(IpAddress, c_int)>,
    host: Vec<u8>,
    service: Vec<u8>,
}

/// A question to the C library's resolver, and its answer.
pub struct Resolution {
    question: Question,
    answer: Mutex<Answer>,
}

/// What `ljos_resolve_text` reads.
#[repr(C)]
pub enum ResolveText {
    LjosResolveHost = 0,
    LjosResolveService = 1,
}

fn clear_errno() {
    // SAFETY: always valid; thread-local.
    let errno_now = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { errno_now.write(0) };
}

/// 0, or `-EMFILE` or `-ENFILE` where no descriptor can be had.
fn try_descriptor() -> c_int {
    // SAFETY: plain system call.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return -errno();
    }
    // SAFETY: ours, closed once.
    unsafe { libc::close(fd) };
    0
}

/// What a call that began with `clear_errno` answered. Where glibc can open neither file nor socket it says EAI_NONAME,
/// or EAI_AGAIN without keeping errno, or gives an address for its name.
fn outcome(eai: c_int) -> c_int {
    match (eai, errno()) {
        (libc::EAI_SYSTEM, errno) | (_, errno @ (libc::EMFILE | libc::ENFILE)) => -errno,
        (libc::EAI_AGAIN, _) => match try_descriptor() {
            0 => -libc::EAI_AGAIN,
            errno => errno,
        },
        (eai, _) => -eai,
    }
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// The text that the C library wrote, up to its NUL.
fn until_nul(text: &[c_char]) -> Vec<u8> {
    text.iter().take_while(|byte| **byte != 0).map(|byte| byte.to_ne_bytes()[0]).collect()
}

impl Resolution {
    /// Asks, in the calling thread; `forbidden` flags are taken out and `more` flags added.
    pub(crate) fn ask(&self, forbidden: c_int, more: c_int) -> c_int {
        let mut answer = Answer::default();
        let outcome = match &self.question {
            Question::Forward { host, service, hints } => {
                let [flags, family, kind, protocol] = *hints;
                // SAFETY: an all-zero addrinfo is valid.
                let mut hints: libc::addrinfo = unsafe { zeroed() };
                hints.ai_flags = flags & !forbidden | more;
                hints.ai_family = family;
                hints.ai_socktype = kind;
                hints.ai_protocol = protocol;
                forward(pointer(host), pointer(service), &hints, &mut answer)
            }
            Question::Reverse { address, port, flags } => reverse(address, *port, *flags, &mut answer),
        };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        outcome
    }
}

fn forward(
    host: *const c_char,
    service: *const c_char,
    hints: &libc::addrinfo,
    answer: &mut Answer,
) -> c_int {
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    clear_errno();
    // SAFETY: NUL-terminated strings or null, and valid locals.
    let eai = unsafe { libc::getaddrinfo(host, service, hints, &mut list) };
    if eai != 0 {
        return outcome(eai);
    }
    let mut next = list;
    while !next.is_null() {
        // SAFETY: an element of the list that getaddrinfo made.
        let entry = unsafe { memory::reference(next) };
        // SAFETY: the address is as long as the entry says, and getaddrinfo aligns it.
        if let Some((address, port)) = unsafe { ip::read(entry.ai_addr.cast(), entry.ai_addrlen as usize) } {
            answer.endpoints.push((address, port));
        }
        if !entry.ai_canonname.is_null() {
            // SAFETY: a NUL-terminated string.
            answer.host = unsafe { CStr::from_ptr(entry.ai_canonname) }.to_bytes().to_vec();
        }
        next = entry.ai_next;
    }
    // SAFETY: freed once, and nothing of it is used any more.
    unsafe { libc::freeaddrinfo(list) };
    0
}

fn reverse(address: &IpAddress, port: u32, flags: c_int, answer: &mut Answer) -> c_int {
    // SAFETY: an all-zero sockaddr_storage is valid.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    // SAFETY: a valid address, and room for any.
    let len = unsafe { ip::ljos_ip_to_sockaddr(address, port, (&raw mut storage).cast()) };
    let mut host = [0 as c_char; 1025]; // NI_MAXHOST
    let mut service = [0 as c_char; 32]; // NI_MAXSERV
    clear_errno();
    // SAFETY: all pointers are to locals of the stated sizes.
    let eai = unsafe {
        libc::getnameinfo(
            (&raw const storage).cast(),
            len as u32,
            host.as_mut_ptr(),
            host.len() as u32,
            service.as_mut_ptr(),
            service.len() as u32,
            flags,
        )
    };
    answer.host = until_nul(&host);
    answer.service = until_nul(&service);
    outcome(eai)
}

/// A string of the caller: none when it is empty.
///
/// # Safety
/// `text` is valid for `len` bytes.
unsafe fn string(text: *const c_void, len: u32) -> Result<Option<CString>, c_int> {
    // SAFETY: the caller's promise.
    match unsafe { memory::slice(text.cast::<u8>(), len as usize) } {
        [] => Ok(None),
        bytes => CString::new(bytes).map(Some).map_err(|_| -libc::EINVAL),
    }
}

/// # Safety
/// `out` is valid for one write.
unsafe fn hand_out(question: Question, out: *mut *const Resolution) -> c_int {
    let resolution = Arc::new(Resolution { question, answer: Mutex::default() });
    // SAFETY: the caller's promise.
    unsafe { out.write(Arc::into_raw(resolution)) };
    0
}

/// Makes a question for getaddrinfo(3). An empty host or service is none at all. `hints` are flags, family, socket
/// type and protocol. `-EINVAL` when a text has a NUL inside.
///
/// # Safety
/// The texts are valid for their lengths, `hints` for four numbers, `out` for one write. End it with
/// `ljos_resolve_free`.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_new(
    host: *const c_void,
    host_len: u32,
    service: *const c_void,
    service_len: u32,
    hints: *const c_int,
    out: *mut *const Resolution,
) -> c_int {
    // SAFETY: the caller's promise.
    let host = unsafe { string(host, host_len) };
    // SAFETY: the caller's promise.
    let service = unsafe { string(service, service_len) };
    // SAFETY: the caller's promise.
    let hints = *unsafe { memory::reference(hints.cast::<[c_int; 4]>()) };
    match (host, service) {
        // SAFETY: the caller's promise.
        (Ok(host), Ok(service)) => unsafe { hand_out(Question::Forward { host, service, hints }, out) },
        _ => -libc::EINVAL,
    }
}

/// Makes a question for getnameinfo(3); `flags` are `NI_*`.
///
/// # Safety
/// `address` is valid, `out` for one write. End it with `ljos_resolve_free`.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_new_reverse(
    address: *const IpAddress,
    port: u32,
    flags: c_int,
    out: *mut *const Resolution,
) -> c_int {
    // SAFETY: the caller's promise.
    let address = *unsafe { memory::reference(address) };
    // SAFETY: the caller's promise.
    unsafe { hand_out(Question::Reverse { address, port, flags }, out) }
}

/// Gives up the caller's share of a resolution, answered or not.
///
/// # Safety
/// `resolution` came from `ljos_resolve_new` or `ljos_resolve_new_reverse` and is not used again.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_free(resolution: *const Resolution) {
    // SAFETY: the caller's promise.
    drop(unsafe { Arc::from_raw(resolution) });
}

/// Another share of a resolution.
///
/// # Safety
/// `resolution` is live.
pub(crate) unsafe fn share(resolution: *const Resolution) -> Arc<Resolution> {
    // SAFETY: the caller's promise.
    unsafe { Arc::increment_strong_count(resolution) };
    // SAFETY: the share that was just counted.
    unsafe { Arc::from_raw(resolution) }
}

/// Asks at once, without any name service: host and service must be numbers, or the outcome is `EAI_NONAME`.
///
/// # Safety
/// `resolution` is live.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_numeric(resolution: *const Resolution) -> c_int {
    // SAFETY: the caller's promise.
    let resolution = unsafe { memory::reference(resolution) };
    // Which addresses are configured here says nothing about a number.
    resolution.ask(libc::AI_ADDRCONFIG, libc::AI_NUMERICHOST | libc::AI_NUMERICSERV)
}

/// Reads endpoint `index`, from 0, of an answer: fills `out` and returns the port, or `-ENOENT` behind the last one.
///
/// # Safety
/// `resolution` is live and answered; `out` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_endpoint(
    resolution: *const Resolution,
    index: u32,
    out: *mut IpAddress,
) -> c_int {
    // SAFETY: the caller's promise.
    let resolution = unsafe { memory::reference(resolution) };
    let answer = resolution.answer.lock().unwrap_or_else(PoisonError::into_inner);
    match answer.endpoints.get(index as usize) {
        Some((address, port)) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(*address) };
            *port
        }
        None => -libc::ENOENT,
    }
}

/// Copies a text of an answer: the canonical name or the host's (`LJOS_RESOLVE_HOST`), or the service's. Returns its
/// length; what does not fit into `capacity` (1025 is always enough) is left out.
///
/// # Safety
/// `resolution` is live and answered; `out` has room for `capacity` bytes.
#[no_mangle]
pub unsafe extern "C" fn ljos_resolve_text(
    resolution: *const Resolution,
    which: c_int,
    out: *mut c_char,
    capacity: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let resolution = unsafe { memory::reference(resolution) };
    // SAFETY: the caller's promise.
    let out = unsafe { memory::slice_mut(out.cast::<u8>(), capacity as usize) };
    let answer = resolution.answer.lock().unwrap_or_else(PoisonError::into_inner);
    let is_host = which == ResolveText::LjosResolveHost as c_int;
    let text = if is_host { &answer.host } else { &answer.service };
    for (to, from) in out.iter_mut().zip(text) {
        *to = *from;
    }
    text.len().min(out.len()) as c_int
}
