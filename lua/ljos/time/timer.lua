--- Timers: an expiry time that fibers wait for, and that can be moved.
---
--- The expiry is a time point; the loop's timer wheel knows of it only while fibers wait, so a timer that nobody waits
--- for keeps nothing alive. Moving the expiry ends the waits that are going on with ECANCELED. The system clock can be
--- set: its timers look at it again at least every second.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local time_point = require "ljos.time.time_point"
local wait_queue = require "ljos.fiber.wait_queue"

local setmetatable = setmetatable
local enter, suspend, wake, wheel = loop.enter, loop.suspend, loop.wake, loop.wheel
local ECANCELED = error_.errno_of.ECANCELED
local SYSTEM_CLOCK_LOOK = 1

---@class ljos.time.timer
local M = {}

---@class ljos.Timer
---@field expires_at fun(self: ljos.Timer, tp: ljos.TimePoint): integer
---@field expiry ljos.TimePoint
---@field package seconds number
---@field package nanoseconds number
---@field package entry integer|false  its number there, while it is armed
---@field package waiting ljos.WaitQueue

-- Seconds left on the timer's own clock; 0 or less when it has expired.
local function left(timer, id)
    local seconds, nanoseconds = clock.read(id)
    return timer.seconds - seconds + (timer.nanoseconds - nanoseconds) * 1e-9
end

-- Ends all waits; returns how many there were.
local function wake_all(timer, res)
    local waiting, count = timer.waiting, timer.waiting.count
    if timer.entry then wheel:remove(timer.entry) end
    timer.entry = false
    for _ = 1, count do
        wake(waiting:pop(), res)
    end
    return count
end

-- What a fiber waits for at a timer.
local expiry = {}
function expiry.cancel_wait(_, fiber)
    local timer = fiber.op
    timer.waiting:remove(fiber)
    if timer.waiting.count == 0 then wake_all(timer, 0) end
    wake(fiber, -ECANCELED)
end
function expiry.describe_wait(_, fiber)
    return ("wait %s, %.3f s left"):format(opaque_type.name(fiber.op), fiber.op:left())
end

local function define_methods(methods, name, time_point_name, arm)
    --- Ends the waits that are going on, which raise ECANCELED. Returns how many there were.
    ---@return integer
    function methods:cancel()
        opaque_type.check(self, name, 1)
        return wake_all(self, -ECANCELED)
    end

    --- Sets the expiry time, and ends the waits that are going on as `cancel` does.
    ---@param tp ljos.TimePoint  of the timer's clock
    ---@return integer # waits ended
    function methods:expires_at(tp)
        opaque_type.check(self, name, 1)
        opaque_type.check(tp, time_point_name, 2)
        local count = wake_all(self, -ECANCELED)
        self.seconds, self.nanoseconds = time_point.parts(tp)
        return count
    end

    --- Waits until the timer has expired; then the other ready fibers have run once, too. A cancellation point. Raises
    --- ECANCELED when the timer is canceled or its expiry moved.
    function methods:wait()
        opaque_type.check(self, name, 1)
        local fiber = enter()
        if self:left() <= 0 then return loop.yield() end
        self.waiting:push(fiber)
        if not self.entry then arm(self) end
        fiber.op = self
        if suspend(fiber, expiry) ~= 0 then loop.raise_canceled(fiber) end
    end
end

--- Makes a type of timers.
---@param name "steady_timer"|"system_timer"
---@param clock_name string  "time.steady_clock"
---@param id integer         MONOTONIC or REALTIME
---@return table methods
---@return fun(): ljos.Timer new
function M.new_type(name, clock_name, id)
    local methods = {} ---@type table
    local Timer ---@type table
    local function arm(self)
        local seconds = self:left()
        if id == clock.REALTIME and seconds > SYSTEM_CLOCK_LOOK then seconds = SYSTEM_CLOCK_LOOK end
        self.entry = wheel:add(loop.now() + seconds, self)
    end
    --- How many seconds it is to the expiry; for the loop.
    function methods:left() return left(self, id) end
    --- Called by the loop.
    function methods:expired()
        self.entry = false
        if id == clock.REALTIME and self:left() > 0 then return arm(self) end
        wake_all(self, 0)
    end
    define_methods(methods, name, clock_name .. ".time_point", arm)
    Timer = opaque_type.define({}, name, methods, {
        expiry = function(self) return time_point.make(clock_name, self.seconds, self.nanoseconds) end,
    })
    --- Makes a timer; its expiry is the clock's epoch, so it has expired. Source: seed 003.
    local function new()
        return setmetatable({ seconds = 0, nanoseconds = 0, entry = false, waiting = wait_queue.new() }, Timer)
    end
    return methods, new
end

return M
