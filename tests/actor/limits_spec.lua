-- The limits of a sandbox: who uses more than that is told, or ends, and the parent hears why.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local needs = require "needs"
local plain_pipe = require "plain_pipe"
local sandbox = require "ljos.sandbox"
local S = require "ljos.syscall"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local E = error_.errno_of
local inside, number_of = attacks.inside, attacks.number_of

local MIB = 2 ^ 20

describe("a sandbox's limit", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    -- Runs an actor to its end: what it printed on stderr, and what sandbox.wait says.
    local function run(options)
        local reading, writing = plain_pipe.pair()
        options.stderr = writing
        local actor = sandbox.spawn(options)
        writing:close()
        local output = plain_pipe.read_all(reading)
        actor:close()
        return output, sandbox.wait(actor)
    end

    it("of memory is an error in the actor that takes more", function()
        local source = "local parts = {} for i = 1, 1000 do parts[i] = (' '):rep(1e6) .. i end"
        local output, status = run { source = source, limits = { memory = 64 * MIB } }
        assert.matches("not enough memory", output)
        assert.equal(1, status)
        output, status = run { source = "local text = (' '):rep(4e6)", limits = { memory = 64 * MIB } }
        assert.equal("", output)
        assert.equal(0, status)
    end)

    it("of memory counts what comes from the kernel itself", function()
        local code = [[
            ffi.cdef "void *mmap(void *, size_t, int, int, int, int64_t);"
            local page = ffi.cast("intptr_t", C.mmap(nil, %d, 3, 0x4022, -1, 0)) -- MAP_NORESERVE
            return page == -1 and -ffi.errno() or 0
        ]]
        assert.equal(-E.ENOMEM, inside(code:format(2 ^ 30)))
        assert.equal(0, inside(code:format(2 ^ 29)))
        assert.equal(0, inside(code:format(2 ^ 30), { limits = { memory = math.huge } }))
        assert.equal(0, inside(code:format(2 ^ 30), { without = { "limits" } }))
    end)

    it("of processes ends a fork bomb", function()
        if S.geteuid() == 0 and lacks("setuid", "setgid") then
            return pending "the kernel counts no process of root's"
        end
        local code = ([[
            local count = 0
            while true do
                local child = raw(%d, 17, 0, 0, 0, 0)
                if child == 0 then
                    while true do raw(%d, 0, 0, 0, 0) end
                end
                if child < 0 then return count .. " " .. child end
                count = count + 1
                if count == 100 then return "100" end
            end
        ]]):format(number_of "clone", number_of "ppoll")
        local options = { syscalls = { "clone" }, limits = { processes = 8 } }
        -- PID 1 and the actor count.
        assert.equal("6 " .. -E.EAGAIN, inside(code, options))
    end)

    it("of descriptors is EMFILE", function()
        local code = [[
            ffi.cdef "int dup(int);"
            local opened, answer = {}, 0
            repeat
                local fd = C.dup(3)
                answer = call(fd)
                opened[#opened + 1] = fd
            until fd < 0 or fd > 1000
            for _, fd in ipairs(opened) do
                C.close(fd)
            end
            return answer
        ]]
        assert.equal(-E.EMFILE, inside(code))
        assert.equal(1001, inside(code, { limits = { files = 2000 } }))
    end)

    it("of a file's size is EFBIG", function()
        local path = temporary_directory.make() .. "/log"
        text_file.write(path, "")
        local log = fs.open(path, { "write_only" })
        local code = [[
            ffi.cdef "int64_t write(int, const void *, size_t);"
            local fd, written = (...).log:getfd(), 0
            for _ = 1, 10 do
                local result = tonumber(C.write(fd, ("x"):rep(1000), 1000))
                if result < 0 then return written .. " " .. -ffi.errno() end
                written = written + result
            end
            return tostring(written)
        ]]
        local options = { fds = { log = log }, limits = { file_size = 4096 } }
        assert.equal("4096 " .. -E.EFBIG, inside(code, options))
        assert.equal(4096, #text_file.read(path))
        log:close()
    end)

    it("of processor time ends the actor, and the parent hears why", function()
        local _, status, cause = run { source = "while true do end", limits = { cpu_time = 1 } }
        assert.is_nil(status)
        assert.equal("cpu_time", cause)
        _, status, cause =
            run { source = "while true do end", limits = { cpu_time = 1 }, without = { "pid", "landlock" } }
        assert.is_nil(status)
        assert.equal("cpu_time", cause)
    end)

    it("cannot be raised from inside", function()
        local code = ([[
            local limit = ffi.new("uint64_t[2]", 1000, 1000)
            local raised = raw(%d, 0, 7, limit, 0)
            limit[0], limit[1] = 16, 16
            return raised .. " " .. raw(%d, 0, 7, limit, 0)
        ]]):format(number_of "prlimit64", number_of "prlimit64") -- RLIMIT_NOFILE
        assert.equal(-E.EPERM .. " 0", inside(code))
        assert.equal(-E.EPERM, inside(("return raw(%d, 1, 7, 0, ffi.new 'uint64_t[2]')"):format(number_of "prlimit64")))
    end)

    it("that makes no sense is refused by its name", function()
        local function arg_of(limits)
            local ok, err = pcall(sandbox.spawn, { source = "", limits = limits })
            assert.is_false(ok)
            return err.arg
        end
        assert.equal("limits", arg_of(1))
        assert.equal("limits", arg_of { memmory = 1 })
        assert.equal("limits.memory", arg_of { memory = "1" })
        assert.equal("limits.memory", arg_of { memory = 1000 })
        assert.equal("limits.memory", arg_of { memory = -1 })
        assert.equal("limits.processes", arg_of { processes = 2.5 })
        assert.equal("limits.cpu_time", arg_of { cpu_time = 0 / 0 })
    end)
end)

describe("sandbox.wait", function()
    local it = needs.sandboxes(it)

    it("tells how an actor has ended", function()
        local function ended(source, options)
            options = options or {}
            options.source = source
            local actor = sandbox.spawn(options)
            local status, cause = sandbox.wait(actor)
            actor:close()
            return tostring(status) .. " " .. tostring(cause)
        end
        assert.equal("0 nil", ended "")
        assert.equal("1 nil", ended "error 'oh no'")
        local aborts = "local ffi = require 'ffi' ffi.cdef 'void abort(void);' ffi.C.abort()"
        assert.equal("nil 6", ended(aborts))
        assert.equal("nil 6", ended(aborts, { without = { "pid", "landlock" } }))
        for _, without in ipairs { {}, { "pid", "landlock" } } do
            local exits = "local ffi = require 'ffi' ffi.cdef 'void _exit(int);' ffi.C._exit(200)"
            assert.equal("200 nil", ended(exits, { without = without }))
        end
        local x32 = ([[
            local ffi = require "ffi"
            ffi.cdef "long syscall(long, ...);"
            ffi.C.syscall(ffi.cast("long", %d))
        ]]):format(0x40000000)
        if jit.arch == "x64" then assert.equal("nil seccomp", ended(x32)) end
    end)

    it("takes the channels of sandboxes alone", function()
        local ok, err = pcall(sandbox.wait, 1)
        assert.is_false(ok)
        assert.equal(1, err.arg)
    end)
end)
