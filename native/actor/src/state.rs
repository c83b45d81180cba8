//! Lua states: the actor's own, and one whose memory is wiped.

use mlua::{ffi, Lua};
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr;

/// A state made and closed here. mlua's own constructor would put its allocator and its `pcall`, which cannot
/// be yielded across, into it.
pub struct State {
    state: *mut ffi::lua_State,
}

impl State {
    /// A state with LuaJIT's allocator; never closed, the process ends with it.
    pub fn lasting() -> Option<&'static Lua> {
        // SAFETY: no arguments.
        let state = unsafe { ffi::luaL_newstate() };
        // SAFETY: never closed.
        unsafe { open(state) }
    }

    /// A state that leaves nothing of its contents in memory once it is dropped.
    pub fn wiped() -> Option<State> {
        // SAFETY: `wiping` keeps lua_Alloc's contract.
        let state = unsafe { ffi::lua_newstate(wiping, ptr::null_mut()) };
        // SAFETY: closed in `drop`, when nothing borrows it any more.
        unsafe { open(state) }?;
        Some(State { state })
    }
}

/// # Safety
/// `state` is null or a fresh state, which outlives the reference.
unsafe fn open<'a>(state: *mut ffi::lua_State) -> Option<&'a Lua> {
    if state.is_null() {
        return None;
    }
    // SAFETY: a fresh state.
    unsafe { ffi::luaL_openlibs(state) };
    // SAFETY: the caller's promise.
    Some(unsafe { Lua::get_or_init_from_ptr(state) })
}

impl Deref for State {
    type Target = Lua;

    fn deref(&self) -> &Lua {
        // SAFETY: not closed before `self` is dropped.
        unsafe { Lua::get_or_init_from_ptr(self.state) }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: made by `wiped`, and nothing borrows it.
        unsafe { ffi::lua_close(self.state) };
    }
}

/// lua_Alloc over malloc(3): what is given back, or left behind by growing, is overwritten first.
unsafe extern "C" fn wiping(_: *mut c_void, old: *mut c_void, old_size: usize, size: usize) -> *mut c_void {
    let mut new = ptr::null_mut();
    if size > 0 {
        // SAFETY: a plain allocation.
        new = unsafe { libc::malloc(size) };
        if new.is_null() {
            return new;
        }
    }
    if !old.is_null() {
        // SAFETY: Lua says how large the old block is; the new one has `size` bytes.
        unsafe { ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), old_size.min(size)) };
        // SAFETY: as above.
        unsafe { libc::explicit_bzero(old, old_size) };
        // SAFETY: came from malloc.
        unsafe { libc::free(old) };
    }
    new
}
