-- Processes: what a child is given, what it gets of the caller's state, how a failed start is reported, reaping.
local ffi = require "ffi"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local lacks = require "lacks"
local loop = require "ljos.loop"
local native = require "ljos.native"
local process = require "ljos.process"
local text_file = require "text_file"

ffi.cdef [[
int pipe2(int *fds, int flags);
int close(int fd);
int64_t read(int fd, void *buffer, size_t size);
int dup(int fd);
int getpid(void);
]]

local O_CLOEXEC = native.constant_table("file").O_CLOEXEC

local function pipe()
    local fds = ffi.new "int[2]"
    assert(ffi.C.pipe2(fds, O_CLOEXEC) == 0)
    return fds[0], fds[1]
end

local function read_all(fd)
    local buffer, parts = ffi.new "char[4096]", {}
    while true do
        local n = tonumber(ffi.C.read(fd, buffer, 4096)) --[[@as integer]]
        if n <= 0 then break end
        parts[#parts + 1] = ffi.string(buffer, n)
    end
    ffi.C.close(fd)
    return table.concat(parts)
end

-- Runs a shell command under the given options; returns its standard output and the child.
local function output_of(command, options)
    options = options or {}
    local reading, writing = pipe()
    options.paths, options.arguments = { "/bin/sh" }, { "sh", "-c", command }
    options.fds = options.fds or {}
    options.fds[1] = writing
    local ok, child = pcall(process.start, options)
    ffi.C.close(writing)
    if not ok then
        ffi.C.close(reading)
        error(child, 0)
    end
    local output = read_all(reading)
    process.wait(child)
    return output, child
end

local function failure_of(options)
    local ok, err = pcall(process.start, options)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err))
    return err
end

describe("process", function()
    it("starts a program and tells its exit code", function()
        local output, child = output_of "echo hello; exit 7"
        assert.equal("hello\n", output)
        assert.equal(7, child.code)
        assert.equal(0, child.signal)
        assert.equal(-1, child.fd)
    end)

    it("tells the signal that ended a child", function()
        local _, child = output_of "kill -TERM $$"
        assert.equal(15, child.signal)
    end)

    it("gives the child the descriptors it is told and no others", function()
        local extra = ffi.C.dup(0) -- not close-on-exec
        local output = output_of "i=0; while [ $i -lt 100 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i + 1)); done"
        ffi.C.close(extra)
        assert.equal("1\n", output)
    end)

    it("moves descriptors in any permutation", function()
        local a_reading, a_writing = pipe()
        local b_reading, b_writing = pipe()
        -- Each target is the other's source.
        local child = process.start {
            paths = { "/bin/sh" },
            arguments = { "sh", "-c", ("echo a >/dev/fd/%d; echo b >/dev/fd/%d"):format(b_writing, a_writing) },
            fds = { [a_writing] = b_writing, [b_writing] = a_writing },
        }
        ffi.C.close(a_writing)
        ffi.C.close(b_writing)
        assert.equal("a\n", read_all(a_reading))
        assert.equal("b\n", read_all(b_reading))
        process.wait(child)
    end)

    it("gives the child no environment but what it is told", function()
        assert.equal("", output_of "/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=")
        assert.equal("x y", (output_of('printf "%s" "$NAME"', { environment = { "NAME=x y" } })))
    end)

    it("writes the child's pid into a variable", function()
        local output, child = output_of("echo $LISTEN_PID $$", { pid_variable = "LISTEN_PID" })
        assert.equal(("%d %d\n"):format(child.pid, child.pid), output)
    end)

    it("resets signals that the caller ignores or blocks", function()
        -- busted's own process ignores none, so a shell that does starts the program under test.
        local script = [[
            local ffi = require "ffi"
            ffi.cdef "void (*signal(int, void *))(int);"
            ffi.C.signal(10, ffi.cast("void *", 1))
            local process = require "ljos.process"
            local child = process.start {
                paths = { "/bin/grep" }, arguments = { "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status" },
                fds = { [1] = 1 },
            }
            process.wait(child)
        ]]
        local file = os.tmpname()
        text_file.write(file, script)
        local lines = assert(io.popen("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit " .. file))
        local text = lines:read "*a"
        lines:close()
        os.remove(file)
        assert.equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", text)
    end)

    it("starts in the given directory, with the given umask, in a session of its own", function()
        local output = output_of("pwd; umask; cut -d ' ' -f 6 /proc/$$/stat; echo $$", {
            working_directory = "/usr",
            numbers = { umask = 63, flags = process.NEW_SESSION },
        })
        local directory, mask, session, pid = output:match "^(%S+)\n(%S+)\n(%S*)\n(%S+)\n$"
        assert.same({ "/usr", "0077" }, { directory, mask })
        assert.equal(pid, session)
    end)

    it("sets limits and no_new_privs", function()
        local RLIMIT_NOFILE = 7
        local output = output_of("ulimit -n; grep NoNewPrivs /proc/self/status", {
            limits = { { resource = RLIMIT_NOFILE, soft = 33, hard = 44 } },
            numbers = { flags = process.NO_NEW_PRIVS },
        })
        assert.equal("33\nNoNewPrivs:\t1\n", output)
    end)

    it("changes ids when it may", function()
        local lacking = lacks("setgid", "setuid")
        if lacking then return pending(lacking) end
        local output = output_of("id -u; id -g; id -G", {
            groups = { 12, 34 },
            numbers = { ruid = 1234, euid = 1234, rgid = 4321, egid = 4321 },
        })
        assert.equal("1234\n4321\n4321 12 34\n", output)
    end)

    it("tries the paths in their order", function()
        local child =
            process.start { paths = { "/nonexistent/true", "/etc/passwd/x", "/bin/true" }, arguments = { "true" } }
        process.wait(child)
        assert.equal(0, child.code)
    end)

    it("names the step that failed, and leaves no process behind", function()
        local err = failure_of { paths = { "/nonexistent" } }
        assert.same({ "NOENT", "execve" }, { err.sym, err.step })
        err = failure_of { paths = { "/etc/passwd", "/nonexistent" } }
        assert.same({ "ACCES", "execve" }, { err.sym, err.step })
        err = failure_of { paths = { "/bin/true" }, working_directory = "/nonexistent" }
        assert.same({ "NOENT", "chdir" }, { err.sym, err.step })
        err = failure_of { paths = { "/bin/true" }, fds = { [5] = 100000 } }
        assert.same({ "BADF", "dup3" }, { err.sym, err.step })
        err = failure_of { paths = { "/bin/true" }, numbers = { setns_net = 0 } }
        assert.equal("setns(net)", err.step)
    end)

    it("tells whether namespaces may be made, without making any", function()
        local errno = process.probe_namespaces(native.constant_table("namespace").CLONE_NEWPID + 0x10000)
        if errno == error_.errno_of.EPERM then return pending "namespaces are forbidden here" end
        assert.equal(error_.errno_of.EINVAL, errno)
    end)

    it("lets other fibers run while one waits", function()
        local order = {}
        local waiting = fiber.spawn(function()
            local child = process.start {
                paths = { "/bin/sh" },
                arguments = { "sh", "-c", "read x" },
                fds = { [0] = order.reading },
            }
            ffi.C.close(order.reading)
            process.wait(child)
            order[#order + 1] = "child"
        end)
        order.reading, order.writing = pipe()
        fiber
            .spawn(function()
                order[#order + 1] = "other"
                ffi.C.close(order.writing)
            end)
            :detach()
        waiting:join()
        assert.same({ "other", "child" }, { order[1], order[2] })
    end)

    it("can be waited for by a fiber that is canceled, and waited for again", function()
        local reading, writing = pipe()
        local child =
            process.start { paths = { "/bin/sh" }, arguments = { "sh", "-c", "read x" }, fds = { [0] = reading } }
        ffi.C.close(reading)
        local waiting = fiber.spawn(function() process.wait(child) end)
        fiber.this_fiber.yield()
        waiting:cancel()
        waiting:join()
        assert.is_true(waiting.cancellation_caught)
        ffi.C.close(writing)
        process.wait(child)
        assert.equal(1, child.code)
    end)

    it("reaps a child that nobody waits for as soon as the loop turns", function()
        local reading, writing = pipe()
        local reaped = false
        local child = process.start { paths = { "/bin/true" }, arguments = { "true" }, fds = { [1] = writing } }
        child.ended = function() reaped = true end
        ffi.C.close(writing)
        assert.equal("", read_all(reading)) -- it has ended, or is about to
        repeat
            process.reap_ended()
        until reaped
        assert.equal(0, child.code)
    end)

    it("does not keep a run waiting for a child that nobody waits for", function()
        local reading, writing = pipe()
        local child =
            process.start { paths = { "/bin/sh" }, arguments = { "sh", "-c", "read x" }, fds = { [0] = reading } }
        ffi.C.close(reading)
        assert.is_true(fiber.run(function() end))
        assert.equal(0, (loop.load()))
        assert.is_nil(child.code)
        ffi.C.close(writing)
        process.wait(child)
    end)

    it("sends signals, and says when nobody is there any more", function()
        local reading, writing = pipe()
        local child =
            process.start { paths = { "/bin/sh" }, arguments = { "sh", "-c", "read x" }, fds = { [0] = reading } }
        ffi.C.close(reading)
        process.kill(child, 0)
        process.kill(child, 9)
        process.wait(child)
        ffi.C.close(writing)
        assert.equal(9, child.signal)
        local ok, err = pcall(process.kill, child, 0)
        assert.is_false(ok)
        assert.equal("SRCH", err.sym)
    end)
end)
