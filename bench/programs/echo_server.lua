-- Echoes what it reads, one fiber per connection. Run: luajit bench/programs/echo_server.lua PORT|PATH
-- A number is a TCP port of 127.0.0.1, anything else the path of a UNIX socket.
local ljos = require "ljos"
local byte_span, spawn = ljos.byte_span, ljos.fiber.spawn
local is_port = tonumber(arg[1])

-- Ends with the error that says that the connection ended.
local function echo(socket, buffer)
    while true do
        local count = socket:read_some(buffer)
        local sent = socket:write_some(buffer:first(count))
        while sent < count do
            sent = sent + socket:write_some(buffer:sub(sent + 1, count))
        end
    end
end

local function serve(socket)
    local buffer = byte_span.new(4096)
    pcall(echo, socket, buffer)
    socket:close()
end

ljos.run(function()
    local acceptor = is_port and ljos.ip.tcp.listen("127.0.0.1:" .. arg[1]) or ljos.unix.stream.listen(arg[1])
    while true do
        local socket = acceptor:accept()
        if is_port then socket:set_option("tcp_no_delay", true) end
        spawn(function() serve(socket) end):detach()
    end
end)
