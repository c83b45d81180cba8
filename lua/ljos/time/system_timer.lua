--- System timers: timers of the system clock.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local timer = require "ljos.time.timer"
require "ljos.time.system_clock"

---@class ljos.time.system_timer
local M = {}

--- Makes a timer that has expired.
---@type fun(): ljos.Timer
M.new = select(2, timer.new_type("system_timer", "time.system_clock", clock.REALTIME))

return M
