--- Channels: bounded queues of values between fibers.
---
--- A ring of at most `capacity` values and two queues of fibers: receivers wait when it is empty, senders when it is
--- full. A value goes to the receiver that has waited longest; with capacity 0 sender and receiver meet. A value that
--- was handed over is delivered, canceled or not; a sender that is canceled first takes its value back.
---
--- Errors:   raises ljos.Error; channel_closed
--- Suspends: send, receive, each
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local hand_over = require "ljos.fiber.hand_over"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local wait_queue = require "ljos.fiber.wait_queue"

local error, setmetatable, type = error, setmetatable, type
local check = opaque_type.check
local enter, suspend = loop.enter, loop.suspend
local receiving, sending, hand, take_from = hand_over.receiving, hand_over.sending, hand_over.hand, hand_over.take_from
local CANCELED, CLOSED = hand_over.CANCELED, hand_over.CLOSED

---@class ljos.channel
local M = {}

---@class ljos.FiberChannel
---@field capacity integer
---@field count integer     values inside
---@field is_closed boolean
---@field package values any[]  a ring
---@field package first integer
---@field receivers ljos.WaitQueue
---@field senders ljos.WaitQueue
local methods = {}
local Channel = opaque_type.define({}, "channel", methods)

--- Makes a channel that holds at most `capacity` values.
---@param capacity? integer  0 unless given
---@return ljos.FiberChannel
function M.new(capacity)
    capacity = capacity or 0
    if type(capacity) ~= "number" or capacity < 0 or capacity % 1 ~= 0 then error_.argument(1, "capacity expected") end
    return setmetatable({
        capacity = capacity,
        count = 0,
        is_closed = false,
        values = {},
        first = 0,
        receivers = wait_queue.new(),
        senders = wait_queue.new(),
    }, Channel)
end

local function put(self, value)
    self.values[(self.first + self.count) % self.capacity + 1] = value
    self.count = self.count + 1
end

local function get(self)
    local at = self.first + 1
    local value = self.values[at]
    self.values[at] = false
    self.first = at % self.capacity
    self.count = self.count - 1
    return value
end

local function check_value(value)
    if value == nil then error_.argument(2, "a value expected, got nil") end
end

local function closed() error(error_.core "channel_closed", 0) end

--- Sends a value if that is possible at once; never suspends. Raises channel_closed.
---@param value any  not nil
---@return boolean
function methods:try_send(value)
    check(self, "channel", 1)
    check_value(value)
    if self.is_closed then closed() end
    local receiver = self.receivers:pop()
    if receiver then
        hand(self, receiver, receiving, value)
        return true
    end
    if self.count >= self.capacity then return false end
    put(self, value)
    return true
end

--- Receives a value if there is one; never suspends. Raises channel_closed when there will be none.
---@return any # nil when there is none yet
function methods:try_receive()
    check(self, "channel", 1)
    if self.count > 0 then
        local value = get(self)
        local sender = self.senders:pop()
        if sender then put(self, take_from(self, sender)) end
        return value
    end
    local sender = self.senders:pop()
    if sender then return take_from(self, sender) end
    if self.is_closed then closed() end
    return nil
end

-- What the wait ended with.
local function result(fiber, res)
    if res == CANCELED then loop.raise_canceled(fiber) end
    if res == CLOSED then closed() end
    return res
end

--- Sends a value, waiting until a receiver takes it or there is room. A cancellation point. Raises channel_closed.
---@param value any  not nil
function methods:send(value)
    check(self, "channel", 1)
    local fiber = enter()
    if self:try_send(value) then return end
    self.senders:push(fiber)
    fiber.op, fiber.res = self, value
    result(fiber, suspend(fiber, sending))
end

--- Receives the value that has waited longest, waiting for one. A cancellation point. Raises channel_closed when the
--- channel is closed and empty.
---@return any
function methods:receive()
    check(self, "channel", 1)
    local fiber = enter()
    local value = self:try_receive()
    if value ~= nil then return value end
    self.receivers:push(fiber)
    fiber.op = self
    return result(fiber, suspend(fiber, receiving))
end

-- A fiber in a select may stand in a queue twice; `hand` takes it out of all of them.
local function release_all(channel, queue, wait)
    local fiber = queue:pop()
    while fiber do
        hand(channel, fiber, wait, CLOSED)
        fiber = queue:pop()
    end
end

--- Closes the channel: nothing can be sent any more, and what is inside can be received still. Fibers that wait in
--- `send` or `receive` hear of it. Closing twice is fine.
function methods:close()
    check(self, "channel", 1)
    self.is_closed = true
    release_all(self, self.receivers, receiving)
    release_all(self, self.senders, sending)
end

--- Iterates over what is received until the channel is closed and empty: `for value in channel:each() do`.
---@return fun(): any
function methods:each()
    check(self, "channel", 1)
    return function()
        if self.is_closed and self.count == 0 and self.senders.count == 0 then return nil end
        local ok, value = pcall(self.receive, self)
        if ok then return value end
        if error_.is_core(value, "channel_closed") then return nil end
        error(value, 0)
    end
end

return M
