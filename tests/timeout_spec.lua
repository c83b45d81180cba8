local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local future = require "ljos.future"
local loop = require "ljos.loop"
local mock_loop = require "ljos.mock_loop"
local mutex = require "ljos.mutex"
local raises = require "raises"
local task_group = require "ljos.task_group"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local LATE = error_.system "ETIMEDOUT"

describe("timeout", function()
    it("returns what its function returns in time, and leaves no timer", function()
        assert.same({ 1, nil, 3 }, { timeout(100, function(a) return a, nil, 3 end, 1) })
        assert.equal(0, (select(2, loop.load())))
        this_fiber.yield()
    end)

    it("ends a wait of a program that has loaded nothing else", function()
        local program = 'print(pcall(require "ljos.timeout", 0, require("ljos.time").sleep, 1000))'
        local pipe = assert(io.popen(("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit -e '%s' 2>&1"):format(program)))
        assert.equal("false\tConnection timed out (timeout)\n", pipe:read "*a")
        pipe:close()
    end)

    it("ends a wait at the deadline; the fiber itself is not canceled", function()
        assert.equal(LATE, raises.raised(timeout, 0.001, function() time.sleep(1000) end))
        this_fiber.yield()
        time.sleep(0)
    end)

    it("raises at the first cancellation point when there is no time at all", function()
        local started = false
        assert.equal(
            LATE,
            raises.raised(timeout, 0, function()
                started = true
                this_fiber.yield()
                started = "went on"
            end)
        )
        assert.is_true(started)
    end)

    it("stays: every cancellation point in the function raises, and pcall does not swallow it for good", function()
        local count = 0
        assert.equal(
            LATE,
            raises.raised(timeout, 0.001, function()
                for _ = 1, 3 do
                    if not pcall(time.sleep, 1000) then count = count + 1 end
                end
                while true do
                    fiber.pcall(time.sleep, 1000)
                end
            end)
        )
        assert.equal(3, count)
    end)

    it("delivers results that come late, and other errors", function()
        assert.equal(
            "late",
            timeout(0.001, function()
                pcall(time.sleep, 1000)
                return "late"
            end)
        )
        assert.equal("mine", raises.raised(timeout, 1000, function() error("mine", 0) end))
        raises.core("fiber_canceled", timeout, 1000, function() error(error_.core "fiber_canceled", 0) end)
    end)

    it("lets clean-up handlers run before it raises, without the deadline", function()
        local log = {}
        raises.raised(timeout, 0.001, function()
            fiber.scope_cleanup_push(function()
                time.sleep(0.001)
                log[#log + 1] = "cleaned"
            end)
            time.sleep(1000)
        end)
        assert.same({ "cleaned" }, log)
    end)

    it("nests: the earlier deadline counts, and each is its own", function()
        local inner
        assert.equal(
            LATE,
            raises.raised(timeout, 0.001, function()
                inner = raises.raised(timeout, 1000, function() time.sleep(1000) end)
                time.sleep(1000)
            end)
        )
        assert.is_true(error_.is_core(inner, "fiber_canceled"))
        timeout(1000, function()
            assert.equal(LATE, raises.raised(timeout, 0.001, function() time.sleep(1000) end))
            time.sleep(0)
        end)
    end)

    it("yields to cancellation of the whole fiber", function()
        local f = spawn(function()
            timeout(1000, function() time.sleep(1000) end)
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
    end)

    it("does not end a wait for a mutex, and ends one for a future", function()
        local m = mutex.new()
        m:lock()
        local unlocker = spawn(function()
            time.sleep(0.003)
            m:unlock()
        end)
        timeout(0.001, function() m:lock() end)
        unlocker:join()
        local promise, f = future.new()
        assert.equal(LATE, raises.raised(timeout, 0.001, f.get, f))
        promise:set_value(1)
    end)

    it("returns as many values as its function, and so do groups and their tasks", function()
        local function count(...) return select("#", ...) end
        local function nothing() end
        local function two() return nil, nil end
        assert.equal(0, count(timeout(1, nothing)))
        assert.equal(2, count(timeout(1, two)))
        assert.equal(1, count(timeout.shield(1, nothing)))
        assert.equal(3, count(timeout.shield(1, two)))
        for n, f in pairs { [0] = nothing, [2] = two } do
            assert.equal(n, count(task_group.run(f)))
            assert.equal(n, count(task_group.run(function(group) return group:spawn(f):join() end)))
        end
    end)

    it("ends what would have ended at the same moment", function()
        mock_loop.run({}, function()
            assert.equal(LATE, raises.raised(timeout, 1, time.sleep, 1))
            assert.equal(LATE, raises.raised(timeout, 1, function() timeout(1, time.sleep, 1) end))
            local timer = time.steady_timer.new()
            timer:expires_after(1)
            assert.equal(LATE, raises.raised(timeout, 1, timer.wait, timer))
            timeout(2, time.sleep, 1)
        end)
    end)

    it("tells how much time is left", function()
        assert.is_nil(timeout.remaining())
        timeout(1000, function()
            assert.is_true(timeout.remaining() > 900)
            timeout(10, function() assert.is_true(timeout.remaining() <= 10) end)
            timeout(5000, function() assert.is_true(timeout.remaining() <= 1000) end)
            timeout.shield(5000, function() assert.is_true(timeout.remaining() > 4000) end)
        end)
        assert.is_nil(timeout.remaining())
    end)

    it("tells tasks how much time their group has left", function()
        local remaining = {}
        timeout(1000, function()
            task_group.run(function(group)
                local function look() remaining[#remaining + 1] = math.ceil(timeout.remaining() / 100) end
                timeout(10, function() group:spawn(look) end)
                group:spawn(function() timeout(5000, look) end)
                group:spawn(function() timeout(50, look) end)
                group:spawn(function() timeout.shield(5000, look) end)
                group:spawn(function() group:spawn(look) end)
            end)
        end)
        assert.same({ 10, 10, 1, 50, 10 }, remaining)
        task_group.run(function(group)
            group:spawn(function() assert.is_nil(timeout.remaining()) end)
        end)
    end)

    it("refuses wrong arguments", function()
        assert.equal(1, raises.generic("EINVAL", timeout, "x", print).arg)
        assert.equal(2, raises.generic("EINVAL", timeout, 1, 2).arg)
    end)
end)

describe("shield", function()
    it("keeps cancellation and outer deadlines away until it is left", function()
        local log = {}
        local f = spawn(function()
            log[1], log[2] = timeout.shield(1000, function()
                time.sleep(0.002)
                return "done"
            end)
            time.sleep(1000)
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        assert.same({ true, "done" }, log)
        assert.is_true(f.cancellation_caught)
        assert.equal(
            LATE,
            raises.raised(timeout, 0.001, function()
                timeout.shield(1000, time.sleep, 0.003)
                log[3] = "after"
                time.sleep(1000)
            end)
        )
        assert.equal("after", log[3])
    end)

    it("ends at its own deadline with false, in clean-up handlers too", function()
        local ok = true
        local f = spawn(function()
            fiber.scope_cleanup_push(function() ok = timeout.shield(0.001, time.sleep, 1000) end)
            time.sleep(1000)
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        assert.is_false(ok)
        assert.is_true(f.cancellation_caught)
    end)
end)
