-- Shows who a TLS server says it is, for how long, and whether that is to be believed. Ends with status 1 if not.
-- Run: luajit examples/certificate.lua www.example.com:443 [AUTHORITIES.pem]
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local tls, ip, stream, system, timeout = ljos.tls, ljos.ip, ljos.stream, ljos.system, ljos.timeout

local endpoint, authorities = ...
if not endpoint or endpoint == "--help" then
    stream.write_all(system.out, "usage: certificate.lua HOST:PORT [AUTHORITIES.pem]\n")
    return
end

-- Believes anybody: what is shown is judged afterwards.
local function look()
    local host = endpoint:match "^%[?(.-)%]?:[^:]*$"
    local context = tls.context.new "tls_client"
    local connection = tls.socket.new(ip.tcp.dial(endpoint), context)
    pcall(connection.set_server_name, connection, host) -- an address is no name
    connection:client_handshake()
    local certificate = connection.peer_certificate
    local now = ljos.time.system_clock.now().seconds_since_epoch
    local text = ([[
subject      %s
issuer       %s
valid for    %d days
sha256       %s
spoken       %s, %s
]]):format(
        certificate.subject,
        certificate.issuer,
        (certificate.not_after - now) / 86400,
        certificate.sha256,
        connection.version,
        connection.cipher
    )
    connection:shutdown()
    connection:close()
    return text
end

local function verify()
    local context ---@type ljos.tls.Context?
    if authorities then
        context = tls.context.new "tls_client"
        context:load_verify_file(authorities)
    end
    tls.dial(endpoint, context):close()
end

local seen, what = pcall(timeout.run, 10, look)
local believed, why = pcall(timeout.run, 10, verify)
if seen then stream.write_all(system.out, what) end
if not believed or not seen then
    stream.write_all(system.out, ("NOT BELIEVED  %s\n"):format(tostring(seen and why or what)))
    system.exit(1)
end
stream.write_all(system.out, "believed\n")
