--- Turns: what one fiber does at a time, for others as well.
---
--- Unlike a lock, a turn is not handed over: when it ends, everybody who has waited looks again whether there is still
--- something to do.
---
--- Errors:   raises fiber_canceled
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local wait_queue = require "ljos.fiber.wait_queue"

local enter, suspend, wake, raise_canceled = loop.enter, loop.suspend, loop.wake, loop.raise_canceled
local ECANCELED = error_.errno_of.ECANCELED

---@class ljos.tls.turn
local M = {}

---@class ljos.tls.Turn
---@field is_taken boolean  set by whoever takes it
---@field name string       for fiber.dump
---@field waiting ljos.WaitQueue

--- Makes a turn that nobody has.
---@param name string
---@return ljos.tls.Turn
function M.new(name) return { is_taken = false, name = name, waiting = wait_queue.new() } end

local turns = {}
function turns.cancel_wait(_, fiber)
    fiber.op.waiting:remove(fiber)
    wake(fiber, -ECANCELED)
end
function turns.describe_wait(_, fiber) return fiber.op.name end

--- Waits until the turn has ended. A cancellation point.
---@param turn ljos.tls.Turn  a taken one
function M.wait(turn)
    local fiber = enter()
    turn.waiting:push(fiber)
    fiber.op = turn
    if suspend(fiber, turns) ~= 0 then raise_canceled(fiber) end
end

--- Ends the turn.
---@param turn ljos.tls.Turn
function M.finish(turn)
    turn.is_taken = false
    local waiting = turn.waiting
    while waiting.count > 0 do
        wake(waiting:pop() --[[@as ljos.FiberRecord]], 0)
    end
end

return M
