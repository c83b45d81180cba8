local needs = require "needs"
local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local file_descriptor = require "ljos.file_descriptor"
local in_child = require "in_child"
local ip = require "ljos.ip"
local loop = require "ljos.loop"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local close = connection.close
local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local raised = require("raises").raised
local bytes = byte_span.append

local function bound(address)
    local s = ip.udp.socket.new()
    s:open(ip.address.new(address or "127.0.0.1"))
    s:bind(address or "127.0.0.1", 0)
    return s
end

-- Two sockets connected to each other.
local function pair()
    local a, b = bound(), bound()
    a:connect(b.local_address, b.local_port)
    b:connect(a.local_address, a.local_port)
    return a, b
end

local function receive(s, size, flags)
    local buffer = byte_span.new(size or 100)
    local n = s:receive(buffer, flags)
    return tostring(buffer:first(math.min(n, #buffer))), n
end

describe("a UDP socket", function()
    needs.ipv6(it)("sends to an endpoint and says where a datagram came from", function()
        for _, address in ipairs { "127.0.0.1", "::1" } do
            local a, b = bound(address), bound(address)
            assert.equal("ip.udp.socket", getmetatable(a))
            assert.equal(5, a:send_to(bytes "hello", b.local_address, b.local_port))
            local buffer = byte_span.new(100)
            local n, addr, port = b:receive_from(buffer)
            assert.equal("hello", tostring(buffer:first(n)))
            assert.equal(ip.address.new(address), addr)
            assert.equal(address, tostring(addr))
            assert.equal(a.local_port, port)
            assert.equal(3, b:send_to(bytes "and", tostring(addr), port))
            assert.equal("and", (receive(a)))
            close(a, b)
        end
    end)

    it("that is connected needs no endpoints and hears its peer alone", function()
        local a, b = pair()
        local stranger = bound()
        assert.equal(b.local_port, a.remote_port)
        assert.equal(ip.address.loopback_v4(), a.remote_address)
        stranger:send_to(bytes "not you", a.local_address, a.local_port)
        assert.equal(2, b:send(bytes "me"))
        assert.equal("me", (receive(a)))
        a:disconnect()
        assert.is_true(raised(function() return a.remote_port end).ENOTCONN)
        close(a, b, stranger)
    end)

    it("refuses to send without a peer", function()
        local a = bound()
        assert.is_true(raised(a.send, a, bytes "x").EDESTADDRREQ)
        a:close()
    end)

    it("carries empty datagrams, which are no end of anything", function()
        local a, b = pair()
        assert.equal(0, a:send(byte_span.new(0)))
        assert.equal(0, a:send_to(byte_span.new(0), b.local_address, b.local_port))
        a:send(bytes "after")
        assert.equal(0, b:receive(byte_span.new(10)))
        local n, _, port = b:receive_from(byte_span.new(10))
        assert.same({ 0, a.local_port }, { n, port })
        assert.equal("after", (receive(b)))
        close(a, b)
    end)

    it("cuts off what does not fit, and tells the real length when asked to", function()
        local a, b = pair()
        a:send(bytes "0123456789")
        a:send(bytes "0123456789")
        a:send(bytes "abcdefghij")
        a:send(bytes "next")
        local text, n = receive(b, 4)
        assert.same({ "0123", 4 }, { text, n })
        text, n = receive(b, 4, { "truncate" })
        assert.same({ "0123", 10 }, { text, n })
        local buffer = byte_span.new(1)
        assert.equal(10, (b:receive_from(buffer, { "truncate" })))
        assert.equal("a", tostring(buffer))
        assert.equal("next", (receive(b, 4)))
        close(a, b)
    end)

    it("throws a datagram away that is received into nothing", function()
        local a, b = pair()
        a:send(bytes "lost")
        a:send(bytes "kept")
        assert.equal(0, b:receive(byte_span.new(0)))
        assert.equal("kept", (receive(b)))
        close(a, b)
    end)

    it("peeks without taking", function()
        local a, b = pair()
        a:send(bytes "once")
        assert.equal("once", (receive(b, 10, { "peek" })))
        assert.equal(4, (b:receive_from(byte_span.new(10), { "peek" })))
        assert.equal(4, b:io_control "bytes_readable")
        assert.equal("once", (receive(b)))
        assert.equal(0, b:io_control "bytes_readable")
        close(a, b)
    end)

    it("takes datagrams of any legal length, and no longer ones", function()
        local a, b = pair()
        local most = 65507 -- 65535 less the headers of IPv4 and UDP
        local big = byte_span.new(most)
        big[1], big[most] = 1, 2
        assert.equal(most, a:send(big))
        local back = byte_span.new(70000)
        assert.equal(most, b:receive(back))
        assert.is_true(big == back:first(most))
        assert.is_true(raised(a.send, a, byte_span.new(most + 1)).EMSGSIZE)
        assert.is_true(raised(a.send_to, a, byte_span.new(most + 1), "127.0.0.1", 9).EMSGSIZE)
        close(a, b)
    end)

    it("hears from a connected peer that nobody listens", function()
        local a, b = pair()
        b:close()
        a:send(bytes "hello?")
        assert.is_true(raised(a.receive, a, byte_span.new(10)).ECONNREFUSED)
        a:send(bytes "hello?") -- the error is reported once, and the socket goes on
        a:close()
    end)

    it("ends a waiting receive when receiving is shut down", function()
        local a, b = pair()
        local f = spawn(function() return b:receive(byte_span.new(10)) end)
        yield()
        b:shutdown "receive"
        assert.equal(0, f:join())
        assert.equal(0, b:receive(byte_span.new(10)))
        assert.equal(asio_error.misc.eof, raised(b.receive_from, b, byte_span.new(10)))
        a:shutdown "send"
        assert.is_true(raised(a.send, a, bytes "x").EPIPE)
        close(a, b)
    end)

    it("passes on to another object and back", function()
        local a, b = pair()
        local c = ip.udp.socket.new()
        local fd = b:release()
        assert.is_true(fd:is_socket("inet", "datagram", "udp"))
        assert.is_false(b.is_open)
        c:assign("v4", fd)
        a:send(bytes "moved")
        assert.equal("moved", (receive(c)))
        close(a, b, c)
    end)
end)

describe("cancellation of UDP operations", function()
    it("takes a waiting receive out and loses no datagram", function()
        local a, b = pair()
        for _, method in ipairs { "receive", "receive_from" } do
            local f = spawn(function() return b[method](b, byte_span.new(10)) end)
            yield()
            f:cancel()
            f:join()
            assert.is_true(f.cancellation_caught)
            a:send(bytes(method))
            assert.equal(method, (receive(b)))
        end
        close(a, b)
        assert.equal(0, (loop.load()))
    end)

    it("delivers a datagram that was faster", function()
        local a, b = pair()
        local got
        local f = spawn(function()
            got = b:receive_from(byte_span.new(10))
            yield()
        end)
        yield()
        a:send(bytes "first")
        time.sleep(0) -- the completion is taken from the kernel, and the fiber is ready
        f:cancel()
        f:join()
        if got == nil then
            assert.equal("first", (receive(b)))
        else
            assert.equal(5, got)
        end
        close(a, b)
    end)

    it("at any moment leaves every datagram received once", function()
        local a, b = pair()
        local sent, got = 300, 0
        local seen = {}
        local function take()
            local buffer = byte_span.new(10)
            local n = b:receive_from(buffer)
            seen[tostring(buffer:first(n))] = (seen[tostring(buffer:first(n))] or 0) + 1
            got = got + 1
        end
        local random = math.random
        for i = 1, sent do
            local f = spawn(take)
            if random() < 0.5 then yield() end
            a:send(bytes(tostring(i)))
            if random() < 0.5 then yield() end
            f:cancel()
            f:join()
        end
        while got < sent do
            take()
        end
        for i = 1, sent do
            assert.equal(1, seen[tostring(i)])
        end
        close(a, b)
        assert.equal(0, (loop.load()))
    end)

    it("by close() or cancel() of the socket is ECANCELED for the receiver", function()
        local a, b = pair()
        for _, how in ipairs { "cancel", "close" } do
            local f = spawn(function() return raised(b.receive_from, b, byte_span.new(1)) end)
            yield()
            b[how](b)
            assert.is_true(f:join().ECANCELED)
        end
        a:close()
    end)

    it("by a deadline leaves the socket as it was", function()
        local a, b = pair()
        assert.is_true(raised(timeout, 0.001, function() return b:receive_from(byte_span.new(10)) end).ETIMEDOUT)
        a:send(bytes "late")
        assert.equal("late", (receive(b)))
        close(a, b)
    end)
end)

describe("several receivers of one UDP socket", function()
    it("get one datagram each", function()
        local a, b = pair()
        local fibers = {}
        for i = 1, 20 do
            fibers[i] = spawn(function() return (receive(b)) end)
        end
        yield()
        for i = 1, 20 do
            a:send(bytes(("%02d"):format(i)))
        end
        local all = {}
        for i = 1, 20 do
            all[i] = fibers[i]:join()
        end
        table.sort(all)
        for i = 1, 20 do
            assert.equal(("%02d"):format(i), all[i])
        end
        close(a, b)
    end)
end)

describe("buffer space that has run out", function()
    it("is ENOBUFS for the receiver of what was lost, who goes on with what comes next", function()
        -- Netlink tells of losses, UDP drops without a word.
        in_child(function()
            local link = assert(S.socket("netlink", "raw", "route"))
            assert(link:bind(S.t.sockaddr_nl { groups = 1 }))
            assert(link:setsockopt("socket", "rcvbuf", 1))
            local s = ip.udp.socket.new()
            s:assign("v4", file_descriptor.new(link:nogc():getfd()))
            local function overflow()
                for _ = 1, 20 do
                    assert(S.nl.interface("lo"):up())
                    assert(S.nl.interface("lo"):down())
                end
            end
            overflow()
            assert(raised(s.receive, s, byte_span.new(4096)).ENOBUFS)
            assert(#receive(s, 4096) > 0)
            local f = spawn(function()
                local lost
                repeat
                    local ok, err = pcall(s.receive, s, byte_span.new(4096))
                    lost = not ok and err
                until lost
                return lost
            end)
            yield()
            overflow()
            assert(f:join().ENOBUFS)
            assert(#receive(s, 4096) > 0)
            s:close()
        end, "newuser, newnet")
    end)

    it("is ENOBUFS for a socket with as many groups as the kernel allows, and changes nothing", function()
        in_child(function()
            assert(S.nl.interface("lo"):up())
            local s, loopback = bound(), ip.address.loopback_v4()
            local group, ok, err = 0, true, nil
            while ok and group < 250 do
                group = group + 1
                ok, err = pcall(s.set_option, s, "join_multicast_group", "239.1.2." .. group, loopback)
            end
            if ok then return "no bound on memberships" end
            assert(err.ENOBUFS, tostring(err))
            s:set_option("leave_multicast_group", "239.1.2.1", loopback)
            s:set_option("join_multicast_group", "239.1.2." .. group, loopback)
            s:close()
        end, "newuser, newnet")
    end)
end)

describe("an option of a UDP socket", function()
    it("reads back as it was set, under IPv4 and IPv6", function()
        for _, family in ipairs { "v4", "v6" } do
            local s = ip.udp.socket.new()
            s:open(family)
            for _, name in ipairs { "broadcast", "do_not_route", "reuse_address", "multicast_loop" } do
                for _, value in ipairs { true, false } do
                    s:set_option(name, value)
                    assert.equal(value, s:get_option(name), name)
                end
            end
            for _, name in ipairs { "unicast_hops", "multicast_hops" } do
                s:set_option(name, 7)
                assert.equal(7, s:get_option(name), name)
            end
            for _, name in ipairs { "send_buffer_size", "receive_buffer_size" } do
                s:set_option(name, 20000)
                assert.is_true(s:get_option(name) >= 20000)
            end
            assert.is_boolean(s:get_option "debug")
            s:set_option("debug", false)
            s:close()
        end
        local s = ip.udp.socket.new()
        s:open "v6"
        s:set_option("v6_only", true)
        assert.is_true(s:get_option "v6_only")
        s:close()
    end)

    it("refuses what it cannot be, and names the argument", function()
        local s = ip.udp.socket.new()
        assert.is_true(raised(s.set_option, s, "broadcast", true).EBADF)
        assert.is_true(raised(s.set_option, s, "unicast_hops", 1).EBADF)
        s:open "v4"
        local cases = {
            { 2, "nonsense", true },
            { 2, "tcp_no_delay", true },
            { 2, nil, true },
            { 3, "broadcast", 1 },
            { 3, "unicast_hops", -1 },
            { 3, "unicast_hops", 256 },
            { 3, "multicast_hops", "7" },
            { 3, "send_buffer_size", 2 ^ 40 },
            { 3, "send_buffer_size", -1 },
            { 3, "send_buffer_size", 0 / 0 },
            { 3, "join_multicast_group", "192.0.2.1" },
            { 3, "join_multicast_group", nil },
            { 4, "join_multicast_group", "239.1.2.3", "lo" },
            { 4, "join_multicast_group", "239.1.2.3", "::1" },
            { 3, "multicast_interface", "lo" },
            { 4, "join_multicast_group", "ff02::1", ip.address.loopback_v4() },
            { 3, "multicast_interface", nil },
            { 3, "multicast_interface", -1 },
        }
        for _, case in ipairs(cases) do
            local err = raised(s.set_option, s, unpack(case, 2, 4))
            assert.equal(error_.generic "EINVAL", err)
            assert.equal(case[1], err.arg, tostring(case[2]))
        end
        assert.equal(2, raised(s.get_option, s, "join_multicast_group").arg)
        s:close()
    end)
end)

describe("multicast", function()
    local function receives(address, interface, group)
        local receiver, sender = ip.udp.socket.new(), bound(address)
        receiver:open(ip.address.new(address))
        receiver:set_option("reuse_address", true)
        receiver:bind(ip.address.new(address).is_v4 and "0.0.0.0" or "::", 0)
        receiver:set_option("join_multicast_group", group, interface)
        sender:set_option("multicast_interface", interface)
        sender:set_option("multicast_loop", true)
        sender:send_to(bytes "to all", group, receiver.local_port)
        local buffer = byte_span.new(100)
        local n, from = receiver:receive_from(buffer)
        assert.equal("to all", tostring(buffer:first(n)))
        assert.equal(address, tostring(from))
        receiver:set_option("leave_multicast_group", group, interface)
        assert.is_true(raised(receiver.set_option, receiver, "leave_multicast_group", group, interface).EADDRNOTAVAIL)
        close(receiver, sender)
    end

    it("reaches who joined a group, by the interface's IPv4 address or its index", function()
        local loopback = ip.address.new("fe80::1%lo").scope_id
        receives("127.0.0.1", ip.address.loopback_v4(), "239.77.1.2")
        receives("127.0.0.1", loopback, "239.77.1.3")
        receives("127.0.0.1", "127.0.0.1", "239.77.1.4")
    end)

    it("reaches who joined an IPv6 group, by the interface that the kernel chooses", function()
        local receiver, sender = ip.udp.socket.new(), ip.udp.socket.new()
        receiver:open "v6"
        receiver:bind("::", 0)
        sender:open "v6"
        sender:set_option("multicast_hops", 0) -- no further than this host
        local ok, err = pcall(function()
            receiver:set_option("join_multicast_group", "ff12::77:1")
            sender:send_to(bytes "to all", "ff12::77:1", receiver.local_port)
        end)
        if ok then
            assert.equal("to all", (receive(receiver)))
            receiver:set_option("leave_multicast_group", "ff12::77:1")
        end
        close(receiver, sender)
        if ok then return end
        assert.is_true(err.ENODEV or err.ENETUNREACH or err.EADDRNOTAVAIL)
        pending "no interface here has a route for IPv6 multicast"
    end)

    needs.ipv6(it)("takes an IPv6 group's own scope for the interface", function()
        local s = bound "::1"
        s:set_option("join_multicast_group", "ff12::77:2%lo")
        s:set_option("leave_multicast_group", "ff12::77:2", ip.address.new("fe80::1%lo").scope_id)
        s:close()
    end)
end)

needs.ipv6(it)("a new UDP socket is opened by connect, for the family of the address", function()
    local s = ip.udp.socket.new()
    s:connect("::1", 9)
    assert.equal("::1", tostring(s.remote_address))
    s:close()
end)

describe("bad use of a UDP socket", function()
    it("raises errors that name the argument and change nothing", function()
        local s = ip.udp.socket.new()
        local b = byte_span.new(1)
        for _, call in ipairs {
            { "receive", b },
            { "receive_from", b },
            { "send", b },
            { "send_to", b, "127.0.0.1", 1 },
            { "bind", "127.0.0.1", 0 },
            { "disconnect" },
            { "shutdown", "both" },
            { "io_control", "bytes_readable" },
            { "cancel" },
            { "release" },
        } do
            assert.is_true(raised(s[call[1]], s, unpack(call, 2)).EBADF, call[1])
        end
        assert.is_false(s.is_open)
        local closed = ip.udp.socket.new()
        closed:open "v4"
        closed:close()
        assert.is_true(raised(closed.connect, closed, "127.0.0.1", 1).EBADF)
        for _, call in ipairs {
            { 2, "receive", "text" },
            { 3, "receive", b, { "nonsense" } },
            { 3, "receive_from", b, "peek" },
            { 3, "send", b, { "truncate" } },
            { 3, "send_to", b, 5, 1 },
            { 3, "send_to", b, "nowhere", 1 },
            { 4, "send_to", b, "127.0.0.1", 65536 },
            { 5, "send_to", b, "127.0.0.1", 1, { "x" } },
            { 2, "open", "v5" },
            { 3, "bind", "127.0.0.1", -1 },
            { 2, "connect", {}, 1 },
            { 2, "shutdown", "all" },
            { 2, "io_control", "FIONREAD" },
            { 3, "assign", "v4", 5 },
        } do
            local err = raised(s[call[2]], s, unpack(call, 3))
            assert.equal(error_.generic "EINVAL", err)
            assert.equal(call[1], err.arg, call[2])
        end
        assert.is_true(error_.is_core(raised(function() return s.nonsense end), "bad_index"))
        s:open "v6"
        assert.equal(asio_error.misc.already_open, raised(s.open, s, "v4"))
        close(s, s)
    end)
end)
