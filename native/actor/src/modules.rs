//! The Lua modules of ljos, compiled in, and `require` for them.

use mlua::{Function, Lua, Table, Value};
use std::ffi::{c_char, CStr};

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Lets `require "ljos.x"` find the compiled-in modules before any file, and tells `ljos.native` that the library
/// is part of this program.
pub fn register(lua: &Lua) -> mlua::Result<()> {
    let package: Table = lua.globals().get("package")?;
    package.get::<Table>("loaded")?.set("ljos.embedded", true)?;
    package.set("path", "")?;
    package.set("cpath", "")?;
    let loaders: Table = package.get("loaders")?;
    let searcher = lua.create_function(|lua, name: String| load(lua, &name))?;
    // After package.preload, which is the first.
    loaders.raw_insert(2, searcher)
}

fn load(lua: &Lua, name: &str) -> mlua::Result<Value> {
    match find(name) {
        None => Ok(Value::Nil),
        Some(source) => {
            let chunk: Function = lua.load(source).set_name(format!("@{name}")).into_function()?;
            Ok(Value::Function(chunk))
        }
    }
}

fn find(name: &str) -> Option<&'static str> {
    let index = MODULES.binary_search_by(|(module, _)| (*module).cmp(name)).ok()?;
    MODULES.get(index).map(|(_, source)| *source)
}

/// The source of a module, for the Lua states of actors in threads of this one; null when there is none.
///
/// # Safety
/// `name` is a NUL-terminated string; `size` is valid for one write.
#[no_mangle]
pub unsafe extern "C" fn actor_module_source(name: *const c_char, size: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    let Some(source) = name.to_str().ok().and_then(find) else { return std::ptr::null() };
    // SAFETY: the caller's promise.
    unsafe { size.write(source.len()) };
    source.as_ptr().cast()
}
