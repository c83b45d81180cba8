-- libc_service.slave: Lua that runs in the actor when it calls one of the functions.
local error_ = require "ljos.error"
local filesystem = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local ip = require "ljos.ip"
local served = require "libc_service.served"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local errno = error_.errno_of
local run, noting, none = served.run, served.noting, served.none

-- Runs `code` with one filter; `handler` answers what the filter asks.
local function filtered(name, filter, code, handler, subprocess)
    return run(code, handler or none, function(slave) slave[name] = filter end, subprocess)
end

local function own_credentials(master) master:use_slave_credentials() end

describe("libc_service.slave", function()
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    -- What the filter gets behind its first argument; it says so by the errno of its answer, 0 for right.
    local ARGUMENTS = {
        { "open", 'C.open("/a", 2)', '"/a", 2' },
        { "open", 'C.open("/a", 0x41, ffi.cast("int", 420))', '"/a", 0x41, 420' },
        { "openat", 'C.openat(C.open("/", 0), "a", 2)', '"fd", "a", 2, 0, "{}"' },
        { "unlink", 'C.unlink "/a"', '"/a"' },
        { "rename", 'C.rename("/a", "/b")', '"/a", "/b"' },
        { "stat", 'C.stat("/a", buffer)', '"/a"' },
        { "lstat", 'C.lstat("/a", buffer)', '"/a"' },
        { "access", 'C.access("/a", 6)', '"/a", 6' },
        { "eaccess", 'C.eaccess("/a", 0)', '"/a", 0' },
        { "mkdir", 'C.mkdir("/a", 448)', '"/a", 448' },
        { "rmdir", 'C.rmdir("/a")', '"/a"' },
        { "connect_unix", 'C.connect(C.socket(1, 1, 0), un "/s")', '"fd", "/s"' },
        { "bind_unix", 'C.bind(C.socket(1, 1, 0), un "\\0s")', '"fd", "\\0s"' },
        { "connect_inet", "C.connect(C.socket(2, 1, 0), in4(80, 1, 2, 3, 4), 16)", '"fd", "{1,2,3,4}", 80' },
        { "bind_inet", "C.bind(C.socket(2, 1, 0), in4(0, 0, 0, 0, 0), 16)", '"fd", "{0,0,0,0}", 0' },
        {
            "connect_inet6",
            "C.connect(C.socket(10, 1, 0), in6(80, 9), 28)",
            '"fd", "{32,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0}", 80, 9',
        },
        {
            "bind_inet6",
            "C.bind(C.socket(10, 1, 0), in6(80, 0), 28)",
            '"fd", "{32,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0}", 80, 0',
        },
        { "getaddrinfo", '(resolve("host", "http", 1))', '"host", "http", "tcp"' },
        { "getaddrinfo", '(resolve("host", "http", 0))', '"host", "http"' },
    }

    it("gets the arguments of the call", function()
        for _, case in ipairs(ARGUMENTS) do
            local name, code, expected = case[1], case[2], case[3]
            local filter = ([[
                local function flat(value)
                    if type(value) == "table" then return "{" .. table.concat(value, ",") .. "}" end
                    return value
                end
                local wanted, got = { %s }, { select(2, ...) }
                if wanted[1] == "fd" then
                    assert(got[1] >= 3)
                    wanted[1] = got[1]
                end
                assert(type((...)) == "function")
                for i = 1, math.max(#wanted, select("#", ...) - 1) do
                    assert(wanted[i] == flat(got[i]), i .. ": " .. tostring(flat(got[i])))
                end
                return %s
            ]]):format(expected, name == "getaddrinfo" and '"again"' or "7")
            local is_resolver = name == "getaddrinfo"
            local body = is_resolver and "return " .. code or ("return call(%s)"):format(code)
            local handler = name == "openat" and own_credentials or none
            assert.equal(is_resolver and -3 or 7, filtered(name, filter, body, handler), code)
        end
    end)

    it("answers without asking the master", function()
        local code = 'return call(C.unlink "/a")'
        assert.equal(-errno.EROFS, filtered("unlink", "return -1, C.EROFS", code))
    end)

    it("asks the master by its first argument, with whatever arguments", function()
        local notes = {}
        local filter = 'local real, path, mode = ... return real("/jail" .. path, mode + 1)'
        local answer = noting(notes, function(master) master:send(-1, errno.EDQUOT) end)
        assert.equal(-errno.EDQUOT, filtered("mkdir", filter, 'return call(C.mkdir("/a", 448))', answer))
        assert.same({ "mkdir /jail/a 449" }, notes)
    end)

    it("gets the master's descriptor as a number", function()
        local path = temporary_directory.make() .. "/file"
        text_file.write(path, "contents")
        local filter = [[
            local fd, errno = (...)(select(2, ...))
            local text = C.read(fd, 4)
            assert(text == "cont" and errno == 0)
            return fd
        ]]
        local result = filtered("open", filter, 'return read_some(C.open("/a", 0))', function(master)
            local fd = filesystem.open(path, { "read_only" })
            master:send_with_fds(0, { fd })
            fd:close()
        end)
        assert.equal("ents", result)
    end)

    it("makes the real call where the master says so", function()
        local directory = temporary_directory.make()
        text_file.write(directory .. "/file", "contents")
        for _, case in ipairs {
            { "open", ('read_some(C.open("%s/file", 0))'):format(directory), "contents" },
            { "unlink", ('call(C.unlink "%s/none")'):format(directory), -errno.ENOENT },
            { "rename", ('call(C.rename("%s/file", "%s/moved"))'):format(directory, directory), 0 },
            { "access", ('call(C.access("%s/moved", 4))'):format(directory), 0 },
            { "eaccess", ('call(C.eaccess("%s/none", 4))'):format(directory), -errno.ENOENT },
            { "mkdir", ('call(C.mkdir("%s/made", 448))'):format(directory), 0 },
            { "stat", ('call(C.stat("%s/made", buffer))'):format(directory), 0 },
            { "lstat", ('call(C.lstat("%s/none", buffer))'):format(directory), -errno.ENOENT },
            { "rmdir", ('call(C.rmdir("%s/made"))'):format(directory), 0 },
            { "bind_unix", ('call(C.bind(C.socket(1, 1, 0), un "%s/s"))'):format(directory), 0 },
            {
                "connect_unix",
                ('call(C.connect(C.socket(1, 1, 0), un "%s/s"))'):format(directory),
                -errno.ECONNREFUSED,
            },
            { "bind_inet", "call(C.bind(C.socket(2, 1, 0), in4(0, 127, 0, 0, 1), 16))", 0 },
            { "getaddrinfo", '(function() local c, l = resolve("127.0.0.1", "80", 1) return l.address[4] end)()', 127 },
        } do
            local result = filtered(case[1], "return (...)(select(2, ...))", "return " .. case[2], own_credentials)
            assert.equal(case[3], result, case[1])
        end
    end)

    it("gives openat rules for the resolution", function()
        local directory = temporary_directory.make()
        text_file.write(directory .. "/file", "contents")
        local code = ('return call(C.openat(C.open(%q, 0), "../file", 0))'):format(directory)
        local filter = 'local real, fd, path, flags, mode, names = ... return real(fd, path, flags, mode, { "%s" })'
        local notes = {}
        local result = filtered("openat", filter:format "beneath", code, noting(notes, own_credentials))
        assert.equal(-errno.EXDEV, result)
        assert.equal("openat ../file read_only+resolve_beneath nil", notes[2])
        -- One that is not known is an error, which denies the call.
        local stderr = filesystem.open(directory .. "/stderr", { "write_only", "create" }, 384)
        result = filtered("openat", filter:format "by_magic", code, own_credentials, { stderr = stderr })
        stderr:close()
        assert.equal(-errno.EACCES, result)
        assert.is_truthy(text_file.read(directory .. "/stderr"):find "by_magic")
    end)

    it("describes a file", function()
        local filter = [[
            local real, path = ...
            local status, errno = real(path)
            if path == "/none" then return status, errno end
            assert(status.type == "regular" and status.mode == 416 and status.size == 5 and status.mtime == 1.5)
            status.size = 2 ^ 40 + 1
            return status
        ]]
        -- st_size is at 48, on x86-64 and on aarch64.
        local code = [[
            local first = call(C.stat("/file", buffer))
            return ("%d %.0f %d"):format(first, tonumber(buffer[6]), call(C.stat("/none", buffer)))
        ]]
        local result = filtered("stat", filter, code, function(master)
            if tostring(master.path) == "/none" then return master:send(-1, errno.ENOENT) end
            local time = filesystem.clock.from_unix(1, 500000000)
            master:send { type = "regular", mode = 416, size = 5, mtime = time }
        end)
        assert.equal(("0 %.0f %d"):format(2 ^ 40 + 1, -errno.ENOENT), result)
    end)

    it("answers getaddrinfo", function()
        local code = [[
            local code, list = resolve("host", "80", 1)
            if code ~= 0 then return code .. " " .. ffi.errno() end
            if list == nil then return "none" end
            return list.family .. " " .. list.address[2] * 256 + list.address[3] .. " " .. list.address[list.family == 2
                and 7 or 23] .. " " .. list.address[tonumber(list.length) - 4]
        ]]
        for filter, answer in pairs {
            ['return "noname"'] = "-2 0",
            ["return -10"] = "-10 0",
            ["return nil"] = "none",
            [""] = "none",
            ["return nil, { 1, 2, 3, 4 }, 443"] = "2 443 4 0",
            ["return nil, { 32, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6 }, 443"] = "10 443 5 6",
        } do
            assert.equal(answer, filtered("getaddrinfo", filter, "ffi.errno(0) " .. code), filter)
        end
        local failing = filtered("getaddrinfo", 'return "system", C.EIO', code)
        assert.equal("-11 " .. errno.EIO, failing)
    end)

    it("hears what the master found", function()
        local filter = [[
            local real, node, service, protocol = ...
            local failure, address, port = real(node, service, protocol)
            assert(failure == nil and #address == 17 and address[16] == 9 and address[17] == 5 and port == 80)
            local again = real("other", service, protocol)
            return again
        ]]
        local result = filtered("getaddrinfo", filter, 'return (resolve("host", "80", 1))', function(master)
            if master.node == "other" then return master:send "again" end
            master:send { ip.address.new "2001::9%5" }
        end)
        assert.equal(-3, result)
    end)

    it("has the environment of init scripts, where nothing aborts", function()
        local filter = [[
            assert(errexit == false)
            local fd, errno = C.open("/nosuch/file", C.O_RDONLY)
            assert(fd == -1 and errno == C.ENOENT)
            assert(mode(7, 5, 5) == 493)
            return -1, C.ESTALE
        ]]
        -- What a filter calls goes to the kernel: the master hears nothing.
        assert.equal(-errno.ESTALE, filtered("open", filter, 'return call(C.open("/a", 0))'))
    end)

    it("keeps its globals", function()
        local filter = "count = (count or 0) + 1 return count"
        assert.equal(6, filtered("unlink", filter, 'return C.unlink "/a" + C.unlink "/a" + C.unlink "/a"'))
    end)

    it("is denied what it does not answer", function()
        local directory = temporary_directory.make()
        for filter, complaint in pairs {
            [""] = "result",
            ['return "7"'] = "result",
            ["return 2 ^ 40"] = "result",
            ["return -1, 5000"] = "errno",
            ['error "of its own"'] = "of its own",
            ["(...)(5)"] = "path",
            ["return {}"] = "result",
        } do
            local stderr = filesystem.open(directory .. "/stderr", { "write_only", "create", "truncate" }, 384)
            local code, subprocess = 'return call(C.rmdir "/a")', { stderr = stderr }
            assert.equal(-errno.EACCES, filtered("rmdir", filter, code, none, subprocess), filter)
            stderr:close()
            local said = text_file.read(directory .. "/stderr")
            assert.is_truthy(said:find "^libc_service: " and said:find(complaint, 1, true), said)
        end
    end)
end)
