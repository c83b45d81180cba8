local fiber = require "ljos.fiber"
local filelock = require "ljos.ipc.filelock"
local other_process = require "ipc.other_process"
local temporary_directory = require "temporary_directory"
local time = require "ljos.time"

-- Locks what it is told ("r 0 10"), says "true", "false" or "nil message", and does so until its input ends.
local LOCKER = [[
    local filelock = require "ljos.ipc.filelock"
    local file = assert(io.open(%q, "r+"))
    for line in io.lines() do
        local what, mode, offset, n = line:match "(%%w+) (%%w+) (%%d+) (%%d+)"
        if what == "unlock" then print(filelock.unlock(file, offset, n))
        else print(filelock[what](file, mode, offset, n)) end
    end
]]

describe("filelock", function()
    local path, file, other
    before_each(function()
        path = temporary_directory.make() .. "/file"
        file = assert(io.open(path, "w+"))
        file:write "0123456789"
        file:flush()
        other = other_process.start(LOCKER:format(path))
    end)
    after_each(function()
        other:finish()
        if io.type(file) == "file" then file:close() end
        temporary_directory.remove_all()
    end)

    local function ask(...)
        other:send(table.concat({ ... }, " "))
        return other:line()
    end

    it("shares reading and excludes writing", function()
        assert.is_true(filelock.trylock(file, "r"))
        assert.are.equal("true", ask("trylock", "r", 0, 0))
        assert.is_false(filelock.trylock(file, "w"))
        assert.are.equal("true", ask("unlock", "r", 0, 0))
        assert.is_true(filelock.lock(file, "w"))
        assert.are.equal("false", ask("trylock", "r", 0, 0))
        assert.is_true(filelock.unlock(file))
        assert.are.equal("true", ask("lock", "w", 0, 0))
        assert.is_false(filelock.trylock(file))
        assert.is_false(filelock.trylock(file, "rw"))
    end)

    it("locks ranges", function()
        assert.is_true(filelock.lock(file, "w", 2, 3))
        assert.are.equal("true", ask("trylock", "w", 0, 2))
        assert.are.equal("false", ask("trylock", "w", 4, 1))
        assert.are.equal("true", ask("trylock", "w", 5, 0))
        assert.is_true(filelock.unlock(file, 2.9, 3.9))
        assert.are.equal("true", ask("trylock", "w", 0, 0))
        assert.is_true(filelock.unlock(file, 100, 5))
    end)

    it("blocks until the other process unlocks", function()
        assert.are.equal("true", ask("lock", "w", 0, 0))
        other:send "unlock w 0 0"
        assert.is_true(filelock.lock(file))
    end)

    it("lets other fibers run while one waits", function()
        assert.are.equal("true", ask("lock", "w", 0, 0))
        local locked = false
        local waiter = fiber.spawn(function()
            assert(filelock.lock(file))
            locked = true
        end)
        local releaser = fiber.spawn(function()
            time.sleep(0)
            assert.is_false(locked)
            other:send "unlock w 0 0"
        end)
        releaser:join()
        waiter:join()
        assert.is_true(locked)
    end)

    it("can be canceled in a fiber", function()
        assert.are.equal("true", ask("lock", "w", 0, 0))
        local waiter = fiber.spawn(function() filelock.lock(file) end)
        fiber.spawn(function() waiter:cancel() end):join()
        waiter:join()
        assert.is_true(waiter.cancellation_caught)
        assert.are.equal("true", ask("unlock", "w", 0, 0))
        assert.are.equal("true", ask("trylock", "w", 0, 0))
    end)

    it("reads afresh after a lock, and writes out before an unlock", function()
        file:seek "set"
        assert.are.equal("01", file:read(2))
        local writer = assert(io.open(path, "r+"))
        writer:write "abcdefghij"
        writer:close()
        assert.is_true(filelock.lock(file, "r"))
        assert.are.equal("cdefghij", file:read "*a")
        file:seek("set", 0)
        file:write "xy"
        assert.is_true(filelock.unlock(file))
        local reader = assert(io.open(path))
        assert.are.equal("xycdefghij", reader:read "*a")
        reader:close()
    end)

    it("gives nil, message and code for what the system refuses", function()
        local reader = assert(io.open(path))
        assert.are.same({ nil, "Bad file descriptor", 9 }, { filelock.lock(reader, "w") })
        assert.are.same({ nil, "Bad file descriptor", 9 }, { filelock.trylock(reader) })
        assert.is_true(filelock.trylock(reader, "r"))
        reader:close()
        assert.are.same({ nil, "Invalid argument", 22 }, { filelock.lock(file, "w", -1) })
        assert.are.same({ nil, "Invalid argument", 22 }, { filelock.unlock(file, -1) })
        assert.are.equal(75, (select(3, filelock.lock(file, "w", 2 ^ 63))))
    end)

    it("raises for what is no open file, and for other modes", function()
        for _, f in ipairs { filelock.lock, filelock.trylock, filelock.unlock } do
            for _, value in ipairs { 1, "file", {}, newproxy() } do
                assert.error_matches(function() f(value, "r") end, "bad argument #1 to '%w+' %(FILE%* expected")
            end
            assert.error_matches(function() f() end, "FILE%* expected, got no value")
        end
        assert.error_matches(function() filelock.lock(file, "x") end, "bad argument #2 to 'lock'")
        assert.error_matches(function() filelock.lock(file, 1) end, "bad argument #2 to 'lock'")
        assert.error_matches(function() filelock.trylock(file, "r", {}) end, "bad argument #3 to 'trylock'")
        assert.error_matches(function() filelock.lock(file, "r", 0, {}) end, "bad argument #4 to 'lock'")
        assert.error_matches(function() filelock.unlock(file, 0, {}) end, "bad argument #3 to 'unlock'")
        file:close()
        for _, f in ipairs { filelock.lock, filelock.trylock, filelock.unlock } do
            local ok, message = pcall(function() f(file) end)
            assert.is_false(ok)
            assert.is_truthy(message:find "filelock_spec.lua:%d+: attempt to use closed file")
        end
    end)

    it("takes the files of io.popen and io.tmpfile", function()
        local temporary = assert(io.tmpfile())
        assert.is_true(filelock.lock(temporary))
        temporary:close()
        local pipe = assert(io.popen "true")
        assert.is_true(filelock.lock(pipe, "r"))
        pipe:close()
    end)
end)
