--- The high resolution clock: the monotonic clock, which on Linux counts nanoseconds, for measuring.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local time_point = require "ljos.time.time_point"

---@class ljos.time.high_resolution_clock: ljos.TimeClock
---@field is_steady boolean
local M = time_point.new_clock("time.high_resolution_clock", clock.MONOTONIC, false)
M.is_steady = true

return M
