local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local connection = require "connection"
local connections = require "tls.connections"
local error_ = require "ljos.error"
local ffi = require "ffi"
local fiber = require "ljos.fiber"
local pipe = require "ljos.pipe"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local stream = require "ljos.stream"
local timeout = require "ljos.timeout"
local tls = require "ljos.tls"
local unix = require "ljos.unix"

local close, read = connection.close, connection.read

-- What malloc(3) has given away, see mallinfo(3).
ffi.cdef [[
struct ljos_test_mallinfo {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct ljos_test_mallinfo mallinfo2(void);
]]

-- A block in which each place can be told from the others.
local function pattern(size)
    local words = {}
    for i = 1, math.ceil(size / 8) do
        words[i] = ("%07d\n"):format(i)
    end
    return table.concat(words):sub(1, size)
end

-- Two pipes as one stream: nothing but `read_some` and `write_some`.
local function pipe_streams()
    local a_reader, b_writer = pipe.pair()
    local b_reader, a_writer = pipe.pair()
    local function joined(reader, writer)
        return {
            read_some = function(_, buffer) return reader:read_some(buffer) end,
            write_some = function(_, buffer) return writer:write_some(buffer) end,
            close = function() close(reader, writer) end,
        }
    end
    return joined(a_reader, a_writer), joined(b_reader, b_writer)
end

-- A stream that reads a byte at a time, and writes few. (Of single bytes, which take hundreds in the kernel, not even a
-- handshake would fit into a socket that nobody reads.)
local function in_pieces(inner)
    return {
        read_some = function(_, buffer) return inner:read_some(buffer:first(1)) end,
        write_some = function(_, buffer) return inner:write_some(buffer:first(math.min(97, #buffer))) end,
        close = function() inner:close() end,
    }
end

-- What `reader` gives up to its end.
local function read_to_end(reader, size)
    local parts, buffer = {}, byte_span.new(size or 10000)
    while true do
        local ok, n = fiber.pcall(reader.read_some, reader, buffer)
        if not ok then return table.concat(parts), n end
        parts[#parts + 1] = tostring(buffer:first(n))
    end
end

-- `text` goes from one to the other, and the end of the stream.
local function transfer(from, to, text, size)
    local writer = fiber.spawn(function()
        stream.write_all(from, text)
        from:shutdown()
    end)
    local got, err = read_to_end(to, size)
    writer:join()
    assert.equal(asio_error.misc.eof, err)
    assert.is_true(got == text)
end

describe("a TLS connection", function()
    for _, version in ipairs { "tls12", "tls13" } do
        it(("carries bytes both ways (%s)"):format(version), function()
            local client, server =
                connections.pair(connections.client_context(version), connections.server_context(version))
            assert.equal(version == "tls12" and "TLSv1.2" or "TLSv1.3", client.version)
            assert.equal(client.cipher, server.cipher)
            transfer(client, server, pattern(1000000))
            transfer(server, client, pattern(1000000))
            close(client, server)
        end)

        it(("moves them in records of any size (%s)"):format(version), function()
            local client, server =
                connections.pair(connections.client_context(version), connections.server_context(version))
            for _, size in ipairs { 1, 2, 16383, 16384, 16385, 65536, 65537 } do
                local text = pattern(size)
                local buffer = byte_span.new(size)
                local writer = fiber.spawn(function() stream.write_all(client, text) end)
                stream.read_all(server, buffer)
                writer:join()
                assert.is_true(tostring(buffer) == text)
            end
            transfer(client, server, pattern(3000), 1)
            close(client, server)
        end)

        it(("works over a stream that moves a byte at a time (%s)"):format(version), function()
            local a, b = unix.stream.socket.pair()
            local client, server = connections.pair(
                connections.client_context(version),
                connections.server_context(version),
                in_pieces(a),
                in_pieces(b)
            )
            transfer(client, server, pattern(5000))
            transfer(server, client, pattern(5000))
            close(client, server)
        end)

        it(("lets one fiber read while another writes, on both sides (%s)"):format(version), function()
            local client, server =
                connections.pair(connections.client_context(version), connections.server_context(version))
            local text = pattern(2000000)
            local function both(self)
                local writer = fiber.spawn(function()
                    stream.write_all(self, text)
                    self:shutdown()
                end)
                local got, err = read_to_end(self)
                writer:join()
                assert.is_true(got == text and err == asio_error.misc.eof)
            end
            local other = fiber.spawn(function() both(server) end)
            both(client)
            other:join()
            close(client, server)
        end)
    end

    it("works over any object with read_some and write_some", function()
        local a, b = pipe_streams()
        local client, server = connections.pair(nil, nil, a, b)
        transfer(client, server, pattern(300000))
        transfer(server, client, pattern(300000))
        close(client, server)
    end)

    it("works over a TLS connection", function()
        local outer_client, outer_server = connections.pair()
        local client, server = connections.pair(nil, nil, outer_client, outer_server)
        transfer(client, server, pattern(300000))
        close(client, server)
        assert.is_false(outer_client.is_open)
    end)

    it("feeds scanners", function()
        local client, server = connections.pair()
        local writer = fiber.spawn(function()
            stream.write_all(client, pattern(80000))
            client:shutdown()
        end)
        local scanner = stream.scanner.new { stream = server }
        for i = 1, 10000 do
            assert.equal(("%07d"):format(i), tostring(scanner:get_line()))
        end
        writer:join()
        close(client, server)
    end)

    it("lets several fibers write, each call's bytes in one piece", function()
        local client, server = connections.pair()
        local writers = {}
        for i = 1, 8 do
            local line = byte_span.append(tostring(i):rep(999) .. "\n")
            writers[i] = fiber.spawn(function()
                for _ = 1, 50 do
                    assert(client:write_some(line) == #line)
                end
            end)
        end
        local scanner = stream.scanner.new { stream = server }
        local count = {}
        for _ = 1, 400 do
            local line = tostring(scanner:get_line())
            assert.equal(line:sub(1, 1):rep(999), line)
            count[line:sub(1, 1)] = (count[line:sub(1, 1)] or 0) + 1
        end
        for i = 1, 8 do
            writers[i]:join()
            assert.equal(50, count[tostring(i)])
        end
        close(client, server)
    end)

    it("takes and gives nothing where the buffer is empty", function()
        local client, server = connections.pair()
        assert.equal(0, client:write_some(byte_span.new(0)))
        assert.equal(0, client:read_some(byte_span.new(0)))
        close(client, server)
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

describe("what a TLS handshake agrees on:", function()
    it("the application protocol that the server likes best", function()
        local client_context, server_context = connections.client_context(), connections.server_context()
        client_context:set_alpn_protocols { "http/1.1", "h2", "x" }
        server_context:set_alpn_protocols { "h3", "h2", "http/1.1" }
        local client, server = connections.pair(client_context, server_context)
        assert.equal("h2", client.alpn_protocol)
        assert.equal("h2", server.alpn_protocol)
        close(client, server)
        client, server = connections.pair(nil, server_context)
        assert.is_nil(client.alpn_protocol)
        close(client, server)
        server_context:set_alpn_protocols { "other" }
        local client_error, server_error =
            connections.try_handshakes(connections.sockets(client_context, server_context))
        assert.equal(tls.ssl_error.no_application_protocol, server_error)
        -- Version 1.1 has no words for it.
        local alert = tostring(client_error)
        assert.is_truthy(alert:find "no application protocol" or alert == "alert 120 of the peer", alert)
    end)

    it("the server's name", function()
        local client, server = connections.sockets()
        client:set_server_name "www.example.test."
        connections.try_handshakes(client, server)
        assert.equal("www.example.test", server.server_name)
        close(client, server)
    end)

    it("the certificates of both", function()
        local client_context, server_context = connections.client_context(), connections.server_context()
        client_context:use_certificate_file(connections.file "client.pem", "pem")
        client_context:use_private_key_file(connections.file "client.key", "pem")
        server_context:load_verify_file(connections.file "ca.pem")
        server_context:set_verify_mode { "peer", "fail_if_no_peer_cert" }
        local client, server = connections.pair(client_context, server_context)
        local shown, own = client.peer_certificate, server.peer_certificate
        assert.equal("O=ljos,CN=localhost", shown.subject)
        assert.equal("O=ljos,CN=ljos test authority below", shown.issuer)
        assert.equal(946684800, shown.not_before)
        assert.equal(4102444800, shown.not_after)
        assert.matches("^%x+$", shown.serial_number)
        assert.matches("^" .. ("%x"):rep(64) .. "$", shown.sha256)
        assert.equal("O=ljos,CN=somebody", own.subject)
        assert.equal(require("text_file").read(connections.file "client.der"), own.der)
        close(client, server)
    end)

    for _, version in ipairs { "tls12", "tls13" } do
        it(("to go on with a session (%s)"):format(version), function()
            local client_context, server_context =
                connections.client_context(version), connections.server_context(version)
            local client, server = connections.pair(client_context, server_context)
            transfer(server, client, "a ticket comes with what is read")
            client:shutdown()
            local session = client.session
            assert.is_false(client.is_resumed)
            close(client, server)
            client, server = connections.sockets(client_context, server_context)
            client:set_session(session)
            assert.is_nil((connections.try_handshakes(client, server)))
            assert.is_true(client.is_resumed and server.is_resumed)
            transfer(client, server, "again")
            close(client, server)
        end)
    end
end)

describe("verifying the peer", function()
    -- What the client raises.
    local function refusal(set_up, client_context, server_context)
        local client, server = connections.sockets(client_context, server_context)
        set_up(client, server)
        local client_error, server_error = connections.try_handshakes(client, server)
        close(client, server)
        return client_error, server_error
    end
    local function nothing() end

    local function serving(certificate, key)
        local context = tls.context.new "tls_server"
        context:use_certificate_chain_file(connections.file(certificate))
        context:use_private_key_file(connections.file(key), "pem")
        return context
    end

    it("is done by a client that knows authorities, unless it was told otherwise", function()
        local stranger = tls.context.new "tls_client"
        stranger:load_verify_file(connections.file "other_ca.pem")
        local client_error, server_error = refusal(nothing, stranger)
        assert.equal(tls.ssl_error.certificate_verify_failed, client_error)
        assert.equal(1, client_error.depth)
        assert.equal("tlsv1 alert unknown ca", tostring(server_error))
        assert.is_nil((refusal(function(client) client:set_verify_mode "none" end, stranger)))
        stranger:set_verify_mode "none"
        assert.is_nil((refusal(nothing, stranger)))
        assert.is_nil((refusal(nothing, tls.context.new "tls_client")))
        assert.is_truthy(refusal(function(client) client:set_verify_mode "peer" end, tls.context.new "tls_client"))
    end)

    it("is done with the system's authorities where there is no context", function()
        local client, server = connections.sockets()
        local plain = tls.socket.new(client.stream)
        local err = connections.try_handshakes(plain, server)
        assert.equal(tls.ssl_error.certificate_verify_failed, err)
        close(client, server)
    end)

    it("refuses a certificate that has expired, and says which", function()
        local err = refusal(nothing, nil, serving("expired.pem", "server.key"))
        assert.equal("certificate has expired: O=ljos,CN=localhost, at depth 0", err.detail)
        assert.equal("certificate has expired", err.verify_error)
        assert.equal("O=ljos,CN=localhost", err.certificate)
        assert.equal(0, err.depth)
        assert.equal(10, err.verify_code) -- X509_V_ERR_CERT_HAS_EXPIRED
    end)

    it("refuses a chain that is longer than the depth", function()
        local function limit(client) client:set_verify_depth(0) end
        assert.equal(tls.ssl_error.certificate_verify_failed, (refusal(limit)))
        assert.is_nil((refusal(function(client) client:set_verify_depth(1) end)))
        local context = connections.client_context()
        context:set_verify_depth(0)
        assert.equal(tls.ssl_error.certificate_verify_failed, (refusal(nothing, context)))
    end)

    it("refuses a client's certificate for a server", function()
        local err = refusal(nothing, nil, serving("client.pem", "client.key"))
        assert.matches("purpose: O=ljos,CN=somebody, at depth 0", err.detail)
    end)

    local function host(name)
        return function(client) client:set_verify_callback("host_name_verification", name) end
    end

    for _, name in ipairs { "localhost", "LOCALHOST", "localhost.", "www.example.test", "127.0.0.1", "::1", "0::1" } do
        it("takes the certificate for " .. name, function() assert.is_nil((refusal(host(name)))) end)
    end
    for _, name in ipairs { "example.test", "a.b.example.test", "localhost.example", "127.0.0.2", "::2" } do
        it("refuses the certificate for " .. name, function()
            local err = refusal(host(name))
            assert.equal(tls.ssl_error.certificate_verify_failed, err)
            assert.matches("mismatch: O=ljos,CN=localhost, at depth 0", err.detail)
        end)
    end

    it("takes the host of the socket rather than that of the context", function()
        local context = connections.client_context()
        context:set_verify_callback("host_name_verification", "somewhere.else")
        assert.is_truthy(refusal(nothing, context))
        assert.is_nil((refusal(host "127.0.0.1", context)))
        assert.is_nil((refusal(host "localhost", context)))
    end)

    it("is done by a server that is told to", function()
        local context = connections.server_context()
        context:load_verify_file(connections.file "ca.pem")
        assert.is_nil((refusal(nothing, nil, context)))
        context:set_verify_mode "peer"
        assert.is_nil((refusal(nothing, nil, context)))
        context:set_verify_mode "fail_if_no_peer_cert"
        local _, err = refusal(nothing, connections.client_context "tls12", context)
        assert.equal(tls.ssl_error.peer_did_not_return_a_certificate, err)
        local wrong = connections.client_context "tls12"
        wrong:use_certificate_file(connections.file "server.pem", "pem")
        wrong:use_private_key_file(connections.file "server.key", "pem")
        local _, refused = refusal(nothing, wrong, context)
        assert.equal(tls.ssl_error.certificate_verify_failed, refused)
        assert.equal("O=ljos,CN=localhost", refused.certificate)
    end)

    it("tells a client of TLS 1.3 with its first read that it was refused", function()
        local context = connections.server_context "tls13"
        context:load_verify_file(connections.file "ca.pem")
        context:set_verify_mode "fail_if_no_peer_cert"
        local client, server = connections.sockets(connections.client_context "tls13", context)
        local other = fiber.spawn(function() raises.raised(server.server_handshake, server) end)
        client:client_handshake()
        assert.matches("certificate required", tostring(raises.raised(client.read_some, client, byte_span.new(10))))
        other:join()
        close(client, server)
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
