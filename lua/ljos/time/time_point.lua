--- Time points: exact instants of one clock.
---
--- Whole seconds since the clock's epoch and nanoseconds, 0 to 999999999, because one double could tell today's times
--- apart to 240 ns only. Each clock has a type of its own; those of two clocks can be neither compared nor subtracted.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local error_ = require "ljos.error"
local opaque_type = require "ljos.fiber.opaque_type"

local error, floor, getmetatable, setmetatable, type = error, math.floor, getmetatable, setmetatable, type
local BILLION, LIMIT = 1e9, 2 ^ 63 / 1e9

---@class ljos.time.time_point
local M = {}

---@class ljos.TimePoint
---@field seconds_since_epoch number
---@field package seconds number
---@field package nanoseconds number
---@field add fun(self: ljos.TimePoint, secs: number)
---@field sub fun(self: ljos.TimePoint, secs: number)
---@operator add(number): ljos.TimePoint
---@operator sub(number): ljos.TimePoint

---@class ljos.TimeClock
---@field now fun(): ljos.TimePoint
---@field epoch fun(): ljos.TimePoint

-- Rounds to the nearest integer, halves to the even one.
local function round(x)
    local rounded = floor(x + 0.5)
    if rounded - x == 0.5 and rounded % 2 == 1 then return rounded - 1 end
    return rounded
end

--- Splits a duration into whole seconds and nanoseconds, 0 to 1e9. Raises EINVAL for what is no number, EDOM for nan
--- and infinities, EOVERFLOW for what 64 bits of nanoseconds cannot hold.
---@param secs number
---@param arg integer
---@return number seconds, number nanoseconds
local function split(secs, arg)
    if type(secs) ~= "number" then error_.argument(arg, "number of seconds expected, got " .. type(secs)) end
    if secs ~= secs or secs == math.huge or secs == -math.huge then error(error_.generic("EDOM", { arg = arg }), 0) end
    if secs >= LIMIT or secs < -LIMIT then error(error_.generic("EOVERFLOW", { arg = arg }), 0) end
    local seconds = floor(secs)
    return seconds, round((secs - seconds) * BILLION)
end
M.split = split

-- Stores seconds + nanoseconds; the latter may be out of their range by a second.
local function store(self, seconds, nanoseconds)
    if nanoseconds < 0 then
        seconds, nanoseconds = seconds - 1, nanoseconds + BILLION
    elseif nanoseconds >= BILLION then
        seconds, nanoseconds = seconds + 1, nanoseconds - BILLION
    end
    if seconds >= LIMIT or seconds < -LIMIT then error(error_.generic "EOVERFLOW", 0) end
    self.seconds, self.nanoseconds = seconds, nanoseconds
    return self
end

--- Whole seconds and nanoseconds of a time point of any clock.
---@param tp ljos.TimePoint
---@return number seconds, number nanoseconds
function M.parts(tp) return tp.seconds, tp.nanoseconds end

local function seconds_since_epoch(self) return self.seconds + self.nanoseconds / BILLION end

local function difference(a, b) return a.seconds - b.seconds + (a.nanoseconds - b.nanoseconds) / BILLION end
M.difference = difference

local function compare(a, b)
    if a.seconds ~= b.seconds then return a.seconds - b.seconds end
    return a.nanoseconds - b.nanoseconds
end

-- The arithmetic of a clock whose time points can be moved.
local function define_moves(TimePoint, methods, name, make)
    --- Moves the time point by a duration. Source: seed 003.
    ---@param secs number
    function methods:add(secs)
        opaque_type.check(self, name, 1)
        local seconds, nanoseconds = split(secs, 2)
        store(self, self.seconds + seconds, self.nanoseconds + nanoseconds)
    end
    --- Moves the time point back by a duration.
    ---@param secs number
    function methods:sub(secs)
        opaque_type.check(self, name, 1)
        local seconds, nanoseconds = split(secs, 2)
        store(self, self.seconds - seconds, self.nanoseconds - nanoseconds)
    end
    TimePoint.__add = function(a, b)
        if getmetatable(a) ~= name then
            a, b = b, a
        end
        local tp = make(a.seconds, a.nanoseconds)
        tp:add(b)
        return tp
    end
end

local makers = {} ---@type table<string, fun(seconds: number, nanoseconds: number): ljos.TimePoint>

--- Makes a time point of a clock.
---@param clock_name string
---@param seconds number
---@param nanoseconds number
---@return ljos.TimePoint
function M.make(clock_name, seconds, nanoseconds) return makers[clock_name](seconds, nanoseconds) end

--- Makes a clock: `now()` and `epoch()`, and the type of their results, called `<clock_name>.time_point`.
---@param clock_name string  "time.steady_clock"
---@param id integer   MONOTONIC or REALTIME
---@param movable boolean  whether durations can be added to its time points
---@param extra? { methods: table, properties: table }  what its time points have besides; the type's from now on
---@return ljos.TimeClock
function M.new_clock(clock_name, id, movable, extra)
    local name = clock_name .. ".time_point"
    local methods = extra and extra.methods or {} ---@type table
    local properties = extra and extra.properties or {}
    properties.seconds_since_epoch = seconds_since_epoch
    local TimePoint = opaque_type.define({}, name, methods, properties)
    local function make(seconds, nanoseconds)
        return setmetatable({ seconds = seconds, nanoseconds = nanoseconds }, TimePoint)
    end
    TimePoint.__eq = function(a, b) return compare(a, b) == 0 end
    TimePoint.__lt = function(a, b)
        opaque_type.check(a, name, 1)
        opaque_type.check(b, name, 2)
        return compare(a, b) < 0
    end
    TimePoint.__le = function(a, b)
        opaque_type.check(a, name, 1)
        opaque_type.check(b, name, 2)
        return compare(a, b) <= 0
    end
    if movable then define_moves(TimePoint, methods, name, make) end
    TimePoint.__sub = function(a, b)
        opaque_type.check(a, name, 1)
        if not movable then opaque_type.check(b, name, 2) end
        if getmetatable(b) == name then return difference(a, b) end
        local tp = make(a.seconds, a.nanoseconds)
        tp:sub(b)
        return tp
    end
    makers[clock_name] = make
    --- Reads the clock. Source: clock_gettime(2); seed 003.
    local function now() return make(clock.read(id)) end
    --- Returns the time point that the clock counts from.
    local function epoch() return make(0, 0) end
    return { now = now, epoch = epoch }
end

return M
