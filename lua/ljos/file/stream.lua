--- file.stream: a file read and written at its own position.
---
--- Reads and writes ask the page cache first and wait only when the disk must work.
---
--- Errors:   raises ljos.Error; the end of the file is asio_error.misc.eof
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local handle = require "ljos.file.handle"
local io_object = require "ljos.io_object"
local operation = require "ljos.operation"

local check_span, check_open, raw_read, raw_write =
    byte_span.check, io_object.check_open, operation.read, operation.write
local FILE_POSITION = operation.FILE_POSITION

---@class ljos.file.Stream: ljos.IoObject
---@field is_open boolean
---@field size integer  bytes
local Stream = {
    open = handle.open,
    assign = handle.assign,
    resize = handle.resize,
    seek = handle.seek,
    try_lock = handle.try_lock,
    try_lock_shared = handle.try_lock_shared,
    unlock = handle.unlock,
    close = io_object.close,
    cancel = io_object.cancel,
    release = io_object.release_descriptor,
}

--- Reads at the file's position, which moves on; returns how many bytes. Raises asio_error.misc.eof at the end.
---@param buffer ljos.byte_span
---@return integer
function Stream:read_some(buffer)
    check_span(buffer, 1)
    check_open(self)
    local res = raw_read(self, buffer, FILE_POSITION, "read_some")
    if res > 0 then return res end
    if res < 0 then error_.check(res) end
    if buffer.len > 0 then error(asio_error.misc.eof, 0) end
    return 0
end

--- Writes at the file's position, or at its end when opened with "append"; returns how many bytes.
---@param buffer ljos.byte_span
---@return integer
function Stream:write_some(buffer)
    check_span(buffer, 1)
    check_open(self)
    local res = raw_write(self, buffer, FILE_POSITION, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

local metatable = io_object.metatable("file.stream", Stream, handle.properties)

---@class ljos.file.stream
local M = {}

--- Makes a closed stream, or one that owns `fd`.
---@param fd? ljos.file_descriptor
---@return ljos.file.Stream
function M.new(fd)
    local self = setmetatable(io_object.new(), metatable)
    if fd ~= nil then self:assign(fd) end
    return self
end

return M
