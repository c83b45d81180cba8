local fiber = require "ljos.fiber"
local mutex = require "ljos.mutex"
local raises = require "raises"
local time = require "ljos.time"
local uncaught = require "ljos.fiber.uncaught"

local yield = fiber.this_fiber.yield

-- What a test spawns ends with it, failed or not: the next one counts fibers.
local handles = {}
local function spawn(f)
    local handle = fiber.spawn(f)
    handles[#handles + 1] = handle
    return handle
end

local function end_all()
    fiber.trace.stop()
    for _, handle in ipairs(handles) do
        handle:cancel()
        if handle.joinable then handle:join() end
    end
    handles = {}
end

local function lines_of(text)
    local lines = {}
    for line in (text .. "\n"):gmatch "(.-)\n" do
        lines[#lines + 1] = line
    end
    return lines
end

-- The only line that matches.
local function line_with(lines, pattern)
    local found
    for _, line in ipairs(lines) do
        if line:find(pattern) then
            assert.is_nil(found)
            found = line
        end
    end
    return found
end

describe("fiber.dump", function()
    after_each(end_all)

    it("shows what each fiber waits for, where, and its name", function()
        local m = mutex.new()
        m:lock()
        spawn(function()
            fiber.set_name "sleeper"
            time.sleep(1000)
        end)
        spawn(function()
            m:lock()
            m:unlock()
        end)
        yield()
        yield()
        local lines = lines_of(fiber.dump())
        m:unlock()
        assert.equal(3, #lines)
        assert.matches("^Main fiber from VM 0x%x+  running  at tests/fiber/dump_spec.lua:%d+$", lines[1])
        local sleeper = line_with(lines, "sleeper")
        assert.matches('^  Fiber 0x%x+  "sleeper"  sleep, %d+%.%d+ s left  at tests/fiber/dump_spec.lua:%d+$', sleeper)
        local locker = line_with(lines, "lock")
        assert.matches("^  Fiber 0x%x+  lock mutex 0x%x+  at tests/fiber/dump_spec.lua:%d+$", locker)
    end)

    it("shows where the main fiber is, whoever asks", function()
        local lines
        local asker = spawn(function() lines = lines_of(fiber.dump()) end)
        asker:join()
        local main = "^Main fiber from VM 0x%x+  join Fiber 0x%x+  at tests/fiber/dump_spec.lua:%d+$"
        assert.matches(main, lines[1])
        assert.matches("^  Fiber 0x%x+  running  at tests/fiber/dump_spec.lua:%d+$", lines[2])
        -- From where the fiber cannot yield to the main fiber's stack, the rest is there.
        spawn(function()
            table.sort({ 2, 1 }, function()
                lines = lines_of(fiber.dump())
                return false
            end)
        end):join()
        assert.matches("^Main fiber from VM 0x%x+  join Fiber 0x%x+$", lines[1])
        spawn(fiber.coroutine.wrap(function() lines = lines_of(fiber.dump()) end)):join()
        assert.matches("^Main fiber from VM 0x%x+  join Fiber 0x%x+$", lines[1])
    end)

    it("shows a tree, places and times while tracing is on", function()
        fiber.trace.start()
        spawn(function()
            spawn(function() time.sleep(1000) end)
            time.sleep(1000)
        end)
        local lines
        local looker = spawn(function()
            yield()
            yield()
            lines = lines_of(fiber.dump())
        end)
        looker:join()
        assert.equal(4, #lines)
        local parent_line = "\n  Fiber [^\n]*  sleep[^\n]*  spawned at tests/fiber/dump_spec.lua:%d+"
        local child_line = "\n    Fiber [^\n]*  sleep[^\n]*, %d+%.%d s  at"
        assert.matches(parent_line .. child_line, table.concat(lines, "\n"))
    end)

    it("shows ten thousand fibers", function()
        for _ = 1, 10000 do
            spawn(function() time.sleep(1000) end)
        end
        yield()
        assert.equal(10001, #lines_of(fiber.dump()))
    end)
end)

describe("fiber.trace", function()
    after_each(end_all)

    it("warns of a fiber that keeps the others waiting", function()
        local printed, print_ = {}, uncaught.print
        uncaught.print = function(text) printed[#printed + 1] = text end
        fiber.trace.start(1e-9)
        spawn(function() yield() end):join()
        fiber.trace.stop()
        uncaught.print = print_
        assert.matches(
            "^ljos: Main fiber from VM 0x%x+ ran %d+%.%d+ s without letting others run, now at tests/",
            printed[1]
        )
        assert.matches("^ljos: Fiber 0x%x+ ran %d+%.%d+ s without letting others run, now at tests/", printed[2])
        raises.generic("EINVAL", fiber.trace.start, 0)
    end)
end)
