local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local fs = require "ljos.filesystem"
local in_child = require "in_child"
local loop = require "ljos.loop"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local stream = require "ljos.stream"
local temporary_directory = require "temporary_directory"
local unix = require "ljos.unix"

local close, read = connection.close, connection.read
local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local span = byte_span.append

local names = 0
local function abstract_name()
    names = names + 1
    return ("@ljos-spec-%s-%d"):format(tostring(fiber):match "%x+$", names)
end

-- Two connected sockets and their acceptor.
local function connect(ep)
    local acceptor = unix.stream.listen(ep)
    local accepting = spawn(function() return acceptor:accept() end)
    local a = unix.stream.dial(ep)
    return a, accepting:join(), acceptor
end

describe("a pair of UNIX streams", function()
    local a, b
    before_each(function()
        a, b = unix.stream.socket.pair()
    end)
    after_each(function() close(a, b) end)

    it("carries bytes both ways", function()
        assert.equal("unix.stream.socket", getmetatable(a))
        assert.equal(5, a:write_some(span "hello"))
        assert.equal("hello", read(b))
        b:write_some(span "back")
        assert.equal("back", read(a))
        assert.is_true(a.local_path.empty)
        assert.is_true(a.remote_path.empty)
    end)

    it("half-closes: eof one way, bytes the other", function()
        a:write_some(span "last")
        a:shutdown "send"
        assert.equal("last", read(b))
        assert.equal(asio_error.misc.eof, raises.raised(read, b))
        b:write_some(span "still")
        assert.equal("still", read(a))
        raised("EPIPE", a.write_some, a, span "x")
    end)

    it("wakes a waiting reader with eof when the peer closes", function()
        local f = spawn(function() return raises.raised(read, b) end)
        yield()
        a:close()
        assert.equal(asio_error.misc.eof, f:join())
    end)

    it("raises ECONNRESET when the peer closed with bytes unread, EPIPE for what is written then", function()
        a:write_some(span "unread")
        b:close()
        raised("ECONNRESET", read, a)
        raised("EPIPE", a.write_some, a, span "x")
    end)

    it("ends a write that waits for room when the peer closes", function()
        local f = spawn(function()
            return raises.raised(function()
                while true do
                    a:write_some(byte_span.new(65536))
                end
            end)
        end)
        settle(function() return 0 end)
        b:close()
        local err = f:join()
        assert.is_true(err.EPIPE or err.ECONNRESET)
    end)

    it("moves megabytes unharmed", function()
        local size = 4 * 1024 * 1024
        local out, back = byte_span.new(size), byte_span.new(size)
        for i = 1, size, 4096 do
            out[i] = (i / 4096) % 251
        end
        local writing = spawn(function() stream.write_all(a, out) end)
        stream.read_all(b, back)
        writing:join()
        assert.is_true(out == back)
    end)

    it("serves two waiting readers", function()
        local function read_one() return read(b, 1) end
        local first, second = spawn(read_one), spawn(read_one)
        yield()
        a:write_some(span "xy")
        local got = { first:join(), second:join() }
        table.sort(got)
        assert.same({ "x", "y" }, got)
    end)

    it("finds what came while nobody waited for it, and waits for what comes then", function()
        local function nothing() return 0 end
        for _, word in ipairs { "first", "second" } do
            local waiting = spawn(function() return read(b) end)
            settle(nothing)
            a:write_some(span(word))
            assert.equal(word, waiting:join())
            a:write_some(span "early")
            settle(nothing)
            assert.equal("early", read(b))
        end
    end)

    it("reads on beside a writer that waits for room", function()
        local large, sent = byte_span.new(4 * 1024 * 1024), 0
        local reading = spawn(function() return read(b) end)
        settle(function() return 0 end)
        local writing = spawn(function()
            while sent < #large do
                sent = sent + b:write_some(large:sub(sent + 1))
            end
        end)
        settle(function() return sent end)
        a:write_some(span "one")
        assert.equal("one", reading:join())
        a:write_some(span "two")
        assert.equal("two", read(b))
        stream.read_all(a, byte_span.new(#large))
        writing:join()
        a:write_some(span "three")
        assert.equal("three", read(b))
    end)

    it("knows how much can be read, and the peer's credentials", function()
        a:write_some(span "12345")
        assert.equal(5, b:io_control "bytes_readable")
        local status = assert(io.open "/proc/self/status"):read "*a"
        local credentials = a:get_option "remote_credentials"
        assert.equal(tonumber(status:match "\nUid:%s+%d+%s+(%d+)"), credentials.uid)
        assert.same({ tonumber(status:match "\nGid:%s+%d+%s+(%d+)") }, credentials.groups)
        assert.equal(tonumber(status:match "\nPid:%s+(%d+)"), credentials.pid)
        assert.truthy(raised("ENOTSUP", a.get_option, a, "remote_security_labels").detail:find "FreeBSD")
        local ok, label = pcall(a.get_option, a, "remote_security_label")
        if ok then
            assert.is_string(label)
        else
            assert.is_true(label.ENOPROTOOPT) -- no security module labels sockets here
        end
    end)

    it("has its options", function()
        a:set_option("send_buffer_size", 20000)
        assert.is_true(a:get_option "send_buffer_size" >= 20000)
        a:set_option("receive_buffer_size", 20000)
        assert.is_true(a:get_option "receive_buffer_size" >= 20000)
        a:set_option("receive_low_watermark", 1)
        assert.equal(1, a:get_option "receive_low_watermark")
        assert.equal(1, a:get_option "send_low_watermark")
        a:set_option("debug", false)
        assert.is_false(a:get_option "debug")
        assert.equal(2, raised("EINVAL", a.get_option, a, "tcp_no_delay").arg)
        assert.equal(2, raised("EINVAL", a.set_option, a, "remote_credentials", true).arg)
        assert.equal(3, raised("EINVAL", a.set_option, a, "send_buffer_size", "big").arg)
    end)
end)

describe("UNIX streams at an address", function()
    local directory
    before_each(function() directory = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    it("connect through a path", function()
        local path = fs.path.new(directory) / "socket"
        local a, b, acceptor = connect(tostring(path))
        assert.equal("unix.stream.acceptor", getmetatable(acceptor))
        assert.equal(path, acceptor.local_path)
        assert.equal(path, a.remote_path)
        assert.equal(path, b.local_path)
        assert.is_true(b.remote_path.empty)
        a:write_some(span "over")
        assert.equal("over", read(b))
        close(a, b, acceptor)
        assert.is_true(fs.exists(path)) -- nobody but the program removes it
        raised("EADDRINUSE", unix.stream.listen, tostring(path))
        raised("ECONNREFUSED", unix.stream.dial, tostring(path))
        raised("ENOENT", unix.stream.dial, directory .. "/none")
    end)

    it("connect through an abstract name, and a file named @", function()
        local name = abstract_name()
        local a, b, acceptor = connect(name)
        assert.equal(name, tostring(acceptor.local_path))
        assert.equal(name, tostring(a.remote_path))
        close(a, b, acceptor)
        raised("ECONNREFUSED", unix.stream.dial, name)
        local here = fs.current_working_directory()
        fs.current_working_directory(fs.path.new(directory))
        a, b, acceptor = connect "./@file"
        fs.current_working_directory(here)
        assert.is_true(fs.exists(directory .. "/@file"))
        close(a, b, acceptor)
    end)

    it("take paths of up to 107 bytes, and raise ENAMETOOLONG beyond", function()
        local longest = directory .. "/" .. ("x"):rep(107 - #directory - 1)
        local a, b, acceptor = connect(longest)
        assert.equal(longest, tostring(a.remote_path))
        close(a, b, acceptor)
        assert.equal(1, raised("ENAMETOOLONG", unix.stream.dial, longest .. "x").arg)
        assert.equal(1, raised("ENAMETOOLONG", unix.stream.listen, longest .. "x").arg)
        local name = "@" .. ("y"):rep(107)
        a, b, acceptor = connect(name)
        assert.equal(name, tostring(a.remote_path))
        close(a, b, acceptor)
        raised("ENAMETOOLONG", unix.stream.dial, name .. "y")
    end)

    it("listen with the permissions asked for, whatever the umask", function()
        for _, mode in ipairs { fs.mode(6, 0, 0), fs.mode(6, 6, 6), fs.mode(7, 7, 0) } do
            local path = directory .. "/mode"
            local acceptor = unix.stream.listen(path, mode)
            assert.equal(mode, fs.status(path).mode)
            acceptor:close()
            fs.remove(fs.path.new(path))
        end
        unix.stream.listen(abstract_name(), fs.mode(6, 0, 0)):close()
        assert.equal(2, raised("EINVAL", unix.stream.listen, directory .. "/x", "rw").arg)
        raised("ENOENT", unix.stream.listen, directory .. "/none/x", fs.mode(6, 0, 0))
        assert.is_false(fs.exists(directory .. "/x"))
    end)

    it("listen with a mode where there is no /proc", function()
        in_child(function()
            local name = directory .. "/mode"
            local ok, err = S.fchmodat2(nil, directory, "0700", 0)
            if not ok and err.NOSYS then return "no fchmodat2(2)" end
            assert(S.mount("none", "/proc", "tmpfs"))
            unix.stream.listen(name, fs.mode(6, 0, 0)):close()
            assert(fs.status(name).mode == fs.mode(6, 0, 0))
            fs.lchmod(name, fs.mode(7, 0, 0))
            assert(fs.status(name).mode == fs.mode(7, 0, 0))
            fs.create_symlink("mode", directory .. "/link")
            assert(raises.raised(fs.lchmod, directory .. "/link", fs.mode(6, 6, 6)).ENOTSUP)
        end, "newuser, newns")
    end)

    it("wait for a place in a full queue, and can be canceled there", function()
        local name = abstract_name()
        local acceptor = unix.stream.acceptor.new()
        acceptor:open()
        acceptor:bind(name)
        acceptor:listen(0)
        local first = unix.stream.dial(name)
        local waiting, canceled = unix.stream.socket.new(), unix.stream.socket.new()
        waiting:open()
        canceled:open()
        local f = spawn(function() canceled:connect(name) end)
        local g = spawn(function() waiting:connect(name) end)
        settle(function() return 0 end)
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        local accepted = acceptor:accept()
        g:join()
        local other = acceptor:accept()
        first:write_some(span "1")
        waiting:write_some(span "2")
        assert.equal("12", read(accepted) .. read(other))
        close(first, waiting, canceled, accepted, other, acceptor)
        assert.equal(0, (loop.load()))
    end)

    it("accept in waiting fibers; cancel and close end the wait", function()
        local acceptor = unix.stream.listen(abstract_name())
        local name = tostring(acceptor.local_path)
        local canceled = spawn(function() return acceptor:accept() end)
        yield()
        canceled:cancel()
        canceled:join()
        assert.is_true(canceled.cancellation_caught)
        local ready = spawn(function() acceptor:wait "read" end)
        yield()
        local a = unix.stream.dial(name)
        ready:join()
        local b = acceptor:accept()
        for _, how in ipairs { "cancel", "close" } do
            local f = spawn(function() return raises.raised(acceptor.accept, acceptor) end)
            yield()
            acceptor[how](acceptor)
            assert.equal(error_.system "ECANCELED", f:join())
        end
        close(a, b)
    end)

    it("accept through descriptors handed on, which are blocking as before", function()
        local acceptor = unix.stream.listen(abstract_name())
        local name = tostring(acceptor.local_path)
        local a = unix.stream.dial(name)
        acceptor:accept():close()
        local fd = acceptor:release()
        assert.is_false(fd.non_blocking)
        assert.is_true(fd:is_socket("unix", "stream"))
        local again = unix.stream.acceptor.new(fd)
        local b = unix.stream.dial(name)
        again:accept():close()
        close(a, b, again)
    end)

    it("have acceptors with options", function()
        local acceptor = unix.stream.acceptor.new()
        raised("EBADF", acceptor.listen, acceptor)
        acceptor:open()
        assert.equal(asio_error.misc.already_open, raises.raised(acceptor.open, acceptor))
        assert.is_false(acceptor:get_option "enable_connection_aborted")
        acceptor:set_option("enable_connection_aborted", true)
        assert.is_true(acceptor:get_option "enable_connection_aborted")
        assert.is_false(acceptor:get_option "debug")
        raised("EINVAL", acceptor.set_option, acceptor, "enable_connection_aborted", 1)
        raised("EINVAL", acceptor.set_option, acceptor, "reuse_address", true)
        raised("EINVAL", acceptor.accept, acceptor) -- not listening
        acceptor:close()
    end)

    it("raise what connecting means in the wrong state", function()
        local a, b, acceptor = connect(abstract_name())
        raised("EISCONN", a.connect, a, acceptor.local_path)
        raised("EINVAL", a.disconnect, a) -- a stream's association is for good
        local unbound = unix.stream.socket.new()
        unbound:open()
        unbound:close()
        raised("EBADF", unbound.connect, unbound, acceptor.local_path)
        unbound:open()
        raised("ENOTCONN", function() return unbound.remote_path end)
        raised("ENOTCONN", unbound.get_option, unbound, "remote_credentials")
        raised("EINVAL", unbound.connect, unbound, "")
        assert.equal(2, raised("EINVAL", unbound.connect, unbound).arg)
        assert.equal(2, raised("EINVAL", unbound.bind, unbound, 5).arg)
        close(a, b, acceptor, unbound)
    end)
end)
