//! The init script: runs before the actor, in a Lua state whose memory is wiped afterwards (seed 003, "init.script").
#![forbid(unsafe_code)]

use crate::boot::INIT_ARG;
use crate::modules;
use crate::state::State;
use crate::Failure;
use mlua::{Function, Lua};

/// Runs the script with the environment of `ljos.actor.init_script`. `errexit` aborts from inside.
pub fn run(script: &[u8], has_arg: bool) -> Result<(), Failure> {
    let state = State::wiped().ok_or(Failure { step: "lua_newstate".into(), errno: libc::ENOMEM })?;
    let arg = has_arg.then_some(INIT_ARG);
    run_in(&state, script, arg).map_err(|error| Failure::lua("init.script", &error))
}

fn run_in(lua: &Lua, script: &[u8], arg: Option<i32>) -> mlua::Result<()> {
    modules::register(lua)?;
    let require: Function = lua.globals().get("require")?;
    let run: Function = require.call("ljos.actor.init_script")?;
    run.call((lua.create_string(script)?, arg))
}
