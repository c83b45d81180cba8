local fiber = require "ljos.fiber"
local mutex = require "ljos.mutex"
local raises = require "raises"
local time = require "ljos.time"
local uncaught = require "ljos.uncaught"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

local function lines_of(text)
    local lines = {}
    for line in (text .. "\n"):gmatch "(.-)\n" do
        lines[#lines + 1] = line
    end
    return lines
end

describe("fiber.dump", function()
    it("shows what each fiber waits for, where, and its name", function()
        local m = mutex.new()
        m:lock()
        local sleeper = spawn(function()
            fiber.set_name "sleeper"
            time.sleep(1000)
        end)
        local locker = spawn(function()
            m:lock()
            m:unlock()
        end)
        yield()
        yield()
        local lines = lines_of(fiber.dump())
        assert.equal(3, #lines)
        assert.matches("^Main fiber from VM 0x%x+  running  at tests/fiber/dump_spec.lua:%d+$", lines[1])
        assert.matches('^  Fiber 0x%x+  "sleeper"  sleep, %d+%.%d+ s left  at tests/fiber/dump_spec.lua:%d+$', lines[2])
        assert.matches("^  Fiber 0x%x+  lock mutex 0x%x+  at tests/fiber/dump_spec.lua:%d+$", lines[3])
        sleeper:cancel()
        sleeper:join()
        m:unlock()
        locker:join()
    end)

    it("shows a tree, places and times while tracing is on", function()
        fiber.trace.start()
        local parent = spawn(function()
            local child = spawn(function() time.sleep(1000) end)
            time.sleep(0.002)
            child:cancel()
            child:join()
        end)
        local lines
        local looker = spawn(function()
            yield()
            yield()
            lines = lines_of(fiber.dump())
        end)
        looker:join()
        parent:join()
        fiber.trace.stop()
        assert.equal(4, #lines)
        local parent_line = "\n  Fiber [^\n]*  sleep[^\n]*  spawned at tests/fiber/dump_spec.lua:%d+"
        local child_line = "\n    Fiber [^\n]*  sleep[^\n]*, 0.0 s  at"
        assert.matches(parent_line .. child_line, table.concat(lines, "\n"))
    end)

    it("shows ten thousand fibers", function()
        local fibers = {}
        for i = 1, 10000 do
            fibers[i] = spawn(function() time.sleep(1000) end)
        end
        yield()
        assert.equal(10001, #lines_of(fiber.dump()))
        for i = 1, 10000 do
            fibers[i]:cancel()
        end
        for i = 1, 10000 do
            fibers[i]:join()
        end
    end)
end)

describe("fiber.trace", function()
    it("warns of a fiber that keeps the others waiting", function()
        local printed, print_ = {}, uncaught.print
        uncaught.print = function(text) printed[#printed + 1] = text end
        fiber.trace.start(1e-9)
        spawn(function() yield() end):join()
        fiber.trace.stop()
        uncaught.print = print_
        assert.matches("^ljos: Fiber 0x%x+ ran 0%.%d+ s without letting others run, now at tests/", printed[1])
        raises.generic("EINVAL", fiber.trace.start, 0)
    end)
end)
