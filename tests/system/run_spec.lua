-- system.run and subprocess:kill_tree: input and output of any size, deadlines, limits, and who dies with whom.
local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local fiber = require "ljos.fiber"
local filesystem = require "ljos.filesystem"
local in_child = require "in_child"
local loop = require "ljos.loop"
local pipe = require "ljos.pipe"
local raised = require "raised"
local system = require "ljos.system"
local timeout = require "ljos.timeout"

local run, signal = system.run, system.signal
local environment = { PATH = os.getenv "PATH" }

local function shell(command, options)
    options = options or {}
    options.program, options.arguments = "sh", { "sh", "-c", command }
    options.environment = environment
    return options
end

local function read_some(reader)
    local buffer = byte_span.new(256)
    local ok, n = pcall(reader.read_some, reader, buffer)
    if ok then return tostring(buffer:first(n)) end
    assert.equal(asio_error.misc.eof, n)
end

-- A pipe whose writing end the child gets as its descriptor 3: its end of file says that everybody is dead.
local function life_line(options)
    local reader, writer = pipe.pair()
    local fd = writer:release()
    options.extra_fds = { [3] = fd }
    return reader, fd
end

describe("system.run", function()
    it("returns how a program ended and what it wrote", function()
        local result = run(shell "echo out; echo err >&2; exit 3")
        assert.same({ exit_code = 3, stdout = "out\n", stderr = "err\n" }, result)
        result = run(shell "kill -TERM $$")
        assert.same({ exit_code = 143, exit_signal = 15, stdout = "", stderr = "" }, result)
    end)

    it("feeds input and collects output of any size at once", function()
        local text = ("0123456789abcdef"):rep(200000) -- 3.2 MB, both ways through pipes of 64 KiB
        local result = run { program = "cat", arguments = { "cat" }, input = text }
        assert.equal(0, result.exit_code)
        assert.is_true(result.stdout == text)
        result = run(shell("cat; cat /dev/zero | head -c 1000000 >&2", { input = byte_span.append(text) }))
        assert.is_true(result.stdout == text)
        assert.equal(1000000, #result.stderr)
    end)

    it("does not mind a program that does not read its input, nor one that closes its output early", function()
        local text = ("x"):rep(1000000)
        assert.equal("done\n", run(shell("exec <&-; echo done", { input = text })).stdout)
        assert.equal(5, run(shell("exec >&- 2>&-; exit 5", { input = text })).exit_code)
    end)

    it("has standard input end at once when there is no input", function()
        assert.equal("end\n", run(shell "cat; echo end").stdout)
        assert.equal("", run { program = "cat", arguments = { "cat" }, input = "" }.stdout)
    end)

    it("merges stderr into stdout, and leaves streams alone that are given", function()
        local result = run(shell("echo a; echo b >&2; echo c", { stderr = "stdout" }))
        assert.same({ exit_code = 0, stdout = "a\nb\nc\n" }, result)
        local null = filesystem.open(filesystem.path.new "/dev/null", { "write_only" })
        result = run(shell("echo a; echo b >&2", { stdout = null }))
        assert.same({ exit_code = 0, stderr = "b\n" }, result)
        null:close()
    end)

    it("does not wait for a daemon that holds the pipes, and has all that the program itself wrote", function()
        local options = shell "echo before; (read x <&3; echo late) & echo after"
        local reader, writer = pipe.pair()
        local fd = reader:release()
        options.extra_fds = { [3] = fd }
        local result = run(options)
        fd:close()
        assert.same({ exit_code = 0, stdout = "before\nafter\n", stderr = "" }, result)
        writer:close()
    end)

    it("raises EMSGSIZE beyond the limit, with what was collected, and kills the program", function()
        local options = shell("echo 12345; sleep 1000 & cat /dev/zero", { limit = 100 })
        local reader, fd = life_line(options)
        local err = raised("EMSGSIZE", run, options)
        fd:close()
        assert.equal(100, #err.stdout)
        assert.equal("12345\n", err.stdout:sub(1, 6))
        assert.equal("limit", err.arg)
        assert.is_nil(read_some(reader)) -- nobody is left
        reader:close()
        assert.equal("12345", run(shell("printf 12345", { limit = 5 })).stdout)
    end)

    it("raises ETIMEDOUT after the timeout, with what was collected, and kills the tree", function()
        -- 3 is held by all: the shell, one in the background, one below that.
        local options = shell("echo begun; (sleep 1000; :) & sleep 1000; :", { timeout = 0.05 })
        local reader, fd = life_line(options)
        local err = raised("ETIMEDOUT", run, options)
        fd:close()
        assert.is_true(err.stdout == "begun\n" or err.stdout == "") -- a slow machine's shell says nothing
        assert.is_nil(read_some(reader))
        reader:close()
    end)

    it("inherits the deadline around it, and is canceled with its fiber", function()
        local options = shell "sleep 1000; :"
        local reader, fd = life_line(options)
        raised("ETIMEDOUT", timeout.run, 0.05, function() run(options) end)
        fd:close()
        assert.is_nil(read_some(reader))
        reader:close()

        options = shell "sleep 1000; :"
        reader, fd = life_line(options)
        local task = fiber.spawn(function() run(options) end)
        fiber.this_fiber.yield()
        task:cancel()
        task:join()
        assert.is_true(task.cancellation_caught)
        fd:close()
        assert.is_nil(read_some(reader))
        reader:close()
        assert.equal(0, (loop.load()))
    end)

    it("ends the program itself when there is no descriptor to look for what came from it", function()
        in_child(function()
            S.alarm(60) -- instead of waiting for the program
            local f = fiber.spawn(
                function() run { program = "sleep", arguments = { "sleep", "1000" }, timeout = 0.05 } end
            )
            fiber.this_fiber.yield()
            local limit = assert(S.getrlimit "nofile")
            assert(S.setrlimit("nofile", { cur = 3, max = limit.max }))
            local _, err = pcall(f.join, f)
            assert(S.setrlimit("nofile", limit))
            assert(err.ETIMEDOUT)
        end)
    end)

    it("lets other fibers run, and several at once", function()
        local reader, writer = pipe.pair()
        local fd = reader:release()
        local waiting = fiber.spawn(
            function()
                return run { program = "cat", arguments = { "cat" }, stdin = fd, environment = environment }.stdout
            end
        )
        local other = fiber.spawn(function()
            local text = run(shell "echo x").stdout
            writer:write_some(byte_span.append(text))
            writer:close()
            fd:close()
        end)
        other:join()
        assert.equal("x\n", waiting:join())
    end)

    it("passes on what spawn raises, and leaves nothing", function()
        local err = raised("ENOENT", run, { program = "ljos-no-such-program", input = "x" })
        assert.equal("program", err.arg)
        for arg, bad in pairs {
            input = { input = 1 },
            limit = { limit = -1 },
            timeout = { timeout = "1" },
            stdin = { input = "x", stdin = "share" },
            stdout = { stdout = "stdout" },
            unknown = { unknown = 1 },
        } do
            bad.program = "true"
            assert.equal(arg, raised("EINVAL", run, bad).arg)
        end
        raised("EINVAL", run, "true")
    end)
end)

describe("kill_tree", function()
    -- Starts a shell command; returns its object, and a stream that ends when every process of it has ended and
    -- has a line for each `echo ... >&3`.
    local function start(command, options)
        options = shell(command, options)
        local reader, fd = life_line(options)
        local child = system.spawn(options)
        fd:close()
        return child, reader
    end

    local function expect_lines(reader, count)
        local text = ""
        while select(2, text:gsub("\n", "")) < count do
            text = text .. assert(read_some(reader))
        end
        return text
    end

    it("kills descendants of any depth", function()
        local child, reader =
            start "sh -c 'sh -c \"echo 1 >&3; sleep 1000; :\" & echo 2 >&3; sleep 1000; :' & echo 3 >&3; wait"
        expect_lines(reader, 3)
        child:kill_tree()
        child:wait()
        assert.equal(signal.SIGKILL, child.exit_signal)
        assert.is_nil(read_some(reader))
        reader:close()
    end)

    it("kills those of the session whose parents are gone, though the process itself has ended", function()
        for _, options in ipairs { { start_new_session = true }, { process_group = 0 } } do
            -- The middle one ends, so its child has another parent.
            local child, reader = start("sh -c '(echo 1 >&3; sleep 1000; :) &'; exit 4", options)
            expect_lines(reader, 1)
            child:kill_tree()
            child:wait()
            assert.is_nil(read_some(reader))
            reader:close()
        end
    end)

    it("catches a process that forks all the time", function()
        local child, reader = start "f() { sleep 1000 & sh -c 'sleep 1000; :' & }; echo 1 >&3; while :; do f; done"
        expect_lines(reader, 1)
        child:kill_tree()
        child:wait()
        assert.is_nil(read_some(reader))
        reader:close()
    end)

    it("sends another signal to all, who then go on", function()
        local command = "trap 'echo term >&3; exit 0' TERM; echo up >&3; while :; do sleep 0.01; done"
        -- A shell reports on stderr that `sleep` was ended.
        local child, reader = start(("exec 2>/dev/null; (%s) & %s"):format(command, command))
        expect_lines(reader, 2)
        child:kill_tree(signal.SIGTERM)
        assert.equal("term\nterm\n", expect_lines(reader, 2))
        child:wait()
        assert.equal(0, child.exit_code)
        reader:close()
    end)

    it("leaves everybody else alone", function()
        local other, other_reader = start "echo up >&3; read x"
        local child, reader = start "echo up >&3; sleep 1000; :"
        expect_lines(other_reader, 1)
        expect_lines(reader, 1)
        child:kill_tree()
        child:wait()
        assert.is_nil(read_some(reader))
        assert.is_true(S.kill(other.pid, 0))
        other:kill_tree()
        other:wait()
        reader:close()
        other_reader:close()
    end)

    it("raises ESRCH after wait, and EINVAL for what is no signal", function()
        local child = system.spawn { program = "true" }
        for _, bad in ipairs { 0, 65, "KILL" } do
            assert.equal(2, raised("EINVAL", child.kill_tree, child, bad).arg)
        end
        child:wait()
        raised("ESRCH", child.kill_tree, child)
    end)
end)
