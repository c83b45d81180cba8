-- A TCP proxy: passes connections on to another endpoint, both directions at once, and each one's end by itself. Shows
-- half-closed connections, an idle timeout over both directions, a limit of connections, and a clean end.
-- Run: bin/ljos examples/proxy.lua 127.0.0.1:7002 example.com:80     or the same with luajit; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local ip, stream, system, time, timeout = ljos.ip, ljos.stream, ljos.system, ljos.time, ljos.timeout
local pcall, scope_cleanup_push, task_group = ljos.fiber.pcall, ljos.fiber.scope_cleanup_push, ljos.task_group
local race, eof = ljos.select.race, ljos.asio_error.misc.eof

local USAGE = [[
usage: proxy.lua [OPTION...] LISTEN TARGET
  LISTEN and TARGET are endpoints: 127.0.0.1:8080 [::1]:80 localhost:http :8080
  --connections N    at the same time; others wait (500)
  --connect SECONDS  for the name and the connection of TARGET (5)
  --idle SECONDS     without a byte in either direction end a connection (60)
  --help             print this and end
]]

local options = { connections = 500, connect = 5, idle = 60 }

local function give_up(problem, status)
    stream.write_all(system.err, ("proxy: %s\n"):format(problem))
    system.exit(status)
end

local operands, arguments, at = {}, { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-(%w+)$", tonumber(arguments[at + 1])
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option then
        if not options[option] or not value or value <= 0 then give_up("wrong option or value: --" .. option, 2) end
        options[option] = value
        at = at + 1
    else
        operands[#operands + 1] = arguments[at]
    end
    at = at + 1
end
if options.connections % 1 ~= 0 then give_up("wrong option or value: --connections", 2) end
if #operands ~= 2 then give_up("LISTEN and TARGET expected\n" .. USAGE:gsub("\n$", ""), 2) end
for _, operand in ipairs(operands) do
    if not operand:find ":[^:%]]+$" then give_up("not an endpoint: " .. operand, 2) end
end

local function say(text) stream.write_all(system.out, "proxy: " .. text .. "\n") end

local places = ljos.semaphore.new(options.connections)

-- Passes on what comes, and then the end.
local function pump(from, to, activity)
    local buffer = ljos.byte_span.new(64 * 1024)
    while true do
        local ok, n = pcall(from.read_some, from, buffer)
        if not ok and n ~= eof then error(n, 0) end
        if not ok then return to:shutdown "send" end
        activity.last = time.steady_clock.now()
        stream.write_all(to, buffer:first(n))
        activity.last = time.steady_clock.now()
    end
end

local function wait_for_idleness(activity)
    local left = options.idle
    while left > 0 do
        time.sleep(left)
        left = options.idle - (time.steady_clock.now() - activity.last)
    end
end

local function pass_on(client)
    scope_cleanup_push(function() client:close() end)
    local server = timeout(options.connect, ip.tcp.dial, operands[2])
    scope_cleanup_push(function() server:close() end)
    client:set_option("tcp_no_delay", true)
    server:set_option("tcp_no_delay", true)
    local activity = { last = time.steady_clock.now() }
    return race {
        done = function()
            task_group.run(function(group) -- an error in one direction ends the other
                group:spawn(function() pump(client, server, activity) end)
                group:spawn(function() pump(server, client, activity) end)
            end)
        end,
        idle = function() wait_for_idleness(activity) end,
    }
end

local function accept_all(acceptor, group)
    local passed = 0
    scope_cleanup_push(function() say(("closed, %d passed on"):format(passed)) end)
    while true do
        places:acquire()
        local ok, client = pcall(acceptor.accept, acceptor)
        if ok then
            passed = passed + 1
            group:spawn(function()
                scope_cleanup_push(function() places:release() end)
                local done, why = pcall(pass_on, client)
                if not done or why == "idle" then say(("a connection ended: %s"):format(tostring(why))) end
            end)
        elseif client.EMFILE or client.ENFILE then
            time.sleep(0.05) -- until somebody leaves
            places:release()
        else
            error(client, 0)
        end
    end
end

local listens, acceptor = pcall(ip.tcp.listen, operands[1])
if not listens then give_up(("%s: %s"):format(operands[1], tostring(acceptor)), 1) end
local signals = system.signal.set.new(system.signal.SIGINT, system.signal.SIGTERM)
say("listening on " .. ip.tostring(acceptor.local_address, acceptor.local_port))
task_group.run(function(group)
    group:spawn(function() accept_all(acceptor, group) end)
    signals:wait()
    group:cancel()
end)
acceptor:close()
