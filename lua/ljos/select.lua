--- Select: waits for the first of several things, and does exactly one of them.
---
--- `select` waits on channels: the fiber stands in the queues of all of them, and the first partner takes it out of the
--- others, so nothing is received or sent twice or lost. `race` runs functions as tasks; the first to return wins and
--- the others are canceled. What a loser had done already is lost with its results: for values use channels.
---
--- Errors:   raises ljos.Error
--- Suspends: select, race
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local hand_over = require "ljos.fiber.hand_over"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local task_group = require "ljos.task_group"

local error, ipairs, pairs, type = error, ipairs, pairs, type
local enter, suspend, wake = loop.enter, loop.suspend, loop.wake
local receiving, CANCELED, CLOSED = hand_over.receiving, hand_over.CANCELED, hand_over.CLOSED

---@class ljos.select
local M = {}

---@class ljos.SelectCase
---@field receive? ljos.FiberChannel
---@field send? ljos.FiberChannel
---@field value? any            what to send

---@class ljos.SelectState
---@field cases ljos.SelectCase[]
---@field winner integer|false
---@field value any

local function find(state, key, object)
    for i, case in ipairs(state.cases) do
        if case[key] == object then return i, case end
    end
end

local function leave_queues(state, fiber)
    for _, case in ipairs(state.cases) do
        if case.receive then
            case.receive.receivers:remove(fiber)
        else
            case.send.senders:remove(fiber)
        end
    end
end

local selecting = {}
function selecting.cancel_wait(_, fiber)
    leave_queues(fiber.op, fiber)
    wake(fiber, CANCELED)
end
function selecting.describe_wait(_, fiber)
    local words = {}
    for i, case in ipairs(fiber.op.cases) do
        words[i] = (case.receive and "receive " or "send ") .. opaque_type.name(case.receive or case.send)
    end
    return "select " .. table.concat(words, ", ")
end

local function select_value(object, fiber)
    local _, case = find(fiber.op, "send", object)
    return case.value
end

local function select_done(object, fiber, wait, value)
    local state = fiber.op
    state.winner = find(state, wait == receiving and "receive" or "send", object)
    if wait == receiving or value == CLOSED then state.value = value end
    leave_queues(state, fiber)
    wake(fiber, value)
end
hand_over.connect_select(select_value, select_done)

local function check(cases)
    error_.check_type(cases, "table", 1)
    if #cases == 0 then error_.argument(1, "at least one case expected") end
    for i, case in ipairs(cases) do
        local object = type(case) == "table" and (case.receive or case.send)
        opaque_type.check(object or nil, "channel", i)
        if case.send and case.value == nil then error_.argument(i, "`value` expected") end
        if case.send and case.receive then error_.argument(i, "`send` or `receive` expected, got both") end
    end
end

-- Does the first case that can be done at once.
local function try(cases)
    for i, case in ipairs(cases) do
        if case.send then
            if case.send:try_send(case.value) then return i end
        else
            local value = case.receive:try_receive()
            if value ~= nil then return i, value end
        end
    end
end

--- Does the first case that can be done, the first in order when several can be: `{ receive = channel }` or
--- `{ send = channel, value = v }`. A cancellation point. Raises channel_closed when a channel of the cases is closed.
---@param cases ljos.SelectCase[]
---@return integer index  of the case that was done
---@return any value      what was received
function M.select(cases)
    check(cases)
    local fiber = enter()
    local index, value = try(cases)
    if index then return index, value end
    local state = { cases = cases, winner = false, value = nil }
    for _, case in ipairs(cases) do
        if case.receive then
            case.receive.receivers:push(fiber)
        else
            case.send.senders:push(fiber)
        end
    end
    fiber.op = state
    if suspend(fiber, selecting) == CANCELED then loop.raise_canceled(fiber) end
    if state.value == CLOSED then error(error_.core "channel_closed", 0) end
    return state.winner, state.value
end

--- Runs the functions as tasks. The first to return wins: the others are canceled, and `race` returns when they have
--- ended. The first to raise loses for all: its error is raised.
---@param functions table<any, fun(): ...>  by index or by name
---@return any key  of the winner
---@return any ...  its results
function M.race(functions)
    error_.check_type(functions, "table", 1)
    local winner, results, count
    local function won(group, key, ...)
        if winner ~= nil then return end
        winner, results, count = key, { ... }, select("#", ...)
        group:cancel()
    end
    if next(functions) == nil then error_.argument(1, "at least one function expected") end
    for key, f in pairs(functions) do
        error_.check_type(f, "function", tostring(key))
    end
    task_group.run(function(group)
        for key, f in pairs(functions) do
            group:spawn(function() won(group, key, f()) end)
        end
    end)
    return winner, unpack(results or {}, 1, count or 0)
end

return M
