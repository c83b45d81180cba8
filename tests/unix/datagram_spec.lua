local byte_span = require "ljos.byte_span"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local fs = require "ljos.filesystem"
local loop = require "ljos.loop"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local temporary_directory = require "temporary_directory"
local unix = require "ljos.unix"

local close, receive = connection.close, connection.receive
local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local span = byte_span.append

local function bound(pathname)
    local socket = unix.datagram.socket.new()
    socket:open()
    if pathname then socket:bind(pathname) end
    return socket
end

describe("UNIX datagrams", function()
    local directory
    before_each(function() directory = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    it("keep their boundaries, also the empty one's", function()
        local a, b = unix.datagram.socket.pair()
        assert.equal("unix.datagram.socket", getmetatable(a))
        for _, text in ipairs { "one", "", "three" } do
            assert.equal(#text, a:send(span(text)))
        end
        assert.equal("one", receive(b))
        assert.equal("", receive(b))
        assert.equal("three", receive(b, { "peek" }))
        assert.equal(2, b:receive(byte_span.new(2))) -- the rest is cut off
        a:send(span "next")
        assert.equal("next", receive(b))
        close(a, b)
    end)

    it("name their sender", function()
        local a, b, c = bound(directory .. "/a"), bound(directory .. "/b"), bound()
        local buffer = byte_span.new(10)
        assert.equal(2, a:send_to(span "hi", fs.path.new(directory .. "/b")))
        local count, sender = b:receive_from(buffer)
        assert.equal("hi", tostring(buffer:first(count)))
        assert.equal(fs.path.new(directory .. "/a"), sender)
        c:send_to(span "who?", directory .. "/b")
        count, sender = b:receive_from(buffer, { "peek" })
        assert.equal(4, count)
        assert.is_true(sender.empty)
        assert.equal("who?", receive(b))
        a:send_to(byte_span.new(0), directory .. "/b")
        count, sender = b:receive_from(buffer)
        assert.equal(0, count)
        assert.equal(directory .. "/a", tostring(sender))
        close(a, b, c)
    end)

    it("answer to an abstract name as it came", function()
        local name = "@ljos-spec" .. directory:gsub("/", "-")
        local server, client = bound(name), bound(fs.path.new(name .. "-client"))
        assert.equal(name, tostring(server.local_path))
        client:send_to(span "question", name)
        local buffer = byte_span.new(20)
        local count, sender = server:receive_from(buffer)
        assert.equal("question", tostring(buffer:first(count)))
        assert.equal(name .. "-client", tostring(sender))
        server:send_to(span "answer", sender)
        client:connect(server.local_path)
        assert.equal(6, client:receive(buffer))
        local dialed = unix.datagram.dial(name)
        assert.equal(server.local_path, dialed.remote_path)
        dialed:send(span "3")
        assert.equal(1, server:receive(buffer))
        close(server, client, dialed)
    end)

    it("get an abstract name from the kernel when bound to the empty path", function()
        local a, b = bound "", bound()
        local name = tostring(a.local_path)
        assert.matches("^@%x+$", name)
        b:connect(a.local_path)
        b:send(span "found")
        assert.equal("found", receive(a))
        assert.equal(name, tostring(b.remote_path))
        close(a, b)
    end)

    it("come from the peer alone when connected, from anyone when disconnected", function()
        local a, b, c = bound(directory .. "/a"), bound(directory .. "/b"), bound(directory .. "/c")
        a:connect(directory .. "/b")
        raised("EPERM", c.send_to, c, span "x", directory .. "/a")
        a:disconnect()
        raised("ENOTCONN", a.send, a, span "x")
        c:send_to(span "now", directory .. "/a")
        assert.equal("now", receive(a))
        local dialed = unix.datagram.dial(directory .. "/c")
        dialed:send(span "dialed")
        assert.equal("dialed", receive(c))
        close(a, b, c, dialed)
    end)

    it("raise ECONNREFUSED when the receiver is gone, ECONNRESET to who waits for it", function()
        local a, b = bound(), bound(directory .. "/b")
        a:connect(directory .. "/b")
        b:close()
        raised("ECONNREFUSED", a.send, a, span "x")
        raised("ECONNREFUSED", a.send_to, a, span "x", directory .. "/b")
        raised("ENOENT", a.send_to, a, span "x", directory .. "/none")
        a:close()
        a, b = unix.datagram.socket.pair()
        b:close()
        raised("ECONNREFUSED", a.send, a, span "x")
        a:close()
    end)

    it("too long for the socket are EMSGSIZE", function()
        local a, b = unix.datagram.socket.pair()
        a:set_option("send_buffer_size", 8192)
        raised("EMSGSIZE", a.send, a, byte_span.new(1000000))
        close(a, b)
    end)

    -- Sends until there is no room; the sender then waits.
    local function overfill(send)
        local sent = 0
        local f = spawn(function()
            while true do
                send()
                sent = sent + 1
            end
        end)
        settle(function() return sent end)
        return f, sent
    end

    it("wait for room in the queue of a socket that is no peer; canceled, they send nothing", function()
        local a, b = bound(), bound(directory .. "/b")
        for _, how in ipairs { "send_to", "send" } do
            if how == "send" then a:connect(directory .. "/b") end
            local f, sent = overfill(function() a[how](a, span "x", how == "send_to" and directory .. "/b" or nil) end)
            assert.is_true(sent > 0)
            f:cancel()
            f:join()
            assert.is_true(f.cancellation_caught)
            local waiting = spawn(function() a[how](a, span "last", how == "send_to" and directory .. "/b" or nil) end)
            settle(function() return 0 end)
            for _ = 1, sent do
                assert.equal("x", receive(b))
            end
            waiting:join()
            assert.equal("last", receive(b))
            assert.equal(0, b:io_control "bytes_readable")
        end
        close(a, b)
        assert.equal(0, (loop.load()))
    end)

    it("raise ECONNREFUSED to a sender that waits when the receiver closes", function()
        local a, b = bound(), bound(directory .. "/b")
        local f = spawn(function()
            return raises.raised(function()
                while true do
                    a:send_to(span "x", directory .. "/b")
                end
            end)
        end)
        settle(function() return 0 end)
        b:close()
        local err = f:join()
        assert.is_true(err.ECONNREFUSED or err.EPIPE or err.ECONNRESET, tostring(err))
        a:close()
    end)

    it("wake a receiver on cancel and close with ECANCELED", function()
        local a = bound(directory .. "/a")
        for _, method in ipairs { "receive", "receive_from", "receive_with_fds", "receive_from_with_fds" } do
            local f = spawn(
                function() return raises.raised(a[method], a, byte_span.new(1), method:find "fds" and 1 or nil) end
            )
            yield()
            a:cancel()
            assert.equal(error_.system "ECANCELED", f:join())
        end
        local f = spawn(function() return raises.raised(a.receive, a, byte_span.new(1)) end)
        yield()
        a:close()
        assert.equal(error_.system "ECANCELED", f:join())
    end)

    it("have their options and flags", function()
        local a, b = unix.datagram.socket.pair()
        a:set_option("send_buffer_size", 20000)
        assert.is_true(a:get_option "send_buffer_size" >= 20000)
        assert.is_false(a:get_option "debug")
        raised("EINVAL", a.get_option, a, "remote_credentials")
        assert.equal(3, raised("EINVAL", a.receive, a, byte_span.new(1), { "poke" }).arg)
        assert.equal(3, raised("EINVAL", a.receive_from, a, byte_span.new(1), "peek").arg)
        assert.equal(4, raised("EINVAL", a.send_to, a, byte_span.new(1), "@x", 5).arg)
        assert.equal(3, raised("EINVAL", a.send_to, a, byte_span.new(1)).arg)
        assert.equal(3, raised("EINVAL", a.send_to, a, byte_span.new(1), 7).arg)
        close(a, b)
    end)
end)
