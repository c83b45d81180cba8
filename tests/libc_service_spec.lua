-- libc_service: what an actor asks, what the master answers, and what the actor's call then returns.
local asio_error = require "ljos.asio_error"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local filesystem = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local ip = require "ljos.ip"
local libc_service = require "ljos.libc_service"
local raised = require "raised"
local served = require "libc_service.served"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local attacks = require "actor.attacks"
local time = require "ljos.time"
local unix = require "ljos.unix"

local errno = error_.errno_of
local run, noting, none = served.run, served.noting, served.none

-- C's arguments, and what the master hears.
local CALLS = {
    { 'C.open("/a", 0)', "open /a read_only nil" },
    {
        'C.open("/a", 1 + 0x40 + 0x80 + 0x200 + 0x400 + 0x80000, ffi.cast("int", 420))',
        "open /a write_only+append+create+exclusive+truncate 420",
    },
    { 'C.openat(-100, "b", 2)', "open b read_write nil" },
    { 'C.openat(C.open("/", 0), "/b", 2)', "open /b read_write nil", 2 },
    { 'C.unlink("/a")', "unlink /a" },
    { 'C.rename("/a", "b c")', "rename /a b c" },
    { 'C.stat("/a", buffer)', "stat /a" },
    { 'C.lstat("/a", buffer)', "lstat /a" },
    { 'C.access("/a", 0)', "access /a f" },
    { 'C.access("/a", 5)', "access /a r+x" },
    { 'C.eaccess("/a", 2)', "eaccess /a w" },
    { 'C.mkdir("/a", 493)', "mkdir /a 493" },
    { 'C.rmdir("/a")', "rmdir /a" },
    { 'C.connect(C.socket(1, 1, 0), un "/s")', "connect_unix /s" },
    { 'C.connect(C.socket(1, 1, 0), un "\\0s")', "connect_unix @s" },
    { 'C.connect(C.socket(1, 1, 0), un "@s")', "connect_unix ./@s" },
    { "C.connect(C.socket(2, 1, 0), in4(80, 127, 0, 0, 1), 16)", "connect_inet 127.0.0.1 80" },
    { "C.connect(C.socket(10, 1, 0), in6(65535, 7), 28)", "connect_inet6 2001::%7 65535" },
    { 'C.bind(C.socket(1, 1, 0), un "/s")', "bind_unix /s" },
    { "C.bind(C.socket(2, 1, 0), in4(0, 0, 0, 0, 0), 16)", "bind_inet 0.0.0.0 0" },
    { "C.bind(C.socket(10, 1, 0), in6(1, 0), 28)", "bind_inet6 2001:: 1" },
}

describe("libc_service", function()
    teardown(temporary_directory.remove_all)
    -- All senders have ended: the next receive lets go of their sockets.
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    it("asks about each function, and answers with its errno", function()
        for _, case in ipairs(CALLS) do
            local notes = {}
            local result = run("return call(" .. case[1] .. ")", noting(notes, function(m) m:send(-1, errno.EXDEV) end))
            assert.equal(-errno.EXDEV, result, case[1])
            assert.equal(case[2], notes[case[3] or 1], case[1])
            assert.equal(case[3] or 1, #notes, case[1])
        end
    end)

    it("answers each function with its result", function()
        for _, case in ipairs(CALLS) do
            local result = run("return call(" .. case[1] .. ")", function(master)
                if master.function_:find "stat" then
                    master:send { type = "fifo", mode = 420 }
                else
                    master:send(0)
                end
            end)
            assert.equal(0, result, case[1])
        end
    end)

    it("answers with an Error as with its number", function()
        for _, code in ipairs { error_.generic "ENOSPC", error_.system "ENOSPC", errno.ENOSPC } do
            assert.equal(-errno.ENOSPC, run('return call(C.unlink "/a")', function(m) m:send(-1, code) end))
        end
    end)

    it("opens with a descriptor of the master's", function()
        local path = temporary_directory.make() .. "/file"
        text_file.write(path, "contents")
        local result = run(
            [[
            local fd = C.open("/nowhere/at/all", 0)
            ffi.cdef "int fcntl(int, int, ...);"
            return ("%s %d %d"):format(read_some(fd), C.fcntl(fd, 1), C.fcntl(C.open("/nowhere", 0x80000), 1))
        ]],
            function(master)
                local fd = filesystem.open(path, { "read_only" })
                master:send_with_fds(0, { fd })
                fd:close() -- it was the master's
            end
        )
        -- FD_CLOEXEC is what the caller asked for.
        assert.equal("contents 0 1", result)
    end)

    it("hands over the directory of openat", function()
        local directory = temporary_directory.make()
        text_file.write(directory .. "/file", "contents")
        local notes = {}
        local result = run(
            ('return read_some(C.openat(C.open(%q, 0), "file", 0))'):format(directory),
            noting(notes, function(master)
                if master.function_ == "open" then return master:use_slave_credentials() end
                local dir = master:descriptors()
                assert.equal("directory", dir.type)
                assert.is_nil((master:descriptors())) -- a second call has none
                local fd = dir:openat(master.path, master.flags)
                master:send_with_fds(0, { fd })
                fd:close()
                dir:close()
            end)
        )
        assert.equal("contents", result)
        assert.equal("openat file read_only nil", notes[2])
    end)

    it("hands over the socket of connect, which the master can connect itself", function()
        local directory = temporary_directory.make()
        local acceptor = unix.stream.listen(directory .. "/socket")
        local code = 'local s = C.socket(1, 1, 0) call(C.connect(s, un "/hidden")) return call(C.write(s, "hello", 5))'
        local written = run(code, function(master)
            local socket = unix.stream.socket.new((master:descriptors()))
            socket:connect(directory .. "/socket")
            master:send(0)
            socket:close()
        end)
        assert.equal(5, written)
        local accepted = acceptor:accept()
        local span = require("ljos.byte_span").new(16)
        assert.equal("hello", tostring(span:first(accepted:read_some(span))))
        accepted:close()
        acceptor:close()
    end)

    it("puts the master's socket in the place of the actor's", function()
        local mine, theirs = unix.stream.socket.pair()
        local code = [[
            local s = C.socket(2, 1, 0)
            local result = call(C.connect(s, in4(443, 1, 2, 3, 4), 16))
            C.write(s, "hello", 5)
            return result
        ]]
        local result = run(code, function(master)
            local fd = theirs:release()
            master:send_with_fds(0, { fd })
            fd:close()
        end)
        assert.equal(0, result)
        local span = require("ljos.byte_span").new(16)
        assert.equal("hello", tostring(span:first(mine:read_some(span))))
        mine:close()
    end)

    it("lets the actor make the calls itself", function()
        local directory = temporary_directory.make()
        local code = [[
            local dir, results = %q, {}
            local function note(result) results[#results + 1] = call(result) end
            local fd = C.open(dir .. "/a", 0x41, ffi.cast("int", 384))
            C.write(fd, "hello", 5)
            note(C.stat(dir .. "/a", buffer))
            note(C.access(dir .. "/a", 4))
            note(C.eaccess(dir .. "/none", 0))
            note(C.rename(dir .. "/a", dir .. "/b"))
            note(C.lstat(dir .. "/a", buffer))
            note(C.mkdir(dir .. "/c", 448))
            local there = C.open(dir, 0x10000)
            results[#results + 1] = read_some(C.openat(there, "b", 0))
            note(C.unlink(dir .. "/b"))
            note(C.rmdir(dir .. "/c"))
            local s = C.socket(1, 1, 0)
            note(C.bind(s, un(dir .. "/s")))
            note(C.connect(s, un(dir .. "/s")))
            note(C.bind(C.socket(2, 1, 0), in4(0, 127, 0, 0, 1), 16))
            local code, list = resolve("127.0.0.1", "80", 1)
            results[#results + 1] = code .. ":" .. list.address[3] .. ":" .. list.address[4]
            C.freeaddrinfo(list)
            return table.concat(results, " ")
        ]]
        local result = run(code:format(directory), function(master) master:use_slave_credentials() end)
        local refused, missing = -errno.ECONNREFUSED, -errno.ENOENT
        assert.equal(("0 0 %d 0 %d 0 hello 0 0 0 %d 0 0:80:127"):format(missing, missing, refused), result)
    end)

    it("fills a stat", function()
        local library = temporary_directory.make() .. "/status.so"
        local source = library:gsub("so$", "c")
        text_file.write(
            source,
            [[
            #include <sys/stat.h>
            #include <sys/sysmacros.h>
            #include <stdio.h>
            int describe(const char *path, char *out, size_t size) {
                struct stat s;
                if (stat(path, &s) != 0) return -1;
                return snprintf(out, size, "%o %d %d %d %d %d %d %d %d %d.%09d %d.%09d %d.%09d",
                    s.st_mode, (int)s.st_dev, (int)s.st_ino, (int)s.st_nlink, s.st_uid, s.st_gid, (int)s.st_rdev,
                    (int)s.st_size, (int)s.st_blksize, (int)s.st_atim.tv_sec, (int)s.st_atim.tv_nsec,
                    (int)s.st_mtim.tv_sec, (int)s.st_mtim.tv_nsec, (int)s.st_ctim.tv_sec, (int)s.st_ctim.tv_nsec);
            }
        ]]
        )
        assert(os.execute(("cc -shared -fPIC -o '%s' '%s'"):format(library, source)) == 0)
        local code = [[
            ffi.cdef "int describe(const char *path, char *out, size_t size);"
            local out = ffi.new "char[512]"
            ffi.load(%q).describe("/virtual", out, 512)
            return ffi.string(out)
        ]]
        local result = run(code:format(library), function(master)
            local at = filesystem.clock.from_unix
            master:send {
                type = "character",
                mode = 416,
                dev = 1,
                ino = 2,
                nlink = 3,
                uid = 4,
                gid = 5,
                rdev = 6,
                size = 7,
                blksize = 8,
                atime = at(9, 10),
                mtime = at(11, 12),
                ctime = at(13, 14),
            }
        end)
        assert.equal("20640 1 2 3 4 5 6 7 8 9.000000010 11.000000012 13.000000014", result)
    end)

    describe("getaddrinfo", function()
        it("has the node, the service and the protocol", function()
            for hints, protocol in pairs { ["1"] = "tcp", ["2"] = "udp", ["0"] = "nil" } do
                local notes = {}
                local code = 'return (resolve("host.example", "http", ' .. hints .. "))"
                assert.equal(-2, run(code, noting(notes, function(master) master:send "noname" end)))
                assert.same({ "getaddrinfo host.example http " .. protocol }, notes)
            end
        end)

        it("gives the node for its canonical name", function()
            local code = [[
                local list = ffi.new "struct info *[1]"
                local names = {}
                for i, flags in ipairs { 2, 0 } do -- AI_CANONNAME
                    assert(C.getaddrinfo("host", "80", ffi.new("struct info", { flags, 0, 1 }), list) == 0)
                    names[i] = list[0].name ~= nil and ffi.string(list[0].name) or "none"
                    C.freeaddrinfo(list[0])
                end
                return table.concat(names, " ")
            ]]
            assert.equal("host none", run(code, function(master) master:send { "1.2.3.4" } end))
        end)

        it("fails with each of its errors", function()
            local codes = {
                again = -3,
                badflags = -1,
                fail = -4,
                family = -6,
                memory = -10,
                noname = -2,
                service = -8,
                socktype = -7,
                system = -11,
            }
            for name, code in pairs(codes) do
                local answer = function(master) master:send(name, errno.ENOTCONN) end
                assert.equal(code, run('return (resolve("host", "80"))', answer))
                assert.equal(errno.ENOTCONN, run('resolve("host", "80") return ffi.errno()', answer))
            end
        end)

        it("succeeds with no address", function()
            local code = 'local code, list = resolve("host", "80") return code .. tostring(list)'
            assert.equal("0cdata<struct info *>: NULL", run(code, function(master) master:send(nil) end))
        end)

        it("succeeds with an address, for each kind of socket that was asked for", function()
            local code = [[
                local code, list = resolve("host", "80", %d)
                local found, entry = {}, list
                while entry ~= nil do
                    found[#found + 1] = ("%%d %%d %%d %%d"):format(entry.family, entry.socktype, entry.protocol,
                        entry.length)
                    for i = 2, tonumber(entry.length) - 1 do
                        found[#found] = found[#found] .. " " .. entry.address[i]
                    end
                    entry = ffi.cast("struct info *", entry.next)
                end
                C.freeaddrinfo(list)
                return table.concat(found, ", ")
            ]]
            local v4, v6 = ip.address.new "1.2.3.4", ip.address.new "2001::9%5"
            local zero = (" 0"):rep(8)
            assert.equal(
                "2 1 6 16 2 3 1 2 3 4" .. zero,
                run(code:format(1), function(master) master:send { v4, 515 } end)
            )
            assert.equal(
                ("2 1 6 16 0 80 1 2 3 4%s, 2 2 17 16 0 80 1 2 3 4%s, 2 3 0 16 0 80 1 2 3 4%s"):format(zero, zero, zero),
                run(code:format(0), function(master) master:send { v4 } end)
            )
            assert.equal(
                "10 2 17 28 0 1 0 0 0 0 32 1" .. (" 0"):rep(13) .. " 9 5 0 0 0",
                run(code:format(2), function(master) master:send { v6, 1 } end)
            )
        end)
    end)

    describe("denies", function()
        local DENIED = -errno.EACCES

        it("a call that is not answered", function()
            assert.equal(DENIED, run('return call(C.unlink "/a")', function() end))
            assert.equal(-4, run('return (resolve("host", "80"))', function() end)) -- EAI_FAIL
        end)

        it("the calls under way and to come of a master that is closed", function()
            local master, slave = libc_service.new()
            local channel = served.start('local first = call(C.unlink "/a") return first + call(C.rmdir "/b")', slave)
            master:receive()
            assert.equal("unlink", master.function_)
            master:close()
            assert.is_false(master.is_open)
            master:close()
            assert.equal(2 * DENIED, inbox:receive())
            attacks.finish(channel)
            raised("EBADF", master.receive, master)
        end)

        it("everything of a master that was collected", function()
            local slave = select(2, libc_service.new())
            require "collect"()
            local channel = served.start('return call(C.unlink "/a")', slave)
            assert.equal(DENIED, inbox:receive())
            attacks.finish(channel)
        end)

        it("the call under way of a master that was killed", function()
            local directory = temporary_directory.make()
            text_file.write(
                directory .. "/supervisor.lua",
                [[
                local ljos = require "ljos"
                local master, slave = ljos.libc_service.new()
                local actor = ljos.spawn_vm {
                    module = ljos.filesystem.path.new "/actor.lua",
                    subprocess = {
                        libc_service = slave,
                        stdout = "share",
                        source_tree_cache = {
                            ["actor.lua"] = 'local ffi = require "ffi" ffi.cdef "int unlink(const char *);" '
                                .. 'print(ffi.C.unlink "/a", ffi.errno(), ffi.C.unlink "/b")',
                        },
                    },
                }
                master:receive()
                actor:detach()
                ljos.syscall.kill(ljos.syscall.getpid(), "kill")
            ]]
            )
            local command = "LUA_PATH='lua/?.lua;lua/?/init.lua' exec luajit '%s/supervisor.lua' 2>&1"
            local pipe = assert(io.popen(command:format(directory)))
            local output = pipe:read "*a" -- to its end, which is the actor's
            pipe:close()
            assert.equal(("-1\t%d\t-1\n"):format(errno.EACCES), output)
        end)

        it("a path that is too long, without asking", function()
            local code = 'return call(C.unlink(("x"):rep(4096)))'
            assert.equal(-errno.ENAMETOOLONG, run(code, none))
        end)
    end)

    it("leaves alone what no request is about", function()
        local code = [[
            ffi.cdef "int fstat(int, void *);"
            local s = C.socket(1, 1, 0)
            local results = { call(C.unlink(nil)), call(C.connect(-1, un "/s")), call(C.bind(s, un "", 2)) }
            return table.concat(results, " ")
        ]]
        local unnamed = 'local s = C.socket(1, 1, 0) return call(C.bind(s, ffi.new("struct un", 1), 2))'
        assert.equal(0, run(unnamed, none))
        local results = run(code, function(master) master:send(-1, errno.EXDEV) end)
        assert.equal(("%d %d"):format(-errno.EFAULT, -errno.EBADF), results:match "^%S+ %S+")
    end)

    it("raises eof when the actor has ended", function()
        local master, slave = libc_service.new()
        local channel = served.start("return 1", slave)
        inbox:receive()
        attacks.finish(channel)
        local ok, err = pcall(master.receive, master)
        assert.is_false(ok)
        assert.equal(asio_error.misc.eof, err)
        master:close()
    end)

    it("raises eof when the slave is never used", function()
        local master = libc_service.new()
        require "collect"()
        assert.equal(asio_error.misc.eof, select(2, pcall(master.receive, master)))
        master:close()
    end)

    it("receives in one fiber at a time, and loses nothing to a cancellation", function()
        local master, slave = libc_service.new()
        local waiting = fiber.spawn(function() master:receive() end)
        fiber.spawn(function() raised("EBUSY", master.receive, master) end):join()
        waiting:cancel()
        waiting:join()
        local channel = served.start('return call(C.unlink "/a")', slave)
        master:receive()
        assert.equal("unlink", master.function_)
        master:send(7)
        assert.equal(7, inbox:receive())
        attacks.finish(channel)
        master:close()
    end)

    it("suspends only the fiber that receives", function()
        local master, slave = libc_service.new()
        local ticks = 0
        local ticker = fiber.spawn(function()
            for _ = 1, 3 do
                time.sleep(0)
                ticks = ticks + 1
            end
        end)
        local waiting = fiber.spawn(function() return (pcall(master.receive, master)) end)
        ticker:join()
        assert.equal(3, ticks)
        master:close()
        assert.is_false(waiting:join())
        assert.is_truthy(slave)
    end)

    describe("refuses", function()
        local master, channel

        -- A call of that kind waits for its answer.
        local function asked(code)
            local slave
            master, slave = libc_service.new()
            channel = served.start(("return (call(%s))"):format(code), slave)
            master:receive()
        end

        -- The call still waits, and is then answered.
        local function finish()
            if not pcall(master.send, master, -1, 1) then master:send "fail" end
            inbox:receive()
            attacks.finish(channel)
            master:close()
        end

        it("answers that a function cannot have", function()
            asked 'C.open("/a", 0)'
            local file = filesystem.open("/", { "path" })
            local closed = filesystem.open("/", { "path" })
            closed:close()
            for _, result in ipairs { "0", {}, 1.5, 2 ^ 31, 0 / 0, true } do
                assert.equal("result", raised("EINVAL", master.send, master, result).arg)
            end
            assert.equal("result", raised("EINVAL", master.send, master).arg)
            for _, code in ipairs { "EPERM", -1, 4096, {}, error_.core "no_senders" } do
                assert.equal("errno", raised("EINVAL", master.send, master, -1, code).arg)
            end
            for _, fds in ipairs { "fd", { 3 }, { file, file } } do
                assert.equal("fds", raised("EINVAL", master.send_with_fds, master, 0, fds).arg)
            end
            assert.equal("fds", raised("EINVAL", master.send_with_fds, master, 0).arg)
            assert.equal("fds", raised("EINVAL", master.send_with_fds, master, -1, { file }).arg)
            assert.equal("fds", raised("EBADF", master.send_with_fds, master, 0, { closed }).arg)
            file:close()
            finish()
        end)

        it("a descriptor for a function that has none", function()
            asked 'C.unlink "/a"'
            local file = filesystem.open("/", { "path" })
            assert.equal("fds", raised("EINVAL", master.send_with_fds, master, 0, { file }).arg)
            file:close()
            finish()
        end)

        it("a status that is none", function()
            asked 'C.stat("/a", buffer)'
            assert.equal("result", raised("EINVAL", master.send, master, 0).arg)
            local cases = {
                { "result.type", {} },
                { "result.type", { type = "unknown", mode = 0 } },
                { "result.mode", { type = "regular" } },
                { "result.mode", { type = "regular", mode = 4096 } },
                { "result.size", { type = "regular", mode = 0, size = -1 } },
                { "result.uid", { type = "regular", mode = 0, uid = 2 ^ 32 } },
                { "result.mtime", { type = "regular", mode = 0, mtime = 5 } },
            }
            for _, case in ipairs(cases) do
                assert.equal(case[1], raised("EINVAL", master.send, master, case[2]).arg)
            end
            finish()
        end)

        it("names that getaddrinfo does not have", function()
            asked '(resolve("host", "80"))'
            assert.equal("result", raised("EINVAL", master.send, master, "nothing").arg)
            assert.equal("result[1]", raised("EINVAL", master.send, master, {}).arg)
            assert.equal("result[1]", raised("EINVAL", master.send, master, { "host" }).arg)
            assert.equal("result[2]", raised("EINVAL", master.send, master, { "1.2.3.4", 65536 }).arg)
            finish()
        end)

        it("to answer when nothing was asked, or twice", function()
            asked 'C.unlink "/a"'
            master:send(0)
            for _, name in ipairs { "send", "use_slave_credentials", "arguments", "descriptors" } do
                assert.equal(1, raised("EINVAL", master[name], master, 0).arg)
            end
            raised("EINVAL", function() return master.function_ end)
            assert.equal(0, inbox:receive())
            attacks.finish(channel)
            master:close()
        end)

        it("properties that the call, or no call, has", function()
            asked 'C.mkdir("/a", 448)'
            assert.equal("/a", tostring(master.path))
            assert.equal(448, master.mode)
            for _, key in ipairs { "port", "flags", "nothing" } do
                local ok, err = pcall(function() return master[key] end)
                assert.is_false(ok)
                assert.is_true(error_.is_core(err, "bad_index"))
            end
            raised("EPERM", function() master.nothing = 1 end)
            finish()
        end)

        it("a slave that is none, or was consumed", function()
            local own, slave = libc_service.new()
            raised("EINVAL", served.start, "return 1", {} --[[@as any]])
            channel = served.start("return 1", slave)
            assert.equal("subprocess/libc_service", raised("EBADF", served.start, "return 1", slave).arg)
            raised("EBADF", function() slave.open = "return -1" end)
            inbox:receive()
            attacks.finish(channel)
            own:close()
        end)

        it("a filter that is none", function()
            local own, slave = libc_service.new()
            assert.is_true(error_.is_core(select(2, pcall(function() slave.fopen = "return -1" end)), "bad_index"))
            assert.equal("open", raised("EINVAL", function() slave.open = 5 end).arg)
            assert.equal("open", raised("EINVAL", function() slave.open = "return return" end).arg)
            slave.open = "return -1"
            assert.equal("return -1", slave.open)
            slave.open = nil
            assert.is_nil(slave.open)
            own:close()
        end)
    end)

    it("is there in app mode", function()
        local program = temporary_directory.make() .. "/program.lua"
        text_file.write(
            program,
            [[
            local inbox = require "inbox"
            if _CONTEXT == "worker" then
                local _, err = pcall(require("filesystem").create_directory, "/made")
                inbox:receive():send(tostring(err))
            else
                local master, slave = require("libc_service").new()
                local channel = spawn_vm { module = ".", subprocess = { libc_service = slave, stderr = "share" } }
                channel:send(inbox)
                master:receive()
                print(master.function_, master.path)
                master:send(-1, require("generic_error").EDQUOT)
                print(inbox:receive())
            end
        ]]
        )
        local pipe = assert(io.popen(("bin/ljos '%s' 2>&1"):format(program)))
        local output = pipe:read "*a"
        pipe:close()
        assert.equal("mkdir\t/made\nDisk quota exceeded\n", output)
    end)

    it("keeps a slave whose actor could not be started", function()
        local master, slave = libc_service.new()
        raised("EINVAL", served.start, "return 1", slave, { environment = 5 })
        local channel = served.start('return call(C.unlink "/a")', slave)
        master:receive()
        master:send(3)
        assert.equal(3, inbox:receive())
        attacks.finish(channel)
        master:close()
    end)
end)
