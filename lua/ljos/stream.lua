--- Algorithms over streams: whole buffers, or at least so many bytes, written and read.
---
--- A stream is any object with the method `read_some(self, span)` or `write_some(self, span)`. Each function here is
--- zero or more such calls, one after the other, and leaves nothing behind: no buffer, no state. Nobody else may read
--- (or write) the same stream until the function returns.
---
--- Errors:   raises ljos.Error, and passes on what the stream raises
--- Suspends: write_all, write_at_least, read_all, read_at_least
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"

local type, tostring = type, tostring

---@class ljos.stream
local M = {}

M.scanner = require "ljos.stream.scanner"

---@class ljos.ReadStream
---@field read_some fun(self: self, buffer: ljos.byte_span): integer

---@class ljos.WriteStream
---@field write_some fun(self: self, buffer: ljos.byte_span): integer

--- For library modules: raises EINVAL unless an object has a method; one with a metatable may answer for itself.
local function check_method(value, method, arg)
    local kind = type(value)
    if kind == "table" and (getmetatable(value) ~= nil or value[method] ~= nil) then return end
    if kind ~= "userdata" and kind ~= "cdata" then
        error_.argument(arg, ("an object with the method %s expected, got %s"):format(method, kind))
    end
end
M.check_method = check_method

local function check_minimum(minimum, length)
    if type(minimum) == "number" and minimum >= 0 and minimum <= length then return end
    error_.argument(3, ("number in 0..%d (the buffer's length) expected, got %s"):format(length, tostring(minimum)))
end

-- A stream that claims to have moved more than it was offered would let the rest run outside of the buffer.
local function check_moved(moved, offered, method)
    if type(moved) == "number" and moved >= 0 and moved <= offered then return moved end
    error_.argument(1, ("the stream's %s returned %s for %d bytes"):format(method, tostring(moved), offered))
end

local function write(stream, buffer, minimum)
    local length, done = #buffer, 0
    while done < minimum do
        local rest = done == 0 and buffer or buffer:sub(1 + done)
        done = done + check_moved(stream:write_some(rest), length - done, "write_some")
    end
    return done
end

local function read(stream, buffer, minimum)
    local length, done = #buffer, 0
    while done < minimum do
        local rest = done == 0 and buffer or buffer:sub(1 + done)
        done = done + check_moved(stream:read_some(rest), length - done, "read_some")
    end
    return done
end

local function to_span(buffer)
    if type(buffer) == "string" then return byte_span.append(buffer) end
    return byte_span.check(buffer, 2)
end

--- Writes all of `buffer`; returns its length. (Seed 003, page stream.write_all.)
---
--- A string is copied first. When the stream raises, some of the bytes may have been written.
---@param stream ljos.WriteStream
---@param buffer ljos.byte_span|string
---@return integer bytes
function M.write_all(stream, buffer)
    check_method(stream, "write_some", 1)
    local span = to_span(buffer)
    return write(stream, span, #span)
end

--- Writes until at least `minimum` bytes of `buffer` are written; returns how many were.
---
--- EINVAL where `minimum` is more than the buffer holds. (Seed 003, page stream.write_at_least.)
---@param stream ljos.WriteStream
---@param buffer ljos.byte_span|string
---@param minimum integer
---@return integer bytes
function M.write_at_least(stream, buffer, minimum)
    check_method(stream, "write_some", 1)
    local span = to_span(buffer)
    check_minimum(minimum, #span)
    return write(stream, span, minimum)
end

--- Reads until `buffer` is full; returns its length. (Seed 003, page stream.read_all.)
---
--- When the stream raises (asio_error.misc.eof at its end), the bytes read before are in `buffer`, but not counted.
---@param stream ljos.ReadStream
---@param buffer ljos.byte_span
---@return integer bytes
function M.read_all(stream, buffer)
    check_method(stream, "read_some", 1)
    byte_span.check(buffer, 2)
    return read(stream, buffer, #buffer)
end

--- Reads until at least `minimum` bytes are in `buffer`; returns how many are.
---
--- EINVAL where `minimum` is more than the buffer holds. (Seed 003, page stream.read_at_least.)
---@param stream ljos.ReadStream
---@param buffer ljos.byte_span
---@param minimum integer
---@return integer bytes
function M.read_at_least(stream, buffer, minimum)
    check_method(stream, "read_some", 1)
    byte_span.check(buffer, 2)
    check_minimum(minimum, #buffer)
    return read(stream, buffer, minimum)
end

return M
