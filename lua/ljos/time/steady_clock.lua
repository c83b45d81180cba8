--- The steady clock: CLOCK_MONOTONIC, which never goes back (clock_gettime(2)). Its epoch is the start of the system.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local time_point = require "ljos.time.time_point"

---@class ljos.time.steady_clock: ljos.TimeClock
return time_point.new_clock("time.steady_clock", clock.MONOTONIC, true)
