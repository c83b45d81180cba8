--- Stream sockets: reading and writing what is connected, as `read_some` and `write_some` of every such class.
---
--- Errors:   raises ljos.Error; the peer's end of stream is asio_error.misc.eof
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local operation = require "ljos.loop.operation"

local check_span, check_open, raw_recv, raw_send = byte_span.check, io_object.check_open, operation.recv, operation.send
local no_bytes = io_object.no_bytes

---@class ljos.socket.stream
local M = {}

--- What recv(2) on a stream answered, as a count: raises where it failed or the stream has ended.
---@param res integer
---@param buffer ljos.byte_span
---@return integer
local function received(res, buffer)
    if res > 0 then return res end
    return no_bytes(res, buffer)
end
M.received = received

--- Reads what is there, at least one byte; returns how many. Raises asio_error.misc.eof at the end of the stream.
--- A read that is canceled has taken nothing from the stream.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@return integer
function M.read_some(object, buffer)
    check_span(buffer, 2)
    check_open(object)
    return received(raw_recv(object, buffer, 0, "read_some"), buffer)
end

--- Writes what fits into the socket's send queue, at least one byte; returns how many.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@return integer
function M.write_some(object, buffer)
    check_span(buffer, 2)
    check_open(object)
    local res = raw_send(object, buffer, 0, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

return M
