local fiber = require "ljos.fiber"
local raises = require "raises"
local recursive_mutex = require "ljos.recursive_mutex"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber

describe("recursive_mutex", function()
    it("is locked again by its owner, and free after as many unlocks", function()
        local m = recursive_mutex.new()
        m:lock()
        m:lock()
        assert.is_true(m:try_lock())
        local function other() return m:try_lock() end
        m:unlock()
        m:unlock()
        assert.is_false(spawn(other):join())
        m:unlock()
        assert.is_true(spawn(other):join())
    end)

    it("is owned by a fiber: nobody else may unlock it", function()
        local m = recursive_mutex.new()
        raises.generic("EPERM", m.unlock, m)
        m:lock()
        raises.generic("EPERM", function()
            spawn(function() m:unlock() end):join()
        end)
        m:unlock()
    end)

    it("is not owned by a later fiber in the place of a dead owner", function()
        local m = recursive_mutex.new()
        spawn(function() m:lock() end):join()
        for _ = 1, 3 do
            assert.is_false(spawn(function() return m:try_lock() end):join())
        end
    end)

    it("is handed to the first in line, once", function()
        local m, log = recursive_mutex.new(), {}
        m:lock()
        local fibers = {}
        for i = 1, 2 do
            fibers[i] = spawn(function()
                m:lock()
                m:lock()
                log[#log + 1] = i
                m:unlock()
                m:unlock()
            end)
        end
        this_fiber.yield()
        fibers[1]:cancel()
        m:unlock()
        assert.is_false(m:try_lock())
        fibers[1]:join()
        fibers[2]:join()
        assert.same({ 1, 2 }, log)
    end)

    it("refuses to lock where suspending is forbidden", function()
        local m = recursive_mutex.new()
        this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", m.lock, m)
        this_fiber.allow_suspend()
        assert.equal("recursive_mutex", getmetatable(m))
        raises.core("bad_index", function() return m.nonsense end)
    end)
end)
