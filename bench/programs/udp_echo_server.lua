-- Sends datagrams back to where they came from. Run: luajit bench/programs/udp_echo_server.lua udp:PORT [FIBERS]
local ljos = require "ljos"
local byte_span, ip, spawn = ljos.byte_span, ljos.ip, ljos.fiber.spawn

local function echo(socket)
    local buffer = byte_span.new(4096)
    while true do
        local n, address, port = socket:receive_from(buffer)
        socket:send_to(buffer:first(n), address, port)
    end
end

ljos.run(function()
    local socket = ip.udp.socket.new()
    socket:open "v4"
    socket:bind("127.0.0.1", tonumber(arg[1]:match "%d+"))
    for _ = 1, tonumber(arg[2] or 4) do
        spawn(function() echo(socket) end):detach()
    end
end)
