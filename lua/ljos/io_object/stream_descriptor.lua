--- Stream descriptors: reading and writing what has no position: pipes, terminals, standard streams.
---
--- The functions here are the methods `read_some` and `write_some` of those classes. A write where nobody reads any
--- more is EPIPE and never SIGPIPE: the engine sees to that.
---
--- Errors:   raises ljos.Error; the end of input is asio_error.misc.eof
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local operation = require "ljos.loop.operation"

local check_span, check_open, raw_read, raw_write =
    byte_span.check, io_object.check_open, operation.read, operation.write
local no_bytes = io_object.no_bytes
local NO_FILE = operation.NO_FILE

---@class ljos.io_object.stream_descriptor
local M = {}

--- Reads what is there, at least one byte; returns how many. A read that is canceled has taken nothing.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@return integer
function M.read_some(object, buffer)
    check_span(buffer, 2)
    check_open(object)
    local res = raw_read(object, buffer, NO_FILE, "read_some")
    if res > 0 then return res end
    return no_bytes(res, buffer)
end

--- Writes what fits, at least one byte; returns how many. A write that is canceled has written nothing.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@return integer
function M.write_some(object, buffer)
    check_span(buffer, 2)
    check_open(object)
    local res = raw_write(object, buffer, NO_FILE, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

return M
