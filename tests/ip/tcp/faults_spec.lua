local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local loop = require "ljos.loop"
local operation = require "ljos.loop.operation"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local pair, close, read = connection.tcp_pair, connection.close, connection.read
local raised = require("raises").raised
local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local scope, scope_cleanup_push = fiber.scope, fiber.scope_cleanup_push
local bytes = byte_span.append

-- Closes with a reset instead of an end.
local function reset(socket)
    socket:set_option("linger", true, 0)
    socket:close()
end

describe("a reset connection", function()
    it("raises ECONNRESET out of a waiting read", function()
        local a, b = pair()
        local f = spawn(function() return raised(b.read_some, b, byte_span.new(10)) end)
        yield()
        reset(a)
        assert.is_true(f:join().ECONNRESET)
        assert.is_true(raised(b.write_some, b, bytes "x").EPIPE)
        b:close()
    end)

    it("raises ECONNRESET out of a waiting write", function()
        local a, b = pair()
        local f = spawn(function()
            local block = byte_span.new(1024 * 1024)
            while true do
                a:write_some(block)
            end
        end)
        for _ = 1, 100 do
            yield()
        end
        reset(b)
        local err = raised(f.join, f)
        assert.is_true(err.ECONNRESET or err.EPIPE)
        a:close()
    end)

    it("is not noticed by an operation on another socket", function()
        local a, b = pair()
        local c, d = pair()
        local f = spawn(function() return read(d) end)
        yield()
        reset(a)
        assert.is_true(raised(b.read_some, b, byte_span.new(10)).ECONNRESET)
        c:write_some(bytes "alive")
        assert.equal("alive", f:join())
        close(b, c, d)
    end)
end)

describe("fiber.dump", function()
    it("names the peer that a fiber waits for", function()
        local a, b = pair()
        local f = spawn(function() b:read_some(byte_span.new(1)) end)
        yield()
        local text = ("read_some fd %d 127.0.0.1:%d"):format(b.fd, a.local_port)
        assert.matches(text, fiber.dump(), 1, true)
        f:cancel()
        f:join()
        close(a, b)
    end)
end)

describe("a half-closed connection", function()
    it("goes on in the other direction, for a reader that waits already and for one that comes later", function()
        local a, b = pair()
        local f = spawn(function() return read(a) end)
        yield()
        a:shutdown "send"
        assert.equal(asio_error.misc.eof, raised(b.read_some, b, byte_span.new(10)))
        b:write_some(bytes "answer")
        assert.equal("answer", f:join())
        b:write_some(bytes "more")
        assert.equal("more", read(a))
        assert.is_true(raised(a.write_some, a, bytes "x").EPIPE)
        close(a, b)
    end)

    it("ends a waiting read of one's own when receiving is shut down", function()
        local a, b = pair()
        local f = spawn(function() return raised(a.read_some, a, byte_span.new(10)) end)
        yield()
        a:shutdown "receive"
        assert.equal(asio_error.misc.eof, f:join())
        close(a, b)
    end)
end)

describe("an acceptor without descriptors left", function()
    it("raises EMFILE, loses no connection, and goes on when there are some again", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local a = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
        local waiting = assert(S.getrlimit "nofile")
        local highest = assert(S.dup(0))
        assert(S.setrlimit("nofile", { cur = highest:getfd(), max = waiting.max }))
        highest:close()
        -- The lowest free number is below the limit: fill what is left.
        local fillers = {}
        repeat
            local fd = S.dup(0)
            fillers[#fillers + 1] = fd
        until not fd
        local ok, err = pcall(acceptor.accept, acceptor)
        local again_ok, again_err = pcall(acceptor.accept, acceptor)
        local open_err = select(2, pcall(function() ip.tcp.socket.new():open "v4" end))
        for _, fd in ipairs(fillers) do
            fd:close()
        end
        assert(S.setrlimit("nofile", waiting))
        assert.is_false(ok)
        assert.is_true(err.EMFILE)
        assert.is_false(again_ok)
        assert.is_true(again_err.EMFILE)
        assert.is_true(open_err.EMFILE)
        local b = acceptor:accept()
        a:write_some(bytes "kept")
        assert.equal("kept", read(b))
        close(a, b, acceptor)
    end)
end)

describe("several readers of one TCP socket", function()
    it("get each byte once", function()
        local a, b = pair()
        local first = spawn(function() return read(b, 1) end)
        local second = spawn(function() return read(b, 1) end)
        yield()
        a:write_some(bytes "xy")
        local got = { first:join(), second:join() }
        table.sort(got)
        assert.same({ "x", "y" }, got)
        close(a, b)
    end)

    it("are canceled one by one", function()
        local a, b = pair()
        local first = spawn(function() return read(b, 1) end)
        local second = spawn(function() return read(b, 1) end)
        yield()
        first:cancel()
        first:join()
        assert.is_true(first.cancellation_caught)
        a:write_some(bytes "z")
        assert.equal("z", second:join())
        close(a, b)
        assert.equal(0, (loop.load()))
    end)
end)

describe("connecting", function()
    it("fails a second time like the first, and works once somebody listens", function()
        local acceptor = ip.tcp.acceptor.new()
        acceptor:open "v4"
        acceptor:bind("127.0.0.1", 0)
        local port = acceptor.local_port
        local s = ip.tcp.socket.new()
        s:open "v4"
        assert.is_true(raised(s.connect, s, "127.0.0.1", port).ECONNREFUSED)
        assert.is_true(raised(s.connect, s, "127.0.0.1", port).ECONNREFUSED)
        acceptor:listen()
        s:connect("127.0.0.1", port)
        assert.is_true(raised(s.connect, s, "127.0.0.1", port).EISCONN)
        close(s, acceptor)
    end)

    it("to nobody and reading before connecting are told apart", function()
        local s = ip.tcp.socket.new()
        s:open "v4"
        assert.is_true(raised(s.read_some, s, byte_span.new(1)).ENOTCONN)
        assert.is_true(raised(function() return s.remote_address end).ENOTCONN)
        assert.is_true(raised(s.shutdown, s, "both").ENOTCONN)
        s:close()
    end)

    it("can be undone", function()
        local a, b = pair()
        a:disconnect()
        assert.is_true(raised(function() return a.remote_port end).ENOTCONN)
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        a:connect(acceptor.local_address, acceptor.local_port)
        assert.equal(acceptor.local_port, a.remote_port)
        close(a, b, acceptor)
    end)
end)

describe("binding and listening", function()
    it("raises EADDRINUSE and EADDRNOTAVAIL and leaves the acceptor usable", function()
        local taken = ip.tcp.listen "127.0.0.1:0"
        local a = ip.tcp.acceptor.new()
        a:open "v4"
        assert.is_true(raised(a.bind, a, "127.0.0.1", taken.local_port).EADDRINUSE)
        assert.is_true(raised(a.bind, a, "192.0.2.77", 0).EADDRNOTAVAIL)
        assert.is_true(raised(a.accept, a).EINVAL)
        for _, backlog in ipairs { -1, 1.5, 2 ^ 40, 0 / 0, "5", {} } do
            assert.equal(2, raised(a.listen, a, backlog).arg)
        end
        a:bind("127.0.0.1", 0)
        a:listen(2 ^ 31 - 1)
        local s = ip.tcp.dial("127.0.0.1:" .. a.local_port)
        close(a:accept(), s, a, taken)
    end)

    it("of a name that is taken closes what listen had opened", function()
        local taken = ip.tcp.listen "127.0.0.1:0"
        assert.is_true(raised(ip.tcp.listen, "127.0.0.1:" .. taken.local_port).EADDRINUSE)
        taken:close()
    end)
end)

describe("out-of-band data", function()
    it("is an error condition to wait for, and is received with its flag", function()
        local a, b = pair()
        local f = spawn(function() b:wait "error" end)
        yield()
        assert.equal(1, a:send(bytes "!", { "out_of_band" }))
        f:join()
        local buffer = byte_span.new(10)
        assert.equal(1, b:receive(buffer, { "out_of_band" }))
        assert.equal("!", tostring(buffer:first(1)))
        close(a, b)
    end)

    it("is EINVAL where there is none, also of a socket that has been read empty, and beside a reader", function()
        local a, b = pair()
        local function none() return timeout(30, raised, b.receive, b, byte_span.new(1), { "out_of_band" }) end
        assert.is_true(none().EINVAL)
        local first
        local reading = spawn(function()
            first = read(b)
            return first .. read(b)
        end)
        yield()
        a:write_some(bytes "x")
        while not first do
            time.sleep(0.001)
        end
        assert.is_true(none().EINVAL)
        a:write_some(bytes "y")
        assert.equal("xy", reading:join())
        assert.is_true(none().EINVAL)
        close(a, b)
    end)

    it("stays in the stream where that is asked for, and at_mark tells where it is", function()
        local a, b = pair()
        b:set_option("out_of_band_inline", true)
        assert.is_false(b.at_mark)
        a:send(bytes "ab", {})
        a:send(bytes "c", { "out_of_band" })
        a:send(bytes "d", {})
        b:wait "error"
        assert.is_false(b.at_mark)
        assert.equal("ab", read(b)) -- the kernel stops at the mark
        assert.is_true(b.at_mark)
        assert.equal("c", read(b, 1))
        assert.is_false(b.at_mark)
        close(a, b)
    end)
end)

describe("waiting for readiness", function()
    it("ends when bytes, room or a connection are there", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local accepting = spawn(function() acceptor:wait "read" end)
        yield()
        local a = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
        accepting:join()
        local b = acceptor:accept()
        a:wait "write"
        local reading = spawn(function() b:wait "read" end)
        yield()
        a:write_some(bytes "12345")
        reading:join()
        assert.equal(5, b:io_control "bytes_readable")
        assert.equal(2, raised(a.wait, a, "nothing").arg)
        close(a, b, acceptor)
    end)

    -- Starts to wait and returns the fiber, and how often the kernel was asked since then.
    local function counting(object, what)
        local count, poll = 0, operation.poll
        operation.poll = function(...)
            count = count + 1
            return poll(...)
        end
        local f = spawn(function()
            scope(function()
                scope_cleanup_push(function() operation.poll = poll end)
                object:wait(what)
            end)
        end)
        yield()
        return f, function() return count end
    end

    it("for room goes on while there is none, quietly, where the peer has ended its side", function()
        local a, b = pair()
        b:set_option("send_buffer_size", 10000)
        connection.fill(function() b:write_some(byte_span.new(100000)) end, function() return 0 end)
        a:shutdown "send"
        local f, count = counting(b, "write")
        local buffer = byte_span.new(1000000)
        time.sleep(0.02)
        assert.is_true(count() < 5)
        local reading = spawn(function()
            while pcall(a.read_some, a, buffer) do
            end
        end)
        timeout(30, f.join, f)
        b:close()
        reading:join()
        a:close()
    end)

    it("for an error is not ended by bytes, nor by their end", function()
        local a, b = pair()
        local f, count = counting(b, "error")
        a:write_some(bytes "x")
        time.sleep(0.005)
        a:shutdown "send"
        time.sleep(0.02)
        assert.is_true(count() < 5)
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        close(a, b)
    end)

    it("holds up nobody who reads or writes meanwhile", function()
        local a, b = pair()
        a:write_some(bytes "x")
        b:wait "read"
        local waiting = spawn(function() b:wait "error" end)
        yield()
        time.sleep(0.001) -- the loop has looked at the kernel
        assert.equal("x", timeout(30, read, b))
        assert.equal(1, timeout(30, b.write_some, b, bytes "y"))
        waiting:cancel()
        waiting:join()
        close(a, b)
    end)

    it("can be canceled", function()
        local a, b = pair()
        local f = spawn(function() b:wait "read" end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        f = spawn(function() return raised(b.wait, b, "read") end)
        yield()
        b:close()
        assert.is_true(f:join().ECANCELED)
        a:close()
    end)
end)

describe("an option of a TCP socket or acceptor", function()
    it("reads back as it was set", function()
        local s, a = ip.tcp.socket.new(), ip.tcp.acceptor.new()
        s:open "v6"
        a:open "v6"
        for _, name in ipairs { "tcp_no_delay", "out_of_band_inline", "keep_alive", "do_not_route", "v6_only" } do
            for _, value in ipairs { true, false } do
                s:set_option(name, value)
                assert.equal(value, s:get_option(name), name)
            end
        end
        for _, name in ipairs { "send_buffer_size", "receive_buffer_size" } do
            s:set_option(name, 30000)
            assert.is_true(s:get_option(name) >= 30000, name)
        end
        s:set_option("receive_low_watermark", 5)
        assert.equal(5, s:get_option "receive_low_watermark")
        assert.equal(1, s:get_option "send_low_watermark") -- Linux has no other
        assert.is_true(raised(s.set_option, s, "send_low_watermark", 2).ENOPROTOOPT)
        s:set_option("linger", true, 3)
        assert.same({ true, 3 }, { s:get_option "linger" })
        s:set_option("linger", false)
        assert.is_false((s:get_option "linger"))
        s:set_option("debug", false)
        assert.is_false(s:get_option "debug")
        for _, name in ipairs { "reuse_address", "v6_only", "enable_connection_aborted" } do
            for _, value in ipairs { true, false } do
                a:set_option(name, value)
                assert.equal(value, a:get_option(name), name)
            end
        end
        for _, case in ipairs {
            { 4, "linger", true },
            { 4, "linger", true, -1 },
            { 3, "linger", 5 },
            { 3, "receive_low_watermark", 2 ^ 31 },
            { 3, "receive_buffer_size", true },
        } do
            assert.equal(case[1], raised(s.set_option, s, unpack(case, 2, 4)).arg)
        end
        close(s, a)
    end)
end)
