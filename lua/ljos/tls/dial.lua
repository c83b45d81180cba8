--- Dialing with TLS: connects, and makes sure who it is.
---
--- The deadline of the caller holds for all of it. The server is verified for the host that was asked for, whatever
--- the context says: who wants less makes a socket (`tls.socket.new`).
---
--- Errors:   raises what `ip.tcp.dial` and the handshake raise; nothing is left open then
--- Suspends: yes
--- Needs:    OpenSSL
local context_ = require "ljos.tls.context"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"
local socket = require "ljos.tls.socket"
local tcp = require "ljos.ip.tcp"
local verification = require "ljos.tls.verification"

local function shake_hands(connection, name, is_address)
    if not is_address then connection:set_server_name(name) end
    connection:set_verify_mode "peer"
    connection:set_verify_callback("host_name_verification", name)
    connection:client_handshake()
end

--- Connects to `ep` ("www.example.com:https", "[::1]:8443") by `ip.tcp.dial`, with "tcp_no_delay", and performs the
--- handshake of a client, for which the server must have a certificate that is valid for the host. Suspends.
--- Source: seed 003, "tls.dial".
---@param ep string
---@param context? ljos.tls.Context  default: one that knows the system's certification authorities
---@return ljos.tls.Socket
return function(ep, context)
    local host = endpoint.split(ep)
    local name, is_address = verification.host(host == "" and "localhost" or host, 1)
    context = context_.of(context, 2)
    if context.role == "server" then error_.argument(2, "a context for clients expected") end
    local stream = tcp.dial(ep)
    stream:set_option("tcp_no_delay", true)
    local connection = socket.new(stream, context)
    local ok, err = pcall(shake_hands, connection, name, is_address)
    if ok then return connection end
    connection:close()
    error(err, 0)
end
