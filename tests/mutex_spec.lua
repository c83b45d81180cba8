local fiber = require "ljos.fiber"
local mutex = require "ljos.mutex"
local raises = require "raises"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local yield = this_fiber.yield

describe("mutex", function()
    it("is locked without a switch when it is free", function()
        local m, other_ran = mutex.new(), false
        local other = spawn(function() other_ran = true end)
        m:lock()
        assert.is_false(other_ran)
        m:unlock()
        other:join()
    end)

    it("is handed to the waiters in their order, and stays locked meanwhile", function()
        local m, log = mutex.new(), {}
        m:lock()
        local fibers = {}
        for i = 1, 3 do
            fibers[i] = spawn(function()
                m:lock()
                log[#log + 1] = i
                m:unlock()
            end)
        end
        yield()
        m:unlock()
        assert.same({}, log)
        assert.is_false(m:try_lock())
        for i = 1, 3 do
            fibers[i]:join()
        end
        assert.same({ 1, 2, 3 }, log)
        assert.is_true(m:try_lock())
    end)

    it("excludes: what runs between lock and unlock never overlaps", function()
        local m, inside, most, fibers = mutex.new(), 0, 0, {}
        for i = 1, 20 do
            fibers[i] = spawn(function()
                for _ = 1, 10 do
                    m:lock()
                    inside = inside + 1
                    most = math.max(most, inside)
                    yield()
                    inside = inside - 1
                    m:unlock()
                end
            end)
        end
        for i = 1, 20 do
            fibers[i]:join()
        end
        assert.equal(1, most)
    end)

    it("has no owner: any fiber may unlock it, but not one that is free", function()
        local m = mutex.new()
        m:lock()
        spawn(function() m:unlock() end):join()
        raises.generic("EPERM", m.unlock, m)
    end)

    it("is no cancellation point, canceled before or meanwhile", function()
        local m, log = mutex.new(), {}
        m:lock()
        local early = spawn(function()
            m:lock()
            log[#log + 1] = "early"
            m:unlock()
            yield()
            log[#log + 1] = "never"
        end)
        early:cancel()
        local late = spawn(function()
            m:lock()
            log[#log + 1] = "late"
            m:unlock()
            yield()
            log[#log + 1] = "never"
        end)
        yield()
        late:cancel()
        yield()
        assert.same({}, log)
        m:unlock()
        early:join()
        late:join()
        assert.same({ "early", "late" }, log)
        assert.is_true(early.cancellation_caught and late.cancellation_caught)
    end)

    it("refuses to lock where suspending is forbidden, even when it is free", function()
        local m = mutex.new()
        this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", m.lock, m)
        assert.is_true(m:try_lock())
        m:unlock()
        this_fiber.allow_suspend()
    end)

    it("is not handed to a fiber that could not wait", function()
        local m = mutex.new()
        m:lock()
        raises.core("unsuspendable_frame", function()
            spawn(function()
                table.sort({ 2, 1 }, function(a, b)
                    m:lock()
                    return a < b
                end)
            end):join()
        end)
        m:unlock()
        assert.is_true(m:try_lock())
    end)

    it("reports a deadlock of the main fiber, and forgets its wait", function()
        local m = mutex.new()
        m:lock()
        raises.core("deadlock", m.lock, m)
        m:unlock()
        assert.is_true(m:try_lock())
    end)

    it("hides its insides", function()
        local m = mutex.new()
        assert.equal("mutex", getmetatable(m))
        assert.equal(2, raises.core("bad_index", function() return m.nonsense end).index)
        raises.generic("EPERM", function() m.nonsense = 1 end)
    end)
end)
