--- system.exit: the end of the program, from anywhere in it.
---
--- The end of an actor in a process is that process's, too; an actor in a thread ends alone (`leave_thread`). Nothing
--- of the program runs any more: no clean-up handler, no other fiber. What `print` has buffered is written, and
--- subprocesses that nobody waited for are let go of as if they were collected (seed 003, "system.spawn",
--- signal_on_gcreaper). In library mode the host's exit handlers run, and the Lua state is not closed.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local options_ = require "ljos.error.options"

ffi.cdef [[
void libc__exit(int status) __asm__("_exit");
void libc_abort(void) __asm__("abort");
]]

---@class ljos.system.exit
local M = {}

--- Whether the end waits for subprocesses to end, as the seed's runtime does; app mode sets it.
M.waits = false

--- Lets go of the subprocesses and of actors in threads; the last thing that a program does.
function M.finish()
    local process, thread = package.loaded["ljos.process"], package.loaded["ljos.actor.thread"]
    if process then process.finish(M.waits) end
    if thread and M.waits then thread.finish() end
end

local function check_code(code)
    if code == nil then return 0 end
    if type(code) ~= "number" or code % 1 ~= 0 then error_.argument(1, "integer expected, got " .. tostring(code)) end
    return code % 256
end

local check_names = options_("system.exit", "force")

local function check_force(options)
    if options == nil then return 0 end
    error_.check_type(options, "table", 2)
    check_names(options)
    local force = options.force
    if force == nil or force == 0 or force == 2 or force == "abort" then return force or 0 end
    if force == 1 then error(error_.generic("ENOTSUP", { arg = "force", detail = "1 is reserved by the seed" }), 0) end
    return error_.argument("force", '0, 2 or "abort" expected, got ' .. tostring(force))
end

--- Ends the program.
---@param code? integer     the exit code, modulo 256; 0 by default. An actor's is always 0
---@param options? {force: 0|1|2|"abort"}  2: as _exit(2), nothing is flushed or let go of; "abort": as abort(3).
---                         EPERM in an actor in a thread
function M.exit(code, options)
    code = check_code(code)
    local force = check_force(options)
    if force ~= 0 and native.C.ljos_thread_number() > 0 then
        error(error_.generic("EPERM", { arg = "force", detail = "only the first VM may end the process" }), 0)
    end
    if force == "abort" then ffi.C.libc_abort() end
    if package.loaded["ljos.embedded"] then code = 0 end
    if force == 2 then ffi.C.libc__exit(code) end
    M.finish()
    os.exit(code)
end

--- Ends this Lua state and its thread, wherever it is; what `os.exit` is in an actor in a thread.
function M.leave_thread() native.C.ljos_thread_exit() end
-- From a compiled call the state could not be closed.
jit.off(M.leave_thread)

return M
