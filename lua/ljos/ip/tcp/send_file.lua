--- Sending a file: sendfile(2) between two spans of bytes.
---
--- A chunk that is not in the page cache is read first, by the engine, so that no disk holds up the other fibers; then
--- the kernel sends it from the cache. What is in front of the file goes out with its first bytes (MSG_MORE). Between
--- chunks others get their turn, and the fiber can be canceled: as with `stream.write_all`, a part may be sent then.
---
--- Errors:   raises ljos.Error; asio_error.misc.eof where the file is shorter than what was to be sent
--- Suspends: yes
--- Needs:    nothing beyond Linux 5.15
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"

local C, check_integer = native.C, socket.check_integer
local error, getmetatable, math, type = error, getmetatable, math, type

local CHUNK = 256 * 1024
local NAME = "send_file"

local function send_all(sock, span, flags)
    local rest = span
    while #rest > 0 do
        io_object.check_open(sock)
        rest = rest:sub(error_.check(operation.send(sock, rest, flags, NAME)) + 1)
    end
end

local function is_cached(fd, offset, size) return C.ljos_file_is_cached(fd, offset, size) == 1 end

-- Has the range read into the page cache.
local function warm(file, offset, size)
    local scratch = byte_span.new(size)
    error_.check(operation.read(file, scratch, offset, NAME))
end

local function send_range(sock, file, offset, size, chunk)
    local last = offset + size
    while offset < last do
        local wanted = math.min(chunk, last - offset) --[[@as integer]]
        io_object.check_open(sock)
        io_object.check_open(file)
        if not is_cached(file.fd, offset, wanted) then warm(file, offset, wanted) end
        local sent = error_.check(operation.sendfile(sock, file, offset, wanted, NAME))
        if sent == 0 then error(asio_error.misc.eof, 0) end
        offset = offset + sent
    end
end

local nothing = byte_span.new(0)

local function check_span(span, arg) return span == nil and nothing or byte_span.check(span, arg) end

--- Sends `head`, a range of a file, and `tail`; returns how many bytes that were. Seed 003 has it on Windows only, as
--- TransmitFile(): so a size of 0 means up to the file's end, and offsets count from 0. The end is where `file.size`
--- has it, and files of /proc say 0. Source: sendfile(2).
---@param self ljos.ip.tcp.Socket
---@param file ljos.file.RandomAccess
---@param offset integer
---@param size_in_bytes integer
---@param head? ljos.byte_span
---@param tail? ljos.byte_span
---@param n_number_of_bytes_per_send? integer  at the most, in one go; 0 for a good number
---@return integer
return function(self, file, offset, size_in_bytes, head, tail, n_number_of_bytes_per_send)
    if getmetatable(file) ~= "file.random_access" then
        error_.argument(2, "file.random_access expected, got " .. type(file))
    end
    check_integer(offset, 2 ^ 53, 3)
    check_integer(size_in_bytes, 2 ^ 53, 4)
    head, tail = check_span(head, 5), check_span(tail, 6)
    local chunk = check_integer(n_number_of_bytes_per_send or 0, 2 ^ 31 - 1, 7)
    io_object.check_open(self)
    if file.fd < 0 then error(error_.system("EBADF", { arg = 2, detail = "the file is closed" }), 0) end
    local size = size_in_bytes > 0 and size_in_bytes or math.max(0, file.size - offset)
    send_all(self, head, size + #tail > 0 and socket.constants.MSG_MORE or 0)
    send_range(self, file, offset, size, chunk > 0 and math.min(chunk, CHUNK) or CHUNK)
    send_all(self, tail, 0)
    return #head + size + #tail
end
