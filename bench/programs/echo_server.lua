-- Echoes what it reads, one fiber per connection. Run: luajit bench/programs/echo_server.lua PORT
local ljos = require "ljos"
local byte_span = ljos.byte_span
local ip, stream, spawn = ljos.ip, ljos.stream, ljos.fiber.spawn

local function serve(socket)
    local buffer = byte_span.new(4096)
    pcall(function()
        while true do
            local n = socket:read_some(buffer)
            stream.write_all(socket, buffer:slice(1, n))
        end
    end)
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
