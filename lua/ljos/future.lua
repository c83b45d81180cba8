--- Futures and promises: a value that is set once and read by any number of fibers.
---
--- Both sides refer to one state: the value or the error, and the queue of those who wait. The promise is a userdata,
--- so that its collection is noticed: a state that is not ready by then is broken, and all who wait hear of it.
---
--- Errors:   raises ljos.Error; `get` raises what set_error was given
--- Suspends: get
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, newproxy, setmetatable = error, newproxy, setmetatable
local check = opaque_type.check
local enter, suspend, wake = loop.enter, loop.suspend, loop.wake
local ECANCELED = error_.errno_of.ECANCELED

---@class ljos.future
local M = {}

---@class ljos.FutureState
---@field how "pending"|"value"|"error"
---@field value any
---@field waiting ljos.WaitQueue

---@class ljos.Future
---@field package state ljos.FutureState
local future_methods = {}
local Future = opaque_type.define({}, "future", future_methods)

---@class ljos.Promise
local promise_methods = {}
local prototype = newproxy(true)
local Promise = opaque_type.define(getmetatable(prototype), "promise", promise_methods)

-- Promise -> state. A finalizer still finds its userdata's entry here.
---@type table<ljos.Promise, ljos.FutureState>
local state_of = setmetatable({}, { __mode = "k" })

local result = { is_lock = true }
function result.cancel_wait(_, fiber)
    fiber.op.state.waiting:remove(fiber)
    wake(fiber, -ECANCELED)
end
function result.describe_wait(_, fiber) return "get " .. opaque_type.name(fiber.op) end

--- Makes a promise and its future.
---@return ljos.Promise
---@return ljos.Future
function M.new()
    local state = { how = "pending", value = nil, waiting = wait_queue.new() }
    local promise = newproxy(prototype) ---@type any
    state_of[promise] = state
    return promise, setmetatable({ state = state }, Future)
end

---@param state ljos.FutureState
local function settle(state, how, value)
    state.how, state.value = how, value
    local waiting = state.waiting
    local fiber = waiting:pop()
    while fiber do
        wake(fiber, 0)
        fiber = waiting:pop()
    end
end

Promise.__gc = function(promise)
    local state = state_of[promise]
    if state and state.how == "pending" then settle(state, "error", error_.core "broken_promise") end
end

---@param promise ljos.Promise
---@return ljos.FutureState
local function pending(promise)
    opaque_type.check(promise, "promise", 1)
    local state = state_of[promise]
    if state.how ~= "pending" then error(error_.core "promise_already_satisfied", 0) end
    return state
end

--- Makes the future ready with the value `v`, nil included. Raises promise_already_satisfied the second time.
---@param v any
function promise_methods:set_value(v) settle(pending(self), "value", v) end

--- Makes the future ready with the error `e`, which every `get` raises as it is. Raises EINVAL for nil,
--- promise_already_satisfied the second time.
---@param e any
function promise_methods:set_error(e)
    if e == nil then error_.argument(2, "an error expected, got nil") end
    settle(pending(self), "error", e)
end

--- Returns the value, or raises the error, waiting until there is one. A cancellation point. Raises broken_promise when
--- the promise is gone.
---@return any
function future_methods:get()
    check(self, "future", 1)
    local fiber = enter()
    local state = self.state
    if state.how == "pending" then
        state.waiting:push(fiber)
        fiber.op = self
        if suspend(fiber, result) ~= 0 then loop.raise_canceled(fiber) end
    end
    if state.how == "error" then error(state.value, 0) end
    return state.value
end

return M
