-- Operations on TLS connections. See trial.lua.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local stream = require "ljos.stream"
local tls = require "ljos.tls"

local closing = connection.closing
local yield = fiber.this_fiber.yield

local TEXT = "0123456789"

local operations = {}
local function add(name, make) operations[#operations + 1] = { name, make } end

-- Reads to the end that the peer has announced; returns how many bytes there were.
local function drain(reader)
    local buffer, count = byte_span.new(65536), 0
    while true do
        local ok, n = fiber.pcall(reader.read_some, reader, buffer)
        if not ok then
            assert(n == asio_error.misc.eof, n)
            return count
        end
        count = count + n
    end
end

-- Text goes both ways: the records are whole.
local function check_traffic(a, b)
    local function send(from, to)
        stream.write_all(from, TEXT)
        local buffer = byte_span.new(#TEXT)
        stream.read_all(to, buffer)
        assert(tostring(buffer) == TEXT)
    end
    send(a, b)
    send(b, a)
end

add("tls read_some", function(defer)
    local reader, writer = closing(defer, connections.pair())
    local buffer = byte_span.new(#TEXT)
    return {
        run = function() return reader:read_some(buffer) end,
        help = function() stream.write_all(writer, TEXT) end,
        finish = function(result)
            assert((result and result[1] or reader:read_some(buffer)) == #TEXT)
            assert(tostring(buffer) == TEXT, "bytes are lost")
            check_traffic(reader, writer)
        end,
    }
end)

-- What is read comes in pieces that are no records.
add("tls read_some, byte by byte", function(defer)
    local a, b = connection.tcp_pair()
    local through, other = connection.tcp_pair()
    closing(defer, through, b)
    local reader, writer = connections.sockets(nil, nil, other, a)
    closing(defer, reader, writer)
    local size = 1000
    local function pass(from, to)
        return fiber.spawn(function()
            local buffer = byte_span.new(size)
            fiber.pcall(function()
                while true do
                    stream.write_all(to, buffer:first(from:read_some(buffer:first(size))))
                end
            end)
        end)
    end
    local passing, back = pass(b, through), pass(through, b)
    local client_error, server_error = connections.try_handshakes(reader, writer)
    assert(not client_error and not server_error)
    size = 1
    local buffer = byte_span.new(#TEXT)
    return {
        run = function() return reader:read_some(buffer) end,
        help = function() stream.write_all(writer, TEXT) end,
        finish = function(result)
            assert((result and result[1] or reader:read_some(buffer)) == #TEXT)
            assert(tostring(buffer) == TEXT, "bytes are lost")
            check_traffic(reader, writer)
            connection.close(reader, writer, through, b)
            passing:join()
            back:join()
        end,
    }
end)

-- The stream below holds little, and is full where the victim shall wait; the partner reads until the writer has shut
-- the connection down. What is written is written with `put`.
local function sending(defer, is_full, run)
    local reader, writer = closing(defer, connections.pair())
    writer.stream:set_option("send_buffer_size", 4096)
    local block, sent, received = byte_span.new(65536), 0, false
    local function put()
        local n = writer:write_some(block)
        sent = sent + n
    end
    if is_full then connection.fill(put, function() return sent end) end
    return {
        run = function() return run(put, writer) end,
        help = function() received = drain(reader) end,
        finish = function()
            writer:shutdown()
            while not received do
                yield()
            end
            assert(received == sent, ("%d bytes sent, %d received"):format(sent, received))
        end,
    }
end

add("tls write_some", function(defer)
    return sending(defer, true, function(put) put() end)
end)
add("tls shutdown", function(defer)
    return sending(defer, true, function(_, writer) writer:shutdown() end)
end)

-- A write of which the stream has taken a part.
add("tls write_some, half of a record", function(defer)
    return sending(defer, false, function(put)
        for _ = 1, 10 do
            put()
        end
    end)
end)

for _, side in ipairs { "client", "server" } do
    add("tls " .. side .. "_handshake", function(defer)
        local client, server = connections.sockets()
        closing(defer, client, server)
        local victim, partner = client, server
        if side == "server" then
            victim, partner = server, client
        end
        local method, other = side .. "_handshake", (side == "client" and "server" or "client") .. "_handshake"
        return {
            run = function() victim[method](victim) end,
            help = function() partner[other](partner) end,
            finish = function()
                victim[method](victim)
                while not partner.version do
                    yield()
                end
                check_traffic(client, server)
            end,
        }
    end)
end

add("tls.dial", function(defer)
    local acceptor = ip.tcp.listen "127.0.0.1:0"
    closing(defer, acceptor)
    local address, context = "127.0.0.1:" .. acceptor.local_port, connections.client_context()
    local dialed, is_over
    return {
        run = function()
            yield()
            dialed = tls.dial(address, context)
            return true
        end,
        help = function()
            while not is_over do
                local accepted = tls.socket.new(acceptor:accept(), connections.server_context())
                fiber.pcall(accepted.server_handshake, accepted)
                accepted:close()
            end
        end,
        finish = function()
            if dialed then dialed:close() end
            is_over = true
            ip.tcp.dial(address):close()
        end,
    }
end)

return operations
