-- Records what a shell or a command shows in its terminal, with the pauses, and plays it back, like script(1). Shows
-- pseudoterminals, a controlling terminal for a child, SIGWINCH, and a terminal that is itself again on every way out.
-- Run: bin/ljos examples/record.lua /tmp/session      or the same with luajit; then: ... record.lua --play /tmp/session
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local file, filesystem, stream, system, time = ljos.file, ljos.filesystem, ljos.stream, ljos.system, ljos.time
local byte_span, S = ljos.byte_span, ljos.syscall
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall
local signal = system.signal

local USAGE = [=[
usage: record.lua FILE [COMMAND [ARGUMENT...]]   records a command, or $SHELL, until it ends
       record.lua --play FILE [--speed N] [--idle SECONDS]
  --speed N        plays N times as fast (1)
  --idle SECONDS   plays no pause longer than that
  --help           prints this and ends
A recording is a first line "ljos-recording COLUMNS ROWS", then "SECONDS BYTES" and so many bytes for each output.
]=]

local function fail(problem)
    stream.write_all(system.err, ("record: %s\n"):format(problem))
    system.exit(2)
end

local function give_up(problem) fail(problem .. "\n" .. USAGE:gsub("\n$", "")) end

local function open(name, flags)
    local opened = file.stream.new()
    local ok, err = pcall(opened.open, opened, filesystem.path.new(name), flags)
    if not ok then give_up(("%s: %s"):format(name, tostring(err))) end
    return opened
end

-- Playing

local function play(name, speed, idle)
    local recording = open(name, { "read_only" })
    local bytes = byte_span.new(recording.size)
    stream.read_all(recording, bytes)
    recording:close()
    local text = tostring(bytes)
    local at = select(2, text:find "^ljos%-recording %d+ %d+\n")
    if not at then give_up(name .. " is no recording") end
    local before = 0
    while at < #text do
        local _, last, seconds, count = text:find("^([%d.]+) (%d+)\n", at + 1)
        if not last or last + tonumber(count) > #text then fail(name .. " has lost its end") end
        time.sleep(math.min(tonumber(seconds) - before, idle) / speed)
        before, at = tonumber(seconds), last + tonumber(count)
        local shown, err = pcall(stream.write_all, system.out, text:sub(last + 1, at))
        if not shown and err.EPIPE then return end
        if not shown then fail("standard output: " .. tostring(err)) end
    end
end

-- Recording

-- The terminal that we were started in, if any: its size, and how to make it pass every key on.
local outer = system.in_:isatty() and 0

local function size()
    local known = outer and S.ioctl(outer, "TIOCGWINSZ")
    if known and known.col > 0 then return known.col, known.row end
    return 80, 24
end

-- Makes the outer terminal raw; returns what undoes that.
local function make_raw()
    if not outer then
        return function() end
    end
    local before, raw = assert(S.tcgetattr(outer)), assert(S.tcgetattr(outer))
    raw:makeraw()
    assert(S.tcsetattr(outer, "drain", raw))
    return function() S.tcsetattr(outer, "drain", before) end
end

local function resize(master)
    local columns, rows = size()
    assert(S.ioctl(master.fd, "TIOCSWINSZ", { col = columns, row = rows }))
end

-- What is typed goes to the command; the end of our input is the key that means it.
local function pass_keys(master)
    local buffer = byte_span.new(1024)
    local ok, err
    repeat
        ok, err = pcall(function() stream.write_all(master, buffer:first(system.in_:read_some(buffer))) end)
    until not ok
    if err == ljos.asio_error.misc.eof then pcall(stream.write_all, master, "\4") end
end

-- What the command shows goes to us and, with the time, to the recording, until nobody has the terminal any more: then
-- reading is EIO. When nobody watches us any more, or nothing can be recorded, the command loses its terminal.
-- Returns what went wrong with the recording.
local function show(master, recording)
    local began, buffer = time.steady_clock.now(), byte_span.new(65536)
    local reading, count = pcall(master.read_some, master, buffer)
    local recorded, problem = true, nil
    while reading and recorded do
        local entry = ("%.6f %d\n"):format(time.steady_clock.now() - began, count) .. tostring(buffer:first(count))
        recorded, problem = pcall(stream.write_all, recording, entry)
        if not pcall(stream.write_all, system.out, buffer:first(count)) then break end
        reading, count = pcall(master.read_some, master, buffer)
    end
    master:close()
    return not recorded and problem
end

local function follow_signals(signals, master, child)
    while true do
        local received = signals:wait()
        if received == signal.SIGWINCH then
            if master.is_open then resize(master) end
        else
            child:kill(signal.SIGHUP)
        end
    end
end

-- Returns the command's subprocess, which has ended, and what went wrong with the recording.
local function run(command, recording)
    local master, slave = ljos.serial_port.ptypair()
    resize(master)
    local signals = signal.set.new(signal.SIGWINCH, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    local child = system.spawn {
        program = command[1],
        arguments = command,
        environment = system.environment,
        stdin = slave,
        stdout = slave,
        stderr = slave,
        start_new_session = true,
        set_ctty = slave,
    }
    slave:close()
    local showing = spawn(function() return show(master, recording) end)
    local others = {
        spawn(function() pass_keys(master) end),
        spawn(function() follow_signals(signals, master, child) end),
    }
    child:wait()
    local problem = showing:join()
    for _, fiber in ipairs(others) do
        fiber:cancel()
        fiber:join()
    end
    return child, problem
end

local function record(name, command)
    local recording = open(name, { "create", "truncate", "write_only" })
    local begun, err = pcall(stream.write_all, recording, ("ljos-recording %d %d\n"):format(size()))
    if not begun then fail(("%s: %s"):format(name, tostring(err))) end
    local restore = make_raw()
    local ok, child, problem = pcall(run, command, recording)
    restore()
    recording:close()
    if not ok then give_up(("%s: %s"):format(command[1], tostring(child))) end
    if problem then fail(("%s: %s"):format(name, tostring(problem))) end
    return child.exit_code
end

-- The command line

local arguments = { ... }
if arguments[1] == "--help" then
    stream.write_all(system.out, USAGE)
elseif arguments[1] == "--play" then
    local options = { ["--speed"] = 1, ["--idle"] = math.huge }
    for i = 3, #arguments, 2 do
        local value = tonumber(arguments[i + 1])
        if not options[arguments[i]] or not value or value <= 0 then give_up("wrong option: " .. arguments[i]) end
        options[arguments[i]] = value
    end
    play(arguments[2] or give_up "--play needs a FILE", options["--speed"], options["--idle"])
elseif not arguments[1] or arguments[1]:find "^%-" then
    give_up(arguments[1] and "unknown option " .. arguments[1] or "no FILE")
else
    local command = { unpack(arguments, 2) }
    if #command == 0 then command = { system.environment.SHELL or "/bin/sh" } end
    system.exit(record(arguments[1], command))
end
