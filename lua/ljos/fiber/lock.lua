--- Lock: what mutexes are made of, and what those share who take one back at the end of a wait.
---
--- A flag and a queue in the object, `locked` and `waiting`. Whoever releases a lock that others wait for hands it to
--- the first in line: it stays locked.
---
--- Errors:   raises ljos.Error
--- Suspends: acquire
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"

local current, suspend, wake, check_misuse = loop.current, loop.suspend, loop.wake, loop.check_misuse

---@class ljos.fiber.lock
local M = {}

-- Cancelling does not wake a fiber that waits for a lock, hence no cancel_wait (seed 003, "mutex").
local lock_wait = { is_lock = true }
function lock_wait.abandon_wait(_, fiber) fiber.op.waiting:remove(fiber) end
function lock_wait.describe_wait(_, fiber) return "lock " .. opaque_type.name(fiber.op) end

--- Begins a suspending call that is no cancellation point: returns the running fiber, or raises forbid_suspend_block.
---@return ljos.FiberRecord
local function enter()
    local fiber = current()
    check_misuse(fiber)
    if fiber.gate then cancellation.check_suspend(fiber) end
    return fiber
end
M.enter = enter

---@param self ljos.Mutex
---@param fiber ljos.FiberRecord  the running one
local function acquire(self, fiber)
    if not self.locked then
        self.locked = true
        return
    end
    self.waiting:push(fiber)
    fiber.op = self
    suspend(fiber, lock_wait)
end
M.acquire = acquire

---@param self ljos.Mutex  a locked one
local function release(self)
    local fiber = self.waiting:pop()
    if fiber then
        wake(fiber, 0)
    else
        self.locked = false
    end
end
M.release = release

return M
