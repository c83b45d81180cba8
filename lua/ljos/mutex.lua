--- Mutexes: exclusion between fibers, across suspension points.
---
--- A flag and a queue. `unlock` hands the lock to the fiber that has waited longest, which so cannot lose it to one
--- that comes later; the mutex stays locked meanwhile. It knows no owner: any fiber may unlock it.
---
--- Errors:   raises ljos.Error
--- Suspends: lock
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local lock = require "ljos.fiber.lock"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable = error, setmetatable
local check = opaque_type.check
local acquire, enter, release = lock.acquire, lock.enter, lock.release

---@class ljos.mutex
local M = {}

---@class ljos.Mutex
---@field locked boolean
---@field waiting ljos.WaitQueue
local methods = {}
local Mutex = opaque_type.define({}, "mutex", methods)

--- Makes a mutex.
---@return ljos.Mutex
function M.new() return setmetatable({ locked = false, waiting = wait_queue.new() }, Mutex) end

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
