//! The runner: the program that an actor in a process of its own starts as.
//!
//! The parent starts it with nothing but the descriptors of `boot`, reads no file and trusts no environment. In this
//! order: the boot record, the init script in a Lua state of its own, the actor's Lua state with the modules it
//! needs, the confinement, PID 1's fork, the word to the parent that all is in place, and only then
//! the first line of the module.

mod boot;
mod bpf;
mod confine;
mod filter;
mod init;
mod init_script;
mod libc_service;
mod lifeline;
mod limits;
mod modules;
mod state;

use boot::{Boot, Control};
use mlua::{Function, Lua, Table};
use state::State;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The functions of the native library are found by ffi.C; this call keeps them in the program.
    std::hint::black_box(ljos::ljos_abi());

    let Some((mut boot, control)) = boot::take() else {
        eprintln!("ljos-actor: started by ljos for actors with `subprocess`; it is no program of its own");
        return ExitCode::from(2);
    };
    match run(&mut boot, &control) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            control.fail(&failure, boot.has("protections"));
            ExitCode::FAILURE
        }
    }
}

/// What kept the actor from starting, for the parent's error.
pub struct Failure {
    pub step: String,
    pub errno: i32,
}

impl Failure {
    /// Of the system call that was made last.
    fn last(step: &str) -> Failure {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        Failure { step: step.into(), errno }
    }

    fn lua(step: &str, error: &mlua::Error) -> Failure {
        Failure { step: format!("{step}: {error}"), errno: 0 }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.step)?;
        if self.errno == 0 {
            return Ok(());
        }
        write!(out, ": {}", std::io::Error::from_raw_os_error(self.errno))
    }
}

fn run(boot: &mut Boot, control: &Control) -> Result<u8, Failure> {
    if boot.has("user_namespace") {
        confine::settle_capabilities()?;
    }
    if let Some(script) = boot.get("init") {
        init_script::run(script, boot.has("init_arg"))?;
        boot.forget("init");
    }
    let lua = State::lasting().ok_or(Failure { step: "luaL_newstate".into(), errno: libc::ENOMEM })?;
    let service = libc_service::prepare(boot)?;
    let main = prepare(lua, boot).map_err(|error| Failure::lua("the actor's Lua state", &error))?;

    confine::apply(boot)?;
    if boot.has("pid1") {
        init::fork_actor(boot.lists("protections", "seccomp"))?;
        confine::apply_again(boot)?;
    } else {
        lifeline::arm(control)?;
    }
    ignore_failed_writes();
    confine::filter_calls(boot)?;
    if let Some(service) = service {
        service.start();
    }
    control.ready(boot.has("pid1"));
    Ok(main.call::<u8>(()).unwrap_or_else(|error| {
        eprintln!("ljos-actor: {error}");
        1
    }))
}

/// Registers the compiled-in modules and loads those that run the actor.
fn prepare(lua: &Lua, boot: &Boot) -> mlua::Result<Function> {
    if boot.has("no_jit") {
        switch_compiler_off(lua)?;
    }
    modules::register(lua)?;
    let record = lua.create_table()?;
    for (key, value) in boot.entries() {
        record.set(lua.create_string(key)?, lua.create_string(value)?)?;
    }
    let require: Function = lua.globals().get("require")?;
    let worker: Table = require.call("ljos.app.worker")?;
    worker.get::<Function>("prepare")?.call(record)
}

/// Before the first function that could be compiled. Switched on again, the compiler would end the process: it takes
/// refused memory for a broken machine.
fn switch_compiler_off(lua: &Lua) -> mlua::Result<()> {
    let jit: Table = lua.globals().get("jit")?;
    jit.get::<Function>("off")?.call::<()>(())?;
    let refusal = "return function() error('jit.on: this actor was started with jit = false', 2) end";
    jit.set("on", lua.load(refusal).eval::<Function>()?)
}

/// seed 003: SIGPIPE is ignored in a program, and default in the init script and in PID 1. So is SIGXFSZ, since a file
/// that may not grow raises EFBIG.
fn ignore_failed_writes() {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
