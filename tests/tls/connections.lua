-- TLS connections for specs: contexts with the certificates of tests/tls/certificates, and connected pairs.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local pipe = require "ljos.pipe"
local stream = require "ljos.stream"
local tls = require "ljos.tls"
local unix = require "ljos.unix"

local M = {}

local HERE = "tests/tls/certificates/"

--- The path of one of the files.
function M.file(name) return HERE .. name end

--- A context for a server that shows the chain for "localhost".
function M.server_context(method)
    local context = tls.context.new(method or "tls_server")
    context:use_certificate_chain_file(M.file "chain.pem")
    context:use_private_key_file(M.file "server.key", "pem")
    return context
end

--- A context for a client that believes ca.pem.
function M.client_context(method)
    local context = tls.context.new(method or "tls_client")
    context:load_verify_file(M.file "ca.pem")
    return context
end

local function try(f, ...)
    local ok, err = fiber.pcall(f, ...)
    return not ok and err or nil
end

--- Performs both handshakes at once; returns what each raised, nil where it succeeded. Then a failed side is closed.
function M.try_handshakes(client, server)
    local server_error
    local other = fiber.spawn(function()
        server_error = try(server.server_handshake, server)
        if server_error then server:close() end
    end)
    local client_error = try(client.client_handshake, client)
    if client_error then client:close() end
    other:join()
    return client_error, server_error
end

--- A client's and a server's socket over a pair of UNIX sockets, or the streams given, before their handshakes.
function M.sockets(client_context, server_context, a, b)
    if not a then
        a, b = unix.stream.socket.pair()
    end
    client_context, server_context = client_context or M.client_context(), server_context or M.server_context()
    return tls.socket.new(a, client_context), tls.socket.new(b, server_context)
end

--- The same after their handshakes.
function M.pair(...)
    local client, server = M.sockets(...)
    local client_error, server_error = M.try_handshakes(client, server)
    assert(not client_error and not server_error, tostring(client_error) .. ", " .. tostring(server_error))
    return client, server
end

--- A block in which each place can be told from the others.
function M.pattern(size)
    local words = {}
    for i = 1, math.ceil(size / 8) do
        words[i] = ("%07d\n"):format(i)
    end
    return table.concat(words):sub(1, size)
end

--- Two pipes as one stream: nothing but `read_some` and `write_some`.
function M.pipe_streams()
    local a_reader, b_writer = pipe.pair()
    local b_reader, a_writer = pipe.pair()
    local function joined(reader, writer)
        return {
            read_some = function(_, buffer) return reader:read_some(buffer) end,
            write_some = function(_, buffer) return writer:write_some(buffer) end,
            close = function() connection.close(reader, writer) end,
        }
    end
    return joined(a_reader, a_writer), joined(b_reader, b_writer)
end

--- What `reader` gives up to its end.
function M.read_to_end(reader, size)
    local parts, buffer = {}, byte_span.new(size or 10000)
    while true do
        local ok, n = fiber.pcall(reader.read_some, reader, buffer)
        if not ok then return table.concat(parts), n end
        parts[#parts + 1] = tostring(buffer:first(n))
    end
end

--- `text` goes from one to the other, and the end of the stream.
function M.transfer(from, to, text, size)
    local writer = fiber.spawn(function()
        stream.write_all(from, text)
        from:shutdown()
    end)
    local got, err = M.read_to_end(to, size)
    writer:join()
    assert(err == asio_error.misc.eof, err)
    assert(got == text)
end

return M
