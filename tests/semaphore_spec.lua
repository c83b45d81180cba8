local fiber = require "ljos.fiber"
local raises = require "raises"
local semaphore = require "ljos.semaphore"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("semaphore", function()
    it("lets so many in at a time, in their order", function()
        local s, inside, most, order, fibers = semaphore.new(3), 0, 0, {}, {}
        for i = 1, 10 do
            fibers[i] = spawn(function()
                s:with(function()
                    inside = inside + 1
                    most = math.max(most, inside)
                    order[#order + 1] = i
                    yield()
                    inside = inside - 1
                end)
            end)
        end
        for i = 1, 10 do
            fibers[i]:join()
        end
        assert.equal(3, most)
        assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
        assert.equal(3, s.permits)
    end)

    it("gives a permit to the next when a waiter is canceled, and keeps one that was handed over", function()
        local s = semaphore.new(0)
        local canceled, kept = spawn(function() s:acquire() end), false
        local second = spawn(function()
            s:acquire()
            kept = true
        end)
        yield()
        canceled:cancel()
        s:release()
        second:cancel()
        second:join()
        canceled:join()
        assert.is_true(kept)
        assert.equal(0, s.permits)
        assert.is_false(s:try_acquire())
        s:release()
        assert.is_true(s:try_acquire())
    end)

    it("is released when the function of `with` raises, and returns its results", function()
        local s = semaphore.new(1)
        assert.equal("mine", raises.raised(s.with, s, function() error("mine", 0) end))
        assert.equal(1, s.permits)
        assert.same({ 1, 2 }, { s:with(function(...) return ... end, 1, 2) })
    end)

    it("refuses a number of permits that is none", function()
        raises.generic("EINVAL", semaphore.new, -1)
        raises.generic("EINVAL", semaphore.new, 1.5)
        raises.generic("EINVAL", semaphore.new)
    end)
end)
