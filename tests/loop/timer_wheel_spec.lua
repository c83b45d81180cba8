local timer_wheel = require "ljos.loop.timer_wheel"

-- Where entries move down, the wheel wakes 2^-10 of a tick late, so as to be sure of the tick: 61 ns.
local LATE = 1e-7

-- Runs a wheel beside a naive list of deadlines, with the same random adds, removes and steps of time.
local function compare(seed, longest)
    math.randomseed(seed)
    local now = 1000 + math.random()
    local wheel, naive, entries = timer_wheel.new(now), {}, {}
    for step = 1, 400 do
        for _ = 1, math.random(0, 4) do
            local target = { deadline = now + math.random() ^ 4 * longest }
            naive[target] = true
            entries[target] = wheel:add(target.deadline, target)
        end
        for target in pairs(naive) do
            if math.random() < 0.05 then
                wheel:remove(entries[target])
                naive[target] = nil
            end
        end
        local wake = wheel:next_deadline()
        for target in pairs(naive) do
            assert.is_true(wake <= math.max(target.deadline, now) + LATE, "would sleep past a deadline, seed " .. seed)
        end
        now = now + math.random() ^ 3 * longest / 20
        local last = -1
        wheel:expire(now, function(target)
            assert.is_true(naive[target], "expired twice or after removal, seed " .. seed)
            assert.is_true(target.deadline <= now, "expired early, seed " .. seed)
            assert.is_true(target.deadline >= last, "out of order, seed " .. seed)
            last = target.deadline
            naive[target] = nil
            local other = math.random() < 0.2 and next(naive) -- which may be due, too
            if other then
                wheel:remove(entries[other])
                naive[other] = nil
            end
        end)
        for target in pairs(naive) do
            assert.is_true(target.deadline > now, ("missed a deadline at step %d, seed %d"):format(step, seed))
        end
    end
end

describe("timer wheel", function()
    for _, longest in ipairs { 0.002, 0.1, 3, 200, 50000 } do
        it("agrees with a list of deadlines up to " .. longest .. " s", function()
            for _ = 1, 3 do
                compare(math.random(2 ^ 30), longest)
            end
        end)
    end

    it("sleeps exactly until the nearest deadline when that is near", function()
        local wheel = timer_wheel.new(5)
        wheel:add(5.00512, {})
        wheel:add(5.00507, {})
        assert.equal(5.00507, wheel:next_deadline())
    end)

    it("wakes for what is due at the moment in which it moves down", function()
        for tick = 16000512, 16000512 + 256 * 100, 256 do
            for _, seconds in ipairs { 0, 1e-8, 1e-7 } do
                local wheel, expired = timer_wheel.new(1000), 0
                local deadline = tick / 16000 + seconds
                wheel:add(deadline, {})
                local wake
                repeat
                    wake = wheel:next_deadline()
                    assert.is_true(wake <= deadline + LATE)
                    wheel:expire(wake, function() expired = expired + 1 end)
                until expired == 1
                assert.is_true(wake >= deadline)
            end
        end
    end)

    it("expires equal deadlines in the order in which they were added", function()
        local wheel, order = timer_wheel.new(0), {}
        for i = 1, 300 do
            wheel:add(1 + (i * 7 % 3) / 2 ^ 20, i)
        end
        wheel:expire(2, function(target) order[#order + 1] = target end)
        assert.equal(300, #order)
        for k = 2, 300 do
            local a, b = order[k - 1], order[k]
            assert.is_true(a * 7 % 3 < b * 7 % 3 or a * 7 % 3 == b * 7 % 3 and a < b)
        end
    end)

    it("skips what the expiry of another entry removes", function()
        local wheel, expired = timer_wheel.new(0), {}
        wheel:add(1, "first")
        local later = wheel:add(1, "second")
        wheel:add(1, "third")
        wheel:add(3, "far")
        wheel:expire(2, function(target)
            expired[#expired + 1] = target
            if target == "first" then wheel:remove(later) end
        end)
        assert.same({ "first", "third" }, expired)
        assert.equal(1, wheel.count)
        wheel:expire(4, function(target) expired[#expired + 1] = target end)
        assert.same({ "first", "third", "far" }, expired)
        assert.equal(0, wheel.count)
    end)

    it("has no deadline when it is empty, and uses entries again", function()
        local wheel = timer_wheel.new(0)
        assert.is_nil(wheel:next_deadline())
        local entry = wheel:add(1, {})
        wheel:remove(entry)
        assert.equal(entry, wheel:add(2, {}))
        assert.equal(1, wheel.count)
    end)
end)
