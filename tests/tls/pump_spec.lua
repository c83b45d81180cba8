local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local stream = require "ljos.stream"
local unix = require "ljos.unix"

local close = connection.close
local pattern, pipe_streams, read_to_end, transfer =
    connections.pattern, connections.pipe_streams, connections.read_to_end, connections.transfer

-- A stream that reads a byte at a time, and writes few. (Of single bytes, which take hundreds in the kernel, not even a
-- handshake would fit into a socket that nobody reads.)
local function in_pieces(inner)
    return {
        read_some = function(_, buffer) return inner:read_some(buffer:first(1)) end,
        write_some = function(_, buffer) return inner:write_some(buffer:first(math.min(97, #buffer))) end,
        close = function() inner:close() end,
    }
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
