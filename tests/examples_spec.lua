-- Every example as a user runs it: by bin/ljos and by a plain luajit, from the checkout.
local byte_span = require "ljos.byte_span"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local needs = require "needs"
local stream = require "ljos.stream"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local timeout = require "ljos.timeout"
local tls = require "ljos.tls"

local RUNNERS = { "bin/ljos", "env -u LUA_PATH luajit" }

local started ---@type string|false  the server's number, until it has ended

-- A test that failed leaves none behind.
after_each(function()
    if started then os.execute("kill -KILL " .. started) end
    started = false
end)

-- A command that prints its number first and its status last.
local TOLD = [[{ sh -c 'echo $$; exec "$@"' sh %s; echo status $?; } 2>&1]]

-- Starts a server example with its arguments, "0" where none are given; returns the port it listens at and a function
-- that ends it with a signal and returns what it printed after that, with its exit status.
local function start(runner, example, arguments)
    local pipe = assert(io.popen(TOLD:format(("%s examples/%s %s"):format(runner, example, arguments or 0))))
    local pid = pipe:read "*l"
    started = pid
    local first = pipe:read "*l"
    local port = assert(first:match "listening on 127%.0%.0%.1:(%d+)", first)
    return tonumber(port),
        function(signal)
            os.execute(("kill -%s %s"):format(signal, pid))
            local rest = pipe:read "*a"
            pipe:close()
            started = false
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
    local buffer, filled = byte_span.new(#text), 0
    while filled < #text do
        filled = filled + socket:read_some(buffer:sub(filled + 1))
        assert.equal(text:sub(1, filled), tostring(buffer:first(filled)))
    end
end

-- A terminal of our own for a command that wants one.
local function in_terminal(command)
    local syscall = require "ljos.syscall"
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
            assert.matches("^usage: echo.lua.*status 2", run(runner .. " examples/echo.lua 65536"))
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

        it("echo.lua and chat.lua go on to accept when descriptors have run out and come back", function()
            for _, example in ipairs { "echo.lua", "chat.lua" } do
                local port, stop = start([[sh -c 'ulimit -n 24; exec "$@"' sh ]] .. runner, example)
                local crowd = {}
                for i = 1, 30 do
                    crowd[i] = ip.tcp.dial("127.0.0.1:" .. port)
                end
                for _, socket in ipairs(crowd) do
                    socket:close()
                end
                local a, b = ip.tcp.dial("127.0.0.1:" .. port), ip.tcp.dial("127.0.0.1:" .. port)
                local lines = stream.scanner.new { stream = example == "echo.lua" and b or a }
                stream.write_all(b, "is anybody here?\n")
                repeat
                    local line = tostring(timeout(10, lines.get_line, lines))
                until line:find "is anybody here%?$"
                a:close()
                b:close()
                assert.matches("status 0", stop "TERM")
            end
        end)

        it("chat.lua drops a member that does not read, and goes on for the others", function()
            local port, stop = start(runner, "chat.lua")
            local deaf = ip.tcp.dial("127.0.0.1:" .. port)
            local talker, listener = ip.tcp.dial("127.0.0.1:" .. port), ip.tcp.dial("127.0.0.1:" .. port)
            local lines = stream.scanner.new { stream = listener }
            local last = fiber.spawn(function()
                local line
                repeat
                    line = tostring(lines:get_line())
                until line:find "the last word$"
                return line
            end)
            local much = ("x"):rep(64 * 1024 - 1) .. "\n"
            for _ = 1, 400 do -- more than the buffers of a connection hold
                timeout(20, stream.write_all, talker, much)
            end
            stream.write_all(talker, "the last word\n")
            assert.equal("guest2: the last word", timeout(20, last.join, last))
            for _, socket in ipairs { deaf, talker, listener } do
                socket:close()
            end
            assert.matches("closed, 3 came in all\nstatus 0", stop "TERM")
        end)

        it("proxy.lua passes on both directions and their ends, and ends what is idle", function()
            local back = ip.tcp.listen "127.0.0.1:0"
            local target = "127.0.0.1:" .. back.local_port
            local port, stop = start(runner, "proxy.lua", "--idle 0.5 --connections 2 127.0.0.1:0 " .. target)
            local counting = fiber.spawn(function()
                local socket, buffer, count = back:accept(), byte_span.new(64 * 1024), 0
                fiber.pcall(function()
                    while true do
                        count = count + socket:read_some(buffer)
                    end
                end)
                stream.write_all(socket, count .. " bytes")
                socket:close()
            end)
            local client = ip.tcp.dial("127.0.0.1:" .. port)
            stream.write_all(client, ("x"):rep(1000000))
            client:shutdown "send"
            expect(client, "1000000 bytes")
            counting:join()
            client:close()

            local idle = ip.tcp.dial("127.0.0.1:" .. port)
            local accepted = back:accept()
            assert.is_false(fiber.pcall(timeout, 10, idle.read_some, idle, byte_span.new(1)))
            accepted:close()
            idle:close()
            back:close()
            local refused = ip.tcp.dial("127.0.0.1:" .. port)
            assert.is_false(fiber.pcall(timeout, 10, refused.read_some, refused, byte_span.new(1)))
            refused:close()
            assert.matches("a connection ended: idle\n.*closed, 3 passed on\nstatus 0", stop "TERM")
        end)

        it("proxy.lua says what is wrong with its arguments, and has --help", function()
            local command = runner .. " examples/proxy.lua "
            assert.matches("^usage: proxy.lua.*status 0", run(command .. "--help"))
            assert.matches("^proxy: LISTEN and TARGET expected\n.*status 2", run(command .. ":0"))
            assert.matches("^proxy: not an endpoint: x\nstatus 2", run(command .. "127.0.0.1:0 x"))
            assert.matches("^proxy: wrong option or value: %-%-idle\nstatus 2", run(command .. "--idle 0 :0 :1"))
            assert.matches("^proxy: 192%.0%.2%.1:1: .*status 1", run(command .. "192.0.2.1:1 :1"))
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
            text_file.write(recording, "ljos-recording 80 24\n0.1 5\nabc")
            assert.matches("has lost its end.*status 2", run(record .. "--play " .. recording))
            -- On a disk that is full from the beginning, and on one that becomes full: the command is hung up.
            assert.matches("^record: /dev/full: No space left.*status 2", run(record .. "/dev/full true </dev/null"))
            local little_room = "trap '' XFSZ; ulimit -f 16; "
            local endless = recording .. " sh -c 'yes | head -c 100000; sleep 1000' </dev/null"
            assert.matches("record: .*File too large.*status 2", run(little_room .. record .. endless))
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

        needs.sandboxes(it)("logstat.lua counts the same in the open and in a sandbox", function()
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
            assert.matches("usage: logstat.lua.*status 2", run(runner .. " examples/logstat.lua --field x"))
            assert.matches("No such file or directory.*status 2", run(runner .. " examples/logstat.lua /nowhere"))
            assert.matches("^usage: logstat.lua.*status 0", run(runner .. " examples/logstat.lua --help"))
        end)

        it("echo.lua and chat.lua say what is wrong with their argument, and have --help", function()
            for _, name in ipairs { "echo.lua", "chat.lua" } do
                local command = runner .. " examples/" .. name
                assert.matches("^usage: " .. name .. ".*status 2", run(command .. " somewhere"))
                assert.matches("^usage: " .. name .. ".*status 0", run(command .. " --help"))
            end
        end)

        it("follow.lua shows what is appended, through truncation, rotation and removal, until Ctrl-C", function()
            local directory = temporary_directory.make()
            local function append(name, text, mode)
                local file = assert(io.open(directory .. "/" .. name, mode or "a"))
                file:write(text)
                file:close()
            end
            append("a", "a1\na2\na3\n")
            append("b", "b1\n")
            local command = "cd %s && " .. TOLD:format "%s %s/examples/follow.lua --lines 2 a b c"
            local checkout = io.popen("pwd"):read "*l"
            local where = runner:find "^bin" and checkout .. "/" .. runner
                or ("env LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' luajit"):format(checkout, checkout)
            local pipe = assert(io.popen(command:format(directory, where, checkout)))
            started = pipe:read "*l"
            local function expect_lines(text)
                for line in text:gmatch "[^\n]*\n" do
                    assert.equal(line, pipe:read "*l" .. "\n")
                end
            end
            expect_lines "==> a <==\na2\na3\n\n==> b <==\nb1\nfollow: c: No such file or directory\n"
            append("a", "a4\n")
            expect_lines "\n==> a <==\na4\n"
            append("a", "new\n", "w")
            expect_lines "follow: a: truncated\nnew\n"
            -- Without a moment in which there is no b.
            os.execute(("ln %s/b %s/b.1"):format(directory, directory))
            append("b.1", "last\n")
            append("b.new", "first\n")
            os.rename(directory .. "/b.new", directory .. "/b")
            expect_lines "\n==> b <==\nlast\nfollow: b: replaced\nfirst\n"
            append("c", "c1\n")
            expect_lines "follow: c: is there\n\n==> c <==\nc1\n"
            os.remove(directory .. "/c")
            expect_lines "follow: c: No such file or directory\n"
            os.execute(("mkdir %s/c"):format(directory))
            expect_lines "follow: c: is a directory\n"
            append("b", "while c is none\n")
            expect_lines "\n==> b <==\nwhile c is none\n"
            os.execute(("rmdir %s/c"):format(directory))
            expect_lines "follow: c: No such file or directory\n"
            os.execute("kill -INT " .. started)
            assert.equal("status 0\n", pipe:read "*a")
            pipe:close()
            started = false
            temporary_directory.remove_all()
        end)

        it("follow.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("a file expected\nusage.*status 2", run(runner .. " examples/follow.lua"))
            assert.matches("wrong option.*status 2", run(runner .. " examples/follow.lua --lines x /tmp/a"))
            assert.matches("is a directory\nstatus 2", run(runner .. " examples/follow.lua /tmp"))
            assert.matches("is a character\nstatus 2", run(runner .. " examples/follow.lua /dev/null"))
            assert.matches("^usage: follow.lua.*status 0", run(runner .. " examples/follow.lua --help"))
        end)

        it("find_grep.lua finds lines in a tree, and leaves out what is binary, hidden or of another name", function()
            local directory = temporary_directory.make()
            local function write(name, text) text_file.write(directory .. "/" .. name, text) end
            os.execute(("mkdir -p %s/deep/er %s/.hidden"):format(directory, directory))
            for i = 1, 50 do
                write("deep/" .. i .. ".txt", "nothing\nhere\n")
            end
            write("a.txt", "one\nNeedle 1\nthree\nneedle 2")
            write("deep/er/b.txt", "needle\n")
            write("deep/er/c.md", "needle\n")
            write("binary.txt", "needle\0\n")
            write(".hidden/d.txt", "needle\n")
            local function find(arguments)
                local output = run(("%s examples/find_grep.lua %s"):format(runner, arguments))
                local lines = {}
                for line in output:gsub(directory:gsub("%p", "%%%0"), "D"):gmatch "[^\n]+" do
                    lines[#lines + 1] = line
                end
                table.sort(lines)
                return lines
            end
            assert.same(
                { "D/a.txt:4:needle 2", "D/deep/er/b.txt:1:needle", "D/deep/er/c.md:1:needle", "status 0" },
                find("needle " .. directory)
            )
            assert.same(
                { "D/.hidden/d.txt", "D/a.txt", "D/deep/er/b.txt", "status 0" },
                find("--ignore-case --hidden --files --jobs 2 --name '*.txt' 'n[ae]{2}dle' " .. directory)
            )
            assert.same({ "4:needle 2", "status 0" }, find("needle " .. directory .. "/a.txt"))
            assert.same({ "status 1" }, find("haystack " .. directory))
            assert.same({ "4:needle 2", "status 0" }, find("'^needle [0-9]$' " .. directory .. "/a.txt"))
            local output = run(("%s examples/find_grep.lua needle /nowhere %s"):format(runner, directory))
            assert.matches("find_grep: /nowhere: No such file or directory", output, 1, true)
            assert.matches("status 2\n$", output)
            -- What must not be read is said, and the rest is searched; root may read everything.
            os.execute(("chmod -R a+rX %s && chmod 0 %s/deep/er"):format(directory, directory))
            if require("ljos.syscall").geteuid() == 0 then
                local forgetful = "setpriv --bounding-set=-all --inh-caps=-all --reuid 0 --no-new-privs "
                    .. "env -u LUA_PATH "
                    .. runner
                output = run(("%s examples/find_grep.lua needle %s"):format(forgetful, directory))
            else
                output = run(("%s examples/find_grep.lua needle %s"):format(runner, directory))
            end
            assert.matches("deep/er: Permission denied", output, 1, true)
            assert.matches("a.txt:4:needle 2", output, 1, true)
            assert.matches("status 2\n$", output)
            os.execute(("chmod 755 %s/deep/er"):format(directory))
            -- A reader that has enough ends it quietly; a full disk does not.
            for i = 1, 200 do
                write("deep/" .. i .. ".txt", "here\n")
            end
            local enough = "{ %s examples/find_grep.lua here %s/deep; } 2>&1 | head -n 1 | wc -l"
            assert.equal("1\nstatus 0\n", run(enough:format(runner, directory)))
            assert.equal(
                "find_grep: standard output: No space left on device\nstatus 2\n",
                run(("{ %s examples/find_grep.lua here %s/deep >/dev/full; }"):format(runner, directory))
            )
            assert.matches("pattern: .*missing.*usage.*status 2", run(runner .. " examples/find_grep.lua '('"))
            assert.matches("a pattern expected.*status 2", run(runner .. " examples/find_grep.lua"))
            assert.matches("wrong option.*status 2", run(runner .. " examples/find_grep.lua --jobs 0 x"))
            assert.matches("^usage: find_grep.lua.*status 0", run(runner .. " examples/find_grep.lua --help"))
            temporary_directory.remove_all()
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
                -- Supervises two programs that say when they are up; returns what it prints after SIGTERM.
                local function supervise(grace, programs)
                    local command = ("%s examples/supervisor.lua --grace %s %s"):format(runner, grace, programs)
                    local pipe = assert(io.popen(TOLD:format(command)))
                    local pid, up = pipe:read "*l", 0
                    while up < 2 do
                        if pipe:read("*l"):find "| up$" then up = up + 1 end
                    end
                    os.execute("kill -TERM " .. pid)
                    local output = pipe:read "*a"
                    pipe:close()
                    assert.matches("all programs have ended\nstatus 0\n$", output)
                    return output
                end
                local kind = [['kind=trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.01; done' ]]
                local deaf = [['deaf=trap "" TERM; (echo up; while :; do sleep 0.01; done)' ]]
                local output = supervise(1000, kind .. kind:gsub("kind", "good"))
                assert.matches("kind | bye\n", output, 1, true)
                assert.matches("good | bye\n", output, 1, true)
                assert.not_matches("killed", output, 1, true)
                output = supervise(0.01, kind .. deaf)
                assert.matches("deaf | does not end; killed\n", output, 1, true)
                assert.matches("deaf | ended with signal 9\n", output, 1, true)
            end
        )

        it("supervisor.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("no programs\nusage: supervisor.lua.*status 2", run(runner .. " examples/supervisor.lua"))
            assert.matches("not NAME=COMMAND.*status 2", run(runner .. " examples/supervisor.lua nonsense"))
            assert.matches("wrong option.*status 2", run(runner .. " examples/supervisor.lua --grace -1 a=true"))
            assert.matches("Is a directory.*status 2", run(runner .. " examples/supervisor.lua --config /tmp"))
            assert.matches(
                "No such file or directory.*status 2",
                run(runner .. " examples/supervisor.lua --config /nowhere")
            )
            assert.matches("^usage: supervisor.lua.*status 0", run(runner .. " examples/supervisor.lua --help"))
        end)

        it("certificate.lua shows a certificate, and whether it is believed", function()
            local acceptor = ip.tcp.listen "127.0.0.1:0"
            local context = connections.server_context()
            local server = fiber.spawn(function()
                while true do
                    local connection = tls.socket.new(acceptor:accept(), context)
                    fiber.pcall(connection.server_handshake, connection)
                    connection:close()
                end
            end)
            local function output_of(...)
                local command = table.concat({ runner, "examples/certificate.lua", ... }, " ")
                local arguments = { "sh", "-c", command .. " 2>&1; echo status $?" }
                local environment = system.environment
                return system.run({ program = "sh", arguments = arguments, environment = environment }).stdout
            end
            local at, ca = "localhost:" .. acceptor.local_port, connections.file "ca.pem"
            local output = output_of(at, ca)
            assert.matches(
                "subject      O=ljos,CN=localhost\nissuer       O=ljos,CN=ljos test authority below\n",
                output
            )
            assert.matches("valid for    %d+ days\n.*\nbelieved\nstatus 0\n$", output)
            output = output_of(at)
            assert.matches("CN=localhost.*NOT BELIEVED  certificate verify failed.*status 1\n$", output)
            output = output_of("127.0.0.1:" .. acceptor.local_port, ca)
            assert.matches("believed\nstatus 0\n$", output)
            server:cancel()
            server:join()
            acceptor:close()
            local deaf = ip.tcp.acceptor.new()
            deaf:open "v4"
            deaf:bind("127.0.0.1", 0)
            local nobody = output_of("127.0.0.1:" .. deaf.local_port)
            assert.matches("NOT BELIEVED  Connection refused.*status 1", nobody)
            deaf:close()
            assert.matches("^usage: certificate.lua.*status 0", output_of())
        end)

        it("word_count.lua adds up what its actors have counted", function()
            local directory = temporary_directory.make()
            local names = {}
            for i = 1, 12 do
                names[i] = ("%s/%d"):format(directory, i)
                text_file.write(names[i], ("one two-TWO\n"):rep(i * 1000), "three")
            end
            names = table.concat(names, " ")
            local output = run(("%s examples/word_count.lua --threads 3 --top 2 %s"):format(runner, names))
            assert.equal(
                " 156000 two\n  78000 one\n 234012 words, 3 of them different, in 12 files\nstatus 0\n",
                output
            )
            output = run(("%s examples/word_count.lua %s %s/none"):format(runner, names, directory))
            assert.matches("word_count: .*/none: No such file or directory\n.* in 13 files\nstatus 1", output)
        end)

        it("word_count.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("^usage: word_count.lua.*status 2", run(runner .. " examples/word_count.lua"))
            assert.matches("^usage: word_count.lua.*status 2", run(runner .. " examples/word_count.lua --top x file"))
            assert.matches("^usage: word_count.lua.*status 0", run(runner .. " examples/word_count.lua --help"))
        end)

        it("port_check.lua tells open ports from closed ones", function()
            local acceptor, deaf = ip.tcp.listen "127.0.0.1:0", ip.tcp.acceptor.new()
            deaf:open "v4"
            deaf:bind("127.0.0.1", 0)
            local open_port, closed_port = acceptor.local_port, deaf.local_port
            local command = runner .. " examples/port_check.lua --jobs 2 127.0.0.1 "
            local output = run(command .. open_port .. "," .. closed_port)
            assert.matches(("%5d open"):format(open_port), output, 1, true)
            assert.matches("127.0.0.1 (127.0.0.1): 1 open, 1 refused, 0 without an answer; ", output, 1, true)
            assert.matches("status 0\n$", output)
            assert.matches("0 open, 1 refused.*status 1", run(command .. closed_port))
            acceptor:close()
            deaf:close()
        end)

        it("port_check.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("usage: port_check.lua.*status 2", run(runner .. " examples/port_check.lua localhost"))
            assert.matches("no ports: 5%-4\n.*status 2", run(runner .. " examples/port_check.lua localhost 5-4"))
            assert.matches("wrong option.*status 2", run(runner .. " examples/port_check.lua --jobs x localhost 1"))
            assert.matches(
                "Too many open files\nstatus 2",
                run("ulimit -n 30; " .. runner .. " examples/port_check.lua 127.0.0.1 1-200")
            )
            assert.matches("^usage: port_check.lua.*status 0", run(runner .. " examples/port_check.lua --help"))
        end)

        it("file_server.lua serves files below its directory and nothing else, and ends clean", function()
            local directory = temporary_directory.make()
            local function write(name, text) text_file.write(directory .. "/" .. name, text) end
            os.execute(("cd %s && mkdir -p sub/deeper && mkfifo fifo && ln -s /etc/passwd out"):format(directory))
            write("a.txt", "0123456789")
            write("sub/<b>.html", "")
            local big = ("0123456789abcdef"):rep(100000)
            write("big", big)
            os.execute(("find %s -type f -exec touch -d @784111777 {} +"):format(directory))
            local port, stop = start(runner, "file_server.lua --header-limit 300 " .. directory)
            local client = ip.tcp.dial("127.0.0.1:" .. port)
            -- Reads an answer with this head and body; which date it has does not matter.
            local DATE = #"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            local function expect_answer(expected_head, body)
                local expected = expected_head:gsub("\n", "\r\n") .. (body or "")
                local answer = byte_span.new(#expected + DATE)
                stream.read_all(client, answer)
                assert.equal(expected, (tostring(answer):gsub("\r\nDate: %a+, %d+ %a+ %d+ [%d:]+ GMT\r\n", "\r\n", 1)))
            end
            local function ask(request, answer, body)
                client:write_some(byte_span.append(request .. "\r\n\r\n"))
                expect_answer(answer, body)
            end
            local function head(status, length, kind, more)
                return ("HTTP/1.1 %s\nContent-Length: %d\nContent-Type: %s\nConnection: keep-alive\n%s\n"):format(
                    status,
                    length,
                    kind,
                    more or ""
                )
            end
            local text = "text/plain; charset=utf-8"
            local ranges = "Accept-Ranges: bytes\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n"
            -- All on one connection, two of them at once.
            client:write_some(byte_span.append "GET /a.txt?x=1 HTTP/1.1\r\n\r\nHEAD /%61.txt HTTP/1.1\r\n\r\n")
            expect_answer(head("200 OK", 10, text, ranges), "0123456789")
            expect_answer(head("200 OK", 10, text, ranges))
            ask(
                "GET /a.txt HTTP/1.1\r\nRange: bytes=2-4",
                head("206 Partial Content", 3, text, ranges .. "Content-Range: bytes 2-4/10\n"),
                "234"
            )
            ask(
                "HEAD /a.txt HTTP/1.1\r\nRange: bytes=-20",
                head("206 Partial Content", 10, text, ranges .. "Content-Range: bytes 0-9/10\n")
            )
            ask(
                "HEAD /a.txt HTTP/1.1\r\nRange: bytes=10-",
                head("416 Range Not Satisfiable", 26, text, "Content-Range: bytes */10\n")
            )
            ask("HEAD /sub HTTP/1.1", head("301 Moved Permanently", 22, text, "Location: /sub/\n"))
            local listing = "<!DOCTYPE html><title>/sub/</title><ul>\n"
                .. '<li><a href="./%3Cb%3E.html">&#60;b&#62;.html</a>\n<li><a href="./deeper/">deeper/</a>\n</ul>\n'
            ask("GET /sub/ HTTP/1.1", head("200 OK", #listing, "text/html; charset=utf-8"), listing)
            ask("HEAD /sub/%3cb%3e.html HTTP/1.1", head("200 OK", 0, "text/html; charset=utf-8", ranges))
            for _, path in ipairs { "/../../../etc/passwd", "/out", "/sub/%2e%2e/../../etc/passwd", "/fifo" } do
                ask("HEAD " .. path .. " HTTP/1.1", head("403 Forbidden", 14, text))
            end
            ask("HEAD /nothing HTTP/1.1", head("404 Not Found", 14, text))
            ask("GET /big HTTP/1.1", head("200 OK", #big, "application/octet-stream", ranges), big)
            ask("HEAD //sub HTTP/1.1", head("301 Moved Permanently", 22, text, "Location: /sub/\n"))
            ask("HEAD /a.txt HTTP/1.1\r\nRange: bytes=4-2", head("200 OK", 10, text, ranges))
            for date, status in pairs {
                ["Sun, 06 Nov 1994 08:49:36 GMT"] = "200 OK",
                ["Sun, 06 Nov 1994 08:49:37 GMT"] = "304 Not Modified",
                ["Thu, 29 Feb 2024 23:59:59 GMT"] = "304 Not Modified",
                ["yesterday"] = "200 OK",
            } do
                ask("HEAD /a.txt HTTP/1.1\r\nIf-Modified-Since: " .. date, head(status, 10, text, ranges))
            end
            client:write_some(byte_span.append "POST /a.txt HTTP/1.1\r\n\r\n")
            expect(client, "HTTP/1.1 405 Method Not Allowed\r\n")
            client:close()
            for request, status in pairs {
                ["nonsense\r\n\r\n"] = "400 Bad Request",
                ["GET /%0 HTTP/1.1\r\n\r\n"] = "400 Bad Request",
                ["GET / HTTP/3.0\r\n\r\n"] = "505 HTTP Version Not Supported",
                ["GET / HTTP/1.1\r\nX: " .. ("x"):rep(300)] = "431 Request Header Fields Too Large",
            } do
                local bad = ip.tcp.dial("127.0.0.1:" .. port)
                bad:write_some(byte_span.append(request))
                expect(bad, "HTTP/1.1 " .. status .. "\r\n")
                bad:close()
            end
            local idle = ip.tcp.dial("127.0.0.1:" .. port)
            idle:write_some(byte_span.append "HEAD /a.txt HTTP/1.1\r\n\r\n")
            expect(idle, "HTTP/1.1 200 OK\r\n")
            assert.matches("closed, 1 connection ended, 0 of them early\nstatus 0\n$", stop "TERM")
            idle:close()
            temporary_directory.remove_all()
        end)

        it("file_server.lua says what is wrong with its arguments, and has --help", function()
            assert.matches("usage: file_server.lua.*status 2", run(runner .. " examples/file_server.lua"))
            assert.matches("No such file or directory.*status 2", run(runner .. " examples/file_server.lua /nowhere 0"))
            assert.matches("wrong option.*status 2", run(runner .. " examples/file_server.lua --timeout x /tmp 0"))
            assert.matches("^usage: file_server.lua.*status 0", run(runner .. " examples/file_server.lua --help"))
            local taken = ip.tcp.listen "127.0.0.1:0"
            assert.matches(
                "Address already in use.*status 2",
                run(("%s examples/file_server.lua /tmp %d"):format(runner, taken.local_port))
            )
            taken:close()
        end)
    end)
end

it("every example is run by this spec", function()
    local spec = text_file.read("tests/examples_spec.lua")
    local pipe = assert(io.popen "ls examples")
    for name in pipe:lines() do
        assert.matches(name, spec, 1, true)
    end
    pipe:close()
end)
