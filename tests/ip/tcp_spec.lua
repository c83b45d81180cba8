local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local loop = require "ljos.loop"
local needs = require "needs"
local time = require "ljos.time"

local pair, close = connection.tcp_pair, connection.close
local raised = require("raises").raised
local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("a TCP connection", function()
    it("carries bytes both ways and knows its endpoints", function()
        local a, b = pair()
        assert.equal("ip.tcp.socket", getmetatable(a))
        assert.equal(5, a:write_some(byte_span.append "hello"))
        local buffer = byte_span.new(100)
        assert.equal(5, b:read_some(buffer))
        assert.equal("hello", tostring(buffer:first(5)))
        assert.equal(a.local_port, b.remote_port)
        assert.equal("127.0.0.1", tostring(a.remote_address))
        assert.is_true(a.is_open)
        close(a, b)
        assert.is_false(a.is_open)
    end)

    needs.ipv6(it)("works over IPv6", function()
        local acceptor = ip.tcp.listen "[::1]:0"
        local accepting = spawn(function() return acceptor:accept() end)
        local a = ip.tcp.dial("[::1]:" .. acceptor.local_port)
        assert.is_true(accepting:join().remote_address.is_v6)
        close(a, acceptor)
    end)

    it("ends with eof, after what was sent before", function()
        local a, b = pair()
        a:write_some(byte_span.append "last")
        a:shutdown "send"
        local buffer = byte_span.new(10)
        assert.equal(4, b:read_some(buffer))
        assert.equal(asio_error.misc.eof, raised(b.read_some, b, buffer))
        assert.equal(asio_error.misc.eof, raised(b.read_some, b, buffer))
        b:write_some(byte_span.append "back") -- half-closed: the other way still works
        assert.equal(4, a:read_some(buffer))
        close(a, b)
    end)

    it("wakes a reader when the peer closes while it waits, also right after a short read", function()
        local a, b = pair()
        local f = spawn(function()
            local buffer = byte_span.new(100)
            local n = b:read_some(buffer)
            return n, raised(b.read_some, b, buffer)
        end)
        yield()
        a:write_some(byte_span.append "x")
        a:close()
        local n, err = f:join()
        assert.equal(1, n)
        assert.equal(asio_error.misc.eof, err)
        b:close()
    end)

    it("raises EPIPE or ECONNRESET, and no SIGPIPE, when the peer is gone", function()
        local a, b = pair()
        b:close()
        local ok, err
        repeat -- the peer's answer may take its time
            ok, err = pcall(a.write_some, a, byte_span.append "data")
        until not ok
        assert.is_true(err.EPIPE or err.ECONNRESET)
        a:close()
    end)

    it("moves megabytes through short writes and short reads unharmed", function()
        local a, b = pair()
        a:set_option("send_buffer_size", 8192)
        local size = 4 * 1024 * 1024
        local out = byte_span.new(size)
        for i = 1, size, 4096 do
            out[i] = (i / 4096) % 251
        end
        local writer = spawn(function()
            local rest, calls = out, 0
            while #rest > 0 do
                rest = rest:sub(a:write_some(rest) + 1)
                calls = calls + 1
            end
            a:close()
            return calls
        end)
        local got, back = 0, byte_span.new(size)
        local ok, err
        repeat
            ok, err = pcall(function() got = got + b:read_some(back:sub(got + 1, math.min(size, got + 10000))) end)
        until not ok or got == size
        assert.equal(size, got, tostring(err))
        assert.is_true(writer:join() > 1)
        assert.is_true(out == back)
        b:close()
    end)

    it("finds what is behind urgent data, which ends a read early", function()
        local a, b = pair()
        local buffer = byte_span.new(100)
        local waiting = spawn(function() return b:read_some(buffer) end)
        yield()
        a:write_some(byte_span.append "first")
        assert.equal(5, waiting:join())
        a:write_some(byte_span.append "before")
        a:send(byte_span.append "!", { "out_of_band" })
        a:write_some(byte_span.append "after")
        local got = 0
        while got < 11 do
            got = got + b:read_some(buffer)
        end
        assert.equal(11, got)
        close(a, b)
    end)

    it("that waits to be accepted is accepted at once, without a turn of the others", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local dialed, accepted, turns = {}, {}, 0
        for i = 1, 20 do
            dialed[i] = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
        end
        local others = spawn(function()
            while true do
                turns = turns + 1
                yield()
            end
        end)
        for i = 1, 20 do
            -- Whose connect has returned may be there a moment later.
            assert.equal(1, S.poll({ { fd = acceptor, events = "in" } }))
            accepted[i] = acceptor:accept()
        end
        assert.equal(0, turns)
        others:cancel()
        others:join()
        close(acceptor, unpack(dialed))
        close(unpack(accepted))
    end)

    it("refuses a port where nobody listens", function()
        local deaf = ip.tcp.acceptor.new()
        deaf:open "v4"
        deaf:bind("127.0.0.1", 0)
        assert.is_true(raised(ip.tcp.dial, "127.0.0.1:" .. deaf.local_port).ECONNREFUSED)
        deaf:close()
    end)
end)

describe("cancellation of TCP operations", function()
    it("takes a waiting read out and loses no byte", function()
        local a, b = pair()
        local buffer = byte_span.new(10)
        local f = spawn(function() return b:read_some(buffer) end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        a:write_some(byte_span.append "kept")
        assert.equal(4, b:read_some(buffer))
        close(a, b)
        assert.equal(0, (loop.load()))
    end)

    it("delivers a read that was faster than the cancellation", function()
        local a, b = pair()
        local buffer = byte_span.new(10)
        local f = spawn(function()
            local n = b:read_some(buffer)
            yield()
            return n
        end)
        local got
        local g = spawn(function()
            got = b:read_some(buffer)
            yield()
        end)
        f:cancel()
        f:join()
        a:write_some(byte_span.append "x")
        time.sleep(0.01) -- the completion is there, the fiber has run up to its yield
        g:join()
        assert.equal(1, got)
        close(a, b)
    end)

    it("takes a waiting accept out; the next accept works", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local f = spawn(function() return acceptor:accept() end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        local g = spawn(function() return acceptor:accept() end)
        local a = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
        close(a, g:join(), acceptor)
    end)

    it("takes a connect out that gets no answer", function()
        local full = ip.tcp.acceptor.new()
        full:open "v4"
        full:bind("127.0.0.1", 0)
        full:listen(1)
        local sockets, pending = {}, nil
        for i = 1, 8 do
            local s, was_open = ip.tcp.socket.new(), i % 2 == 0
            if was_open then s:open "v4" end
            sockets[i] = s
            local f = spawn(function() s:connect("127.0.0.1", full.local_port) end)
            time.sleep(0.005)
            f:cancel()
            local is_ours = i % 4 == 1 -- opened anew while the attempt ends: that is not the attempt's to undo
            if is_ours then
                s:close()
                s:open "v4"
            end
            f:join()
            if f.cancellation_caught then
                pending = true
                assert.equal(was_open or is_ours, s.is_open)
            end
        end
        assert.is_true(pending)
        close(full, unpack(sockets))
        time.sleep(0)
        assert.equal(0, (loop.load()))
    end)

    it("by close() or cancel() of the socket is ECANCELED for the reader, not fiber_canceled", function()
        local a, b = pair()
        for _, how in ipairs { "cancel", "close" } do
            local f = spawn(function() return raised(b.read_some, b, byte_span.new(1)) end)
            yield()
            b[how](b)
            assert.is_true(f:join().ECANCELED)
        end
        a:close()
        assert.equal(0, (loop.load()))
    end)

    it("of a socket closed before its read was submitted does not touch the number's next owner", function()
        local a, b = pair()
        local f = spawn(function() return raised(b.read_some, b, byte_span.new(10)) end)
        local c, d
        local g = spawn(function()
            b:close()
            c, d = pair() -- takes b's number
            c:write_some(byte_span.append "for d")
            local buffer = byte_span.new(10)
            return d:read_some(buffer)
        end)
        assert.equal(5, g:join())
        assert.is_true(f:join().ECANCELED)
        close(a, c, d)
    end)
end)

describe("connect of a socket that has never been open", function()
    it("opens it", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local s = ip.tcp.socket.new()
        s:connect(acceptor.local_address, acceptor.local_port)
        assert.equal(acceptor.local_port, s.remote_port)
        close(acceptor:accept(), acceptor, s)
        assert.is_true(raised(s.connect, s, "127.0.0.1", 1).EBADF)
    end)

    it("leaves it as it was when it fails", function()
        local deaf = ip.tcp.acceptor.new()
        deaf:open "v4"
        deaf:bind("127.0.0.1", 0)
        local s = ip.tcp.socket.new()
        assert.is_true(raised(s.connect, s, "127.0.0.1", deaf.local_port).ECONNREFUSED)
        assert.is_false(s.is_open)
        s:open "v4"
        close(s, deaf)
    end)
end)

describe("bad use of a TCP socket", function()
    it("raises errors that name the argument and change nothing", function()
        local s = ip.tcp.socket.new()
        assert.is_true(raised(s.read_some, s, byte_span.new(1)).EBADF)
        assert.equal(2, raised(s.read_some, s, "text").arg)
        assert.equal(2, raised(s.open, s, "v5").arg)
        assert.is_true(error_.is_core(raised(function() return s.nonsense end), "bad_index"))
        s:open "v4"
        assert.equal(asio_error.misc.already_open, raised(s.open, s, "v4"))
        assert.equal(3, raised(s.connect, s, "127.0.0.1", 70000).arg)
        assert.equal(2, raised(s.connect, s, "nowhere", 80).arg)
        assert.equal(2, raised(s.set_option, s, "nonsense", true).arg)
        assert.equal(3, raised(s.set_option, s, "keep_alive", 1).arg)
        assert.equal(2, raised(s.shutdown, s, "all").arg)
        s:close()
        s:close()
    end)

    it("is not needed for options: they read back as they were set", function()
        local s = ip.tcp.socket.new()
        s:open "v4"
        for _, name in ipairs { "tcp_no_delay", "keep_alive", "out_of_band_inline", "do_not_route" } do
            s:set_option(name, true)
            assert.is_true(s:get_option(name), name)
        end
        s:set_option("receive_low_watermark", 3)
        assert.equal(3, s:get_option "receive_low_watermark")
        s:set_option("linger", true, 7)
        assert.same({ true, 7 }, { s:get_option "linger" })
        assert.equal(0, s:io_control "bytes_readable")
        s:close()
    end)
end)

describe("a socket that is dropped", function()
    it("closes its descriptor when it is collected, and the number works again under the engine", function()
        local a, b = pair()
        local fd = a.fd
        a = nil -- luacheck: ignore
        collect()
        local c, d = pair()
        assert.is_true(c.fd <= fd or d.fd <= fd)
        c:write_some(byte_span.append "ping")
        assert.equal(4, d:read_some(byte_span.new(10)))
        close(b, c, d)
    end)
end)

describe("many operations at once", function()
    it("overflow the submission queue without loss", function()
        local a, b = pair()
        local count = 3000
        local fibers, sockets = {}, {}
        for i = 1, count / 2 do
            local acceptor = ip.tcp.acceptor.new()
            sockets[i] = acceptor
            if i <= 200 then
                acceptor:open "v4"
                acceptor:bind("127.0.0.1", 0)
                acceptor:listen()
            end
        end
        for i = 1, 200 do
            for _ = 1, 15 do
                fibers[#fibers + 1] = spawn(function() return sockets[i]:accept() end)
            end
        end
        yield()
        for _, f in ipairs(fibers) do
            f:cancel()
        end
        local caught = 0
        for _, f in ipairs(fibers) do
            f:join()
            if f.cancellation_caught then caught = caught + 1 end
        end
        assert.equal(#fibers, caught)
        for i = 1, 200 do
            sockets[i]:close()
        end
        assert.equal(0, (loop.load()))
        close(a, b)
    end)
end)
