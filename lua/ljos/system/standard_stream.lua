--- Standard streams: stdin, stdout and stderr as streams.
---
--- They never own their descriptor: the program's host does. What a standard stream is (terminal, pipe, file,
--- socket) is up to whoever started the program, so reads and writes are plain read(2) and write(2).
---
--- Errors:   raises ljos.Error; the end of input is asio_error.misc.eof
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local operation = require "ljos.operation"

ffi.cdef "int isatty(int fd);"

local FILE_POSITION = operation.FILE_POSITION

---@class ljos.StandardStream: ljos.IoObject
local Common = {}

--- Whether the stream is a terminal: isatty(3).
---@return boolean
function Common:isatty() return ffi.C.isatty(self.fd) == 1 end

---@class ljos.StandardInput: ljos.StandardStream
local Input = { isatty = Common.isatty }

--- Reads what is there, at least one byte; returns how many.
---@param buffer ljos.byte_span
---@return integer
function Input:read_some(buffer)
    byte_span.check(buffer, 1)
    local res = operation.read(self, buffer, FILE_POSITION, "read_some")
    if res > 0 then return res end
    if res < 0 then error_.check(res) end
    if buffer.len > 0 then error(asio_error.misc.eof, 0) end
    return 0
end

---@class ljos.StandardOutput: ljos.StandardStream
local Output = { isatty = Common.isatty }

--- Writes at least one byte; returns how many.
---@param buffer ljos.byte_span
---@return integer
function Output:write_some(buffer)
    byte_span.check(buffer, 1)
    io.stdout:flush() -- what `print` has buffered comes first
    local res = operation.write(self, buffer, FILE_POSITION, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

local function make(name, fd, methods)
    local metatable = io_object.metatable(name, methods, {})
    return setmetatable({ fd = fd, pending = 0 }, metatable)
end

return {
    in_ = make("system.in_", 0, Input),
    out = make("system.out", 1, Output),
    err = make("system.err", 2, Output),
}
