--- Clocks: the monotonic and the real time, and a virtual time in their place for tests.
---
--- Everything in the library that asks for the time asks here. While a virtual time is set, it stands still until it is
--- set anew, and the real time runs along with it.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"

local C = native.C
local floor = math.floor
local constants = native.constant_table "CLOCK"

---@class ljos.loop.clock
local M = {}

M.MONOTONIC, M.REALTIME = constants.CLOCK_MONOTONIC, constants.CLOCK_REALTIME
local REALTIME = M.REALTIME

local parts = ffi.new "double[2]"

local virtual = false ---@type number|false
local real_ahead = 0 -- how far the real time is ahead of the monotonic, in whole seconds

--- The seconds of the monotonic clock.
---@return number
function M.monotonic()
    if virtual then return virtual end
    return C.ljos_clock_monotonic()
end

--- Reads a clock exactly.
---@param id integer  MONOTONIC or REALTIME
---@return number seconds      whole
---@return number nanoseconds  0 to 999999999
function M.read(id)
    if virtual then
        local seconds = floor(virtual)
        local nanoseconds = floor((virtual - seconds) * 1e9)
        return id == REALTIME and seconds + real_ahead or seconds, nanoseconds
    end
    C.ljos_clock_read(id, parts)
    return parts[0], parts[1]
end

--- Sets the virtual time, or ends it.
---@param seconds number|false
function M.set_virtual(seconds)
    if seconds and not virtual then real_ahead = floor(C.ljos_clock_realtime() - C.ljos_clock_monotonic()) end
    virtual = seconds
end

return M
