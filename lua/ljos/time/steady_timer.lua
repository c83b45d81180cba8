--- Steady timers: timers of the steady clock.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local clock = require "ljos.loop.clock"
local opaque_type = require "ljos.fiber.opaque_type"
local steady_clock = require "ljos.time.steady_clock"
local timer = require "ljos.time.timer"

---@class ljos.time.steady_timer
local M = {}

local methods, new = timer.new_type("steady_timer", "time.steady_clock", clock.MONOTONIC)

--- Makes a timer that has expired.
---@type fun(): ljos.Timer
M.new = new

--- Sets the expiry time `secs` from now, and ends the waits that are going on, which raise ECANCELED.
---@param self ljos.Timer
---@param secs number
---@return integer # waits ended
function methods.expires_after(self, secs)
    opaque_type.check(self, "steady_timer", 1)
    local expiry = steady_clock.now()
    expiry:add(secs)
    return self:expires_at(expiry)
end

return M
