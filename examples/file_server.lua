-- A static file server: HTTP/1.1 with keep-alive, HEAD, ranges, If-Modified-Since and directory listings. Nothing
-- outside the directory can be reached, by ".." or symlink (openat2), files go out by sendfile, and SIGINT or SIGTERM
-- lets the answers that are under way end first.
-- Run: bin/ljos examples/file_server.lua DIRECTORY 8000     or the same with luajit     then: curl 127.0.0.1:8000/
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local byte_span, file, filesystem, ip = ljos.byte_span, ljos.file, ljos.filesystem, ljos.ip
local S = ljos.syscall
local semaphore, stream, system, time, timeout = ljos.semaphore, ljos.stream, ljos.system, ljos.time, ljos.timeout
local spawn, pcall = ljos.fiber.spawn, ljos.fiber.pcall

local USAGE = [[
usage: file_server.lua [OPTION...] DIRECTORY PORT
  --address ADDRESS       to listen at (127.0.0.1)
  --connections N         at the same time; others wait (500)
  --header-limit BYTES    of a request's head (8192)
  --timeout SECONDS       for a request to come, and for each piece of an answer to leave (30)
  --grace SECONDS         for answers under way when the server is to end (5)
  --help                  print this and end
Port 0 takes a free one.
]]

local options = { address = "127.0.0.1", connections = 500, ["header-limit"] = 8192, timeout = 30, grace = 5 }
local PIECE = 4 * 1024 * 1024 -- what may take a whole timeout

local function say(text) stream.write_all(system.out, "file_server: " .. text .. "\n") end

local function give_up(problem)
    stream.write_all(system.err, ("file_server: %s\n"):format(problem))
    system.exit(2)
end

-- Command line ----------------------------------------------------------------------------------------------------

local operands = {}
local arguments, at = { ... }, 1
while arguments[at] do
    local option, value = arguments[at]:match "^%-%-([%w-]+)$", arguments[at + 1]
    if option == "help" then
        stream.write_all(system.out, USAGE)
        return
    elseif option == "address" and value then
        options.address = value
        at = at + 1
    elseif option then
        local number = tonumber(value)
        if not options[option] or not number or number <= 0 then give_up("wrong option or value: --" .. option) end
        options[option] = number
        at = at + 1
    else
        operands[#operands + 1] = arguments[at]
    end
    at = at + 1
end
if #operands ~= 2 or not tonumber(operands[2]) then give_up("a directory and a port expected\n" .. USAGE) end

local opened, root = pcall(filesystem.open, operands[1], { "path", "directory" })
if not opened then give_up(("%s: %s"):format(operands[1], tostring(root))) end
-- Calls load their modules when first made, for which there may be no descriptor later.
S.time()
S.fstat(root)

-- Answers ---------------------------------------------------------------------------------------------------------

local REASONS = {
    [200] = "OK",
    [206] = "Partial Content",
    [301] = "Moved Permanently",
    [304] = "Not Modified",
    [400] = "Bad Request",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [416] = "Range Not Satisfiable",
    [431] = "Request Header Fields Too Large",
    [503] = "Service Unavailable",
    [505] = "HTTP Version Not Supported",
}

local TYPES = {
    html = "text/html; charset=utf-8",
    css = "text/css; charset=utf-8",
    txt = "text/plain; charset=utf-8",
    md = "text/plain; charset=utf-8",
    lua = "text/plain; charset=utf-8",
    js = "text/javascript; charset=utf-8",
    json = "application/json",
    svg = "image/svg+xml",
    png = "image/png",
    jpg = "image/jpeg",
    gif = "image/gif",
    pdf = "application/pdf",
}

-- Dates as HTTP has them, "Sun, 06 Nov 1994 08:49:37 GMT", from and to seconds since 1970. Years begin in March, so
-- that a leap day is a year's last.
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local WEEKDAYS = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }
local MARCH_OF_YEAR_0 = 719468 -- days before 1970
local floor = math.floor

local function days_of(year, month, day)
    if month < 3 then
        year, month = year - 1, month + 12
    end
    local leap_days = floor(year / 4) - floor(year / 100) + floor(year / 400)
    return 365 * year + leap_days + floor((153 * (month - 3) + 2) / 5) + day - 1 - MARCH_OF_YEAR_0
end

local function date_of(seconds)
    local days, second = floor(seconds / 86400), seconds % 86400
    local year = floor((days + MARCH_OF_YEAR_0) / 365.2425) + 1
    while days_of(year, 1, 1) > days do
        year = year - 1
    end
    local month = 12
    while days_of(year, month, 1) > days do
        month = month - 1
    end
    return ("%s, %02d %s %d %02d:%02d:%02d GMT"):format(
        WEEKDAYS[days % 7 + 1],
        days - days_of(year, month, 1) + 1,
        MONTHS[month],
        year,
        floor(second / 3600),
        floor(second / 60) % 60,
        second % 60
    )
end

local function seconds_of(date)
    local day, name, year, hour, minute, second = date:match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
    for month, known in ipairs(MONTHS) do
        if known == name then
            return days_of(tonumber(year), month, day) * 86400 + hour * 3600 + minute * 60 + second
        end
    end
end

local now, now_as_date

local function date_now()
    local seconds = tonumber(S.time())
    if seconds ~= now then
        now, now_as_date = seconds, date_of(seconds)
    end
    return now_as_date
end

local function head_of(request, status, length, kind, more)
    local fields = "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %.0f\r\nContent-Type: %s\r\nConnection: %s\r\n%s\r\n"
    return fields:format(
        status,
        REASONS[status],
        date_now(),
        length,
        kind,
        request.keep_alive and "keep-alive" or "close",
        more or ""
    )
end

local function answer_text(socket, request, status, text, kind, more)
    local head = head_of(request, status, #text, kind or TYPES.txt, more)
    timeout(options.timeout, stream.write_all, socket, request.method == "HEAD" and head or head .. text)
end

local function fail(socket, request, status, more)
    answer_text(socket, request, status, ("%d %s\n"):format(status, REASONS[status]), nil, more)
end

local function escape_html(text)
    return (text:gsub("[&<>\"']", function(c) return ("&#%d;"):format(c:byte()) end))
end
local function escape_url(text)
    return (text:gsub("[^%w%-._~/]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function answer_listing(socket, request, directory)
    local names = {}
    for entry in filesystem.directory_iterator(tostring(directory)) do
        local name = tostring(entry.path.filename)
        local is_there, status = pcall(function() return entry.symlink_status end)
        names[#names + 1] = is_there and status.type == "directory" and name .. "/" or name
    end
    table.sort(names)
    local lines = { ("<!DOCTYPE html><title>%s</title><ul>"):format(escape_html(request.path)) }
    for _, name in ipairs(names) do
        lines[#lines + 1] = ('<li><a href="./%s">%s</a>'):format(escape_url(name), escape_html(name))
    end
    answer_text(socket, request, 200, table.concat(lines, "\n") .. "\n</ul>\n", TYPES.html)
end

-- First byte and length that a Range header asks for; nil for the whole, false when it cannot be satisfied.
local function range_of(header, size)
    local first, last = (header or ""):match "^bytes=(%d*)%-(%d*)$"
    if not first or first == "" and last == "" then return nil end
    first, last = tonumber(first), tonumber(last)
    if first and last and first > last then return nil end -- no range at all
    if not first then
        first, last = math.max(0, size - last), size - 1
    end
    last = math.min(last or size - 1, size - 1)
    if first > last then return false end
    return first, last - first + 1
end

local function kind_of(name) return TYPES[name:match "%.(%w+)$" or ""] or "application/octet-stream" end

local function answer_file(socket, request, content, name)
    local size = content.size
    local changed = tonumber(assert(S.fstat(content)).mtime)
    local status, more = 200, ("Accept-Ranges: bytes\r\nLast-Modified: %s\r\n"):format(date_of(changed))
    if changed <= (seconds_of(request.if_modified_since or "") or -1) then
        timeout(options.timeout, stream.write_all, socket, head_of(request, 304, size, kind_of(name), more))
        return
    end
    local first, length = range_of(request.range, size)
    if first == false then return fail(socket, request, 416, ("Content-Range: bytes */%.0f\r\n"):format(size)) end
    if first then
        status = 206
        more = more .. ("Content-Range: bytes %.0f-%.0f/%.0f\r\n"):format(first, first + length - 1, size)
    end
    first, length = first or 0, length or size
    local head = head_of(request, status, length, kind_of(name), more)
    if request.method == "HEAD" or length == 0 then return timeout(options.timeout, stream.write_all, socket, head) end
    head = byte_span.append(head)
    repeat
        local piece = math.min(length, PIECE)
        timeout(options.timeout, socket.send_file, socket, content, first, piece, head)
        first, length, head = first + piece, length - piece, nil
    until length == 0
end

-- The descriptor of a path below the root, or nil and the status that says why not.
local function open(path, flags)
    flags[#flags + 1] = "resolve_beneath"
    flags[#flags + 1] = "resolve_no_magiclinks"
    local ok, fd = pcall(root.openat, root, path, flags)
    if ok then return fd end
    if fd.ENOENT or fd.ENOTDIR or fd.ENAMETOOLONG or fd.ELOOP then return nil, 404 end
    if fd.EMFILE or fd.ENFILE then return nil, 503 end
    if fd.EACCES or fd.EPERM or fd.EXDEV then return nil, 403 end
    error(fd, 0)
end

local function answer_opened(socket, request, path, kind)
    if kind == "directory" and path:sub(-1) ~= "/" then
        return fail(socket, request, 301, ("Location: %s/\r\n"):format(escape_url(request.path)))
    elseif kind == "directory" then
        local directory, status = open(path, { "read_only", "directory" })
        if not directory then return fail(socket, request, status) end
        local ok, err = pcall(answer_listing, socket, request, directory)
        directory:close()
        if not ok then error(err, 0) end
    elseif kind == "regular" then
        local fd, status = open(path, { "read_only" })
        if not fd then return fail(socket, request, status) end
        local content = file.random_access.new(fd)
        local ok, err = pcall(answer_file, socket, request, content, path)
        content:close()
        if not ok then error(err, 0) end
    else
        fail(socket, request, 403) -- opening a FIFO or a device could wait, or do things
    end
end

-- The type of a path below the root, without opening it for reading; nil and a status.
local function type_of(path)
    local place, status = open(path, { "path" })
    if not place then return nil, status end
    local kind = place.type
    place:close()
    return kind
end

local function answer(socket, request)
    if request.method ~= "GET" and request.method ~= "HEAD" then
        request.keep_alive = false -- a body may follow, which nobody reads
        return fail(socket, request, 405, "Allow: GET, HEAD\r\n")
    end
    local path = "." .. request.path
    local kind, status = type_of(path)
    if kind == "directory" and path:sub(-1) == "/" and type_of(path .. "index.html") == "regular" then
        path, kind = path .. "index.html", "regular"
    end
    if not kind then return fail(socket, request, status) end
    answer_opened(socket, request, path, kind)
end

-- Requests --------------------------------------------------------------------------------------------------------

-- A request's head as a table; nil and a status when it is none.
local function parse(head)
    local method, target, version = head:match "^(%u+) (%S+) HTTP/(%d%.%d)\r\n"
    if not method then return nil, 400 end
    if version ~= "1.1" and version ~= "1.0" then return nil, 505 end
    local path = target:gsub("^http://[^/]*", ""):gsub("[?#].*", "")
    local is_bad = false
    path = path:gsub("%%(%x?%x?)", function(hex)
        is_bad = is_bad or #hex < 2 or hex == "00"
        return not is_bad and string.char(tonumber(hex, 16)) or ""
    end)
    if is_bad or path:sub(1, 1) ~= "/" then return nil, 400 end
    path = path:gsub("^/+", "/") -- "//name/" would be another host to who is sent there
    local request = { method = method, path = path, keep_alive = version == "1.1" }
    for name, value in head:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
        name = name:lower()
        if name == "connection" then
            value = value:lower()
            if value:find("close", 1, true) then request.keep_alive = false end
            if value:find("keep-alive", 1, true) then request.keep_alive = true end
        elseif name == "range" then
            request.range = value
        elseif name == "if-modified-since" then
            request.if_modified_since = value
        elseif name == "transfer-encoding" or name == "content-length" and value ~= "0" then
            request.has_body = true
        end
    end
    if request.has_body then request.keep_alive = false end
    return request
end

-- Reads up to the end of a request's head. Returns the text, and what came after it already; nil at the end.
local function read_head(socket, buffer, filled)
    while true do
        local end_ = buffer:first(filled):find "\r\n\r\n"
        if end_ then
            local text = tostring(buffer:first(end_ + 3))
            local rest = filled - end_ - 3
            if rest > 0 then buffer:copy(buffer:sub(end_ + 4, filled)) end
            return text, rest
        end
        if filled == #buffer then return nil, 431 end
        filled = filled + socket:read_some(buffer:sub(filled + 1))
    end
end

local clients = {} -- socket -> { fiber, busy }
local places = semaphore.new(options.connections)
local stopping = false

local function converse(socket, client)
    local buffer, filled = byte_span.new(options["header-limit"]), 0
    repeat
        local text, rest = timeout(options.timeout, read_head, socket, buffer, filled)
        client.busy = true
        local request, status
        if text then
            request, status = parse(text)
        else
            status = rest
        end
        if not request then return fail(socket, { method = "GET" }, status) end
        if stopping then request.keep_alive = false end
        answer(socket, request)
        filled = rest
        client.busy = false
    until not request.keep_alive or stopping
end

local function is_expected(err) return ljos.error.is_error(err) end

local function serve(socket, client)
    local ok, err = pcall(converse, socket, client)
    if ok then
        pcall(socket.shutdown, socket, "send")
    elseif not is_expected(err) then
        say("error: " .. tostring(err))
    end
    socket:close()
    clients[socket] = nil
    places:release()
end

local function accept_all(acceptor)
    while true do
        places:acquire()
        local ok, socket = pcall(acceptor.accept, acceptor)
        if ok then
            socket:set_option("tcp_no_delay", true)
            local client = { busy = false }
            clients[socket] = client
            client.fiber = spawn(function() serve(socket, client) end)
        elseif socket.EMFILE or socket.ENFILE then
            time.sleep(0.05) -- until somebody leaves
            places:release()
        else
            error(socket, 0)
        end
    end
end

local host = options.address:find(":", 1, true) and "[" .. options.address .. "]" or options.address
local listens, acceptor = pcall(ip.tcp.listen, host .. ":" .. operands[2])
if not listens then give_up(("%s:%s: %s"):format(host, operands[2], tostring(acceptor))) end
say("listening on " .. ip.tostring(acceptor.local_address, acceptor.local_port))
local accepting = spawn(function() accept_all(acceptor) end)

system.signal.set.new(system.signal.SIGINT, system.signal.SIGTERM):wait()
stopping = true
accepting:cancel()
accepting:join()
acceptor:close()
local fibers, ended = {}, 0
for _, client in pairs(clients) do
    fibers[#fibers + 1] = client.fiber
    if not client.busy then client.fiber:cancel() end
end
pcall(timeout, options.grace, function()
    for _, fiber in ipairs(fibers) do
        fiber:join()
        ended = ended + 1
    end
end)
for i = ended + 1, #fibers do
    fibers[i]:cancel()
end
for i = ended + 1, #fibers do
    fibers[i]:join()
end
say(("closed, %d connection%s ended, %d of them early"):format(#fibers, #fibers == 1 and "" or "s", #fibers - ended))
