--- Time: sleeping, clocks and timers.
---
--- Errors:   raises ljos.Error
--- Suspends: sleep, timer:wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"

local sleep, type = loop.sleep, type

---@class ljos.time
local M = {
    steady_clock = require "ljos.time.steady_clock",
    system_clock = require "ljos.time.system_clock",
    high_resolution_clock = require "ljos.time.high_resolution_clock",
    steady_timer = require "ljos.time.steady_timer",
    system_timer = require "ljos.time.system_timer",
}

--- Suspends the fiber for `seconds` (a fraction is fine; 0 lets the others run). A cancellation point.
--- Raises EDOM for a negative number (seed 003, "time.sleep").
---@param seconds number
function M.sleep(seconds)
    if type(seconds) ~= "number" or seconds ~= seconds then error_.argument(1, "number of seconds expected") end
    if seconds < 0 then error(error_.generic("EDOM", { arg = 1 }), 0) end
    return sleep(seconds)
end

return M
