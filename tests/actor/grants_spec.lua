-- What a sandbox is not granted by accident, and what of a standard stream it shares.
local attacks = require "actor.attacks"
local ffi = require "ffi"
local file_descriptor = require "ljos.file_descriptor"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local native = require "ljos.native"
local needs = require "needs"
local plain_pipe = require "plain_pipe"
local programs = require "actor.programs"
local sandbox = require "ljos.sandbox"
local S = require "ljos.syscall"
local temporary_directory = require "temporary_directory"

local inside = attacks.inside

ffi.cdef "int dup2(int from, int to);"

describe("a sandbox is granted", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    local GRANTED = "return getmetatable((...).x)"

    -- What becomes of a grant: "file_descriptor", or the name of the kind that it is refused as. Closes it.
    local function outcome(fd)
        fd = type(fd) == "table" and fd or file_descriptor.new(fd)
        local ok, result = pcall(inside, GRANTED, { fds = { x = fd } })
        if ok then
            fd:close()
            return result
        end
        assert.equal("fds/x", result.arg)
        local kind = result.detail:match 'allow = { "(%a+)" }'
        assert.equal("file_descriptor", inside(GRANTED, { fds = { x = fd }, allow = { kind } }))
        fd:close()
        return kind
    end

    it("files, pipes and sockets", function()
        local reading, writing = plain_pipe.pair()
        writing:close()
        assert.equal("file_descriptor", outcome(reading))
        assert.equal("file_descriptor", outcome(fs.open("/etc/passwd", { "read_only" })))
        assert.equal("file_descriptor", outcome(fs.open("/dev/null", { "read_write" })))
        for _, family in ipairs { "unix", "inet" } do
            assert.equal("file_descriptor", outcome(assert(S.socket(family, "dgram"))))
        end
        assert.equal("file_descriptor", outcome(assert(S.eventfd())))
        assert.equal("file_descriptor", outcome(assert(S.memfd_create "memory")))
    end)

    it("no directory, nor what was opened as a path, unless these are allowed", function()
        assert.equal("directory", outcome(fs.open("/", { "read_only", "directory" })))
        assert.equal("directory", outcome(fs.open("/etc/passwd", { "path" })))
    end)

    it("no terminal and no other device", function()
        assert.equal("terminal", outcome(fs.open("/dev/ptmx", { "read_write" })))
        if not S.access("/dev/loop-control", "r") then return pending "no device that can be opened without harm" end
        assert.equal("device", outcome(fs.open("/dev/loop-control", { "read_only" })))
    end)

    needs.namespaces(it)("no file of the kernel, wherever that is mounted", function()
        local directory = temporary_directory.make()
        local program = programs.start(
            ([[
            local S, fs, sandbox = require "ljos.syscall", require "ljos.filesystem", require "ljos.sandbox"
            local directory = %q
            for origin, file in pairs { ["/proc"] = "/self/mem", ["/sys"] = "/kernel/notes" } do
                assert(S.mount(origin, directory, nil, "bind, rec"))
                local fd = fs.open(directory .. file, { "read_only" })
                local ok, err = pcall(sandbox.spawn, { source = "", fds = { file = fd } })
                print(ok, err.arg, err.detail:match 'allow = { "(.-)" }')
            end
        ]]):format(directory),
            { "unshare", "--user", "--map-root-user", "--mount" }
        )
        local first, second = program:read_line(), program:read_line()
        program:wait()
        assert.equal("false\tfds/file\tkernel", first)
        assert.equal("false\tfds/file\tkernel", second)
    end)

    it("no object of the kernel", function()
        local ring = native.C.ljos_call2(
            native.constant_table("SYS").__NR_io_uring_setup,
            8,
            tonumber(ffi.cast("uintptr_t", ffi.cast("void *", ffi.new "char[120]")))
        )
        if ring >= 0 then assert.equal("kernel", outcome(ring)) end
        assert.equal("kernel", outcome(assert(S.epoll_create())))
        assert.equal("kernel", outcome(assert(S.pidfd_open(S.getpid()))))
        assert.equal("kernel", outcome(assert(S.inotify_init())))
        assert.equal("kernel", outcome(fs.open("/proc/self/mem", { "read_only" })))
        assert.equal("kernel", outcome(fs.open("/proc/self/ns/net", { "read_only" })))
    end)

    it(
        "no socket of another family",
        function() assert.equal("socket", outcome(assert(S.socket("netlink", "raw")))) end
    )

    it("no program that others run, open for writing", function()
        assert.equal("file_descriptor", outcome(fs.open(native.path, { "read_only" })))
        local library, err = S.open(native.path, "wronly")
        if not library then return pending(tostring(err)) end
        assert.equal("program", outcome(library))
    end)

    it("nothing by an unknown name", function()
        local ok, err = pcall(sandbox.spawn, { source = "", allow = { "everything" } })
        assert.is_false(ok)
        assert.equal("allow", err.arg)
    end)

    describe("of a stream that it shares", function()
        local before
        before_each(function() before = assert(S.dup(1)) end)
        after_each(function()
            ffi.C.dup2(before:getfd(), 1)
            before:close()
        end)

        -- Runs an attack with `fd` as the standard output of both.
        local function sharing(fd, code, options)
            io.stdout:flush()
            ffi.C.dup2(fd, 1)
            options = options or {}
            options.stdout = "share"
            local ok, result = pcall(inside, code, options)
            ffi.C.dup2(before:getfd(), 1)
            assert(ok, result)
            return result
        end

        local ACCESS = "return bit.band(C.fcntl(1, 3), 3)" -- F_GETFL
        local NOT_BLOCKING = [[
            ffi.cdef "int ioctl(int, unsigned long, ...);"
            return call(C.ioctl(1, 0x5421, ffi.new("int[1]", 1))) -- FIONBIO
        ]]

        it("a terminal for one direction alone", function()
            local master = assert(S.open("/dev/ptmx", "rdwr, noctty"))
            assert(S.unlockpt(master))
            local slave = assert(S.open(assert(S.ptsname(master)), "rdwr, noctty"))
            assert.equal(1, sharing(slave:getfd(), ACCESS))
            assert.equal(2, sharing(slave:getfd(), ACCESS, { allow = { "terminal" } }))
            slave:close()
            master:close()
        end)

        it("a pipe whose flags are its own", function()
            local reading, writing = plain_pipe.pair()
            assert.is_false(writing.non_blocking)
            assert.equal(0, sharing(writing:getfd(), NOT_BLOCKING))
            assert.is_false(writing.non_blocking)
            assert.equal(0, sharing(writing:getfd(), NOT_BLOCKING, { allow = { "terminal" } })) -- shared as it is
            assert.is_true(writing.non_blocking)
            writing.non_blocking = false
            local text = "return tonumber(C.fcntl(1, 3)) >= 0 and ffi.cdef 'int64_t write(int, const void *, size_t);'"
            sharing(writing:getfd(), text .. " or tonumber(C.write(1, 'text', 4))")
            writing:close()
            assert.equal("text", plain_pipe.read_all(reading))
        end)

        it("no directory", function()
            local directory = fs.open("/", { "read_only", "directory" })
            local ok, err = pcall(sandbox.spawn, { source = "", stdout = directory })
            directory:close()
            assert.is_false(ok)
            assert.equal("stdout", err.arg)
        end)
    end)
end)
