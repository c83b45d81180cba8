--- file.random_access: a file read and written at offsets that the caller names, from 0.
---
--- Errors:   raises ljos.Error; the end of the file is asio_error.misc.eof
--- Suspends: read_some_at, write_some_at, lock, lock_shared, sync_all, sync_data
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local handle = require "ljos.file.handle"
local io_object = require "ljos.io_object"
local operation = require "ljos.loop.operation"

local check_span, check_open, raw_read, raw_write =
    byte_span.check, io_object.check_open, operation.read_at, operation.write
local no_bytes = io_object.no_bytes
local check_offset = handle.check_offset

---@class ljos.file.RandomAccess: ljos.file.Handle
local RandomAccess = handle.methods {}

--- Reads at `offset`; returns how many bytes. Raises asio_error.misc.eof at or behind the end.
---@param offset integer  bytes from 0
---@param buffer ljos.byte_span
---@return integer
function RandomAccess:read_some_at(offset, buffer)
    check_offset(offset, 2)
    check_span(buffer, 3)
    check_open(self)
    local res = raw_read(self, buffer, offset, "read_some_at")
    if res > 0 then return res end
    return no_bytes(res, buffer)
end

--- Writes at `offset`; returns how many bytes.
---@param offset integer  bytes from 0
---@param buffer ljos.byte_span
---@return integer
function RandomAccess:write_some_at(offset, buffer)
    check_offset(offset, 2)
    check_span(buffer, 3)
    check_open(self)
    local res = raw_write(self, buffer, offset, "write_some_at")
    if res < 0 then error_.check(res) end
    return res
end

local metatable = io_object.metatable("file.random_access", RandomAccess, handle.properties)

---@class ljos.file.random_access
local M = {}

--- Makes a closed file, or one of a descriptor, whose object is closed then.
---@type fun(fd?: ljos.FileDescriptor): ljos.file.RandomAccess
M.new = io_object.constructors(metatable)

return M
