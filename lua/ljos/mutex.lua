--- Mutexes: exclusion between fibers, across suspension points.
---
--- A flag and a queue. `unlock` hands the lock to the fiber that has waited longest, which so cannot lose it to one
--- that comes later; the mutex stays locked meanwhile. It knows no owner: any fiber may unlock it.
---
--- Errors:   raises ljos.Error
--- Suspends: lock
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable = error, setmetatable
local check = opaque_type.check
local current, suspend, wake, check_misuse = loop.current, loop.suspend, loop.wake, loop.check_misuse

---@class ljos.mutex
local M = {}

---@class ljos.Mutex
---@field locked boolean
---@field package waiting ljos.WaitQueue
local methods = {}
local Mutex = opaque_type.define({}, "mutex", methods)

-- Cancelling does not wake a fiber that waits for a lock, hence no cancel_wait (seed 003, "mutex").
local lock_wait = { is_lock = true }
function lock_wait.abandon_wait(_, fiber) fiber.op.waiting:remove(fiber) end
function lock_wait.describe_wait(_, fiber) return "lock " .. opaque_type.name(fiber.op) end

--- Makes a mutex.
---@return ljos.Mutex
function M.new() return setmetatable({ locked = false, waiting = wait_queue.new() }, Mutex) end

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

--- Locks the mutex, waiting in line for it. No cancellation point; when the mutex is free, no other fiber runs.
--- The fiber that holds the mutex waits for ever.
function methods:lock()
    check(self, "mutex", 1)
    acquire(self, enter())
end

--- Locks the mutex if it is free; never suspends.
---@return boolean # whether it was
function methods:try_lock()
    check(self, "mutex", 1)
    if self.locked then return false end
    self.locked = true
    return true
end

--- Unlocks the mutex, or hands it to the first in line. The calling fiber goes on. Raises EPERM when it is not locked.
function methods:unlock()
    check(self, "mutex", 1)
    if not self.locked then error(error_.generic("EPERM", { detail = "the mutex is not locked" }), 0) end
    release(self)
end

return M
