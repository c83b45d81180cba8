-- Shows the ends of files and what is appended to them, like tail -F. Shows inotify as a stream that a fiber reads,
-- and files that are truncated, removed, or replaced by others of the same name while they are followed.
-- Run: bin/ljos examples/follow.lua /var/log/syslog /var/log/dpkg.log     or with luajit; --help tells the rest
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local byte_span, file, fs, pipe = ljos.byte_span, ljos.file, ljos.filesystem, ljos.pipe
local stream, system, time = ljos.stream, ljos.system, ljos.time
local syscall = require "ljos.syscall"
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall
local eof = ljos.asio_error.misc.eof

local USAGE = [[
usage: follow.lua [OPTION...] FILE...
  --lines N       lines of each file to begin with (10)
  --quiet         no headers with the files' names
  --poll SECONDS  look every so often, instead of waiting for inotify(7): for network filesystems
  --help          print this and end
Goes on until Ctrl-C. A file that is not there yet is shown when it comes.
]]

local function say(text) stream.write_all(system.err, ("follow: %s\n"):format(text)) end

local function misused(problem)
    say(problem .. "\n" .. USAGE:gsub("\n$", ""))
    system.exit(2)
end

-- Command line ----------------------------------------------------------------------------------------------------

local options, paths = { lines = 10, poll = false }, {}
local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-(%w+)$", tonumber(arguments[at + 1])
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option == "quiet" then
        options.quiet = true
    elseif
        (option == "lines" and value and value >= 0 and value % 1 == 0) or (option == "poll" and value and value > 0)
    then
        options[option], at = value, at + 1
    elseif option then
        misused("wrong option or value: " .. arguments[at])
    else
        paths[#paths + 1] = arguments[at]
    end
    at = at + 1
end
if #paths == 0 then misused "a file expected" end

-- One file --------------------------------------------------------------------------------------------------------

local buffer = byte_span.new(65536)
local last_shown

local function show(followed, bytes)
    if last_shown ~= followed and #paths > 1 and not options.quiet then
        stream.write_all(system.out, ("%s==> %s <==\n"):format(last_shown and "\n" or "", followed.path))
    end
    last_shown = followed
    stream.write_all(system.out, bytes)
end

-- Shows what has come since the last time; one that has become shorter is shown from its beginning.
local function catch_up(followed)
    if followed.input.size < followed.offset then
        say(followed.path .. ": truncated")
        followed.offset = 0
    end
    while true do
        local ok, n = pcall(followed.input.read_some_at, followed.input, followed.offset, buffer)
        if not ok and n ~= eof then error(n, 0) end
        if not ok then return end
        followed.offset = followed.offset + n
        show(followed, buffer:first(n))
    end
end

-- Where the last `count` lines begin.
local function last_lines(input, count)
    local offset, newlines = input.size, -1
    while offset > 0 do
        local n = math.min(#buffer, offset)
        file.read_all_at(input, offset - n, buffer:first(n))
        local text = tostring(buffer:first(n))
        for i = n, 1, -1 do
            -- The newline that ends the last line begins none.
            if text:byte(i) == 10 or (newlines < 0 and i == n) then newlines = newlines + 1 end
            if newlines >= count and text:byte(i) == 10 then return offset - n + i end
        end
        offset = offset - n
    end
    return 0
end

local function forget(followed)
    if not followed.input then return end
    followed.input:close()
    followed.held:close()
    followed.input = false
end

-- Returns the descriptor of a regular file, or nil and why there is none. (Opening a FIFO would wait for its writer.)
local function open_regular(path)
    local ok, kind = pcall(function() return fs.status(path).type end)
    if ok and kind ~= "regular" and kind ~= "not_found" then return nil, "is a " .. kind end
    local opened, fd = pcall(fs.open, path, { "read_only" })
    if opened then return fd end
    return nil, (tostring(fd):gsub(" %(.*", ""))
end

local function open(followed, first)
    local fd, problem = open_regular(followed.path)
    if not fd then
        if followed.problem ~= problem then say(("%s: %s"):format(followed.path, problem)) end
        if first and problem:find "^is a " then system.exit(2) end
        followed.problem = problem
        return
    end
    if followed.problem then say(followed.path .. ": is there") end
    followed.problem = false
    followed.held = fd:dup() -- keeps the inode, to be compared
    followed.input = file.random_access.new(fd)
    followed.offset = first and last_lines(followed.input, options.lines) or 0
    if first and #paths > 1 then show(followed, "") end
end

local function is_replaced(followed)
    local held = "/proc/self/fd/" .. tostring(followed.held):match "%d+$"
    local ok, same = pcall(fs.equivalent, held, followed.path)
    return not (ok and same)
end

local function check(followed)
    if followed.input then
        catch_up(followed)
        if is_replaced(followed) then
            catch_up(followed) -- with what was written in between
            forget(followed)
            if fs.exists(followed.path) then say(followed.path .. ": replaced") end
        end
    end
    if not followed.input then
        open(followed, false)
        if followed.input then catch_up(followed) end
    end
end

-- Events ----------------------------------------------------------------------------------------------------------

local EVENT_BYTES = 16 -- of struct inotify_event, before the name

-- Waits until something may have happened; the paths are watched anew each time, so that new files are watched too.
local function make_wait(followed_files)
    if options.poll then
        return function() time.sleep(options.poll) end
    end
    local inotify, problem = syscall.inotify_init()
    if not inotify then
        say(("no inotify (%s); looking every second"):format(tostring(problem)))
        return function() time.sleep(1) end
    end
    local events = pipe.read_stream.new(ljos.file_descriptor.new(inotify))
    local function watch()
        for _, followed in ipairs(followed_files) do
            local directory = tostring(fs.path.new(followed.path).parent_path)
            syscall.inotify_add_watch(events, directory == "" and "." or directory, "create, moved_to, delete")
            syscall.inotify_add_watch(events, followed.path, "modify, attrib, move_self, delete_self")
        end
    end
    watch()
    return function()
        events:read_some(byte_span.new(64 * (EVENT_BYTES + 256)))
        watch()
    end
end

local followed_files = {}
for i, path in ipairs(paths) do
    followed_files[i] = { path = path, offset = 0, input = false, held = false, problem = false }
end
local wait = make_wait(followed_files)

local signals = system.signal.set.new(system.signal.SIGINT, system.signal.SIGTERM)

local following = spawn(function()
    for _, followed in ipairs(followed_files) do
        open(followed, true)
        if followed.input then catch_up(followed) end
    end
    while true do
        wait()
        for _, followed in ipairs(followed_files) do
            check(followed)
        end
    end
end)

local interrupted = spawn(function()
    signals:wait()
    following:cancel()
end)

local ok, err = pcall(following.join, following)
interrupted:cancel()
for _, followed in ipairs(followed_files) do
    forget(followed)
end
if not ok and not err.EPIPE then
    say(tostring(err))
    system.exit(2)
end
