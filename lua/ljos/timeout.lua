--- Timeouts: a deadline for everything that a function does.
---
--- The function runs in the calling fiber, in a region of its own (`fiber.cancellation`) that one entry of the timer
--- wheel cancels. So the deadline is inherited by whatever the function calls, by the tasks of task groups below it,
--- and by timeouts inside, which can only be earlier. What an operation had done when the deadline came is not lost:
--- its result is delivered, and the next cancellation point raises.
---
--- Errors:   raises ljos.Error; `run` raises ETIMEDOUT
--- Suspends: when the function does
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local scope = require "ljos.fiber.scope"
require "ljos.fiber.spawn" -- tells the loop what a cancellation is; the program may know no fibers

local error, setmetatable, type = error, setmetatable, type
local current, now, wheel = loop.current, loop.now, loop.wheel

---@class ljos.timeout
local M = {}

---@class ljos.Deadline
---@field when number  seconds of the monotonic clock
---@field entry integer|false  its number there, while it is armed
---@field region ljos.CancellationRegion
local Deadline = {}
Deadline.__index = Deadline

--- Called by the loop.
function Deadline:expired()
    self.entry = false
    cancellation.cancel_region(self.region)
end

local function open(fiber, seconds)
    local when = now() + seconds
    local region = cancellation.open_region(fiber)
    local deadline = setmetatable({ when = when, entry = false, region = region }, Deadline)
    region.deadline = deadline
    deadline.entry = wheel:add(when, deadline)
    return deadline
end

-- Leaves the deadline's region; returns whether it was the deadline that ended what ran there, then pcall's results.
local function close(deadline, ok, ...)
    if deadline.entry then wheel:remove(deadline.entry) end
    local alone = cancellation.close_region(deadline.region)
    if not ok and alone and error_.is_core((...), "fiber_canceled") then return true end
    return false, ok, ...
end

local function check(seconds, f)
    if type(seconds) ~= "number" or seconds ~= seconds then error_.argument(1, "number of seconds expected") end
    error_.check_type(f, "function", 2)
end

local function in_time(late, ok, ...)
    if late then error(error_.system("ETIMEDOUT", { detail = "timeout" }), 0) end
    if not ok then error((...), 0) end
    return ...
end

--- Runs `f(...)` and returns its results. When `seconds` have passed before it is done, it is canceled: its
--- cancellation points raise fiber_canceled until it has ended, and `run` raises ETIMEDOUT. Results that come late all
--- the same, and other errors, are passed on. `timeout(seconds, f, ...)` is the same.
---@param seconds number  0 or less: the first cancellation point raises
---@param f fun(...: any): ...
---@param ... any
---@return any ...
function M.run(seconds, f, ...)
    check(seconds, f)
    local deadline = open(current(), seconds)
    if seconds <= 0 then
        deadline.region.canceled, deadline.region.fiber.gate = true, true
    end
    return in_time(close(deadline, scope.guard(f, ...)))
end

local function shielded(fiber, late, ok, ...)
    cancellation.restore(fiber)
    if late then return false end
    if not ok then error((...), 0) end
    return true, ...
end

--- Runs `f(...)` out of reach of cancellation and of the deadlines around it, for clean-up that must talk to somebody,
--- but for `seconds` at the most.
---@param seconds number
---@param f fun(...: any): ...
---@param ... any
---@return boolean ok  false when the time was over first
---@return any ...     what f returned
function M.shield(seconds, f, ...)
    check(seconds, f)
    local fiber = current()
    cancellation.disable(fiber)
    return shielded(fiber, close(open(fiber, seconds), scope.guard(f, ...)))
end

--- The seconds left until the earliest deadline that applies to the running fiber, those of the task groups it is in
--- included; nil without any.
---@return number?
function M.remaining()
    local deadline = cancellation.deadline(current())
    return deadline and deadline - now()
end

return setmetatable(M, { __call = function(_, seconds, f, ...) return M.run(seconds, f, ...) end })
