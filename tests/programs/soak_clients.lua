-- The other side of tests/soak_spec.lua: opens COUNT connections to PORT at once, drops every second one in the
-- middle of its message, gets an answer on the others. Run: luajit soak_clients.lua PORT COUNT RESULT_FILE
local byte_span = require "ljos.byte_span"
local ip = require "ljos.ip"
local time = require "ljos.time"

local port, count, result = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local clients, answers = {}, 0
for i = 1, count do
    clients[i] = ip.tcp.dial("127.0.0.1:" .. port)
    clients[i]:write_some(byte_span.append "half ")
end
local function begun() -- the server writes there once all connections are open
    local file = assert(io.open(result))
    local text = file:read "*a"
    file:close()
    return text == "go"
end
while not begun() do
    time.sleep(0.01)
end
for i = 1, count, 2 do
    clients[i]:close()
end
for i = 2, count, 2 do
    clients[i]:write_some(byte_span.append "whole")
    answers = answers + clients[i]:read_some(byte_span.new(1))
    clients[i]:close()
end
local file = assert(io.open(result, "w"))
file:write(answers)
file:close()
