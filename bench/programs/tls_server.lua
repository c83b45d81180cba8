-- Speaks TLS and echoes what it reads, drops it, or sends all it can.
-- Run: luajit bench/programs/tls_server.lua PORT echo|sink|source CERTIFICATES
-- CERTIFICATES is the directory with chain.pem and server.key.
local ljos = require "ljos"
local tls = require "ljos.tls"
local byte_span, spawn = ljos.byte_span, ljos.fiber.spawn
local port, mode, certificates = arg[1], arg[2], arg[3]

-- Each ends with the error that says that the connection ended.
local modes = {
    echo = function(connection, buffer)
        while true do
            local count = connection:read_some(buffer)
            local sent = connection:write_some(buffer:first(count))
            while sent < count do
                sent = sent + connection:write_some(buffer:sub(sent + 1, count))
            end
        end
    end,
    sink = function(connection, buffer)
        while true do
            connection:read_some(buffer)
        end
    end,
    source = function(connection, buffer)
        while true do
            connection:write_some(buffer)
        end
    end,
}
local run, size = modes[mode], mode == "echo" and 4096 or 65536

local function serve(connection)
    local ok = pcall(connection.server_handshake, connection)
    if ok then pcall(run, connection, byte_span.new(size)) end
    connection:close()
end

ljos.run(function()
    local context = tls.context.new "tls_server"
    context:use_certificate_chain_file(certificates .. "/chain.pem")
    context:use_private_key_file(certificates .. "/server.key", "pem")
    local acceptor = ljos.ip.tcp.listen("127.0.0.1:" .. port)
    while true do
        local socket = acceptor:accept()
        socket:set_option("tcp_no_delay", true)
        spawn(function() serve(tls.socket.new(socket, context)) end):detach()
    end
end)
