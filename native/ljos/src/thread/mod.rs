//! Threads: Lua states that run beside the one that starts them, each on a thread of its own.
//!
//! The state is made with the host's own Lua C API, through pointers that Lua hands over, so that this library has no
//! undefined Lua symbol. A thread makes its state, runs one chunk in it and closes it; nobody else touches that state,
//! and nobody joins the thread: `ljos_thread_wait_all` waits until all have ended. All signals are blocked in it, so that
//! the host's stay with the host's threads.
//!
//! The process may end at any time meanwhile. What a thread needs then is there until the end: this library and the one
//! with the Lua C API are kept from being unloaded. (The first would be by the end of the host's Lua state.)
//!
//! What the threads share is here, in `modules`, in `mailbox` and its handles, and in the registers of signals (`signal`,
//! `signal_queue`) and names (`constants`, `layout`): atomics and locks that are not held while anything else is called.
//! All else, engines and their pools above all, belongs to the state that made it.

pub mod modules;

use crate::mailbox::{self, Inbox, Mailbox};
use crate::memory;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, Once, PoisonError};

/// As large as a main thread's usually is would let transparent huge pages take 2 MiB of memory for each.
const STACK: usize = 1024 * 1024;

/// The host's Lua C API: what a thread needs of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct LuaApi {
    pub newstate: unsafe extern "C" fn() -> *mut c_void,
    pub openlibs: unsafe extern "C" fn(*mut c_void),
    pub loadbuffer: unsafe extern "C" fn(*mut c_void, *const c_char, usize, *const c_char) -> c_int,
    pub pcall: unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int) -> c_int,
    pub tolstring: unsafe extern "C" fn(*mut c_void, c_int, *mut usize) -> *const c_char,
    pub close: unsafe extern "C" fn(*mut c_void),
}

extern "C" {
    fn ljos_thread_pcall(
        pcall: unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int) -> c_int,
        state: *mut c_void,
    ) -> c_int;
    fn ljos_thread_leave();
}

/// Threads that have not ended.
static LIVE: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The number of the last state that was started. 0 are the states that the host has made.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The number of the state that may change what the whole process has.
static MASTER: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static INBOX: Cell<*mut Inbox> = const { Cell::new(ptr::null_mut()) };
}

struct Start {
    number: u32,
    inbox: Inbox,
    api: LuaApi,
    chunk: Vec<u8>,
}

// SAFETY: nothing in an inbox is bound to a thread; its raw pointers are those of what it owns.
unsafe impl Send for Start {}

fn change_live(change: isize) {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    *live = live.saturating_add_signed(change);
    if *live == 0 {
        ENDED.notify_all();
    }
}

impl Start {
    fn run(self) {
        NUMBER.set(self.number);
        INBOX.set(Box::into_raw(Box::new(self.inbox)));
        // SAFETY: no arguments.
        let state = unsafe { (self.api.newstate)() };
        if state.is_null() {
            eprintln!("ljos: an actor: no memory for a Lua state");
        } else {
            // SAFETY: a fresh state, which this thread alone has.
            unsafe { run_chunk(&self.api, state, &self.chunk) };
            // SAFETY: its last use.
            unsafe { (self.api.close)(state) };
        }
        let inbox = INBOX.take();
        if !inbox.is_null() {
            // SAFETY: ours, as nobody has asked for it.
            drop(unsafe { Box::from_raw(inbox) });
        }
    }
}

/// # Safety
/// `state` is a fresh Lua state of `api`.
unsafe fn run_chunk(api: &LuaApi, state: *mut c_void, chunk: &[u8]) {
    const LEFT: c_int = -1;
    // SAFETY: the caller's promise.
    unsafe { (api.openlibs)(state) };
    // SAFETY: as above; the chunk is valid during the call.
    let mut status =
        unsafe { (api.loadbuffer)(state, chunk.as_ptr().cast(), chunk.len(), c"=ljos".as_ptr()) };
    if status == 0 {
        // SAFETY: the chunk is on the stack.
        status = unsafe { ljos_thread_pcall(api.pcall, state) };
    }
    if status != 0 && status != LEFT {
        // SAFETY: the error is on the stack.
        let message = unsafe { (api.tolstring)(state, -1, ptr::null_mut()) };
        // SAFETY: a string of Lua's, alive as long as it is on the stack, or null.
        let message = unsafe { memory::c_str(message) };
        eprintln!("ljos: an actor: {}", String::from_utf8_lossy(message));
    }
}

/// Keeps the file that has `address` loaded until the process ends.
fn pin(address: *const c_void) {
    // SAFETY: an all-zero Dl_info is valid.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: room for one.
    if unsafe { libc::dladdr(address, &mut info) } != 0 {
        // SAFETY: the name is a C string of the dynamic linker's. Where the file is the program itself this fails.
        unsafe { libc::dlopen(info.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

static PREPARED: Once = Once::new();

fn prepare_process(api: &LuaApi) {
    PREPARED.call_once(|| {
        pin(prepare_process as *const c_void);
        pin(api.newstate as *const c_void);
        // SAFETY: the function is async-signal-safe, and stays loaded.
        unsafe { libc::pthread_atfork(None, None, Some(mailbox::in_forked_child)) };
    });
}

/// Starts a thread that runs a chunk of Lua in a state of its own. `out` gets the address of that state's inbox, to be
/// ended with `ljos_address_free`. With `is_master` that state becomes the one that may change what the whole process has,
/// in place of the calling one: `-EPERM` if that is not it. `-EAGAIN` when there can be no further thread, `-ENOTSUP` in the
/// child of a fork(2) whose parent had some.
///
/// # Safety
/// `api` has all functions of one Lua; `name` is a NUL-terminated string; `chunk` holds `len` bytes; `out` is valid for
/// one write.
#[no_mangle]
pub unsafe extern "C" fn ljos_thread_spawn(
    api: *const LuaApi,
    name: *const c_char,
    chunk: *const c_char,
    len: u32,
    is_master: c_int,
    out: *mut *const Mailbox,
) -> c_int {
    // SAFETY: the caller's promise.
    let api = *unsafe { memory::reference(api) };
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    // SAFETY: the caller's promise.
    let chunk = unsafe { memory::slice(chunk.cast::<u8>(), len as usize) }.to_vec();
    if mailbox::is_forked() {
        return -libc::ENOTSUP;
    }
    prepare_process(&api);
    let inbox = match Inbox::new() {
        Ok(inbox) => inbox,
        Err(errno) => return -errno,
    };
    let address = inbox.address();
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let own = NUMBER.get();
    // Before it starts: its first line may need that.
    if is_master != 0 && MASTER.compare_exchange(own, number, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return -libc::EPERM;
    }
    let start = Start { number, inbox, api, chunk };
    change_live(1);
    let builder = std::thread::Builder::new().name(name).stack_size(STACK);
    let spawned = without_signals(|| {
        builder.spawn(move || {
            start.run();
            change_live(-1);
        })
    });
    if let Err(error) = spawned {
        change_live(-1);
        if is_master != 0 {
            MASTER.store(own, Ordering::Release);
        }
        return -error.raw_os_error().unwrap_or(libc::EAGAIN);
    }
    // SAFETY: the caller's promise.
    unsafe { out.write(address.into_raw()) };
    0
}

/// The number of the calling thread's Lua state: 0 for one of the host's.
#[no_mangle]
pub extern "C" fn ljos_thread_number() -> c_int {
    NUMBER.get() as c_int
}

/// Whether the calling thread's state may change what the whole process has: 1 or 0.
#[no_mangle]
pub extern "C" fn ljos_thread_is_master() -> c_int {
    (MASTER.load(Ordering::Acquire) == NUMBER.get()) as c_int
}

/// The inbox of a thread that was started here, once: it belongs to the caller then, who ends it with `ljos_inbox_free`.
/// Null from then on, and in other threads.
#[no_mangle]
pub extern "C" fn ljos_thread_inbox() -> *mut Inbox {
    INBOX.take()
}

/// Ends the calling thread's Lua state and the thread, if it was started here; else returns. Called by Lua, whose frames
/// are left as they are.
#[no_mangle]
pub extern "C" fn ljos_thread_exit() {
    // SAFETY: nothing in this frame, or in those of Lua, is to be cleaned up.
    unsafe { ljos_thread_leave() };
}

/// How many threads that were started here have not ended.
#[no_mangle]
pub extern "C" fn ljos_thread_count() -> c_int {
    *LIVE.lock().unwrap_or_else(PoisonError::into_inner) as c_int
}

/// Waits until all threads that were started here have ended. Blocks the thread.
#[no_mangle]
pub extern "C" fn ljos_thread_wait_all() {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    while *live > 0 {
        live = ENDED.wait(live).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Says that this process is the child of a fork(2), of which the C library may know nothing. Where threads had been
/// started before, there can be no more, and what is sent to them fails.
#[no_mangle]
pub extern "C" fn ljos_thread_forked() {
    if PREPARED.is_completed() {
        mailbox::in_forked_child();
    }
}

/// Runs `f` with all signals blocked in this thread, so that a thread it starts inherits that.
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: an all-zero sigset_t is valid.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let mut before = all;
    // SAFETY: valid pointer to a local.
    unsafe { libc::sigfillset(&mut all) };
    // SAFETY: valid pointers to locals.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before) };
    let result = f();
    // SAFETY: valid pointer to a local.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    result
}
