local clock = require "ljos.filesystem.clock"
local error_ = require "ljos.error"
local raised = require "raised"

describe("filesystem.clock", function()
    it("knows what time it is", function()
        local before, now, after = os.time(), clock.now(), os.time()
        assert.is_true(now.seconds_since_unix_epoch >= before and now.seconds_since_unix_epoch <= after + 2)
        assert.is_true(clock.epoch() < now)
        assert.are.equal(0, clock.epoch().seconds_since_epoch)
        assert.are.equal(0, clock.unix_epoch().seconds_since_unix_epoch)
    end)

    it("is exact to the nanosecond far from its epoch", function()
        local a = clock.from_unix(1700000000, 123456789)
        local b = a + 1e-9
        assert.is_true(a < b)
        assert.is_false(a == b)
        assert.are.equal(1e-9, b - a)
        assert.is_true(b - 1e-9 == a)
        assert.are.same({ 1700000000, 123456790 }, { clock.to_unix(b, 1) })
    end)

    it("carries nanoseconds into seconds, and back", function()
        local point = clock.from_unix(10, 999999999)
        point:add(1e-9)
        assert.are.same({ 11, 0 }, { clock.to_unix(point, 1) })
        point:sub(1e-9)
        assert.are.same({ 10, 999999999 }, { clock.to_unix(point, 1) })
        point:add(-0.5)
        assert.are.same({ 10, 499999999 }, { clock.to_unix(point, 1) })
        point:sub(11)
        assert.are.same({ -1, 499999999 }, { clock.to_unix(point, 1) })
        assert.is_true(math.abs(point.seconds_since_epoch + 0.500000001) < 1e-15)
    end)

    it("rounds durations to nanoseconds, halves to even", function()
        local cases = { [0.4e-9] = 0, [0.5e-9] = 0, [0.6e-9] = 1, [1.5e-9] = 2, [2.5e-9] = 2, [3.5e-9] = 4 }
        for seconds, nanoseconds in pairs(cases) do
            local point = clock.from_unix(100, 0) + seconds
            assert.are.same({ 100, nanoseconds }, { clock.to_unix(point, 1) })
            point = clock.from_unix(100, 500) - seconds
            assert.are.same({ 100, 500 - nanoseconds }, { clock.to_unix(point, 1) })
        end
    end)

    it("does not change the operands of + and -", function()
        local point = clock.from_unix(5, 0)
        local later, sum = point + 1, 1 + point
        assert.are.same({ 5, 0 }, { clock.to_unix(point, 1) })
        assert.is_true(later == sum)
        assert.are.equal(1, later - point)
        assert.are.equal(-1, point - later)
    end)

    it("compares", function()
        local a, b = clock.from_unix(5, 1), clock.from_unix(5, 2)
        assert.is_true(a < b and a <= b and b > a and b >= a and a ~= b and a <= clock.from_unix(5, 1))
        assert.is_true(a == clock.from_unix(5, 1))
        assert.is_false(a == nil)
    end)

    it("converts from and to the system clock, exactly", function()
        local system_clock = require "ljos.time.system_clock"
        local point = clock.from_unix(1700000000, 123456789)
        local system = point:to_system()
        assert.are.equal("time.system_clock.time_point", getmetatable(system))
        assert.is_true(clock.from_system(system) == point)
        assert.are.equal(0, clock.from_system(system_clock.epoch()).seconds_since_unix_epoch)
        assert.is_true(system_clock.now() - clock.now():to_system() < 5)
    end)

    it("refuses what is no duration or time point", function()
        local point = clock.epoch()
        for _, bad in ipairs { "1", {}, true } do
            assert.are.equal(2, raised("EINVAL", point.add, point, bad).arg)
            assert.are.equal(2, raised("EINVAL", point.sub, point, bad).arg)
            raised("EINVAL", function() return point + bad end)
            raised("EINVAL", function() return point - bad end)
        end
        for _, bad in ipairs { 0 / 0, math.huge, -math.huge } do
            assert.are.equal(2, raised("EDOM", point.add, point, bad).arg)
            raised("EDOM", function() return point - bad end)
        end
        raised("EOVERFLOW", point.add, point, 2 ^ 60)
        raised("EINVAL", clock.from_system, point)
        raised("EINVAL", clock.from_system, 1)
        raised("EPERM", function() point.seconds_since_epoch = 1 end)
        assert.are.equal(0, point.seconds_since_epoch)
    end)

    it("raises bad_index for an unknown key", function()
        local ok, err = pcall(function() return clock.epoch().nothing end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)
end)
