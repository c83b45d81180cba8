-- Every example as a user runs it: by bin/ljos and by a plain luajit, from the checkout.
local byte_span = require "ljos.byte_span"
local ip = require "ljos.ip"
local temporary_directory = require "temporary_directory"

local RUNNERS = { "bin/ljos", "env -u LUA_PATH luajit" }

-- Starts a server example; returns the port it listens at and a function that ends it with a signal and returns
-- what it printed after that, with its exit status.
local function start(runner, example)
    local command = "{ %s examples/%s 0 & echo $!; wait $!; echo status $?; } 2>&1"
    local pipe = assert(io.popen(command:format(runner, example)))
    local pid = pipe:read "*l"
    local first = pipe:read "*l"
    local port = assert(first:match "listening on 127%.0%.0%.1:(%d+)", first)
    return tonumber(port),
        function(signal)
            os.execute(("kill -%s %s"):format(signal, pid))
            local rest = pipe:read "*a"
            pipe:close()
            return rest
        end
end

local function run(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status $?"))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

-- Reads until `text` has come whole.
local function expect(socket, text)
    local got = ""
    local buffer = byte_span.new(1024)
    while #got < #text do
        got = got .. tostring(buffer:first(socket:read_some(buffer)))
    end
    assert.equal(text, got)
end

-- A terminal of our own for a command that wants one.
local function in_terminal(command)
    local system, syscall = require "ljos.system", require "ljos.syscall"
    local master, slave = require("ljos.serial_port").ptypair()
    local number = tonumber(tostring(slave):match "%d+$")
    local output, child = "", nil
    local terminal = {}
    function terminal.start()
        child = system.spawn {
            program = "sh",
            arguments = { "sh", "-c", "exec " .. command },
            environment = system.environment,
            stdin = slave,
            stdout = slave,
            stderr = slave,
            start_new_session = true,
            set_ctty = slave,
        }
    end
    function terminal.settings()
        local tio = assert(syscall.tcgetattr(number))
        local canonical = bit.band(tio.lflag, syscall.c.LFLAG.ICANON) ~= 0
        return { tio.iflag, tio.oflag, tio.cflag, tio.lflag, is_canonical = canonical }
    end
    function terminal.resize(row, col) assert(syscall.ioctl(number, "TIOCSWINSZ", { row = row, col = col })) end
    function terminal.type(keys) master:write_some(byte_span.append(keys)) end
    function terminal.expect(text)
        local buffer = byte_span.new(1024)
        while not output:find(text, 1, true) do
            output = output .. tostring(buffer:first(master:read_some(buffer)))
        end
    end
    function terminal.kill(name) child:kill(system.signal[name]) end
    function terminal.wait()
        child:wait()
        return child.exit_code
    end
    function terminal.close()
        master:close()
        slave:close()
    end
    return terminal
end

for _, runner in ipairs(RUNNERS) do
    describe("by " .. runner:match "%S+$", function()
        it(
            "hello.lua greets from three fibers",
            function() assert.matches("hello from fiber three\n.*status 0", run(runner .. " examples/hello.lua")) end
        )

        it("echo.lua echoes, and ends clean on Ctrl-C with a connection open", function()
            local port, stop = start(runner, "echo.lua")
            local a = ip.tcp.dial("127.0.0.1:" .. port)
            a:write_some(byte_span.append "to and fro")
            expect(a, "to and fro")
            local output = stop "INT"
            assert.matches("closed, 1 connection ended\nstatus 0", output)
            a:close()
        end)

        it("chat.lua passes lines on, and ends clean on SIGTERM", function()
            local port, stop = start(runner, "chat.lua")
            local a = ip.tcp.dial("127.0.0.1:" .. port)
            a:write_some(byte_span.append "nobody hears\n")
            local b = ip.tcp.dial("127.0.0.1:" .. port)
            expect(a, "* guest2 came\n")
            b:write_some(byte_span.append "hello\r\nagain\n")
            expect(a, "guest2: hello\nguest2: again\n")
            b:close()
            expect(a, "* guest2 left\n")
            assert.matches("closed, 2 came in all\nstatus 0", stop "TERM")
            a:close()
        end)

        it("record.lua records a command's output and end, and plays it", function()
            local recording = temporary_directory.make() .. "/recording"
            local record = runner .. " examples/record.lua "
            local output = run(("printf 'echo $0 spoke; exit 3\\n' | %s %s sh"):format(record, recording))
            assert.matches("sh spoke\r\n.*status 3\n$", output)
            local played = run(record .. "--play " .. recording .. " --speed 1000 --idle 1")
            assert.equal(output:gsub("status 3", "status 0"), played)
            assert.matches("no recording.*usage.*status 2", run(record .. "--play examples/hello.lua"))
            assert.matches("No such file.*status 2", run(record .. recording .. " /no/such/program </dev/null"))
            assert.matches("No such file.*status 2", run(record .. "--play /nowhere"))
            assert.matches("usage: record.lua.*status 0", run(record .. "--help"))
            temporary_directory.remove_all()
        end)

        it("record.lua passes on keys and sizes, and leaves the terminal as it was", function()
            local recording = temporary_directory.make() .. "/recording"
            local command = runner .. " examples/record.lua " .. recording
            local asks = "stty size; echo ready; read x; echo got $x; "
            local waits = 'until [ "$(stty size)" = "33 44" ]; do sleep 0.01; done; echo resized'
            local terminal = in_terminal(("%s sh -c '%s'"):format(command, asks .. waits))
            local before = terminal.settings()
            terminal.resize(24, 80)
            terminal.start()
            terminal.expect "ready\r\n"
            assert.is_false(terminal.settings().is_canonical)
            terminal.type "some words\r"
            terminal.expect "got some words\r\n"
            terminal.resize(33, 44)
            terminal.expect "resized\r\n"
            assert.equal(0, terminal.wait())
            assert.same(before, terminal.settings())
            assert.is_true(before.is_canonical)
            terminal.close()

            terminal = in_terminal(command .. " sh -c 'echo ready; read x'")
            terminal.start()
            terminal.expect "ready\r\n"
            terminal.kill "SIGTERM"
            assert.equal(129, terminal.wait()) -- the command was hung up
            assert.same(before, terminal.settings())
            terminal.close()
            temporary_directory.remove_all()
        end)

        it("logstat.lua counts the same in the open and in a sandbox", function()
            local log = temporary_directory.make() .. "/a.log"
            local file = assert(io.open(log, "w"))
            for i = 1, 5000 do
                file:write(("2026-01-01 00:00:00 %s package-%d\n"):format(i % 3 == 0 and "remove" or "install", i))
            end
            file:close()
            for _, mode in ipairs { "", "--sandbox " } do
                local output = run(("%s examples/logstat.lua %s--top 2 %s"):format(runner, mode, log))
                assert.matches("5000 lines by field 3\n +3334  install\n +1666  remove\n", output)
                assert.matches("MB/s" .. (mode == "" and "\n" or ", parsed in a sandbox\n") .. "status 0", output)
            end
            temporary_directory.remove_all()
        end)

        it("logstat.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("usage: logstat.lua", run(runner .. " examples/logstat.lua --field x"))
            assert.matches("No such file or directory", run(runner .. " examples/logstat.lua /nowhere"))
            assert.matches("usage: logstat.lua.*status 0", run(runner .. " examples/logstat.lua --help"))
        end)

        it("supervisor.lua prefixes lines, starts again what fails, and ends when all is done", function()
            local directory = temporary_directory.make()
            local config = assert(io.open(directory .. "/programs", "w"))
            config:write("# two programs\n\ngood = echo fine; echo too >&2\n")
            -- Fails until its file is there.
            config:write(("bad = test -e %s/there && exit 0; : >%s/there; exit 3\n"):format(directory, directory))
            config:close()
            local output =
                run(("%s examples/supervisor.lua --backoff 0.01 --config %s/programs"):format(runner, directory))
            assert.matches("good | fine\n", output, 1, true)
            assert.matches("good | too\n", output, 1, true)
            assert.matches("good | ended with status 0\n", output, 1, true)
            assert.matches("bad | ended with status 3\nbad | starts again in 0.01 s\n", output, 1, true)
            assert.matches("bad | ended with status 0\n", output, 1, true)
            assert.matches("supervisor | all programs have ended\nstatus 0\n", output, 1, true)
            temporary_directory.remove_all()
        end)

        it(
            "supervisor.lua ends programs and what they started on SIGTERM, the stubborn ones after the grace",
            function()
                local programs = [['kind=trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.01; done' ]]
                    .. [['deaf=trap "" TERM; (echo up; while :; do sleep 0.01; done)']]
                local command = "{ %s examples/supervisor.lua --grace 0.2 %s & echo $!; wait $!; echo status $?; } 2>&1"
                local pipe = assert(io.popen(command:format(runner, programs)))
                local pid, up = pipe:read "*l", 0
                while up < 2 do
                    if pipe:read("*l"):find "| up$" then up = up + 1 end
                end
                os.execute("kill -TERM " .. pid)
                local output = pipe:read "*a"
                pipe:close()
                assert.matches("kind | bye\n", output, 1, true)
                assert.matches("deaf | does not end; killed\n", output, 1, true)
                assert.matches("deaf | ended with signal 9\n", output, 1, true)
                assert.matches("all programs have ended\nstatus 0\n$", output)
            end
        )

        it("supervisor.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("no programs\nusage: supervisor.lua.*status 2", run(runner .. " examples/supervisor.lua"))
            assert.matches("not NAME=COMMAND.*status 2", run(runner .. " examples/supervisor.lua nonsense"))
            assert.matches(
                "No such file or directory.*status 2",
                run(runner .. " examples/supervisor.lua --config /nowhere")
            )
            assert.matches("^usage: supervisor.lua.*status 0", run(runner .. " examples/supervisor.lua --help"))
        end)
    end)
end

it("every example is run by this spec", function()
    local file = assert(io.open "tests/examples_spec.lua")
    local spec = file:read "*a"
    file:close()
    local pipe = assert(io.popen "ls examples")
    for name in pipe:lines() do
        assert.matches(name, spec, 1, true)
    end
    pipe:close()
end)
