//! The Lua modules of ljos, compiled in, and `require` for them.
#![forbid(unsafe_code)]

use mlua::{Function, Lua, Table, Value};

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
    let found = MODULES.binary_search_by(|(module, _)| (*module).cmp(name)).ok();
    match found.and_then(|index| MODULES.get(index)) {
        None => Ok(Value::Nil),
        Some((name, source)) => {
            let chunk: Function = lua.load(*source).set_name(format!("@{name}")).into_function()?;
            Ok(Value::Function(chunk))
        }
    }
}
