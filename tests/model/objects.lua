-- Models of the objects that fibers wait for each other with: each mirrors the queue that it stands for, makes the real
-- call, and compares. A method that may wait takes the running fiber (`person.lua`).
local channel = require "ljos.channel"
local condition_variable = require "ljos.condition_variable"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local future = require "ljos.future"
local mutex = require "ljos.mutex"
local person = require "model.person"
local recursive_mutex = require "ljos.recursive_mutex"
local select_ = require "ljos.select"
local semaphore = require "ljos.semaphore"

local begin, finish, grant, is_due = person.begin, person.finish, person.grant, person.is_due

local M = {}

-- Waits in `queue` for what `call(object, ...)` waits for.
local function wait(me, queue, is_cancelable, entry, call, object, ...)
    entry.who = me
    queue[#queue + 1] = entry
    begin(me, is_cancelable, { queue })
    local ok, result = pcall(call, object, ...)
    local granted, value = finish(me, ok, result)
    return granted, value, result
end

-- Hands on to the first in line, if any.
local function next_in(queue, value)
    local first = queue[1]
    if not first then return nil end
    grant(first.who, "ok", value)
    return first
end

-- Mutexes --------------------------------------------------------------------------------------------------------

local Mutex = {}
Mutex.__index = Mutex

function M.mutex() return setmetatable({ real = mutex.new(), queue = {}, owner = false }, Mutex) end

function Mutex:lock(me)
    if self.owner then
        wait(me, self.queue, false, {}, self.real.lock, self.real)
        assert(self.owner == me, "the mutex was handed to another fiber")
    else
        self.owner = me
        self.real:lock()
    end
end

function Mutex:try_lock(me)
    assert(self.real:try_lock() == not self.owner)
    if self.owner then return false end
    self.owner = me
    return true
end

function Mutex:unlock()
    local first = next_in(self.queue)
    self.owner = first and first.who or false
    self.real:unlock()
end

local RecursiveMutex = {}
RecursiveMutex.__index = RecursiveMutex

function M.recursive_mutex()
    return setmetatable({ real = recursive_mutex.new(), queue = {}, owner = false, levels = 0 }, RecursiveMutex)
end

function RecursiveMutex:lock(me)
    if self.owner and self.owner ~= me then
        wait(me, self.queue, false, {}, self.real.lock, self.real)
        assert(self.owner == me and self.levels == 1, "the mutex was handed to another fiber")
    else
        self.owner, self.levels = me, self.levels + 1
        self.real:lock()
    end
end

function RecursiveMutex:unlock(me)
    if self.owner ~= me then
        local ok, err = pcall(self.real.unlock, self.real)
        assert(not ok and err == error_.generic "EPERM")
        return
    end
    self.levels = self.levels - 1
    if self.levels == 0 then
        local first = next_in(self.queue)
        self.owner, self.levels = first and first.who or false, first and 1 or 0
    end
    self.real:unlock()
end

-- Semaphores, condition variables, futures -------------------------------------------------------------------------

local Semaphore = {}
Semaphore.__index = Semaphore

function M.semaphore(permits)
    return setmetatable({ real = semaphore.new(permits), queue = {}, permits = permits }, Semaphore)
end

--- Returns whether the fiber has a permit now.
function Semaphore:acquire(me)
    if is_due(me) then return person.expect_canceled(self.real.acquire, self.real) end
    if self.permits == 0 then return (wait(me, self.queue, true, {}, self.real.acquire, self.real)) end
    self.permits = self.permits - 1
    self.real:acquire()
    return true
end

function Semaphore:release()
    if not next_in(self.queue) then self.permits = self.permits + 1 end
    self.real:release()
    assert(self.real.permits == self.permits)
end

local ConditionVariable = {}
ConditionVariable.__index = ConditionVariable

function M.condition_variable()
    return setmetatable({ real = condition_variable.new(), queue = {}, mutex = mutex.new() }, ConditionVariable)
end

function ConditionVariable:wait(me)
    self.mutex:lock()
    assert(not self.is_held, "two fibers hold the mutex")
    if is_due(me) then
        person.expect_canceled(self.real.wait, self.real, self.mutex)
    else
        wait(me, self.queue, true, {}, self.real.wait, self.real, self.mutex)
        assert(not self.is_held, "two fibers hold the mutex")
    end
    self.is_held = true
    if not is_due(me) then fiber.this_fiber.yield() end
    self.is_held = false
    self.mutex:unlock()
end

function ConditionVariable:notify_one()
    next_in(self.queue)
    self.real:notify_one()
end

function ConditionVariable:notify_all()
    repeat
    until not next_in(self.queue)
    self.real:notify_all()
end

local Future = {}
Future.__index = Future

function M.future()
    local promise, real = future.new()
    return setmetatable({ promise = promise, real = real, queue = {} }, Future)
end

function Future:get(me)
    if is_due(me) then return person.expect_canceled(self.real.get, self.real) end
    if self.value then
        assert(self.real:get() == self.value)
    else
        local granted, _, result = wait(me, self.queue, true, {}, self.real.get, self.real)
        assert(not granted or result == self.value)
    end
end

function Future:set(value)
    if self.value then
        local ok, err = pcall(self.promise.set_value, self.promise, value)
        assert(not ok and error_.is_core(err, "promise_already_satisfied"))
        return
    end
    self.value = value
    repeat
    until not next_in(self.queue)
    self.promise:set_value(value)
end

-- Channels -------------------------------------------------------------------------------------------------------

local Channel = {}
Channel.__index = Channel

function M.channel(capacity)
    return setmetatable({
        real = channel.new(capacity),
        capacity = capacity,
        values = {},
        senders = {}, -- { who, value, case }
        receivers = {},
        is_closed = false,
    }, Channel)
end

-- What a call that does not wait must do: "ok" and a value, "channel_closed", or nil when it must wait.
function Channel:sends_at_once(value)
    if self.is_closed then return "channel_closed" end
    local receiver = self.receivers[1]
    if receiver then
        grant(receiver.who, "ok", { case = receiver.case, value = value })
        return "ok"
    end
    if #self.values == self.capacity then return nil end
    table.insert(self.values, value)
    return "ok"
end

function Channel:receives_at_once()
    local value = table.remove(self.values, 1)
    local sender = self.senders[1]
    if sender then
        if value then
            table.insert(self.values, sender.value)
        else
            value = sender.value
        end
        grant(sender.who, "ok", { case = sender.case })
    end
    if value then return "ok", value end
    if self.is_closed then return "channel_closed" end
end

-- Compares what a call did that must not wait.
local function expect(how, ok, err) assert(ok == (how == "ok") and (ok or error_.is_core(err, how)), tostring(err)) end

function Channel:send(me, value)
    if is_due(me) then return person.expect_canceled(self.real.send, self.real, value) end
    local how = self:sends_at_once(value)
    if how then return expect(how, pcall(self.real.send, self.real, value)) end
    wait(me, self.senders, true, { value = value }, self.real.send, self.real, value)
end

function Channel:receive(me)
    if is_due(me) then return person.expect_canceled(self.real.receive, self.real) end
    local how, value = self:receives_at_once()
    if how then
        local ok, result = pcall(self.real.receive, self.real)
        expect(how, ok, result)
        assert(not ok or result == value)
    else
        local granted, handed, result = wait(me, self.receivers, true, {}, self.real.receive, self.real)
        assert(not granted or result == handed.value)
    end
end

function Channel:close()
    self.is_closed = true
    for _, queue in ipairs { self.receivers, self.senders } do
        while queue[1] do
            grant(queue[1].who, "channel_closed")
        end
    end
    self.real:close()
end

--- `cases` are { channel = model, value = what to send, or nil to receive }.
function M.select(me, cases)
    local real, queues = {}, {}
    for i, case in ipairs(cases) do
        real[i] = case.value and { send = case.channel.real, value = case.value } or { receive = case.channel.real }
    end
    if is_due(me) then return person.expect_canceled(select_.select, real) end
    for i, case in ipairs(cases) do
        local how, value
        if case.value then
            how = case.channel:sends_at_once(case.value)
        else
            how, value = case.channel:receives_at_once()
        end
        if how then
            local ok, index, received = pcall(select_.select, real)
            expect(how, ok, index)
            assert(not ok or index == i and received == value, "another case was done")
            return
        end
    end
    for i, case in ipairs(cases) do
        local queue = case.value and case.channel.senders or case.channel.receivers
        queue[#queue + 1] = { who = me, case = i, value = case.value }
        queues[i] = queue
    end
    begin(me, true, queues)
    local ok, index, received = pcall(select_.select, real)
    local granted, handed = finish(me, ok, index)
    assert(not granted or index == handed.case and received == handed.value, "another case was done")
end

return M
