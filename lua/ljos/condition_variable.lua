--- Condition variables: fibers that wait until another one says that something has changed.
---
--- A queue. `wait` releases the mutex, queues up, and locks the mutex again before it returns or raises. Notifying
--- only makes fibers ready; it is legal without the mutex, and lost when nobody waits. A fiber that was notified
--- first and canceled later returns; one that was canceled first takes no notification from the others.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local innermost = require "ljos.fiber.innermost"
local lock = require "ljos.fiber.lock"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable = error, setmetatable
local check = opaque_type.check
local enter, suspend, wake = loop.enter, loop.suspend, loop.wake
local ECANCELED = error_.errno_of.ECANCELED

---@class ljos.condition_variable
local M = {}

---@class ljos.ConditionVariable
---@field package waiting ljos.WaitQueue
local methods = {}
local ConditionVariable = opaque_type.define({}, "condition_variable", methods)

local notification = {}
function notification.cancel_wait(_, fiber)
    fiber.op.waiting:remove(fiber)
    wake(fiber, -ECANCELED)
end
function notification.describe_wait(_, fiber) return "wait " .. opaque_type.name(fiber.op) end

--- Makes a condition variable.
---@return ljos.ConditionVariable
function M.new() return setmetatable({ waiting = wait_queue.new() }, ConditionVariable) end

--- Releases the locked mutex `m`, waits for a notification, and locks `m` again (pthread_cond_wait(3)). A cancellation
--- point; `m` is locked when it raises, too. Raises EINVAL for another type than mutex, EPERM when it is not locked.
---@param m ljos.Mutex
function methods:wait(m)
    check(self, "condition_variable", 1)
    check(m, "mutex", 2)
    local fiber = enter()
    if not m.locked then error(error_.generic("EPERM", { detail = "the mutex is not locked" }), 0) end
    innermost.check_suspendable "wait"
    lock.release(m)
    self.waiting:push(fiber)
    fiber.op = self
    local res = suspend(fiber, notification)
    lock.acquire(m, fiber)
    if res ~= 0 then loop.raise_canceled(fiber) end
end

--- Ends the wait of the fiber that has waited longest, if any; never suspends (pthread_cond_signal(3)).
function methods:notify_one()
    check(self, "condition_variable", 1)
    local fiber = self.waiting:pop()
    if fiber then wake(fiber, 0) end
end

--- Ends the waits of all fibers; never suspends (pthread_cond_broadcast(3)).
function methods:notify_all()
    check(self, "condition_variable", 1)
    local waiting = self.waiting
    local fiber = waiting:pop()
    while fiber do
        wake(fiber, 0)
        fiber = waiting:pop()
    end
end

return M
