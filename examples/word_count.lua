-- Counts the words of many files on all processors. Shows a pool of actors in threads that ask for work, and what their
-- messages carry.
-- Run: bin/ljos examples/word_count.lua README.md doc/*.md     or the same with luajit; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local byte_span, file, stream, system, inbox = ljos.byte_span, ljos.file, ljos.stream, ljos.system, ljos.inbox

local USAGE = [[
usage: word_count.lua [--threads N] [--top N] FILE...
  --threads N  actors that count (4)
  --top N      words to print (10)
Prints the most frequent words of all files; ends with 1 when a file cannot be read, 2 when something is wrong.
]]

-- An actor: counts what it is given -------------------------------------------------------------------------------

local function count_words(name)
    local counts, rest, total = {}, "", 0
    local text, buffer = file.stream.new(), byte_span.new(65536)
    local function count(piece)
        for word in piece:gmatch "%a+" do
            word = word:lower()
            counts[word], total = (counts[word] or 0) + 1, total + 1
        end
    end
    text:open(name, { "read_only" })
    while true do
        local ok, size = pcall(text.read_some, text, buffer)
        if not ok then
            if size ~= ljos.asio_error.misc.eof then error(size, 0) end
            break
        end
        local piece, tail = (rest .. tostring(buffer:first(size))):match "^(.-)(%a*)$"
        count(piece)
        rest = tail
    end
    count(rest)
    text:close()
    return { name = name, counts = counts, total = total }
end

if _CONTEXT == "worker" then -- luacheck: read globals _CONTEXT
    local main = inbox:receive().main
    local result = {}
    while true do
        result.worker = inbox -- where to send the next name
        main:send(result)
        local name = inbox:receive()
        if name == false then return end
        local ok, counted = pcall(count_words, name)
        result = ok and counted or { name = name, problem = tostring(counted) }
    end
end

-- The program: hands out names, adds up -----------------------------------------------------------------------------

local options, names = { threads = 4, top = 10 }, {}
local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-(%w+)$", tonumber(arguments[at + 1])
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option and options[option] and value and value >= 1 then
        options[option], at = value, at + 1
    elseif option then
        names = {}
        break
    else
        names[#names + 1] = arguments[at]
    end
    at = at + 1
end
if #names == 0 then
    stream.write_all(system.err, USAGE)
    system.exit(2)
end

local spawn_vm = ljos.spawn_vm
for _ = 1, math.min(options.threads, #names) do
    local worker = spawn_vm "."
    worker:send { main = inbox }
    worker:close() -- it will say where it is
end

local totals, words, status = {}, 0, 0
local next_name, counting = 1, math.min(options.threads, #names)
while counting > 0 do
    local result = inbox:receive()
    if result.problem then
        stream.write_all(system.err, ("word_count: %s: %s\n"):format(result.name, result.problem))
        status = 1
    elseif result.counts then
        words = words + result.total
        for word, count in pairs(result.counts) do
            totals[word] = (totals[word] or 0) + count
        end
    end
    result.worker:send(names[next_name] or false)
    result.worker:close()
    if not names[next_name] then counting = counting - 1 end
    next_name = next_name + 1
end

local order = {}
for word in pairs(totals) do
    order[#order + 1] = word
end
table.sort(order, function(a, b) return totals[a] > totals[b] or totals[a] == totals[b] and a < b end)
local lines = {}
for i = 1, math.min(options.top, #order) do
    lines[i] = ("%7d %s\n"):format(totals[order[i]], order[i])
end
lines[#lines + 1] = ("%7d words, %d of them different, in %d files\n"):format(words, #order, #names)
stream.write_all(system.out, table.concat(lines))
system.exit(status)
