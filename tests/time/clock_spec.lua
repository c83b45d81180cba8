local raises = require "raises"
local time = require "ljos.time"

local steady, system, high_resolution = time.steady_clock, time.system_clock, time.high_resolution_clock

describe("steady_clock", function()
    it("never goes back", function()
        local last = steady.now()
        for _ = 1, 1000 do
            local now = steady.now()
            assert.is_true(last <= now)
            last = now
        end
        assert.equal(0, steady.epoch().seconds_since_epoch)
        assert.is_true(steady.epoch() < last)
    end)

    it("adds durations of either sign, and takes them away", function()
        local tp = steady.epoch()
        tp:add(1.5)
        assert.equal(1.5, tp.seconds_since_epoch)
        tp:sub(2.25)
        assert.equal(-0.75, tp.seconds_since_epoch)
        assert.equal(2.25, (tp + 3).seconds_since_epoch)
        assert.equal(2.25, (3 + tp).seconds_since_epoch)
        assert.equal(-3.75, (tp - 3).seconds_since_epoch)
        assert.equal(-0.75, tp.seconds_since_epoch)
        assert.equal(-3.0, (tp - 3) - tp)
        assert.equal(0.75, (steady.epoch() + 1.25 - 0.5).seconds_since_epoch)
        assert.equal(1.25, (steady.epoch() + 0.75 + 0.5).seconds_since_epoch)
    end)

    it("rounds durations to nanoseconds, halves to the even one", function()
        -- 1/1024 s is 976562.5 ns.
        local cases = { [1] = 976562, [3] = 2929688, [5] = 4882812, [-1] = -976562, [-3] = -2929688 }
        for n, nanoseconds in pairs(cases) do
            local tp = steady.epoch()
            tp:add(n / 1024)
            assert.equal(nanoseconds, math.floor(tp.seconds_since_epoch * 1e9 + 0.5), n)
        end
    end)

    it("tells instants apart that one double cannot", function()
        local a = steady.epoch()
        a:add(2 ^ 32)
        local b = a + 1e-9
        assert.is_true(a < b and a ~= b and b > a and a <= b)
        assert.equal(1e-9, b - a)
    end)

    it("compares by the instant", function()
        assert.equal(steady.epoch() + 1, steady.epoch() + 1)
        assert.not_equal(steady.epoch() + 1, steady.epoch() + 2)
        assert.not_equal(steady.epoch(), system.epoch())
        assert.is_false(pcall(function() return steady.epoch() < system.epoch() end))
        assert.is_false(pcall(function() return steady.epoch() - system.epoch() end))
        assert.is_false(pcall(function() return steady.epoch() < 1 end))
    end)

    it("refuses durations that are none", function()
        local tp = steady.epoch()
        assert.equal(2, raises.generic("EINVAL", tp.add, tp, "x").arg)
        raises.generic("EINVAL", tp.sub, tp)
        raises.generic("EDOM", tp.add, tp, 0 / 0)
        raises.generic("EDOM", tp.add, tp, math.huge)
        raises.generic("EOVERFLOW", tp.add, tp, 1e10)
        tp:add(9e9)
        raises.generic("EOVERFLOW", tp.add, tp, 9e9)
        assert.equal(9e9, tp.seconds_since_epoch)
    end)

    it("hides its insides", function()
        local tp = steady.now()
        assert.equal("time.steady_clock.time_point", getmetatable(tp))
        raises.core("bad_index", function() return tp.nonsense end)
        raises.generic("EPERM", function() tp.nonsense = 1 end)
    end)
end)

describe("system_clock", function()
    it("is the time of day", function()
        local before = os.time()
        local now = system.now().seconds_since_epoch
        assert.is_true(before <= now and now < before + 100)
        assert.equal(0, system.epoch().seconds_since_epoch)
    end)
end)

describe("high_resolution_clock", function()
    it("measures, and is steady", function()
        local a = high_resolution.now()
        local b = high_resolution.now()
        assert.is_true(high_resolution.is_steady)
        assert.is_true(a <= b and b - a >= 0)
        assert.is_true(a == a and high_resolution.epoch() < a)
        assert.is_false(pcall(function() return a + 1 end))
        assert.is_false(pcall(function() return a - 1 end))
    end)
end)
