--- Innermost: which coroutine of `ljos.fiber.coroutine` each fiber is inside, and whether it can suspend there.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"

local isyieldable, running = coroutine.isyieldable, coroutine.running
local current, main = loop.current, loop.main

---@class ljos.fiber.innermost
local M = {}

--- By fiber; a stack through the frames of `coroutine.resume`.
M.coroutines = setmetatable({}, { __mode = "k" }) ---@type table<ljos.FiberRecord, thread?>
local coroutines = M.coroutines

--- Raises unsuspendable_frame where the running fiber could not suspend: inside a plain coroutine, or a C function's
--- callback. For those who must not find that out in the middle.
---@param what string  what would wait
function M.check_suspendable(what)
    local fiber = current()
    if fiber == main or isyieldable() and running() == (coroutines[fiber] or fiber.co) then return end
    error(error_.core("unsuspendable_frame", { detail = what }), 0)
end

return M
