-- Searches a directory tree for lines that match a regular expression. Shows the recursive iterator feeding a bounded
-- pool of fibers through a channel, the scanner over files, and regexes on spans: only what is printed is copied.
-- Run: bin/ljos examples/find_grep.lua 'TODO|FIXME' src     or the same with luajit; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local byte_span, channel, file, fs = ljos.byte_span, ljos.channel, ljos.file, ljos.filesystem
local regex, stream, system = ljos.regex, ljos.stream, ljos.system
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall
local eof = ljos.asio_error.misc.eof

local USAGE = [[
usage: find_grep.lua [OPTION...] PATTERN [PATH...]
  PATTERN is an ECMAScript regular expression; PATH a file or directory (.)
  --ignore-case   letters match in either case
  --files         print the names of files with a match, and no lines
  --name GLOB     only files of this name, such as *.lua
  --hidden        enter names that begin with a dot, too
  --jobs N        files open at the same time (16)
  --help          print this and end
Files with a NUL byte at their beginning are taken for binary and left out. Symbolic links are not followed.
Ends with 0 when something matched, 1 when nothing did, 2 when something is wrong.
]]

local function complain(problem) stream.write_all(system.err, ("find_grep: %s\n"):format(problem)) end

local function misused(problem)
    complain(problem .. "\n" .. USAGE:gsub("\n$", ""))
    system.exit(2)
end

-- Command line ----------------------------------------------------------------------------------------------------

local options, pattern, paths = { jobs = 16 }, nil, {}
local flags = { ignore_case = true, files = true, hidden = true }

-- A glob as a Lua pattern: * and ? as in a shell.
local function glob(text)
    local magic = { ["*"] = ".*", ["?"] = "." }
    return "^" .. text:gsub("%W", function(c) return magic[c] or "%" .. c end) .. "$"
end

local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-([%l-]+)$", arguments[at + 1]
    option = option and option:gsub("-", "_")
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option and flags[option] then
        options[option] = true
    elseif option == "name" and value then
        options.name, at = glob(value), at + 1
    elseif option == "jobs" and (tonumber(value) or 0) >= 1 then
        options.jobs, at = math.floor(tonumber(value)), at + 1
    elseif option then
        misused("wrong option or value: " .. arguments[at])
    elseif not pattern then
        pattern = arguments[at]
    else
        paths[#paths + 1] = arguments[at]
    end
    at = at + 1
end
if not pattern then misused "a pattern expected" end
if #paths == 0 then paths[1] = "." end

local ok, wanted = pcall(regex.new, {
    pattern = pattern,
    grammar = "ecma",
    ignore_case = options.ignore_case,
    nosubs = true,
})
if not ok then misused("pattern: " .. (wanted.detail or tostring(wanted))) end

-- One file --------------------------------------------------------------------------------------------------------

local BINARY = {}
local found, failed = 0, false
local many = #paths > 1 or fs.is_directory(paths[1])

-- Ends the reading of a file that is binary, by its first bytes.
local function guarded(input)
    local first = true
    return {
        read_some = function(_, buffer)
            local n = input:read_some(buffer)
            if first and buffer:first(n):find "\0" then error(BINARY, 0) end
            first = false
            return n
        end,
    }
end

-- Returns what is to be printed for a file.
local function search(input, path)
    local scanner = stream.scanner.new { stream = guarded(input), record_separator = "\n" }
    local lines, prefix = {}, many and path .. ":" or ""
    local finished, err = pcall(function()
        while true do
            local line = scanner:get_line()
            if not regex.search(wanted, line).empty then
                found = found + 1
                if options.files then
                    lines[1] = path .. "\n"
                    error(eof, 0)
                end
                lines[#lines + 1] = ("%s%d:%s\n"):format(prefix, scanner.record_number, tostring(line))
            end
        end
    end)
    if not finished and err ~= eof and err ~= BINARY then error(err, 0) end
    return table.concat(lines)
end

local function report(path, err)
    failed = true
    complain(("%s: %s"):format(path, tostring(err)))
end

-- The pool --------------------------------------------------------------------------------------------------------

local work = channel.new(options.jobs)

local function worker()
    for path in work:each() do
        local input = file.stream.new()
        local fine, output = pcall(function()
            input:open(path, { "read_only" })
            return search(input, path)
        end)
        input:close()
        if not fine then
            report(path, output)
        elseif output ~= "" then
            -- A file's lines stay together: nobody else writes until all of it is out.
            local written, err = pcall(stream.write_all, system.out, byte_span.append(output))
            if not written then
                -- Nothing is left to do; where nobody reads any more nothing is wrong.
                if not err.EPIPE then complain("standard output: " .. tostring(err)) end
                system.exit(err.EPIPE and 0 or 2)
            end
        end
    end
end

-- A directory that cannot be read is reported, and the walk goes on behind it.
local function can_enter(path)
    local fine, result = pcall(fs.open, path, { "read_only", "directory" })
    if not fine then
        report(tostring(path), result)
        return false
    end
    result:close()
    return true
end

local function walk(path)
    local step, handle = fs.recursive_directory_iterator(path)
    for entry in step do
        local name, is_directory = entry.path.filename, entry.symlink_status.type == "directory"
        if not options.hidden and name:sub(1, 1) == "." or is_directory and not can_enter(entry.path) then
            handle:disable_recursion_pending()
        elseif entry.symlink_status.type == "regular" and (not options.name or name:find(options.name)) then
            work:send(tostring(entry.path))
        end
    end
end

local workers = {}
for i = 1, options.jobs do
    workers[i] = spawn(worker)
end
for _, path in ipairs(paths) do
    local fine, err = pcall(function()
        if fs.is_directory(path) then
            walk(path)
        else
            work:send(path)
        end
    end)
    if not fine then report(path, err) end
end
work:close()
for _, fiber in ipairs(workers) do
    fiber:join()
end
system.exit(failed and 2 or found > 0 and 0 or 1)
