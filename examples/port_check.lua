-- A parallel port checker: tells which TCP ports of a host take connections. Shows a pool of fibers over one queue of
-- work, a deadline for each connect, and progress on a terminal.
-- Run: bin/ljos examples/port_check.lua localhost 22,80,8000-8100     or the same with luajit; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local ip, stream, system, time, timeout = ljos.ip, ljos.stream, ljos.system, ljos.time, ljos.timeout
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall

local USAGE = [[
usage: port_check.lua [OPTION...] HOST PORTS...
  PORTS is a port, a range or a list: 22 80,443 8000-8100
  --jobs N           connects at the same time (200)
  --timeout SECONDS  for each connect (2)
  --help             print this and end
Prints the open ports; ends with 0 when there are some, 1 when there are none, 2 when something is wrong.
]]

local options = { jobs = 200, timeout = 2 }

local function give_up(problem)
    stream.write_all(system.err, ("port_check: %s\n"):format(problem))
    system.exit(2)
end

local function misused(problem) give_up(problem .. "\n" .. USAGE:gsub("\n$", "")) end

-- Command line ----------------------------------------------------------------------------------------------------

local ports, seen = {}, {}

local function add_ports(text)
    for part in (text .. ","):gmatch "([^,]*)," do
        local first, last = part:match "^(%d+)%-(%d+)$"
        first, last = tonumber(first or part:match "^%d+$"), tonumber(last or part:match "^%d+$")
        if not first or first < 1 or last > 65535 or first > last then misused("no ports: " .. part) end
        for port = first, last do
            if not seen[port] then ports[#ports + 1] = port end
            seen[port] = true
        end
    end
end

local host
local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-(%w+)$", tonumber(arguments[at + 1])
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option then
        if not options[option] or not value or value <= 0 then misused("wrong option or value: --" .. option) end
        options[option] = value
        at = at + 1
    elseif not host then
        host = arguments[at]
    else
        add_ports(arguments[at])
    end
    at = at + 1
end
if #ports == 0 then misused "a host and ports expected" end

-- The check -------------------------------------------------------------------------------------------------------

local ok, addresses = pcall(ip.tcp.get_address_info, host, 0)
if not ok then give_up(("%s: %s"):format(host, tostring(addresses))) end
local address = addresses[1].address

local found = { open = {}, refused = 0, silent = 0, failed = 0 }
local next_port, done = 1, 0
local last_problem

local function try(port)
    local socket = ip.tcp.socket.new()
    socket:open(address)
    local connected, err = pcall(timeout, options.timeout, socket.connect, socket, address, port)
    -- On one's own host the kernel may choose the very port for the near end: the socket has met itself then.
    local met_itself = connected and socket.local_port == port and socket.local_address == address
    socket:close()
    if connected and not met_itself then
        found.open[#found.open + 1] = port
    elseif met_itself or err.ECONNREFUSED then
        found.refused = found.refused + 1
    elseif err.ETIMEDOUT then
        found.silent = found.silent + 1
    else
        found.failed, last_problem = found.failed + 1, err
    end
end

local began = time.steady_clock.now()
local is_terminal = system.err:isatty()
local shown = 0
local function progress()
    local elapsed = time.steady_clock.now() - began
    if not is_terminal or elapsed < shown + 0.1 and done < #ports then return end
    shown = elapsed
    local end_ = done < #ports and "" or "\r\27[K" -- the last one clears the line
    stream.write_all(system.err, ("\r%d of %d, %d open %s"):format(done, #ports, #found.open, end_))
end

local function work()
    while next_port <= #ports do
        local port = ports[next_port]
        next_port = next_port + 1
        try(port)
        done = done + 1
        progress()
    end
end

local workers = {}
for i = 1, math.min(options.jobs, #ports) do
    workers[i] = spawn(work)
end
for _, worker in ipairs(workers) do
    local finished, err = pcall(worker.join, worker)
    if not finished then give_up(tostring(err)) end -- no descriptors left: fewer jobs would do
end

-- The service's name as /etc/services has it, if it has.
local function service(port)
    local names = ip.tcp.get_name_info(ip.address.loopback_v4(), port)
    return names[1].service_name ~= tostring(port) and names[1].service_name or ""
end

table.sort(found.open)
local lines = {}
for i, port in ipairs(found.open) do
    lines[i] = ("%5d open  %s"):format(port, service(port)):gsub("%s+$", "")
end
lines[#lines + 1] = ("%s (%s): %d open, %d refused, %d without an answer%s; %.2f s\n"):format(
    host,
    tostring(address),
    #found.open,
    found.refused,
    found.silent,
    found.failed > 0 and (", %d failed (%s)"):format(found.failed, tostring(last_problem)) or "",
    time.steady_clock.now() - began
)
local written, err = pcall(stream.write_all, system.out, table.concat(lines, "\n"))
if not written and not err.EPIPE then give_up("standard output: " .. tostring(err)) end
system.exit(#found.open > 0 and 0 or 1)
