local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local temporary_directory = require "temporary_directory"
local unix = require "ljos.unix"

local receive = connection.receive
local spawn = fiber.spawn
local span = byte_span.append

describe("UNIX sequenced packets", function()
    local a, b
    before_each(function()
        a, b = unix.seqpacket.socket.pair()
    end)
    after_each(function()
        a:close()
        b:close()
    end)

    it("keep their boundaries", function()
        assert.equal("unix.seqpacket.socket", getmetatable(a))
        assert.equal(3, a:send(span "one"))
        a:send(span "second")
        assert.equal("one", receive(b, { "peek" }))
        assert.equal("one", receive(b))
        assert.equal(3, b:receive(byte_span.new(3))) -- the rest is cut off
        a:send(span "third")
        assert.equal("third", receive(b))
    end)

    it("end with eof, and cannot tell that from an empty packet", function()
        a:send(byte_span.new(0))
        a:send(span "after")
        assert.equal(asio_error.misc.eof, raises.raised(receive, b))
        assert.equal("after", receive(b))
        a:close()
        assert.equal(asio_error.misc.eof, raises.raised(receive, b))
        assert.equal(asio_error.misc.eof, raises.raised(b.receive_with_fds, b, byte_span.new(1), 1))
    end)

    it("are refused for good once receiving is shut down", function()
        a:send(byte_span.new(0))
        assert.equal(asio_error.misc.eof, raises.raised(receive, b))
        b:shutdown "receive"
        raised("EPIPE", a.send, a, span "x")
    end)

    it("raise ECONNRESET when the peer closed with packets unread, then EPIPE", function()
        a:send(span "unread")
        b:close()
        raised("ECONNRESET", receive, a)
        raised("EPIPE", a.send, a, span "x")
    end)

    it("wait for room; canceled, they send nothing", function()
        local sent = 0
        local f = spawn(function()
            while true do
                a:send(span "x")
                sent = sent + 1
            end
        end)
        settle(function() return sent end)
        f:cancel()
        f:join()
        a:shutdown "send"
        for _ = 1, sent do
            assert.equal("x", receive(b))
        end
        assert.equal(asio_error.misc.eof, raises.raised(receive, b))
    end)

    it("go through an acceptor", function()
        local ep = temporary_directory.make() .. "/socket"
        local acceptor = unix.seqpacket.listen(ep)
        assert.equal("unix.seqpacket.acceptor", getmetatable(acceptor))
        local accepting = spawn(function() return acceptor:accept() end)
        local client = unix.seqpacket.dial(ep)
        local server = accepting:join()
        assert.equal("unix.seqpacket.socket", getmetatable(server))
        client:send(span "in")
        client:send(span "order")
        assert.equal("in", receive(server))
        assert.equal("order", receive(server))
        assert.equal(ep, tostring(client.remote_path))
        assert.is_number(client:get_option("remote_credentials").pid)
        raised("EPROTOTYPE", unix.stream.dial, ep)
        client:close()
        server:close()
        acceptor:close()
        temporary_directory.remove_all()
    end)
end)
