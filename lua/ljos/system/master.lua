--- The master: the one Lua state in a process that may change what all of its threads share.
---
--- The working directory, the ids, what signals do: the kernel keeps those once for the process. States that the host
--- made may change them, until an actor is started with `new_master`; actors in threads may not, but for that one.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local native = require "ljos.native"

---@class ljos.system.master
local M = {}

--- Raises EPERM unless this Lua state is the master.
---@param what string  the function that was called
function M.check(what)
    if native.C.ljos_thread_is_master() == 1 then return end
    error(error_.generic("EPERM", { detail = what .. ": only the master VM of a process may do that" }), 0)
end

return M
