-- A TCP echo server: one fiber per connection; Ctrl-C or SIGTERM closes everything and ends.
-- Run: bin/ljos examples/echo.lua 7000     or: luajit examples/echo.lua 7000     then: nc 127.0.0.1 7000
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local ip, system, stream, byte_span, time = ljos.ip, ljos.system, ljos.stream, ljos.byte_span, ljos.time
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall

local USAGE = "usage: echo.lua [PORT]   0, or none: a free one\n"
if (...) == "--help" then
    stream.write_all(system.out, USAGE)
    return
end
local port = tonumber((...) or 0)
if not port or port < 0 or port > 65535 or port % 1 ~= 0 then
    stream.write_all(system.err, USAGE)
    system.exit(2)
end

local clients = {} -- socket -> fiber

local function serve(socket)
    local buffer = byte_span.new(64 * 1024)
    pcall(function()
        while true do
            local n = socket:read_some(buffer) -- raises at the end of the stream
            stream.write_all(socket, buffer:first(n))
        end
    end)
    socket:close()
    clients[socket] = nil
end

local function say(text) stream.write_all(system.out, "echo: " .. text .. "\n") end

local listens, acceptor = pcall(ip.tcp.listen, "127.0.0.1:" .. port)
if not listens then
    stream.write_all(system.err, ("echo: port %d: %s\n"):format(port, tostring(acceptor)))
    system.exit(1)
end
say("listening on " .. ip.tostring(acceptor.local_address, acceptor.local_port))

local accepting = spawn(function()
    while true do
        local ok, socket = pcall(acceptor.accept, acceptor)
        if ok then
            clients[socket] = spawn(function() serve(socket) end)
        elseif socket.EMFILE or socket.ENFILE then
            time.sleep(0.05) -- no descriptor is left: until somebody leaves
        else
            error(socket, 0)
        end
    end
end)

system.signal.set.new(system.signal.SIGINT, system.signal.SIGTERM):wait()
accepting:cancel()
accepting:join()
acceptor:close()
local left = 0
for _, fiber in pairs(clients) do
    fiber:cancel()
    left = left + 1
end
for _, fiber in pairs(clients) do
    fiber:join()
end
say(("closed, %d connection%s ended"):format(left, left == 1 and "" or "s"))
