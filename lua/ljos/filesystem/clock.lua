--- The clock of file times: seconds and nanoseconds, exact.
---
--- A time point is a pair of doubles, whole seconds since the clock's epoch and nanoseconds from 0 to 999999999;
--- one double could tell today's file times apart to 240 ns only. The epoch is that of Unix.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local native = require "ljos.native"

local error, rawget, setmetatable, tostring, type = error, rawget, setmetatable, tostring, type
local floor = math.floor

---@class ljos.filesystem.clock
local M = {}

---@class ljos.filesystem.clock.TimePoint
---@field package [table] number  seconds and nanoseconds, by private keys
---@field seconds_since_epoch number
---@field seconds_since_unix_epoch number
---@operator add(number): ljos.filesystem.clock.TimePoint
---@operator sub(number): ljos.filesystem.clock.TimePoint
---@field package [any] number
local TimePoint = {}

-- Keys that nobody else has.
local SECONDS, NANOSECONDS = {}, {}
local BILLION, LIMIT = 1e9, 2 ^ 53
local metatable = { __metatable = "filesystem.clock.time_point" }

-- Stores a sum of seconds and nanoseconds; the latter may be out of their range by less than a second.
local function store(self, seconds, nanoseconds)
    if nanoseconds < 0 then
        seconds, nanoseconds = seconds - 1, nanoseconds + BILLION
    elseif nanoseconds >= BILLION then
        seconds, nanoseconds = seconds + 1, nanoseconds - BILLION
    end
    self[SECONDS], self[NANOSECONDS] = seconds, nanoseconds
    return self
end

---@return ljos.filesystem.clock.TimePoint
local function make(seconds, nanoseconds)
    local point = setmetatable({ [SECONDS] = seconds, [NANOSECONDS] = nanoseconds }, metatable)
    return point --[[@as ljos.filesystem.clock.TimePoint]]
end

local function is(x) return type(x) == "table" and rawget(x, SECONDS) ~= nil end

local function check_point(x, arg)
    if not is(x) then error_.argument(arg, "filesystem.clock.time_point expected, got " .. type(x)) end
end

-- Rounds to the nearest integer, halves to the even one.
local function round(x)
    local rounded = floor(x + 0.5)
    if rounded - x == 0.5 and rounded % 2 == 1 then return rounded - 1 end
    return rounded
end

-- Splits a duration into whole seconds and nanoseconds, both with its sign.
local function split(seconds, arg)
    if type(seconds) ~= "number" or not (seconds > -LIMIT and seconds < LIMIT) then
        error_.argument(arg, "number of seconds expected, got " .. tostring(seconds))
    end
    local sign = seconds < 0 and -1 or 1
    local whole = floor(seconds * sign)
    return whole * sign, round((seconds * sign - whole) * BILLION) * sign
end

--- Makes the time point of a Unix time, as in a timespec.
---@param seconds number      whole
---@param nanoseconds number  0 to 999999999
---@return ljos.filesystem.clock.TimePoint
function M.from_unix(seconds, nanoseconds) return make(seconds, nanoseconds) end

--- Returns seconds and nanoseconds of the Unix time.
---@param tp ljos.filesystem.clock.TimePoint
---@param arg integer|string  the argument's position or name, for the error
---@return number seconds, number nanoseconds
function M.to_unix(tp, arg)
    check_point(tp, arg)
    return tp[SECONDS], tp[NANOSECONDS]
end

--- Gets the current time.
---@return ljos.filesystem.clock.TimePoint
function M.now() return store(make(0, 0), split(native.C.ljos_clock_realtime(), 1)) end

--- Makes the time point of the clock's epoch.
---@return ljos.filesystem.clock.TimePoint
function M.epoch() return make(0, 0) end

--- Makes the time point of 1970-01-01 00:00:00 UTC.
---@return ljos.filesystem.clock.TimePoint
function M.unix_epoch() return make(0, 0) end

--- Converts a time point of the system clock.
---@param tp table  time.system_clock.time_point
---@return ljos.filesystem.clock.TimePoint
function M.from_system(tp)
    if type(tp) ~= "table" or getmetatable(tp) ~= "time.system_clock.time_point" then
        error_.argument(1, "time.system_clock.time_point expected, got " .. type(tp))
    end
    return store(make(0, 0), split(tp.seconds_since_epoch, 1))
end

--- Moves the time point by a duration, rounded to nanoseconds.
---@param self ljos.filesystem.clock.TimePoint
---@param secs number
function TimePoint.add(self, secs)
    check_point(self, 1)
    local seconds, nanoseconds = split(secs, 2)
    store(self, self[SECONDS] + seconds, self[NANOSECONDS] + nanoseconds)
end

--- Moves the time point back by a duration, rounded to nanoseconds.
---@param self ljos.filesystem.clock.TimePoint
---@param secs number
function TimePoint.sub(self, secs)
    check_point(self, 1)
    local seconds, nanoseconds = split(secs, 2)
    store(self, self[SECONDS] - seconds, self[NANOSECONDS] - nanoseconds)
end

--- Converts to a time point of the system clock.
---@param self ljos.filesystem.clock.TimePoint
---@return table # time.system_clock.time_point
function TimePoint.to_system(self)
    check_point(self, 1)
    local point = require("ljos.time").system_clock.epoch()
    point:add(self[SECONDS])
    point:add(self[NANOSECONDS] / BILLION)
    return point
end

local function seconds_of(self) return self[SECONDS] + self[NANOSECONDS] / BILLION end

local property = { seconds_since_epoch = seconds_of, seconds_since_unix_epoch = seconds_of }

function metatable.__index(self, key)
    local method = TimePoint[key]
    if method then return method end
    local get = property[key]
    if not get then error(error_.core("bad_index", { index = 2, detail = tostring(key) }), 0) end
    return get(self)
end

function metatable.__newindex(_, key) error(error_.generic("EPERM", { detail = tostring(key) }), 0) end

local function compare(a, b)
    check_point(a, 1)
    check_point(b, 2)
    if a[SECONDS] ~= b[SECONDS] then return a[SECONDS] - b[SECONDS] end
    return a[NANOSECONDS] - b[NANOSECONDS]
end

function metatable.__eq(a, b) return is(a) and is(b) and compare(a, b) == 0 end
function metatable.__lt(a, b) return compare(a, b) < 0 end
function metatable.__le(a, b) return compare(a, b) <= 0 end

function metatable.__add(a, b)
    if not is(a) then
        a, b = b, a
    end
    local seconds, nanoseconds = split(b, 2)
    return store(make(0, 0), a[SECONDS] + seconds, a[NANOSECONDS] + nanoseconds)
end

--- The difference of two time points in seconds, or a time point moved back.
function metatable.__sub(a, b)
    check_point(a, 1)
    if is(b) then return (a[SECONDS] - b[SECONDS]) + (a[NANOSECONDS] - b[NANOSECONDS]) / BILLION end
    local seconds, nanoseconds = split(b, 2)
    return store(make(0, 0), a[SECONDS] - seconds, a[NANOSECONDS] - nanoseconds)
end

return M
