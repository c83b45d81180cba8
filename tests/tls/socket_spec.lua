local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local connection = require "connection"
local connections = require "tls.connections"
local error_ = require "ljos.error"
local ffi = require "ffi"
local fiber = require "ljos.fiber"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local stream = require "ljos.stream"
local timeout = require "ljos.timeout"
local tls = require "ljos.tls"
local unix = require "ljos.unix"

local close, read = connection.close, connection.read
local pattern, pipe_streams, read_to_end, transfer =
    connections.pattern, connections.pipe_streams, connections.read_to_end, connections.transfer

-- What malloc(3) has given away, see mallinfo(3).
ffi.cdef [[
struct ljos_test_mallinfo {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct ljos_test_mallinfo mallinfo2(void);
]]

describe("a TLS handshake", function()
    it("is needed first", function()
        local client, server = connections.sockets()
        raised("ENOTCONN", client.read_some, client, byte_span.new(10))
        raised("ENOTCONN", client.write_some, client, byte_span.new(10))
        raised("ENOTCONN", client.shutdown, client)
        assert.is_nil(client.version)
        close(client, server)
    end)

    it("is done once, in one role", function()
        local client, server = connections.pair(tls.context.new "tls")
        client:client_handshake()
        raised("EINVAL", client.server_handshake, client)
        close(client, server)
    end)

    it("is refused in the role that the context is not for", function()
        local client, server = connections.sockets()
        assert.equal("context", raised("EINVAL", client.server_handshake, client).arg)
        assert.equal("context", raised("EINVAL", server.client_handshake, server).arg)
        close(client, server)
    end)

    it("comes after all settings, which it would not heed any more", function()
        local client, server = connections.pair()
        raised("EISCONN", client.set_server_name, client, "localhost")
        raised("EISCONN", client.set_verify_mode, client, "peer")
        raised("EISCONN", client.set_verify_depth, client, 1)
        raised("EISCONN", client.set_verify_callback, client, "host_name_verification", "localhost")
        raised("EISCONN", client.set_session, client, server.session)
        close(client, server)
    end)

    it("fails where the server has no certificate, or no key for it; the server says so", function()
        local without_key = tls.context.new "tls_server"
        without_key:use_certificate_chain_file(connections.file "chain.pem")
        for _, context in ipairs { tls.context.new "tls_server", without_key } do
            local _, err = connections.try_handshakes(connections.sockets(nil, context))
            assert.equal("asio.ssl", tostring(err.category))
            assert.equal("the server has no certificate, or not its private key", err.detail)
        end
    end)

    it("fails where the peer sends something else", function()
        local client, server = connections.sockets()
        server.stream:write_some(byte_span.append "HTTP/1.1 400 Bad Request\r\n\r\n")
        assert.equal(tls.ssl_error.wrong_version_number, raises.raised(client.client_handshake, client))
        close(client, server)
        client, server = connections.sockets()
        client.stream:write_some(byte_span.append "GET / HTTP/1.1\r\n\r\n")
        assert.equal(tls.ssl_error.http_request, raises.raised(server.server_handshake, server))
        assert.equal(tls.ssl_error.http_request, raises.raised(server.server_handshake, server))
        close(client, server)
    end)

    it("fails where there is no version, or no cipher, that both have", function()
        local client_error = connections.try_handshakes(
            connections.sockets(connections.client_context "tls12_client", connections.server_context "tls13_server")
        )
        assert.matches("protocol version", tostring(client_error))
        local context = connections.client_context "tls12"
        context:set_cipher_list "ECDHE-RSA-AES128-GCM-SHA256"
        local _, server_error = connections.try_handshakes(connections.sockets(context))
        assert.equal(tls.ssl_error.no_shared_cipher, server_error)
    end)

    it("leaves OpenSSL's error queue empty, so that other connections go on", function()
        local good_client, good_server = connections.pair()
        for _ = 1, 3 do
            connections.try_handshakes(connections.sockets(tls.context.new "tls", tls.context.new "tls_server"))
            raises.raised(tls.context.new("tls").use_certificate, tls.context.new "tls", "garbage", "pem")
            transfer(good_client, good_server, "")
            close(good_client, good_server)
            good_client, good_server = connections.pair()
        end
        close(good_client, good_server)
    end)
end)

describe("the end of a TLS connection", function()
    it("is eof where the peer has shut it down, again and again", function()
        local client, server = connections.pair()
        client:shutdown()
        client:shutdown()
        for _ = 1, 2 do
            assert.equal(asio_error.misc.eof, raises.raised(server.read_some, server, byte_span.new(10)))
        end
        raised("EPIPE", client.write_some, client, byte_span.new(10))
        stream.write_all(server, "the other way")
        assert.equal("the other way", read(client))
        close(client, server)
    end)

    it("is stream_truncated where the stream ended without that", function()
        local client, server = connections.pair()
        stream.write_all(server, "half")
        server:close()
        assert.equal("half", read(client))
        for _ = 1, 2 do
            local err = raises.raised(client.read_some, client, byte_span.new(10))
            assert.equal(tls.stream_error.stream_truncated, err)
            assert.equal("Stream truncated", tostring(err))
        end
        client:close()
    end)

    it("is stream_truncated in the middle of a record", function()
        local a, b = unix.stream.socket.pair()
        local client, server = connections.pair(nil, nil, a, b)
        server.stream:write_some(byte_span.append "\23\3\3\0\100half")
        server:close()
        local err = raises.raised(client.read_some, client, byte_span.new(10))
        assert.equal(tls.stream_error.stream_truncated, err)
        client:close()
    end)

    it("is an error of its own where a record was tampered with; the peer is told", function()
        local client, server = connections.pair()
        client.stream:write_some(byte_span.append("\23\3\3\0\40" .. ("x"):rep(40)))
        local err = raises.raised(server.read_some, server, byte_span.new(10))
        assert.equal("asio.ssl", tostring(err.category))
        assert.matches("bad record mac", tostring(err))
        assert.equal(err, raises.raised(server.write_some, server, byte_span.new(10)))
        assert.equal(err, raises.raised(server.shutdown, server))
        assert.matches("alert bad record mac", tostring(raises.raised(client.read_some, client, byte_span.new(10))))
        close(client, server)
    end)

    it("is what the stream below says where that fails", function()
        local a, b = pipe_streams()
        local client, server = connections.pair(nil, nil, a, b)
        server:close()
        raised("EPIPE", stream.write_all, client, pattern(200000))
        client:close()
    end)

    it("ends what is suspended when the connection is closed", function()
        local client, server = connections.pair()
        local function ends_with(name, f)
            local victim = fiber.spawn(function() raised(name, f) end)
            settle(function() return 0 end)
            return victim
        end
        local reader = ends_with("ECANCELED", function() client:read_some(byte_span.new(10)) end)
        local other = ends_with("ECANCELED", function() client:read_some(byte_span.new(10)) end)
        local writer = ends_with("ECANCELED", function() stream.write_all(client, byte_span.new(10000000)) end)
        client:close()
        client:close()
        reader:join()
        other:join()
        writer:join()
        assert.is_false(client.is_open)
        raised("EBADF", client.read_some, client, byte_span.new(10))
        raised("EBADF", client.client_handshake, client)
        raised("EBADF", function() return client.version end)
        server:close()
    end)
end)

describe("a TLS socket", function()
    it("says what it is", function()
        local client, server = connections.sockets()
        assert.equal("tls.socket", getmetatable(client))
        assert.matches("^tls.socket 0x", tostring(client))
        assert.is_true(client.is_open)
        raises.core("bad_index", function() return client.nothing end)
        raised("EPERM", function() client.nothing = 1 end)
        close(client, server)
    end)

    it("refuses what is no stream, context, span, or socket", function()
        for _, value in ipairs { 5, "x", true, {} } do
            assert.equal(1, raised("EINVAL", tls.socket.new, value).arg)
        end
        local client, server = connections.pair()
        assert.equal(2, raised("EINVAL", tls.socket.new, client.stream, {}).arg)
        assert.equal(2, raised("EINVAL", client.read_some, client, "x").arg)
        assert.equal(2, raised("EINVAL", client.write_some, client, "x").arg)
        for _, name in ipairs { "read_some", "write_some", "shutdown", "close", "client_handshake" } do
            assert.equal(1, raised("EINVAL", client[name], client.stream, byte_span.new(1)).arg)
        end
        close(client, server)
        client, server = connections.sockets()
        assert.equal(2, raised("EINVAL", client.set_server_name, client, "127.0.0.1").arg)
        assert.equal(2, raised("EINVAL", client.set_server_name, client, "").arg)
        assert.equal(2, raised("EINVAL", client.set_server_name, client, "a\0b").arg)
        assert.equal(2, raised("EINVAL", client.set_verify_depth, client, -1).arg)
        assert.equal(2, raised("EINVAL", client.set_verify_mode, client, "some").arg)
        assert.equal(2, raised("EINVAL", client.set_verify_callback, client, "other", "localhost").arg)
        assert.equal(3, raised("EINVAL", client.set_verify_callback, client, "host_name_verification").arg)
        assert.equal(3, raised("EINVAL", client.set_verify_callback, client, "host_name_verification", "a b").arg)
        assert.equal(2, raised("EINVAL", client.set_session, client, {}).arg)
        close(client, server)
    end)

    it("refuses a stream that claims to have moved more than it was offered", function()
        local liar = { read_some = function() return 10 ^ 6 end, write_some = function() return 10 ^ 6 end }
        local client = tls.socket.new(liar, tls.context.new "tls")
        assert.matches("write_some returned 1000000 for", raised("EINVAL", client.client_handshake, client).detail)
    end)

    it("ends in an error or goes on, whatever becomes of the bytes on their way", function()
        local seed = os.time()
        math.randomseed(seed)
        -- Now and then a byte is another.
        local function damaging(inner, probability)
            return {
                read_some = function(_, buffer)
                    local count = inner:read_some(buffer)
                    if math.random() < probability then buffer[math.random(count)] = math.random(0, 255) end
                    return count
                end,
                write_some = function(_, buffer) return inner:write_some(buffer) end,
                close = function() inner:close() end,
            }
        end
        local function talk(self, handshake)
            self[handshake](self)
            local writer = fiber.spawn(function()
                fiber.pcall(function()
                    stream.write_all(self, pattern(30000))
                    self:shutdown()
                end)
            end)
            local _, err = read_to_end(self)
            writer:cancel()
            writer:join()
            error(err, 0)
        end
        -- Where a length has grown, both sides wait for ever.
        local function try(self, handshake)
            local err = raises.raised(timeout.run, 0.1, talk, self, handshake)
            self:close()
            assert(error_.is_error(err), ("seed %d: %s"):format(seed, tostring(err)))
            assert(#tostring(err) > 0)
        end
        local client_context, server_context = connections.client_context(), connections.server_context()
        for i = 1, 60 do
            local probability = 0.02 * 10 ^ (i % 3)
            local a, b = unix.stream.socket.pair()
            a, b = damaging(a, probability), damaging(b, probability)
            local client, server = connections.sockets(client_context, server_context, a, b)
            local other = fiber.spawn(function() try(server, "server_handshake") end)
            try(client, "client_handshake")
            other:join()
        end
    end)

    it("is collected with its stream and OpenSSL's objects", function()
        local ok, mallinfo = pcall(function() return ffi.C.mallinfo2 end)
        if not ok then pending "this C library has no mallinfo2(3)" end
        local function allocated()
            local info = mallinfo()
            return tonumber(info.uordblks + info.hblkhd)
        end
        local function some()
            for _ = 1, 50 do
                local client, server = connections.pair()
                stream.write_all(client, "never closed")
                assert(server)
            end
            collect()
        end
        some()
        local before = allocated()
        for _ = 1, 3 do
            some()
        end
        -- 300 ends; each would be a hundred kilobytes.
        assert.is_true(allocated() - before < 3000000, "memory is lost")
    end)

    it("is one of a thousand", function()
        local client_context, server_context = connections.client_context(), connections.server_context()
        local pairs_of_ends = {}
        for i = 1, 1000 do
            if i % 100 == 1 then collectgarbage() end
            local ok, client, server = pcall(connections.pair, client_context, server_context)
            if not ok and tostring(client):find "Too many open files" then break end
            assert(ok, client)
            pairs_of_ends[i] = { client, server }
        end
        for i, ends in ipairs(pairs_of_ends) do
            stream.write_all(ends[1], "number " .. i)
        end
        for i, ends in ipairs(pairs_of_ends) do
            assert.equal("number " .. i, read(ends[2]))
            close(ends[1], ends[2])
        end
        assert.is_true(#pairs_of_ends >= 400)
    end)
end)
