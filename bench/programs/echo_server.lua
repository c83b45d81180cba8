-- Echoes what it reads, one fiber per connection. Run: luajit bench/programs/echo_server.lua PORT
local ljos = require "ljos"
local byte_span, ip, spawn = ljos.byte_span, ljos.ip, ljos.fiber.spawn

-- Ends with the error that says that the connection ended.
local function echo(socket, buffer)
    while true do
        local rest = buffer:first(socket:read_some(buffer))
        repeat
            rest = rest:sub(socket:write_some(rest) + 1)
        until #rest == 0
    end
end

local function serve(socket)
    local buffer = byte_span.new(4096)
    pcall(echo, socket, buffer)
    socket:close()
end

ljos.run(function()
    local acceptor = ip.tcp.listen("127.0.0.1:" .. arg[1])
    while true do
        local socket = acceptor:accept()
        socket:set_option("tcp_no_delay", true)
        spawn(function() serve(socket) end):detach()
    end
end)
