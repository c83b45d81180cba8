-- A supervisor: starts programs, puts their names before the lines they write, starts again those that fail, waiting
-- twice as long each time, and ends them all, with everything they started, on SIGTERM or Ctrl-C.
-- Run: bin/ljos examples/supervisor.lua 'web=python3 -m http.server 8000' 'tick=while :; do date; sleep 1; done'
--      or: luajit examples/supervisor.lua --config FILE, whose lines read NAME=COMMAND; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local filesystem, pipe, stream, system, time = ljos.filesystem, ljos.pipe, ljos.stream, ljos.system, ljos.time
local file, mutex, timeout = ljos.file, ljos.mutex, ljos.timeout
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall
local signal = system.signal

local USAGE = [[
usage: supervisor.lua [OPTION...] [NAME=COMMAND...]
  --config FILE    programs, one NAME=COMMAND a line; empty lines and those that begin with # mean nothing
  --grace SECONDS  between SIGTERM and SIGKILL (5)
  --backoff SECONDS  before the first restart; doubles up to 60 (0.5)
  --help           print this and end
A COMMAND is run by /bin/sh. One that ends with 0 is done; any other end means a restart.
]]

local LONGEST_BACKOFF, CALM = 60, 10 -- a program that ran for CALM seconds begins with the first backoff again

local options = { grace = 5, backoff = 0.5 }
local programs = {} -- { name, command }, in their order

local function give_up(problem)
    stream.write_all(system.err, ("supervisor: %s\n%s"):format(problem, USAGE))
    system.exit(2)
end

local function add_program(text)
    local name, command = text:match "^%s*([%w_.-]+)%s*=%s*(.+)$"
    if not name then give_up(("not NAME=COMMAND: %q"):format(text)) end
    programs[#programs + 1] = { name = name, command = command }
end

local function read_config(name)
    local ok, config = pcall(filesystem.open, filesystem.path.new(name), { "read_only" })
    if not ok then give_up(("%s: %s"):format(name, tostring(config))) end
    local lines = stream.scanner.new { stream = file.stream.new(config) }
    local _, err = pcall(function()
        while true do
            local line = tostring(lines:get_line())
            if line:find "%S" and not line:find "^%s*#" then add_program(line) end
        end
    end)
    if err ~= ljos.asio_error.misc.eof then give_up(("%s: %s"):format(name, tostring(err))) end
end

local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-(%w+)$", arguments[at + 1]
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option == "config" and value then
        read_config(value)
    elseif option and options[option] and (tonumber(value) or -1) >= 0 then
        options[option] = tonumber(value)
    elseif option then
        give_up("wrong option or value: --" .. option)
    else
        add_program(arguments[at])
        at = at - 1
    end
    at = at + 2
end
if #programs == 0 then give_up "no programs" end

local one_line = mutex.new()
local function say(name, text)
    one_line:lock() -- a long line may take several writes
    pcall(stream.write_all, system.out, ("%s | %s\n"):format(name, text))
    one_line:unlock()
end

local running = {} -- program -> subprocess
local stopping = false

local function copy_lines(name, output)
    local lines = stream.scanner.new { stream = output }
    pcall(function()
        while true do
            say(name, tostring(lines:get_line()))
        end
    end)
    output:close()
end

-- Runs a program once, to its end; its subprocess, or nil when it could not be started.
local function run(program)
    local reader, writer = pipe.pair()
    local output = writer:release()
    local ok, child = pcall(system.spawn, {
        program = "sh",
        arguments = { "sh", "-c", program.command },
        environment = system.environment,
        stdout = output,
        stderr = output,
        process_group = 0, -- Ctrl-C is for the supervisor alone, and whoever loses his parent can be found
    })
    output:close()
    local copying = spawn(function() copy_lines(program.name, reader) end)
    if ok then
        say(program.name, ("started, pid %d"):format(child.pid))
        running[program] = child
        child:wait()
        running[program] = nil
    end
    -- All that it wrote is in the pipe by now; somebody it left behind may hold that open.
    pcall(timeout, 1, function() copying:join() end)
    if copying.joinable then
        copying:cancel()
        copying:join()
    end
    if ok then return child end
    say(program.name, tostring(child))
end

local function supervise(program)
    local backoff = options.backoff
    while true do
        local begun = time.steady_clock.now()
        local child = run(program)
        if child then
            local how = child.exit_signal and "signal " .. child.exit_signal or "status " .. child.exit_code
            say(program.name, "ended with " .. how)
        end
        if stopping or child and child.exit_code == 0 then return end
        if (time.steady_clock.now() - begun) > CALM then backoff = options.backoff end
        say(program.name, ("starts again in %g s"):format(backoff))
        time.sleep(backoff)
        backoff = math.min(2 * backoff, LONGEST_BACKOFF)
    end
end

-- Ends what runs: asks, and after the grace insists.
local function stop(fibers)
    stopping = true
    for program, fiber in pairs(fibers) do
        if running[program] then
            pcall(running[program].kill_tree, running[program], signal.SIGTERM)
        else
            fiber:cancel() -- it waits for its next start
        end
    end
    pcall(timeout, options.grace, function()
        for _, fiber in pairs(fibers) do
            fiber:join()
        end
    end)
    for program, child in pairs(running) do
        say(program.name, "does not end; killed")
        pcall(child.kill_tree, child, signal.SIGKILL)
    end
    for _, fiber in pairs(fibers) do
        if fiber.joinable then fiber:join() end
    end
end

local signals = signal.set.new(signal.SIGTERM, signal.SIGINT)
local fibers, left = {}, #programs
for _, program in ipairs(programs) do
    fibers[program] = spawn(function()
        pcall(supervise, program)
        left = left - 1
        if left == 0 then signals:cancel() end
    end)
end
if left > 0 and pcall(signals.wait, signals) then
    say("supervisor", "stopping")
    stop(fibers)
end
say("supervisor", "all programs have ended")
