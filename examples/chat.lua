-- A chat room over TCP: each line goes to everybody else. Shows the scanner, a mutex-free broadcast through one
-- fiber per client, and clean shutdown.
-- Run: bin/ljos examples/chat.lua 7001     or: luajit examples/chat.lua 7001     then twice: nc 127.0.0.1 7001
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local ip, system, stream, time, timeout = ljos.ip, ljos.system, ljos.stream, ljos.time, ljos.timeout
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall

local USAGE = "usage: chat.lua [PORT]   0, or none: a free one\n"
if (...) == "--help" then
    stream.write_all(system.out, USAGE)
    return
end
local port = tonumber((...) or 0)
if not port or port < 0 or port > 65535 or port % 1 ~= 0 then
    stream.write_all(system.err, USAGE)
    system.exit(2)
end

local members = {} -- name -> { socket, fiber }
local joined = 0

-- A member that has gone, or does not read, is dropped: the end of its own fiber's reading.
local function tell(except, text)
    local others = {} -- a copy: while a write suspends, members come and go
    for name, member in pairs(members) do
        if name ~= except then others[#others + 1] = member.socket end
    end
    for _, socket in ipairs(others) do
        if not pcall(timeout, 1, stream.write_all, socket, text) then socket:close() end
    end
end

local function attend(name, socket)
    local scanner = stream.scanner.new { stream = socket, record_separator = "\n", trim_record = "\r" }
    tell(name, "* " .. name .. " came\n")
    pcall(function()
        while true do
            tell(name, name .. ": " .. tostring(scanner:get_line()) .. "\n")
        end
    end)
    members[name] = nil
    socket:close()
    tell(name, "* " .. name .. " left\n")
end

local function say(text) stream.write_all(system.out, "chat: " .. text .. "\n") end

local listens, acceptor = pcall(ip.tcp.listen, "127.0.0.1:" .. port)
if not listens then
    stream.write_all(system.err, ("chat: port %d: %s\n"):format(port, tostring(acceptor)))
    system.exit(1)
end
say("listening on " .. ip.tostring(acceptor.local_address, acceptor.local_port))

local accepting = spawn(function()
    while true do
        local ok, socket = pcall(acceptor.accept, acceptor)
        if ok then
            joined = joined + 1
            local name = "guest" .. joined
            local member = { socket = socket }
            members[name] = member
            member.fiber = spawn(function() attend(name, socket) end)
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
local fibers = {}
for _, member in pairs(members) do
    fibers[#fibers + 1] = member.fiber
    member.fiber:cancel()
end
for _, fiber in ipairs(fibers) do
    fiber:join()
end
say("closed, " .. joined .. " came in all")
