-- Echoes what it reads, one fiber per connection. Run: luajit bench/programs/echo_server.lua PORT
local ljos = require "ljos"
local byte_span = ljos.byte_span
local ip, spawn = ljos.ip, ljos.fiber.spawn

local function serve(socket)
    local buffer = byte_span.new(4096)
    pcall(function()
        while true do
            local n = socket:read_some(buffer)
            local w = buffer:first(n) repeat local k = socket:write_some(w) w = w:sub(k+1) until #w == 0
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
