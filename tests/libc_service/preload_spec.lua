-- libc_service.preload: programs that have nothing to do with ljos.
local error_ = require "ljos.error"
local filesystem = require "ljos.filesystem"
local libc_service = require "ljos.libc_service"
local native = require "ljos.native"
local raised = require "raised"
local served = require "libc_service.served"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local errno = error_.errno_of

-- Runs a program with a service; returns its exit status, and what it wrote.
local function run(arguments, handler, change)
    local master, slave = libc_service.new()
    local environment, extra_fds = libc_service.preload(slave)
    environment.PATH = os.getenv "PATH"
    if change then change(environment) end
    local serving = served.serve(master, handler)
    local output = temporary_directory.make() .. "/output"
    local stdout = filesystem.open(output, { "create", "write_only" }, 384)
    local child = system.spawn {
        program = arguments[1],
        arguments = arguments,
        environment = environment,
        extra_fds = extra_fds,
        stdout = stdout,
        stderr = stdout,
    }
    stdout:close()
    extra_fds[9]:close()
    child:wait()
    local problem = serving:join()
    if problem ~= nil then error(problem, 0) end
    return child.exit_code, text_file.read(output)
end

-- "/v/file" has contents, nothing else below /v is there; the rest is the program's own business.
local function virtual(contents)
    local path = temporary_directory.make() .. "/file"
    text_file.write(path, contents)
    return function(master)
        local asked = master.function_ == "open" and tostring(master.path)
        if not asked or not asked:find "^/v/" then return master:use_slave_credentials() end
        if asked ~= "/v/file" then return master:send(-1, errno.ESTALE) end
        local fd = filesystem.open(path, { "read_only" })
        master:send_with_fds(0, { fd })
        fd:close()
    end
end

describe("libc_service.preload", function()
    teardown(temporary_directory.remove_all)

    it("serves a program", function()
        local status, output = run({ "cat", "/v/file" }, virtual "contents\n")
        assert.equal("contents\n", output)
        assert.equal(0, status)
        status, output = run({ "cat", "/v/other" }, virtual "")
        assert.equal(1, status)
        assert.is_truthy(output:find "Stale file handle")
    end)

    it("serves what the program starts", function()
        local script = "cat /v/file; cat < /v/file; (cat /v/file)"
        assert.equal("xxx", select(2, run({ "sh", "-c", script }, virtual "x")))
    end)

    it("denies what is asked after the master has gone", function()
        local asked = 0
        local status = run({ "sh", "-c", "cat /v/file; cat /v/file; exit 5" }, function(master)
            asked = asked + 1
            master:close()
        end)
        assert.equal(1, asked)
        -- The shell itself may not even find its programs any more.
        assert.equal(5, status)
    end)

    it("ends a program that does not find its socket", function()
        for _, value in ipairs { "8", "0", "nine", "-1", "" } do
            local status, output = run(
                { "cat", "/v/file" },
                virtual "",
                function(environment) environment.LJOS_LIBC_SERVICE = value end
            )
            assert.equal(127, status, value)
            assert.equal("libc_service: LJOS_LIBC_SERVICE names no socket\n", output)
        end
    end)

    it("leaves a program alone that has no service", function()
        local path = temporary_directory.make() .. "/file"
        text_file.write(path, "contents")
        local status, output = run(
            { "cat", path },
            served.none,
            function(environment) environment.LJOS_LIBC_SERVICE = nil end
        )
        assert.equal("contents", output)
        assert.equal(0, status)
    end)

    it("consumes the slave", function()
        local master, slave = libc_service.new()
        local _, extra_fds = libc_service.preload(slave, 5)
        assert.equal(1, raised("EBADF", libc_service.preload, slave).arg)
        extra_fds[5]:close()
        assert.is_false((pcall(master.receive, master)))
        master:close()
    end)

    it("refuses what is no slave, filters, and numbers that no program gets", function()
        local master, slave = libc_service.new()
        assert.equal(1, raised("EINVAL", libc_service.preload, {}).arg)
        assert.equal(1, raised("EINVAL", libc_service.preload).arg)
        for _, number in ipairs { 2, 10, 3.5, "3" } do
            assert.equal(2, raised("EINVAL", libc_service.preload, slave, number).arg)
        end
        slave.open = "return -1"
        assert.equal(1, raised("EINVAL", libc_service.preload, slave).arg)
        slave.open = nil
        local _, extra_fds = libc_service.preload(slave)
        extra_fds[9]:close()
        master:close()
    end)

    it("refuses a library whose path LD_PRELOAD cannot name, and leaves the slave", function()
        local directory = temporary_directory.make() .. "/a blank"
        filesystem.create_directory(directory)
        text_file.write(directory .. "/libljos_preload.so", "")
        local master, slave = libc_service.new()
        local own = native.path
        native.path = directory .. "/libljos.so"
        local ok, err = pcall(raised, "ENOTSUP", libc_service.preload, slave)
        native.path = own
        assert(ok, err)
        local _, extra_fds = libc_service.preload(slave)
        extra_fds[9]:close()
        master:close()
    end)
end)
