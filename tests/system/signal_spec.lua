local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local signal = require "ljos.system.signal"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("system.signal.set", function()
    it("wakes a waiting fiber with the signal's number", function()
        local set = signal.set.new(signal.SIGUSR1)
        local f = spawn(function() return set:wait() end)
        yield()
        signal.raise(signal.SIGUSR1)
        assert.equal(signal.SIGUSR1, f:join())
        set:clear()
    end)

    it("queues notifications, the lowest signal first, once for every set", function()
        local a = signal.set.new(signal.SIGUSR1, signal.SIGUSR2)
        local b = signal.set.new(signal.SIGUSR2)
        signal.raise(signal.SIGUSR2)
        signal.raise(signal.SIGUSR1)
        signal.raise(signal.SIGUSR2)
        assert.same({ signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2 }, { a:wait(), a:wait(), a:wait() })
        assert.equal(signal.SIGUSR2, b:wait())
        b:remove(signal.SIGUSR2) -- drops what is queued
        b:add(signal.SIGUSR2)
        signal.raise(signal.SIGUSR2)
        assert.equal(signal.SIGUSR2, b:wait())
        a:clear()
        b:clear()
    end)

    it("ends a wait by cancel() with ECANCELED and by the fiber's with fiber_canceled", function()
        local set = signal.set.new(signal.SIGUSR1)
        local f = spawn(function()
            local _, err = pcall(set.wait, set)
            return err
        end)
        yield()
        set:cancel()
        assert.is_true(f:join().ECANCELED)
        local g = spawn(function() set:wait() end)
        yield()
        g:cancel()
        g:join()
        assert.is_true(g.cancellation_caught)
        set:clear()
        assert.equal(0, (loop.load()))
    end)

    it("keeps ignore and default from signals it has, and gives the old disposition back", function()
        signal.ignore(signal.SIGUSR1)
        local set = signal.set.new(signal.SIGUSR1)
        local ok, err = pcall(signal.ignore, signal.SIGUSR1)
        assert.is_false(ok)
        assert.is_true(err.EBUSY)
        set:clear()
        signal.raise(signal.SIGUSR1) -- ignored again
        signal.default(signal.SIGUSR1)
    end)

    it("refuses what is no signal", function()
        for _, bad in ipairs { 0, 65, 1.5, "x", signal.SIGKILL } do
            local ok, err = pcall(signal.set.new, bad)
            assert.is_false(ok)
            assert.equal(1, err.arg)
        end
        collectgarbage()
        collectgarbage()
    end)
end)
