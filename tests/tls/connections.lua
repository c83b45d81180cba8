-- TLS connections for specs: contexts with the certificates of tests/tls/certificates, and connected pairs.
local fiber = require "ljos.fiber"
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

return M
