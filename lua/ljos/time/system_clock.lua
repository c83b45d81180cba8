--- The system clock: CLOCK_REALTIME, the wall clock, which may be set (clock_gettime(2)). Its epoch is that of Unix.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local time_point = require "ljos.time.time_point"

---@class ljos.time.system_clock: ljos.TimeClock
return time_point.new_clock("time.system_clock", clock.REALTIME, true)
