local clock = require "ljos.loop.clock"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local raises = require "raises"
local time = require "ljos.time"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local steady_clock, steady_timer = time.steady_clock, time.steady_timer
local system_clock, system_timer = time.system_clock, time.system_timer

-- A fiber that waits for `timer` and returns how the wait ended.
local function waiter(timer)
    return spawn(function()
        local ok, err = pcall(timer.wait, timer)
        if ok then return "expired" end
        return err == error_.system "ECANCELED" and "canceled" or tostring(err)
    end)
end

-- Calls `f(delay)` with longer and longer delays until it says that it was in time, however slow the machine is.
local function in_time(f)
    local delay = 0.002
    while not f(delay) do
        delay = 4 * delay
    end
end

describe("steady_timer", function()
    it("has expired when it is new; waiting then lets the others run and returns", function()
        local t, ran = steady_timer.new(), false
        assert.equal(steady_clock.epoch(), t.expiry)
        spawn(function() ran = true end):detach()
        t:wait()
        assert.is_true(ran)
    end)

    it("wakes all who wait, in their order, when it expires", function()
        local t, log = steady_timer.new(), nil
        in_time(function(delay)
            local fibers = {}
            log = {}
            assert.equal(0, t:expires_after(delay))
            for i = 1, 3 do
                fibers[i] = spawn(function()
                    t:wait()
                    log[#log + 1] = i
                end)
            end
            yield()
            local all_wait = steady_clock.now() < t.expiry
            for i = 1, 3 do
                fibers[i]:join()
            end
            return all_wait
        end)
        assert.same({ 1, 2, 3 }, log)
        assert.is_true(t.expiry <= steady_clock.now())
        t:wait()
    end)

    it("ends the waits when it is canceled, and says how many", function()
        local t = steady_timer.new()
        t:expires_after(1000)
        local a, b = waiter(t), waiter(t)
        yield()
        assert.equal(2, t:cancel())
        assert.equal(0, t:cancel())
        assert.equal("canceled", a:join())
        assert.equal("canceled", b:join())
    end)

    it("ends the waits when its expiry is moved, and can be waited for again", function()
        local t = steady_timer.new()
        t:expires_after(1000)
        local a = waiter(t)
        yield()
        local tp = steady_clock.now()
        assert.equal(1, t:expires_at(tp))
        assert.equal("canceled", a:join())
        assert.equal(tp, t.expiry)
        tp:add(1)
        assert.not_equal(tp, t.expiry)
        assert.equal("expired", waiter(t):join())
    end)

    it("forgets a fiber that is canceled, and then keeps nothing alive", function()
        local t = steady_timer.new()
        t:expires_after(1000)
        local a = waiter(t)
        yield()
        assert.equal(1, (select(2, loop.load())))
        a:cancel()
        assert.equal("Fiber canceled", a:join())
        assert.equal(0, (select(2, loop.load())))
        assert.equal(0, t:cancel())
    end)

    it("refuses what is no time point of its clock, no number, a forbidden suspension", function()
        local t = steady_timer.new()
        assert.equal(2, raises.generic("EINVAL", t.expires_at, t, system_clock.now()).arg)
        raises.generic("EINVAL", t.expires_at, t)
        raises.generic("EINVAL", t.expires_after, t)
        raises.generic("EDOM", t.expires_after, t, 0 / 0)
        fiber.this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", t.wait, t)
        fiber.this_fiber.allow_suspend()
        raises.core("bad_index", function() return t.nonsense end)
        raises.generic("EPERM", function() t.expiry = 1 end)
    end)
end)

describe("system_timer", function()
    it("expires at a time of day", function()
        local t = system_timer.new()
        assert.equal(system_clock.epoch(), t.expiry)
        t:wait()
        t:expires_at(system_clock.now() + 0.002)
        assert.equal("expired", waiter(t):join())
        t:expires_at(system_clock.now() + 1000)
        local a = waiter(t)
        yield()
        assert.equal(1, t:cancel())
        assert.equal("canceled", a:join())
        assert.is_false(pcall(function() return t.expires_after end))
    end)

    it("waits on when the clock has been set back", function()
        local t, a = system_timer.new(), nil
        in_time(function(delay)
            t:expires_at(system_clock.now() + delay)
            a = waiter(t)
            yield()
            if t.expiry < system_clock.now() then return false end
            local read = clock.read
            clock.read = function(id)
                local seconds, nanoseconds = read(id)
                return seconds - 100, nanoseconds
            end
            time.sleep(2 * delay)
            clock.read = read
            return true
        end)
        assert.is_true(a.joinable)
        assert.equal(1, t:cancel())
        a:join()
    end)
end)
