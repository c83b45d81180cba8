-- Reads a file with stream.scanner. Run: luajit bench/programs/scan.lua MODE PATH
--   count   a loop of get_line; prints the number of records
--   fields  a loop of get_line with AWK's fields; prints the sum of the third
--   strings that sum with a string of each
--   bulk    that sum by batches
local ljos = require "ljos"
local eof, file, scanner = ljos.asio_error.misc.eof, ljos.file, ljos.stream.scanner

local mode, path = arg[1], arg[2]

local function until_eof(loop)
    local ok, err = pcall(loop)
    if not ok and err ~= eof then error(err, 0) end
end

local modes = {}

function modes.count(input)
    local lines = scanner.new { stream = input, record_separator = "\n" }
    until_eof(function()
        while true do
            lines:get_line()
        end
    end)
    return lines.record_number
end

function modes.fields(input)
    local lines, sum = scanner.with_awk_defaults(input), 0
    until_eof(function()
        while true do
            sum = sum + (lines:get_line()[3]:tonumber() or 0)
        end
    end)
    return ("%.2f"):format(sum)
end

function modes.strings(input)
    local lines, sum = scanner.with_awk_defaults(input), 0
    until_eof(function()
        while true do
            sum = sum + (tonumber(tostring(lines:get_line()[3])) or 0)
        end
    end)
    return ("%.2f"):format(sum)
end

function modes.bulk(input)
    local sum = 0
    for batch in scanner.with_awk_defaults(input):each_batch() do
        sum = sum + batch:sum(3)
    end
    return ("%.2f"):format(sum)
end

ljos.run(function()
    local input = file.stream.new()
    input:open(path, { "read_only" })
    print(modes[mode](input))
end)
