-- The object that system.spawn returns: waiting, killing, letting go.
local S = require "ljos.syscall"
local children = require "children"
local collect = require "collect"
local fiber = require "ljos.fiber"
local file_descriptor = require "ljos.file_descriptor"
local process = require "ljos.process"
local raised = require "raised"
local raises = require "raises"
local system = require "ljos.system"

local signal = system.signal
local pipe, read_all, output_of, shell, waiting_child =
    children.pipe, children.read_all, children.output_of, children.shell, children.waiting_child

-- A shell between two pipes: the child, the writing end of its stdin, the reading end of its stdout.
local function between_pipes(script)
    local stdin, gate = pipe()
    local reading, stdout = pipe()
    local child = system.spawn { program = "sh", arguments = { "sh", "-c", script }, stdin = stdin, stdout = stdout }
    stdin:close()
    stdout:close()
    return child, gate, reading
end

-- Waits until the loop has reaped a process whose object is garbage.
local function reap(pid)
    repeat
        collect()
        fiber.this_fiber.yield()
        process.reap_ended()
    until not S.kill(pid, 0)
end

describe("a subprocess", function()
    it("tells its exit code, or the signal and 128 more", function()
        local _, child = shell "exit 7"
        assert.same({ 7 }, { child.exit_code, child.exit_signal })
        _, child = shell "kill -TERM $$"
        assert.same({ 128 + signal.SIGTERM, signal.SIGTERM }, { child.exit_code, child.exit_signal })
    end)

    it("has a pid until it was waited for, and exit codes only then", function()
        local child, writing = waiting_child()
        assert.equal(child.pid, assert(S.getpgid(child.pid)) and child.pid)
        raised("EINVAL", function() return child.exit_code end)
        raised("EINVAL", function() return child.exit_signal end)
        writing:close()
        child:wait()
        assert.is_nil(child.pid)
        assert.equal(0, child.exit_code)
        assert.is_nil(child.exit_signal)
        child:wait() -- again does nothing
    end)

    it("keeps its pid while nobody waits, though it has ended", function()
        local reading, writing = pipe()
        local child = system.spawn { program = "true", stdout = writing }
        writing:close()
        read_all(reading) -- it has ended, or is about to
        fiber.this_fiber.yield()
        assert.equal(child.pid, S.getsid(child.pid) and child.pid)
        child:kill(0) -- the kernel still has it
        child:wait()
    end)

    it("takes signals until it was waited for", function()
        local child, writing = waiting_child()
        child:kill(0)
        child:kill(signal.SIGKILL)
        child:wait()
        writing:close()
        assert.equal(signal.SIGKILL, child.exit_signal)
        raised("ESRCH", child.kill, child, 0)
        raised("ESRCH", child.cap_get, child)
        for _, bad in ipairs { -1, 65, 1.5, "TERM" } do
            assert.equal(2, raised("EINVAL", child.kill, child, bad).arg)
        end
    end)

    it("tells the capabilities of its process", function()
        local child, writing = waiting_child()
        assert.equal(tostring(system.cap_get_proc()), tostring(child:cap_get()))
        writing:close()
        child:wait()
    end)

    it("may be waited for by several fibers", function()
        local child, writing = waiting_child()
        local function wait()
            child:wait()
            return child.exit_code
        end
        local a, b = fiber.spawn(wait), fiber.spawn(wait)
        fiber.this_fiber.yield()
        writing:close()
        assert.same({ 0, 0 }, { a:join(), b:join() })
    end)

    it("is as it was when a wait is canceled", function()
        local child, writing = waiting_child()
        local waiting = fiber.spawn(function() child:wait() end)
        fiber.this_fiber.yield()
        waiting:cancel()
        waiting:join()
        assert.is_true(waiting.cancellation_caught)
        child:kill(0)
        assert.is_number(child.pid)
        writing:close()
        child:wait()
        assert.equal(0, child.exit_code)
    end)

    it("lets other fibers run while one waits", function()
        local child, writing = waiting_child()
        local other = fiber.spawn(function() writing:close() end)
        child:wait()
        other:join()
        assert.equal(0, child.exit_code)
    end)

    it("that closes its streams but lives is waited for until it ends", function()
        local child, gate, reading = between_pipes "exec >/dev/null; read x; exit 5"
        assert.equal("", read_all(reading))
        child:kill(0)
        gate:close()
        child:wait()
        assert.equal(5, child.exit_code)
    end)

    it("is waited for though a daemon of it lives on and holds the pipes", function()
        -- A command in the background gets /dev/null as its input, so it is told its descriptor.
        local child, gate, reading = between_pipes "(read x <&3; echo later) 3<&0 & exit 6"
        child:wait()
        assert.equal(6, child.exit_code)
        gate:close()
        assert.equal("later\n", read_all(reading))
    end)

    it("that is collected is sent its signal, and reaped by the loop", function()
        for _, case in ipairs { { nil, "Terminated" }, { signal.SIGKILL, "Killed" } } do
            local reading, writing = pipe()
            local child = system.spawn {
                program = "sleep",
                arguments = { "sleep", "1000" },
                stdout = writing,
                signal_on_gcreaper = case[1],
            }
            writing:close()
            local pid = child.pid
            child = nil -- luacheck: ignore
            collect()
            assert.equal("", read_all(reading)) -- it has ended, or is about to
            reap(pid)
        end
    end)

    it("that is collected without a signal lives on", function()
        local reading, writing = pipe()
        local output, output_writing = pipe()
        local pid = system.spawn({
            program = "cat",
            arguments = { "cat" },
            stdin = reading,
            stdout = output_writing,
            signal_on_gcreaper = 0,
        }).pid
        reading:close()
        output_writing:close()
        collect()
        assert(S.write(file_descriptor.number_of(writing, 1), "alive"))
        writing:close()
        assert.equal("alive", read_all(output)) -- it has ended, or is about to
        reap(pid)
    end)

    it("leaves the other children of the program alone", function()
        local other = assert(io.popen "cat >/dev/null")
        local _, child = shell "exit 0"
        assert.equal(0, child.exit_code)
        assert.is_true(other:close()) -- popen's own waitpid finds it
    end)

    it("says ECHILD when the kernel does not tell how it ended", function()
        local code = [[
            package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
            local system = require "ljos.system"
            system.signal.ignore(system.signal.SIGCHLD)
            local child = system.spawn { program = "true" }
            local _, err = pcall(child.wait, child)
            print(err.sym, child.pid)
        ]]
        local output = output_of {
            program = "luajit",
            arguments = { "luajit", "-e", code },
            environment = { PATH = os.getenv "PATH", LJOS_ENGINE = os.getenv "LJOS_ENGINE" },
            stderr = "share",
        }
        assert.equal("CHILD\tnil\n", output)
    end)

    it("has no other fields", function()
        local child = system.spawn { program = "true" }
        raises.core("bad_index", function() return child.nothing end)
        child:wait()
    end)
end)
