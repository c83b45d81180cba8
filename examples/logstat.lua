-- Counts the lines of a log by one of their words and shows the most frequent ones, with the throughput. With
-- --sandbox the parsing happens in a process that was given nothing but the log's descriptor.
-- Run: bin/ljos examples/logstat.lua [--sandbox] [--field N] [--top N] [FILE]      or the same with luajit
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local file, stream, system, time = ljos.file, ljos.stream, ljos.system, ljos.time

-- Reads `log` to its end; returns how often each word number `field` came, and what was read in all.
-- `progress(bytes)` is called for every buffer.
local function count(log, field, progress)
    local counts, total = {}, { records = 0, bytes = 0 }
    local counted = {
        read_some = function(_, buffer)
            local n = log:read_some(buffer)
            total.bytes = total.bytes + n
            progress(total.bytes)
            return n
        end,
    }
    local scanner = stream.scanner.with_awk_defaults(counted)
    local ok, err = pcall(function()
        while true do
            local word = scanner:get_line()[field]
            if word then
                local text = tostring(word)
                counts[text] = (counts[text] or 0) + 1
            end
        end
    end)
    if not ok and err ~= ljos.asio_error.misc.eof then error(err, 0) end
    total.records = scanner.record_number
    return counts, total
end

-- The `top` most frequent words, as a list of { word, count }.
local function most_frequent(counts, top)
    local rows = {}
    for word, n in pairs(counts) do
        rows[#rows + 1] = { word, n }
    end
    table.sort(rows, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
    for i = #rows, top + 1, -1 do
        rows[i] = nil
    end
    return rows
end

-- In the sandbox: one message says what to do and where the answer goes.
if _CONTEXT == "worker" then
    local granted = ...
    local order = ljos.inbox:receive()
    local counts, total = count(file.stream.new(granted.log), order.field, function(bytes)
        if bytes % (64 * 2 ^ 20) < 2 ^ 20 then order.answer:send { progress = bytes } end
    end)
    for _, row in ipairs(most_frequent(counts, order.top)) do
        order.answer:send { word = row[1]:sub(1, 200), count = row[2] }
    end
    order.answer:send(total)
    return
end

-- Command line ----------------------------------------------------------------------------------------------------

local USAGE = [[
usage: logstat.lua [--sandbox] [--field N] [--top N] [FILE]
  --sandbox   parse in a process that is given nothing but the log
  --field N   the word of each line that is counted (3)
  --top N     how many to show (10)
  --help      print this and end
]]

local function give_up(problem)
    stream.write_all(system.err, ("logstat: %s\n%s"):format(problem, USAGE))
    system.exit(2)
end

local options = { field = 3, top = 10 }
local arguments = { ... }
do
    local i = 1
    while arguments[i] do
        local argument = arguments[i]
        if argument == "--help" then
            stream.write_all(system.out, USAGE)
            return
        elseif argument == "--sandbox" then
            options.sandbox = true
        elseif argument == "--field" or argument == "--top" then
            i = i + 1
            local n = tonumber(arguments[i])
            if not n or n < 1 or n % 1 ~= 0 then give_up(argument .. " takes a whole number from 1 on") end
            options[argument:sub(3)] = n
        else
            if argument:sub(1, 2) == "--" then give_up("unknown option " .. argument) end
            options.path = argument
        end
        i = i + 1
    end
end

-- The file named, or the first of some real ones that is there.
local function open()
    local log = file.stream.new()
    if options.path then
        local ok, err = pcall(log.open, log, options.path, { "read_only" })
        if not ok then give_up(("%s: %s"):format(options.path, tostring(err))) end
        return log, options.path
    end
    local candidates = { "/var/log/dpkg.log", "/var/log/syslog", "/var/log/messages", "/etc/services", "/etc/passwd" }
    for _, path in ipairs(candidates) do
        if pcall(log.open, log, path, { "read_only" }) and log.size > 0 then return log, path end
        log:close()
    end
    give_up "no log found; name one"
end

-- A progress line on a terminal, for input that takes longer than a moment.
local began, shown = time.steady_clock.now(), 0
local function seconds() return time.steady_clock.now().seconds_since_epoch - began.seconds_since_epoch end
local is_terminal = system.err:isatty()
local function progress(bytes)
    if not is_terminal or seconds() < shown + 0.5 then return end
    shown = seconds()
    stream.write_all(system.err, ("\r%.0f MB, %.0f MB/s "):format(bytes / 1e6, bytes / 1e6 / shown))
end

local function count_in_sandbox(log)
    local descriptor = log:release()
    local actor = ljos.sandbox.spawn { module = ".", fds = { log = descriptor } }
    descriptor:close()
    actor:send { field = options.field, top = options.top, answer = ljos.inbox }
    local rows = {}
    while true do
        local message = ljos.inbox:receive()
        if message.records then
            actor:close()
            return rows, message
        elseif message.progress then
            progress(message.progress)
        else
            rows[#rows + 1] = { message.word, message.count }
        end
    end
end

local log, path = open()
local rows, total
if options.sandbox then
    rows, total = count_in_sandbox(log)
else
    local counts
    counts, total = count(log, options.field, progress)
    rows = most_frequent(counts, options.top)
    log:close()
end

local lines = { ("%s%s: %d lines by field %d"):format(shown > 0 and "\r" or "", path, total.records, options.field) }
for _, row in ipairs(rows) do
    lines[#lines + 1] = ("%10d  %s"):format(row[2], row[1])
end
local elapsed = seconds()
lines[#lines + 1] = ("%.2f MB in %.3f s, %.0f MB/s%s\n"):format(
    total.bytes / 1e6,
    elapsed,
    total.bytes / 1e6 / elapsed,
    options.sandbox and ", parsed in a sandbox" or ""
)
stream.write_all(system.out, table.concat(lines, "\n"))
