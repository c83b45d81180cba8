--- Contexts: what seed 003 calls the thread pools that run actors.
---
--- Every actor in a thread has a thread of its own, which the kernel runs where a core is free: there is nothing for a
--- pool to do. A context is what its actors were told about it, the concurrency hint.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

---@class ljos.actor.context
local M = {}

local hint = 0

--- Notes the context that this Lua state was started in.
---@param of_context integer?  the concurrency hint of the context
function M.enter(of_context) hint = of_context or 0 end

--- Returns the concurrency hint of this Lua state's context: 0 for none.
---@return integer
function M.hint() return hint end

local MAX = 2 ^ 31 - 1

--- Raises EINVAL unless `value` is a concurrency hint; returns it as a number.
---@param value integer|"safe"|nil
---@return integer
function M.check_hint(value)
    if value == nil or value == "safe" then return 0 end
    if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value > MAX then
        error_.argument("concurrency_hint", 'integer from 0 on, or "safe", expected, got ' .. tostring(value))
    end
    return value --[[@as integer]]
end

--- Adds threads to the context of the calling actor (seed 003, "spawn_context_threads"): every actor here has its own
--- thread already, so nothing changes. Raises EINVAL for what is no count, ENOTSUP where the context's concurrency hint
--- is 1.
---@param count integer
function M.spawn_threads(count)
    if type(count) ~= "number" or count % 1 ~= 0 or count < 0 or count > MAX then
        error_.argument(1, "integer from 0 on expected, got " .. tostring(count))
    end
    if hint == 1 then
        error(error_.generic("ENOTSUP", { detail = "the context was made for one thread (concurrency_hint = 1)" }), 0)
    end
end

return M
