--- App mode: runs a program the way seed 003 promises, with its globals and its module system.
---
--- The program is the root module of a module system (`ljos.module_system`) and the main fiber of the loop. What it
--- sees as globals is built here: the standard library without io, os, package and debug, with the fiber-aware pcall,
--- xpcall and coroutine, and with spawn, scope, this_fiber, byte_span, format, ... The host's own globals are not
--- touched, except `arg`, which becomes the program's.
---
--- Errors:   never; what a program raises is reported on stderr and becomes its exit status
--- Suspends: never: `run` returns when the program has ended
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
require "ljos.system.lowfd" -- looks at what was inherited before anything is opened
local calls = require "ljos.filesystem.calls"
local context = require "ljos.actor.context"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local exit = require "ljos.system.exit"
local fiber = require "ljos.fiber"
local getmetatable_ = require "ljos.app.getmetatable"
local loading = require "ljos.error.loading"
local main_fiber = require "ljos.fiber.main"
local module_system = require "ljos.module_system"
local quit = require "ljos.app.quit"
local signal = require "ljos.system.signal"
local uncaught = require "ljos.fiber.uncaught"

ffi.cdef [[
char *realpath(const char *path, char *resolved);
void free(void *memory);
]]

---@class ljos.app
local M = {}

local USAGE = [[
Usage: ljos PROGRAM [--] [ARGUMENT...]

Runs the Lua file PROGRAM (-: the standard input) as the main fiber; its arguments
are in system.arguments.

  --help     print this and end
  --version  print the versions of ljos and LuaJIT, and the engine

Environment:
  LJOS_PATH    colon-separated directories of external packages
  LJOS_TRACE   1: remember who spawned what and where, report descriptors that
               are not closed, and fibers that run longer without letting
               others run than so many seconds
  LJOS_ENGINE  io_uring or epoll; chosen by a probe when not set
  LJOS_LIB     the native library's path, when it is not found by itself
]]

-- The core modules a program knows by their bare names: those of seed 003, "Reference", and structured concurrency.
local CORE =
    [[asio_error byte_span channel condition_variable file file_descriptor filesystem future generic_error inbox ip
    libc_service mutex pipe recursive_mutex regex seccomp select semaphore serial_port stream system task_group time
    timeout tls unix]]

local builtins = { ffi = "ffi", bit = "bit", jit = "jit" }
for name in CORE:gmatch "%S+" do
    builtins[name] = "ljos." .. name
end

-- What the program sees of the standard library. The functions that belong to one module's environment are added by
-- the module system.
local STANDARD = {
    "assert",
    "bit",
    "collectgarbage",
    "error",
    "gcinfo",
    "ipairs",
    "jit",
    "math",
    "newproxy",
    "next",
    "pairs",
    "rawequal",
    "rawget",
    "rawset",
    "rawlen",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "_VERSION",
}

-- Globals that are loaded when the program first uses them.
local LAZY = { byte_span = "ljos.byte_span", format = "ljos.format" }

-- print(...), unbuffered: its lines keep their order with what is written to the descriptor, and do not wait in a
-- buffer while the loop waits.
local function print(...)
    local words = { ... }
    for i = 1, select("#", ...) do
        words[i] = tostring(words[i])
    end
    io.stdout:write(table.concat(words, "\t") .. "\n")
end

---@return table
local function make_globals()
    local globals = { print = print, spawn_context_threads = context.spawn_threads, getmetatable = getmetatable_ }
    for _, name in ipairs(STANDARD) do
        globals[name] = _G[name]
    end
    for _, name in ipairs { "spawn", "this_fiber", "scope", "scope_cleanup_push", "scope_cleanup_pop" } do
        globals[name] = fiber[name]
    end
    globals.pcall, globals.xpcall, globals.coroutine = fiber.pcall, fiber.xpcall, fiber.coroutine
    return setmetatable(globals, {
        __index = function(self, name)
            local module = LAZY[name]
            if not module then return nil end
            self[name] = loading.load(module)
            return self[name]
        end,
    })
end

-- spawn_vm must know which module calls it, to find the actor's module (`module.system:resolve_actor`).
---@param module ljos.Module
---@return table
local function own_globals(module)
    return { spawn_vm = function(options) return loading.load "ljos.spawn_vm"(options, module) end }
end

-- Resolves a path as realpath(3); nil when there is nothing.
---@param path string
---@return string?
local function real_path(path)
    local resolved = ffi.C.realpath(path, nil)
    if resolved == nil then return nil end
    local text = ffi.string(resolved)
    ffi.C.free(resolved)
    return text
end

-- The directories of external packages: those of LJOS_PATH, then "ljos-modules" beside the library's own files.
---@param directory string  the current one
---@return string[]
local function search_path(directory)
    local path = {}
    for entry in (os.getenv "LJOS_PATH" or ""):gmatch "[^:]+" do
        path[#path + 1] = entry:sub(1, 1) == "/" and entry or directory .. "/" .. entry
    end
    local own = package.searchpath("ljos.app", package.path)
    local beside = own and real_path(own:match "^(.-)/?ljos/app%.lua$" .. "/ljos-modules")
    path[#path + 1] = beside
    return path
end

--- Makes the module system of a program or an actor in this Lua state.
---@param options? table  fields of ljos.ModuleSystem that replace the ones made here (`read`, `path`, ...)
---@return ljos.ModuleSystem
function M.module_system(options)
    options = options or {}
    options.directory = options.directory or real_path "." or "/"
    options.path = options.path or search_path(options.directory)
    options.globals, options.own_globals, options.builtins = make_globals(), own_globals, builtins
    options.is_main = function() return fiber.this_fiber.is_main end
    return module_system.new(options)
end

-- What a program was started without stays out of use: else the next file opened would be its standard output. Reading
-- and writing are EBADF there, as without it.
local function hold_standard_descriptors()
    for fd = 0, 2 do
        if calls.fcntl(fd, calls.constants.F_GETFD, 0) < 0 then
            calls.openat(calls.constants.AT_FDCWD, "/dev/null", fd == 0 and calls.constants.O_WRONLY or 0, 0)
        end
    end
end

--- Makes a broken pipe an error of the write, not the end of the program (seed 003, changes in 0.9).
function M.ignore_sigpipe() signal.ignore(signal.SIGPIPE) end

--- Runs the function of a root module as the main fiber, to the end of all fibers; reports its error on stderr. Returns
--- when its subprocesses have ended, too.
---@param main fun(...: string)
---@param ... string
---@return integer status 0, or 1 when the main fiber died of an error
function M.run_main(main, ...)
    error_.tostring_has_context = false
    exit.waits = true
    local function finish()
        if fiber.trace.is_on() then
            quit.show_descriptors()
            fiber.trace.stop() -- that they are collected now is no news
        end
        exit.finish()
    end
    main_fiber.end_at_deadlock(finish)
    local traces = tonumber(os.getenv "LJOS_TRACE" or "")
    if traces then fiber.trace.start(traces > 0 and traces or nil) end
    local ok, err, traceback = fiber.run(main, ...)
    main_fiber.end_at_deadlock(false)
    if not ok then uncaught.report("Main fiber from VM " .. fiber.this_fiber.id, err, traceback) end
    finish()
    return ok and 0 or 1
end

local function complain(message)
    uncaught.print("ljos: " .. message:gsub("^ljos: ", ""))
    return 1
end

-- What --help and --version print.
local function answer(text)
    local is_written = io.stdout:write(text) and io.stdout:flush()
    return is_written and 0 or complain "cannot write to the standard output"
end

--- Runs the program in the file `path`.
---@param path string  "-": the standard input; its modules are those of the current directory
---@param arguments? string[]
---@return integer status 0, or 1 when it cannot be loaded or its main fiber dies of an error
function M.run(path, arguments)
    arguments = arguments or {}
    io.stdout:setvbuf "no"
    local system = M.module_system()
    -- What realpath(3) cannot name (a pipe of the shell) may still be readable.
    local file = real_path(path) or (path:sub(1, 1) == "/" and path or system.directory .. "/" .. path)
    local place ---@type any
    if path == "-" then
        file, place = "/dev/stdin", { root = system.directory, names = {}, is_leaf = false }
    end
    local ok, main = pcall(system.load_root, system, file, "main", place) ---@type boolean, any
    if ok then return M.run_main(main, unpack(arguments)) end
    if not error_.is_error(main) then return complain(tostring(main)) end
    return complain(("cannot read %s: %s"):format(path, main.category:message(main.code)))
end

--- The command line: `ljos [--help|--version] [--] PROGRAM [--] [ARGUMENT...]`.
---@param command string[]  as the global `arg` of luajit
---@return integer status
function M.main(command)
    hold_standard_descriptors()
    local at = command[1] == "--" and 2 or 1
    local path = command[at]
    local has_engine, problem = pcall(engine.check_choice)
    if at == 1 and (path == "--help" or path == "-h") then
        return answer(USAGE)
    elseif not has_engine then
        return complain(problem)
    elseif at == 1 and path == "--version" then
        local ljos = require "ljos" ---@type any
        return answer(("ljos %s, %s, %s\n"):format(ljos._VERSION, jit.version, ljos.engine()))
    elseif not path then
        return complain("which program?\n" .. USAGE)
    elseif at == 1 and path:sub(1, 1) == "-" and path ~= "-" then
        return complain("unknown option " .. path .. "\n" .. USAGE)
    end
    local arguments = {}
    for i = at + (command[at + 1] == "--" and 2 or 1), #command do
        arguments[#arguments + 1] = command[i]
    end
    M.ignore_sigpipe()
    -- The handler of luajit makes an error of it, in whatever runs (seed 003, "system.signal.default").
    signal.default(signal.SIGINT)
    quit.arm()
    rawset(_G, "arg", { [-1] = command[0], [0] = path, unpack(arguments) })
    return M.run(path, arguments)
end

return M
