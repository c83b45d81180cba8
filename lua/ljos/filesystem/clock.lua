--- The clock of file times. Its epoch is that of Unix.
---
--- Its time points are those of `time.time_point`: seconds and nanoseconds, exact as the kernel keeps them.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local opaque_type = require "ljos.fiber.opaque_type"
local time_point = require "ljos.time.time_point"

local NAME, SYSTEM = "filesystem.clock", "time.system_clock"
local TIME_POINT, SYSTEM_TIME_POINT = NAME .. ".time_point", SYSTEM .. ".time_point"

---@class ljos.filesystem.clock.TimePoint: ljos.TimePoint
---@field seconds_since_unix_epoch number
---@field to_system fun(self: ljos.filesystem.clock.TimePoint): ljos.TimePoint

local methods, properties = {}, {}

--- Converts to a time point of the system clock.
---@param self ljos.filesystem.clock.TimePoint
---@return ljos.TimePoint
function methods.to_system(self)
    opaque_type.check(self, TIME_POINT, 1)
    require "ljos.time.system_clock"
    return time_point.make(SYSTEM, time_point.parts(self))
end

function properties.seconds_since_unix_epoch(self) return self.seconds_since_epoch end

---@class ljos.filesystem.clock: ljos.TimeClock
---@field now fun(): ljos.filesystem.clock.TimePoint
---@field epoch fun(): ljos.filesystem.clock.TimePoint
local M = {}
local additions = { methods = methods, properties = properties }
for name, f in pairs(time_point.new_clock(NAME, clock.REALTIME, true, additions)) do
    M[name] = f
end

--- Makes the time point of 1970-01-01 00:00:00 UTC.
M.unix_epoch = M.epoch

--- Makes the time point of a Unix time, as in a timespec.
---@param seconds number      whole
---@param nanoseconds number  0 to 999999999
---@return ljos.filesystem.clock.TimePoint
function M.from_unix(seconds, nanoseconds)
    return time_point.make(NAME, seconds, nanoseconds) --[[@as ljos.filesystem.clock.TimePoint]]
end

--- Returns seconds and nanoseconds of the Unix time.
---@param tp ljos.filesystem.clock.TimePoint
---@param arg integer|string  the argument's position or name, for the error
---@return number seconds, number nanoseconds
function M.to_unix(tp, arg)
    opaque_type.check(tp, TIME_POINT, arg)
    return time_point.parts(tp)
end

--- Converts a time point of the system clock.
---@param tp ljos.TimePoint
---@return ljos.filesystem.clock.TimePoint
function M.from_system(tp)
    opaque_type.check(tp, SYSTEM_TIME_POINT, 1)
    return M.from_unix(time_point.parts(tp))
end

return M
