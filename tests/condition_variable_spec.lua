local condition_variable = require "ljos.condition_variable"
local fiber = require "ljos.fiber"
local mutex = require "ljos.mutex"
local raises = require "raises"
local recursive_mutex = require "ljos.recursive_mutex"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local yield = this_fiber.yield

-- `n` fibers that wait, and the list they enter when they were woken; the mutex is free afterwards.
local function waiters(n)
    local m, c, log, fibers = mutex.new(), condition_variable.new(), {}, {}
    for i = 1, n do
        fibers[i] = spawn(function()
            fiber.scope(function()
                m:lock()
                fiber.scope_cleanup_push(function() m:unlock() end)
                c:wait(m)
                log[#log + 1] = i
            end)
        end)
    end
    yield()
    return c, log, fibers, m
end

describe("condition_variable", function()
    it("wakes one waiter at a time, the first first; a notification nobody waits for is lost", function()
        local c, log, fibers = waiters(3)
        c:notify_one()
        assert.same({}, log)
        fibers[1]:join()
        assert.same({ 1 }, log)
        c:notify_all()
        fibers[2]:join()
        fibers[3]:join()
        assert.same({ 1, 2, 3 }, log)
        c:notify_one()
        c:notify_all()
        local m = mutex.new()
        m:lock()
        raises.core("deadlock", c.wait, c, m)
    end)

    it("gives the mutex back while it waits, and takes it before it returns", function()
        local c, log, fibers, m = waiters(1)
        assert.is_true(m:try_lock())
        c:notify_one()
        yield()
        yield()
        assert.same({}, log)
        m:unlock()
        fibers[1]:join()
        assert.same({ 1 }, log)
    end)

    it("takes the mutex before it raises fiber_canceled", function()
        local _, log, fibers, m = waiters(1)
        m:lock()
        fibers[1]:cancel()
        yield()
        assert.is_true(fibers[1].joinable)
        m:unlock()
        fibers[1]:join()
        assert.is_true(fibers[1].cancellation_caught)
        assert.same({}, log)
        assert.is_true(m:try_lock())
    end)

    it("gives the notification to another one when cancellation came first", function()
        local c, log, fibers = waiters(2)
        fibers[1]:cancel()
        c:notify_one()
        fibers[1]:join()
        fibers[2]:join()
        assert.same({ 2 }, log)
    end)

    it("returns when the notification came first", function()
        local c, log, fibers = waiters(2)
        c:notify_one()
        fibers[1]:cancel()
        fibers[1]:join()
        assert.same({ 1 }, log)
        assert.is_false(fibers[1].cancellation_caught)
        c:notify_all()
        fibers[2]:join()
    end)

    it("wants a mutex that is locked", function()
        local c = condition_variable.new()
        raises.generic("EPERM", c.wait, c, mutex.new())
        assert.equal(2, raises.generic("EINVAL", c.wait, c, recursive_mutex.new()).arg)
        raises.generic("EINVAL", c.wait, c)
        this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", c.wait, c, mutex.new())
        c:notify_all()
        this_fiber.allow_suspend()
        raises.core("bad_index", function() return c.nonsense end)
    end)
end)
