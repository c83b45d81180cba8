-- flock(2) through file.stream and file.random_access. Two objects of one path are two open files, which exclude
-- each other as two processes do.
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local number = require "ljos.syscall.number"
local operation = require "ljos.loop.operation"
local raises = require "raises"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

local path
local opened = {}
before_each(function() path = os.tmpname() end)
after_each(function()
    for i = #opened, 1, -1 do
        opened[i]:close()
        opened[i] = nil
    end
    os.remove(path)
end)

local function open(class)
    local f = file[class or "stream"].new()
    f:open(path, { "read_write" })
    opened[#opened + 1] = f
    return f
end

for _, class in ipairs { "stream", "random_access" } do
    describe("a lock of file." .. class, function()
        it("excludes others until it is given back", function()
            local a, b = open(class), open(class)
            a:lock()
            assert.is_false(b:try_lock())
            assert.is_false(b:try_lock_shared())
            a:unlock()
            assert.is_true(b:try_lock())
        end)

        it("that is shared excludes only exclusive ones", function()
            local a, b, third = open(class), open(class), open(class)
            a:lock_shared()
            b:lock_shared()
            assert.is_true(third:try_lock_shared())
            third:unlock()
            assert.is_false(third:try_lock())
        end)

        it("suspends only the fiber that waits for it, and hands over", function()
            local a, b = open(class), open(class)
            local order = {}
            a:lock()
            local waiter = spawn(function()
                b:lock()
                order[#order + 1] = "locked"
            end)
            for i = 1, 3 do
                yield()
                order[#order + 1] = i
            end
            a:unlock()
            waiter:join()
            assert.same({ 1, 2, 3, "locked" }, order)
            assert.is_false(a:try_lock())
        end)

        it("shared, waits for the exclusive one", function()
            local a, b = open(class), open(class)
            a:lock()
            local waiter = spawn(function() b:lock_shared() end)
            yield()
            a:unlock()
            waiter:join()
            assert.is_true(a:try_lock_shared())
        end)
    end)
end

describe("waiting for a lock", function()
    it("is cancelled without leaving a lock behind, or a helper", function()
        local a, b, third = open(), open(), open()
        a:lock()
        local waiter = spawn(function() b:lock() end)
        yield()
        waiter:cancel()
        waiter:join()
        assert.is_true(waiter.cancellation_caught)
        assert.equal(0, b.pending)
        a:unlock()
        assert.is_true(third:try_lock())
    end)

    it("delivers a lock that was faster than the cancellation", function()
        local a, b = open(), open()
        local got
        a:lock()
        local waiter = spawn(function()
            b:lock()
            got = true
        end)
        yield()
        -- The engine isn't asked before the cancellation, but whoever waits in our place sees the lock be free.
        a:unlock()
        while a:try_lock() do
            a:unlock()
        end
        waiter:cancel()
        waiter:join()
        assert.is_true(got)
        assert.is_false(a:try_lock())
        b:unlock()
        assert.is_true(a:try_lock())
    end)

    it("cancelled and given back at the same moment, is one or the other, a thousand times", function()
        local a, b = open(), open()
        for i = 1, 1000 do
            a:lock()
            local got = false
            local waiter = spawn(function()
                b:lock()
                got = true
            end)
            yield()
            if i % 2 == 0 then a:unlock() end
            waiter:cancel()
            if i % 2 == 1 then a:unlock() end
            waiter:join()
            assert.equal(got, not waiter.cancellation_caught)
            assert.equal(not got, a:try_lock())
            a:unlock()
            b:unlock()
        end
    end)

    it("given up by a conversion, leaves nothing held", function()
        local a, b = open(), open()
        a:lock_shared()
        b:lock_shared()
        local waiter = spawn(function() a:lock() end)
        yield()
        waiter:cancel()
        waiter:join()
        assert.is_true(b:try_lock())
    end)

    it("ends with ECANCELED when the file is cancelled or closed", function()
        local a = open()
        a:lock()
        for _, how in ipairs { "cancel", "close" } do
            local b = open()
            local err
            local waiter = spawn(function() err = raises.raised(b.lock, b) end)
            yield()
            b[how](b)
            waiter:join()
            assert.is_true(err.ECANCELED)
        end
        a:unlock()
        assert.is_true(open():try_lock())
    end)

    it("does not hold up the pool, though fifty wait", function()
        local a = open()
        a:lock()
        local waiters, got = {}, 0
        for i = 1, 50 do
            local b = open()
            waiters[i] = spawn(function()
                b:lock()
                got = got + 1
                b:unlock()
            end)
        end
        yield()
        for _ = 1, 8 do
            assert.is_true(operation.call(false, "getpid", number.SYS.getpid) > 0)
        end
        assert.equal(0, got)
        a:unlock()
        for i = 1, 50 do
            waiters[i]:join()
        end
        assert.equal(50, got)
    end)

    it("keeps no descriptor of ours open", function()
        local ffi = require "ffi"
        ffi.cdef [[
            int pipe2(int *, int);
            ssize_t read(int, void *, size_t);
        ]]
        local a, b = open(), open()
        a:lock()
        local ends = ffi.new "int[2]"
        assert(ffi.C.pipe2(ends, 0) == 0)
        local waiter = spawn(function() b:lock() end)
        yield()
        -- The helper closes its copies as its first act; the end of the pipe comes once it has.
        ffi.C.close(ends[1])
        local byte = ffi.new "char[1]"
        assert.equal(0, tonumber(ffi.C.read(ends[0], byte, 1)))
        ffi.C.close(ends[0])
        a:unlock()
        waiter:join()
    end)

    it("belongs to the open file: a duplicate shares it", function()
        local a, other = open(), open()
        a:lock()
        local fd = a:release()
        local twin = fd:dup()
        fd:close()
        assert.is_false(other:try_lock())
        local again = file.random_access.new(twin)
        opened[#opened + 1] = again
        again:lock()
        again:close()
        assert.is_true(other:try_lock())
    end)

    it("is nothing that waitpid or the children's signal would tell the program of", function()
        local syscall = require "ljos.syscall"
        local a, b = open(), open()
        a:lock()
        local waiter = spawn(function() b:lock() end)
        yield()
        local pid, err = syscall.waitpid(-1, "nohang")
        assert.is_nil(pid)
        assert.is_true(err.ECHILD)
        a:unlock()
        waiter:join()
    end)

    it("ends with the process that waits, however it ends", function()
        local a = open()
        a:lock()
        local code = ([[local fiber, file = require "ljos.fiber", require "ljos.file"
            local f = file.stream.new()
            f:open("%s", { "read_write" })
            fiber.spawn(function() f:lock() end)
            fiber.this_fiber.yield()
            print(io.open("/proc/self/stat"):read "*n")
            print(io.open("/proc/thread-self/children"):read "*l")
            io.stdout:flush()
            require("ljos.time").sleep(1000)]]):format(path)
        local command = "LUA_PATH='lua/?.lua;lua/?/init.lua;;' exec luajit -e '%s'"
        local pipe = assert(io.popen(command:format(code)))
        local pid, helper = pipe:read "*l", pipe:read("*l"):match "%d+"
        assert.equal(0, os.execute("kill -0 " .. helper))
        os.execute("kill -KILL " .. pid)
        while
            os.execute(("kill -0 %s 2>/dev/null && ! grep -q 'State:.Z' /proc/%s/status"):format(helper, helper)) == 0
        do
            time.sleep(0.001)
        end
        pipe:close()
        a:unlock()
        assert.is_true(a:try_lock())
    end)

    it("ends with ECANCELED when somebody kills the helper, and can begin again", function()
        local a, b = open(), open()
        a:lock()
        local err
        local waiter = spawn(function() err = raises.raised(b.lock, b) end)
        yield()
        local children = io.open "/proc/thread-self/children"
        os.execute("kill -KILL " .. children:read("*a"):match "%d+")
        children:close()
        waiter:join()
        assert.is_true(err.ECANCELED)
        a:unlock()
        b:lock()
    end)

    it("of a closed file raises EBADF", function()
        local f = file.stream.new()
        for _, name in ipairs { "lock", "lock_shared", "try_lock", "try_lock_shared", "unlock" } do
            assert.is_true(raises.raised(f[name], f).EBADF)
        end
    end)

    it("ends at a deadline", function()
        local a, b = open(), open()
        a:lock()
        local err = raises.raised(timeout.run, 0.01, function() b:lock() end)
        assert.is_true(err.ETIMEDOUT)
        a:unlock()
        assert.is_true(open():try_lock())
    end)
end)
