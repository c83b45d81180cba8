-- SIGQUIT and LJOS_TRACE as a user of app mode sees them.
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local root = assert(io.popen "pwd"):read "*l"

describe("app mode", function()
    local directory

    before_each(function() directory = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    -- Runs a program; returns what it printed on both streams, in order, and its status.
    local function run(text, environment)
        text_file.write(directory .. "/main.lua", text)
        local command =
            "cd '%s' && { env -u LJOS_PATH -u LJOS_TRACE %s timeout 20 %s/bin/ljos main.lua; echo status=$?; } 2>&1"
        local pipe = assert(io.popen(command:format(directory, environment or "", root)))
        local output, status = pipe:read("*a"):match "^(.*)status=(%d+)\n$"
        pipe:close()
        return output, tonumber(status)
    end

    it("shows all fibers on SIGQUIT and goes on, as often as it comes", function()
        local output, status = run [[
            local signal, time = require("system").signal, require "time"
            local m = require("mutex").new()
            m:lock()
            local f = spawn(function() m:lock() end)
            for _ = 1, 2 do
                time.sleep(0.001)
                signal.raise(signal.SIGQUIT)
                time.sleep(0.001)
                print "goes on"
            end
            m:unlock()
            f:join()]]
        assert.equal(0, status)
        local shown = "Main fiber from VM 0x%x+  sleep, [%d.]+ s left  at main.lua:8\n"
            .. "  Fiber 0x%x+  lock mutex 0x%x+  at main.lua:4\ngoes on\n"
        assert.matches("^" .. shown .. shown .. "$", output)
    end)

    it("shows them while the first operation of the program is in flight, which goes on", function()
        local output, status = run [[
            local signal, time, tcp = require("system").signal, require "time", require("ip").tcp
            local acceptor = tcp.listen "127.0.0.1:0"
            local f = spawn(function()
                time.sleep(0.001)
                signal.raise(signal.SIGQUIT)
                time.sleep(0.001)
                tcp.dial("127.0.0.1:" .. acceptor.local_port):close()
            end)
            print(acceptor:accept().is_open)
            f:join()]]
        assert.equal(0, status)
        assert.matches("^Main fiber from VM 0x%x+  accept fd %d+  at main.lua:9\n[^\n]+\ntrue\n$", output)
    end)

    it("leaves SIGQUIT to a program that asks for it", function()
        local output, status = run [[
            local signal, time = require("system").signal, require "time"
            time.sleep(0.001)
            local set = signal.set.new(signal.SIGQUIT)
            signal.raise(signal.SIGQUIT)
            print(set:wait() == signal.SIGQUIT)
            set:clear()
            signal.ignore(signal.SIGQUIT)
            signal.raise(signal.SIGQUIT)
            signal.default(signal.SIGQUIT)
            time.sleep(0.001)
            print "still here"
            signal.raise(signal.SIGQUIT)
            print "never"]]
        assert.matches("^true\nstill here\n", output)
        assert.not_matches("Main fiber", output)
        assert.equal(128 + 3, status)
    end)

    it("reports a deadlock of a program whose first operation had to wait", function()
        local output, status = run [[
            local pipe, byte_span = require "pipe", require "byte_span"
            local reading, writing = pipe.pair()
            spawn(function() reading:read_some(byte_span.new(1)) end):detach()
            this_fiber.yield()
            writing:write_some(byte_span.new(1))
            local promise, future = require("future").new()
            _G.kept = promise
            future:get()]]
        assert.equal(0, status)
        assert.matches("^Possible deadlock%(s%) detected\n\tMain fiber from VM 0x%x+: get future 0x%x+  at ", output)
    end)

    it("traces with LJOS_TRACE: places, descriptors that are not closed, all fibers at a deadlock", function()
        local program = [[
            local time = require "time"
            local acceptor = require("ip").tcp.listen "127.0.0.1:0"
            local promise, future = require("future").new()
            _G.kept = { acceptor, promise }
            spawn(function()
                time.sleep(0.001)
                require("mutex") -- raises: not the main fiber
            end):detach()
            spawn(function() future:get() end):detach()]]
        local output, status = run(program, "LJOS_TRACE=1")
        assert.equal(0, status)
        assert.matches("\nPossible deadlock%(s%) detected\n\tFiber 0x%x+: get future 0x%x+  at main.lua:9\n", output)
        assert.matches("\nMain fiber from VM 0x%x+  the end of all fibers, [%d.]+ s\n", output)
        assert.matches("\n  Fiber 0x%x+  get future 0x%x+, [%d.]+ s  at main.lua:9  spawned at main.lua:9\n", output)
        assert.matches(
            "\nljos: descriptors that are not closed:\n"
                .. "fd %d+  ip.tcp.acceptor  opened at main.lua:2 by Main fiber from VM 0x%x+\n$",
            output
        )
        assert.not_matches("descriptors", (run(program)))
    end)
end)
