local collect = require "collect"
local fiber = require "ljos.fiber"
local proc = require "ljos.ipc.proc"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local time = require "ljos.time"

-- Runs a command to its end: what came out, and the results of `wait`.
local function run(command, input)
    local output = { stdout = {}, stderr = {} }
    local process = assert(proc.spawn(command, {
        stdin = input ~= nil,
        stdout = true,
        stderr = true,
        callback = function(stream, data, message)
            assert(data, message)
            table.insert(output[stream], data)
        end,
    }))
    if input then process:write(input, proc.EOF) end
    local ok, kind, number = process:wait()
    return table.concat(output.stdout), table.concat(output.stderr), ok, kind, number
end

describe("a process", function()
    it("ends with an exit code or a signal", function()
        assert.are.same({ "", "", true, "exit", 0 }, { run "true" })
        assert.are.same({ [1] = "", [2] = "", [4] = "exit", [5] = 3 }, { run "exit 3" })
        assert.are.same({ [1] = "", [2] = "", [4] = "signal", [5] = 15 }, { run "kill -TERM $$" })
        local _, _, ok, kind, code = run "/no/such/program"
        assert.are.same({ [2] = "exit", [3] = 127 }, { ok, kind, code })
    end)

    it(
        "keeps its outputs apart",
        function() assert.are.same({ "out\n", "err\n", true, "exit", 0 }, { run "echo out; echo err >&2" }) end
    )

    it("takes numbers for strings", function()
        assert.are.same({ nil, "exit", 127 }, { select(3, run(1)) })
        assert.are.equal("123\n", (run("cat; echo", 123)))
    end)

    it("gets input of any size while its output is read", function()
        local text = ("0123456789abcdef"):rep(300000)
        local output = run("cat", text)
        assert.is_true(output == text)
        assert.are.equal("4800000", run("wc -c", text):match "%d+")
        local out, err = run("tee /dev/stderr", text)
        assert.is_true(out == text and err == text)
    end)

    it("gets input written piece by piece, also by the callback", function()
        local got = ""
        local process
        local answers = {
            ab = function() return process:write("more", 1) end,
            abmore1 = function() return process:write("more", 2) end,
            abmore1more2 = function() return process:write(proc.EOF) end,
        }
        process = assert(proc.spawn("cat", {
            stdin = true,
            stdout = true,
            callback = function(_, data)
                got = got .. data -- in as many pieces as the machine likes
                if answers[got] then assert(answers[got]()) end
            end,
        }))
        assert.is_true(process:write("a", "", "b"))
        assert.are.same({ true, "exit", 0 }, { process:wait() })
        assert.are.equal("abmore1more2", got)
    end)

    it("loses nothing it has written before its end", function()
        for _ = 1, 5 do
            assert.are.equal(1000000, #(run "head -c 1000000 /dev/zero"))
        end
    end)

    it("may leave its input unread", function()
        for _, command in ipairs { "exit 3", "exec 0<&-; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3" } do
            local process = assert(proc.spawn(command, { stdin = true }))
            assert.is_true(process:write(("x"):rep(1000000)))
            assert.are.same({ nil, "exit", 3 }, { process:wait() })
        end
    end)

    it("is not waited for by what it leaves behind", function()
        local began = time and require("ljos.native").C.ljos_clock_monotonic()
        local output = run "sleep 100 & echo $!"
        assert.is_true(require("ljos.native").C.ljos_clock_monotonic() - began < 50)
        os.execute("kill " .. output)
    end)

    it(
        "is waited for when it has closed its outputs",
        function()
            assert.are.same(
                { "", "", nil, "exit", 4 },
                { run "exec >&- 2>&-; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 4" }
            )
        end
    )
end)

describe("a process's descriptors", function()
    local path
    before_each(function() path = temporary_directory.make() .. "/file" end)
    after_each(temporary_directory.remove_all)

    local function content() return text_file.read(path) end

    it("may be Lua files, the same one twice", function()
        local file = assert(io.open(path, "w"))
        file:write "before\n"
        local process = assert(proc.spawn("echo out; echo err >&2", { stdout = file, stderr = file }))
        assert.are.same({ true, "exit", 0 }, { process:wait() })
        file:write "after\n"
        file:close()
        assert.are.equal("before\nout\nerr\nafter\n", content())
    end)

    it("may be a file to read, from where it was read to", function()
        local file = assert(io.open(path, "w+"))
        file:write "one\ntwo\nthree\n"
        file:seek "set"
        assert.are.equal("one", file:read())
        local got = {}
        local process = assert(proc.spawn("cat", {
            stdin = file,
            stdout = true,
            callback = function(_, data) got[#got + 1] = data end,
        }))
        assert.is_true(process:wait())
        file:close()
        assert.are.equal("two\nthree\n", table.concat(got))
    end)

    it("may be our own, by name", function()
        local process =
            assert(proc.spawn("echo >&1 2>/dev/null; true", { stdin = io.stdin, stdout = io.open "/dev/null" }))
        process:wait()
        local stdout = assert(
            proc.spawn("test -e /proc/self/fd/1 && test -e /proc/self/fd/2", { stdout = io.stdout, stderr = io.stderr })
        )
        assert.are.same({ true, "exit", 0 }, { stdout:wait() })
    end)

    it("are no others than these three", function()
        local file = assert(io.open(path, "w"))
        local sleeper = assert(proc.spawn("read x", { stdin = true }))
        local output = run "ls -l /proc/self/fd"
        -- the fourth is the directory that `ls` lists
        assert.are.equal(4, select(2, output:gsub(" %-> ", "")), output)
        sleeper:write(proc.EOF)
        sleeper:wait()
        file:close()
    end)

    it("are refused when they are closed files", function()
        local file = assert(io.open(path, "w"))
        file:close()
        for _, stream in ipairs { "stdin", "stdout", "stderr" } do
            local ok, message = pcall(function() proc.spawn("true", { [stream] = file }) end)
            assert.is_false(ok)
            assert.is_truthy(message:find "proc_spec.lua:%d+: attempt to use closed file")
        end
    end)

    it("may have numbers beyond what select(2) takes", function()
        local ffi = require "ffi"
        ffi.cdef 'int ljos_test_dup(int fd) __asm__("dup");'
        local taken, fd = {}, 0
        while fd >= 0 and fd < 1030 do
            fd = ffi.C.ljos_test_dup(1)
            taken[#taken + 1] = fd
        end
        local ok, output = pcall(run, "cat", "hi\n")
        for _, number in ipairs(taken) do
            if number >= 0 then ffi.C.close(number) end
        end
        if fd < 0 then return pending "the limit of descriptors is too low" end
        assert(ok, output)
        assert.are.equal("hi\n", output)
    end)
end)

describe("SIGPIPE", function()
    it("is neither ignored nor raised here, and is at its default in the child", function()
        local function ignored_and_blocked(pid)
            local status = text_file.read("/proc/" .. pid .. "/status")
            return status:match "SigBlk:%s*(%x+)" .. status:match "SigIgn:%s*(%x+)"
        end
        local before = ignored_and_blocked "self"
        local process = assert(proc.spawn("true", { stdin = true }))
        repeat
            process:write(("x"):rep(100000))
        until process:nowait() ~= nil
        assert.are.equal(before, ignored_and_blocked "self")
        local output = run "grep -E 'Sig(Blk|Ign)' /proc/self/status"
        assert.is_nil(output:find "[1-9a-f]%x*\n", output)
    end)
end)

describe("a process's write", function()
    it("raises when there is nothing to write to", function()
        local process = assert(proc.spawn("true", {}))
        assert.error_matches(function() process:write "x" end, "process stdin is not connected to a pipe")
        process:wait()
        process = assert(proc.spawn("cat >/dev/null", { stdin = true }))
        process:write(proc.EOF)
        assert.error_matches(function() process:write "x" end, "pipe to stdin is already closed")
        assert.error_matches(function() process:write(proc.EOF) end, "pipe to stdin is already closed")
        process:wait()
        process = assert(proc.spawn("cat >/dev/null", { stdin = true }))
        assert.error_matches(function() process:write(proc.EOF, "x") end, "pipe to stdin is already closed")
        assert.error_matches(function() process:write("x", nil) end, "bad argument #2 to 'write'")
        assert.error_matches(function() process:write {} end, "bad argument #1 to 'write'")
        assert.is_true(process:write())
        process:write(proc.EOF)
        process:wait()
    end)
end)

describe("a process's kill", function()
    it("sends one of two signals", function()
        for name, number in pairs { term = 15, kill = 9 } do
            local process = assert(proc.spawn("exec sleep 100", {}))
            assert.is_true(process:kill(name))
            assert.are.same({ nil, "signal", number }, { process:wait() })
        end
    end)

    it("is no error when the process has ended", function()
        local process = assert(proc.spawn("echo", {
            stdout = true,
            callback = function() error "out" end,
        }))
        assert.error_matches(function() process:wait() end, "out")
        assert.is_true(process:kill "term")
        process:wait()
    end)

    it("refuses other names", function()
        local process = assert(proc.spawn("true", {}))
        assert.error_matches(function() process:kill "hup" end, "bad argument #1 to 'kill'")
        assert.error_matches(function() process:kill() end, "bad argument #1 to 'kill'")
        process:wait()
    end)
end)

describe("a finished process", function()
    it("raises from every method", function()
        local process = assert(proc.spawn("true", { stdin = true }))
        process:wait()
        for _, method in ipairs { "wait", "nowait", "write", "kill" } do
            assert.error_matches(
                function() process[method](process, "term") end,
                "attempt to use invalid process object"
            )
            assert.error_matches(function() process[method]() end, "attempt to use invalid process object")
        end
    end)
end)

describe("proc.spawn", function()
    it("names what is wrong", function()
        assert.error_matches(function() proc.spawn() end, "bad argument #1 to 'spawn' %(string expected")
        assert.error_matches(function() proc.spawn "true" end, "bad argument #2 to 'spawn' %(table expected")
        assert.error_matches(function() proc.spawn("a\0b", {}) end, "bad argument #1 to 'spawn'")
        assert.error_matches(function() proc.spawn("true", { stdout = true }) end, "'callback' field required")
        assert.error_matches(
            function() proc.spawn("true", { stderr = true, callback = 1 }) end,
            "'callback' field required"
        )
        assert.error_matches(function() proc.spawn("true", { callback = 1 }) end, "'callback' field required")
    end)
end)

describe("a process's wait", function()
    it("lets an error of the callback through and may be called again", function()
        local got, calls = {}, 0
        local process = assert(proc.spawn("echo one; read x; echo two", {
            stdin = true,
            stdout = true,
            callback = function(_, data)
                calls = calls + 1
                if calls == 1 then error "not now" end
                got[#got + 1] = data
            end,
        }))
        assert.error_matches(function() process:wait() end, "not now")
        process:write "\n"
        assert.are.same({ true, "exit", 0 }, { process:wait() })
        assert.are.same({ "two\n" }, got)
    end)

    it("may be left by a yield in the callback", function()
        local process = assert(proc.spawn("echo one; echo two >&2", {
            stdout = true,
            stderr = true,
            callback = function(_, data) coroutine.yield(data) end,
        }))
        local co = coroutine.wrap(function() return process:wait() end)
        local got = { co(), co() }
        table.sort(got)
        assert.are.same({ "one\n", "two\n" }, got)
        assert.are.same({ true, "exit", 0 }, { co() })
    end)

    it("has a form that does not wait", function()
        local got
        local process = assert(proc.spawn("read x; echo $x", {
            stdin = true,
            stdout = true,
            callback = function(_, data) got = data end,
        }))
        assert.are.same({ nil, "running", 0 }, { process:nowait() })
        process:write "word\n"
        local ok, kind, code
        repeat
            ok, kind, code = process:nowait()
        until kind ~= "running"
        assert.are.same({ true, "exit", 0, "word\n" }, { ok, kind, code, got })
    end)

    it("lets other fibers run", function()
        local got = {}
        local process = assert(proc.spawn("cat", {
            stdin = true,
            stdout = true,
            callback = function(_, data) got[#got + 1] = data end,
        }))
        local waiter = fiber.spawn(function() return process:wait() end)
        local writer = fiber.spawn(function()
            for i = 1, 3 do
                time.sleep(0.001)
                process:write(i)
            end
            process:write(proc.EOF)
        end)
        writer:join()
        assert.are.same({ true, "exit", 0 }, { waiter:join() })
        assert.are.equal("123", table.concat(got))
    end)

    it("moves large input and output in a fiber", function()
        local text, size = ("0123456789abcdef"):rep(100000), 0
        local process = assert(proc.spawn("cat", {
            stdin = true,
            stdout = true,
            callback = function(_, data) size = size + #data end,
        }))
        process:write(text, proc.EOF)
        local ticker = fiber.spawn(function()
            while true do
                time.sleep(0.001)
            end
        end)
        assert.are.same({ true, "exit", 0 }, { fiber.spawn(function() return process:wait() end):join() })
        ticker:cancel()
        ticker:join()
        assert.are.equal(#text, size)
    end)

    it("can be canceled in a fiber and called again", function()
        local process = assert(proc.spawn("read x; exit 5", { stdin = true }))
        local waiter = fiber.spawn(function() process:wait() end)
        local second = fiber.spawn(function()
            time.sleep(0)
            assert.error_matches(function() process:wait() end, "another fiber waits")
            waiter:cancel()
        end)
        second:join()
        waiter:join()
        assert.is_true(waiter.cancellation_caught)
        process:write "\n"
        assert.are.same({ nil, "exit", 5 }, { process:wait() })
    end)
end)

describe("a process that is collected", function()
    it("is killed and reaped", function()
        local pid
        local process = assert(proc.spawn("echo $$; exec sleep 100", {
            stdout = true,
            callback = function(_, data)
                pid = tonumber(data)
                error "enough"
            end,
        }))
        assert.error_matches(function() process:wait() end, "enough")
        process = nil -- luacheck: ignore
        collect()
        local status = io.open("/proc/" .. pid .. "/status")
        if status then status:close() end
        assert.is_nil(status)
    end)
end)
