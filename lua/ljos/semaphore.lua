--- Semaphores: at most so many fibers at a time.
---
--- A count of permits and a queue. `release` hands a permit to the fiber that has waited longest, so nobody overtakes.
---
--- Errors:   raises ljos.Error
--- Suspends: acquire, with
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local scope = require "ljos.fiber.scope"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable, type = error, setmetatable, type
local check = opaque_type.check
local enter, suspend, wake = loop.enter, loop.suspend, loop.wake
local ECANCELED = error_.errno_of.ECANCELED

---@class ljos.semaphore
local M = {}

---@class ljos.Semaphore
---@field permits integer  free ones
---@field package waiting ljos.WaitQueue
local methods = {}
local Semaphore = opaque_type.define({}, "semaphore", methods)

local permit = { is_lock = true }
function permit.cancel_wait(_, fiber)
    fiber.op.waiting:remove(fiber)
    wake(fiber, -ECANCELED)
end
function permit.describe_wait(_, fiber) return "acquire " .. opaque_type.name(fiber.op) end

--- Makes a semaphore with `permits` free permits.
---@param permits integer  >= 0
---@return ljos.Semaphore
function M.new(permits)
    if type(permits) ~= "number" or permits < 0 or permits % 1 ~= 0 then
        error_.argument(1, "number of permits expected")
    end
    return setmetatable({ permits = permits, waiting = wait_queue.new() }, Semaphore)
end

--- Takes a permit, waiting in line for it. A cancellation point; a permit that was handed over first is kept.
function methods:acquire()
    check(self, "semaphore", 1)
    local fiber = enter()
    if self.permits > 0 then
        self.permits = self.permits - 1
        return
    end
    self.waiting:push(fiber)
    fiber.op = self
    if suspend(fiber, permit) ~= 0 then loop.raise_canceled(fiber) end
end

--- Takes a permit if one is free; never suspends.
---@return boolean # whether one was
function methods:try_acquire()
    check(self, "semaphore", 1)
    if self.permits == 0 then return false end
    self.permits = self.permits - 1
    return true
end

--- Gives a permit back, or a new one; any fiber may.
function methods:release()
    check(self, "semaphore", 1)
    local fiber = self.waiting:pop()
    if fiber then
        wake(fiber, 0)
    else
        self.permits = self.permits + 1
    end
end

local function give_back(self, ok, ...)
    self:release()
    if not ok then error((...), 0) end
    return ...
end

--- Runs `f(...)` while holding a permit and returns its results.
---@param f fun(...: any): ...
---@param ... any
---@return any ...
function methods:with(f, ...)
    check(self, "semaphore", 1)
    error_.check_type(f, "function", 2)
    self:acquire()
    return give_back(self, scope.guard(f, ...))
end

return M
