local collect = require "collect"
local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local raised = require "raised"
local signal = require "ljos.system.signal"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

-- A set is given back when it is collected. On a stack of its own, no slot that nobody has overwritten keeps it.
local function it_apart(name, f)
    it(name, function()
        local ok, err = coroutine.resume(coroutine.create(f))
        if not ok then error(err, 0) end
    end)
end

describe("system.signal.set", function()
    -- Sets end when they are collected.
    after_each(function() collect() end)

    it_apart("wakes a waiting fiber with the signal's number", function()
        local set = signal.set.new(signal.SIGUSR1)
        local f = spawn(function() return set:wait() end)
        yield()
        signal.raise(signal.SIGUSR1)
        assert.equal(signal.SIGUSR1, f:join())
        set:clear()
    end)

    it_apart("queues notifications, the lowest signal first, once for every set", function()
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

    it_apart("ends a wait by cancel() with ECANCELED and by the fiber's with fiber_canceled", function()
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

    it_apart("keeps ignore and default from signals it has, and gives the old disposition back", function()
        signal.ignore(signal.SIGUSR1)
        local set = signal.set.new(signal.SIGUSR1)
        local ok, err = pcall(signal.ignore, signal.SIGUSR1)
        assert.is_false(ok)
        assert.is_true(err.EBUSY)
        set:clear()
        signal.raise(signal.SIGUSR1) -- ignored again
        signal.default(signal.SIGUSR1)
    end)

    it_apart("refuses what is no signal", function()
        for _, bad in ipairs { 0, 65, 1.5, "x", signal.SIGKILL } do
            assert.equal(1, raised("EINVAL", signal.set.new, bad).arg)
            assert.equal(1, raised("EINVAL", signal.ignore, bad).arg)
            assert.equal(1, raised("EINVAL", signal.default, bad).arg)
        end
        local set = signal.set.new()
        assert.equal(2, raised("EINVAL", set.add, set, signal.SIGSTOP).arg)
        assert.equal(2, raised("EINVAL", set.remove, set, "x").arg)
        assert.equal(1, raised("EINVAL", signal.raise, 65).arg)
    end)

    it_apart("gives each notification to one of the fibers that wait", function()
        local set = signal.set.new(signal.SIGUSR1, signal.SIGUSR2)
        local a = spawn(function() return set:wait() end)
        local b = spawn(function() return set:wait() end)
        yield()
        signal.raise(signal.SIGUSR2)
        signal.raise(signal.SIGUSR1)
        local first, second = a:join(), b:join()
        assert.same({ signal.SIGUSR1, signal.SIGUSR2 }, { math.min(first, second), math.max(first, second) })
        set:clear()
    end)

    it_apart("keeps a notification that a canceled wait did not take", function()
        local set = signal.set.new(signal.SIGUSR1)
        local f = spawn(function()
            yield()
            set:wait()
        end)
        yield()
        signal.raise(signal.SIGUSR1)
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        assert.equal(signal.SIGUSR1, set:wait())
        set:clear()
    end)

    it_apart("is canceled, whatever was taken before", function()
        local set = signal.set.new(signal.SIGUSR1)
        signal.raise(signal.SIGUSR1)
        assert.equal(signal.SIGUSR1, set:wait())
        local f = spawn(function() raised("ECANCELED", set.wait, set) end)
        yield()
        set:cancel()
        f:join()
        set:clear()
    end)

    it_apart("is canceled for all that wait, though one of them takes a signal", function()
        local set = signal.set.new(signal.SIGUSR1)
        local taken, canceled = 0, 0
        local fibers = {}
        for i = 1, 3 do
            fibers[i] = spawn(function()
                if pcall(set.wait, set) then
                    taken = taken + 1
                else
                    canceled = canceled + 1
                end
            end)
        end
        yield()
        signal.raise(signal.SIGUSR1)
        set:cancel()
        for _, f in ipairs(fibers) do
            f:join()
        end
        if taken == 0 then
            assert.equal(signal.SIGUSR1, set:wait())
        else
            assert.equal(1, taken)
        end
        assert.equal(3, taken + canceled)
        set:clear()
    end)

    it_apart("gives the old disposition back when it is collected", function()
        local function is_ignored()
            local file = assert(io.open "/proc/self/status")
            local mask = file:read("*a"):match "SigIgn:%s+(%x+)"
            file:close()
            return bit.band(tonumber(mask:sub(-8), 16), bit.lshift(1, signal.SIGUSR2 - 1)) ~= 0
        end
        signal.ignore(signal.SIGUSR2)
        local function make() signal.set.new(signal.SIGUSR2) end
        make()
        assert.is_false(is_ignored())
        collect()
        assert.is_true(is_ignored())
        signal.default(signal.SIGUSR2)
    end)

    it_apart("that cannot be made changes nothing", function()
        signal.ignore(signal.SIGUSR2)
        assert.equal(2, raised("EINVAL", signal.set.new, signal.SIGUSR2, signal.SIGKILL).arg)
        assert.equal(2, raised("EINVAL", signal.set.new, signal.SIGUSR2, "x").arg)
        signal.default(signal.SIGUSR2) -- EBUSY if a set had it
    end)
end)
