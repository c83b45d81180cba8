--- Recursive mutexes: exclusion between fibers; the owner may lock again.
---
--- A count and a queue over the running fiber's identity, its extra record (`fiber.cancellation`), because fiber
--- records and their numbers are used again. `unlock` of the last level hands the lock to the first in line.
---
--- Errors:   raises ljos.Error
--- Suspends: lock
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local lock = require "ljos.fiber.lock"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable = error, setmetatable
local check = opaque_type.check
local current, enter, extra_of, suspend, wake = loop.current, lock.enter, cancellation.extra_of, loop.suspend, loop.wake

---@class ljos.recursive_mutex
local M = {}

---@class ljos.RecursiveMutex
---@field package owner ljos.FiberExtra|false
---@field package count integer  levels of ownership
---@field package waiting ljos.WaitQueue
local methods = {}
local RecursiveMutex = opaque_type.define({}, "recursive_mutex", methods)

-- More levels than any recursion has; beyond, `lock` would be a leak.
local COUNT_MAX = 2 ^ 31 - 1

local lock_wait = { is_lock = true }
function lock_wait.abandon_wait(_, fiber) fiber.op.waiting:remove(fiber) end
function lock_wait.describe_wait(_, fiber) return "lock " .. opaque_type.name(fiber.op) end

--- Makes a recursive mutex.
---@return ljos.RecursiveMutex
function M.new() return setmetatable({ owner = false, count = 0, waiting = wait_queue.new() }, RecursiveMutex) end

-- Takes a mutex that is free or the caller's own; false when it is somebody else's.
local function take(self, me)
    if not self.owner then
        self.owner, self.count = me, 1
        return true
    elseif self.owner == me then
        if self.count >= COUNT_MAX then error(error_.generic "EOVERFLOW", 0) end
        self.count = self.count + 1
        return true
    end
    return false
end

--- Locks the mutex, or one level more of it when the fiber owns it. No cancellation point; no other fiber runs unless
--- another one owns the mutex.
function methods:lock()
    check(self, "recursive_mutex", 1)
    local fiber = enter()
    if take(self, extra_of(fiber)) then return end
    self.waiting:push(fiber)
    fiber.op = self
    suspend(fiber, lock_wait)
end

--- Locks the mutex unless another fiber owns it; never suspends.
---@return boolean # whether it is the caller's now
function methods:try_lock()
    check(self, "recursive_mutex", 1)
    return take(self, extra_of(current()))
end

--- Gives back one level of ownership; after the last the first in line owns the mutex. Raises EPERM when the
--- calling fiber does not own it.
function methods:unlock()
    check(self, "recursive_mutex", 1)
    if self.owner ~= extra_of(current()) then
        error(error_.generic("EPERM", { detail = "the fiber does not own the recursive_mutex" }), 0)
    end
    self.count = self.count - 1
    if self.count > 0 then return end
    local next_owner = self.waiting:pop()
    self.owner = false
    if next_owner then
        self.owner, self.count = extra_of(next_owner), 1
        wake(next_owner, 0)
    end
end

return M
