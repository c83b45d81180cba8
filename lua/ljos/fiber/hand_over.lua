--- Handing over: how the wait of a fiber ends that stands in a queue of a channel, alone or in a select.
---
--- A fiber that waits for one channel has it in `op`, and what it sends in `res`. One that waits for several is
--- select.lua's concern, which says here what it sends on a channel, and how its wait ends.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"

local wake = loop.wake

---@class ljos.fiber.hand_over
local M = {}

-- What ends a wait without a value.
local CANCELED = {}
M.CANCELED, M.CLOSED = CANCELED, {}

-- What a fiber waits for.
local receiving, sending = {}, {}
M.receiving, M.sending = receiving, sending
function receiving.cancel_wait(_, fiber)
    fiber.op.receivers:remove(fiber)
    wake(fiber, CANCELED)
end
function receiving.describe_wait(_, fiber) return "receive " .. opaque_type.name(fiber.op) end
function sending.cancel_wait(_, fiber)
    fiber.op.senders:remove(fiber)
    wake(fiber, CANCELED)
end
function sending.describe_wait(_, fiber) return "send " .. opaque_type.name(fiber.op) end

local select_value, select_done

--- Called by select.lua, which alone knows of fibers that wait for several channels.
---@param value fun(channel: ljos.FiberChannel, fiber: ljos.FiberRecord): any  what such a fiber sends
---@param done fun(channel: ljos.FiberChannel, fiber: ljos.FiberRecord, wait: table, value: any)  ends its wait
function M.connect_select(value, done)
    select_value, select_done = value, done
end

--- Ends the wait of a fiber taken from one of the channel's queues.
---@param channel ljos.FiberChannel
---@param fiber ljos.FiberRecord
---@param wait table  `receiving` or `sending`: which queue
---@param value any   for a receiver; or CLOSED
local function hand(channel, fiber, wait, value)
    if fiber.wait == wait then
        wake(fiber, value)
    else
        select_done(channel, fiber, wait, value)
    end
end
M.hand = hand

--- Takes the value of a waiting sender, whose wait ends.
---@param channel ljos.FiberChannel
---@param fiber ljos.FiberRecord
---@return any
function M.take_from(channel, fiber)
    local value
    if fiber.wait == sending then
        value = fiber.res
    else
        value = select_value(channel, fiber)
    end
    hand(channel, fiber, sending, 0)
    return value
end

return M
