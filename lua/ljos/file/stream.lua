--- file.stream: a file read and written at its own position.
---
--- Reads and writes ask the page cache first and wait only when the disk must work. Those of several fibers at one
--- stream take turns, so that each byte is read by one of them.
---
--- Errors:   raises ljos.Error; the end of the file is asio_error.misc.eof
--- Suspends: read_some, write_some, lock, lock_shared, sync_all, sync_data
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local handle = require "ljos.file.handle"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"

local check_span, check_open, raw_read, raw_write =
    byte_span.check, io_object.check_open, operation.read, operation.write
local no_bytes = io_object.no_bytes
local FILE_POSITION = operation.FILE_POSITION

local c = native.constant_table "file"
local whences = { set = c.SEEK_SET, cur = c.SEEK_CUR, ["end"] = c.SEEK_END }

---@class ljos.file.Stream: ljos.file.Handle
local Stream = handle.methods {}

--- lseek(2); returns the position from the beginning.
---@param offset integer
---@param whence "set"|"cur"|"end"
---@return integer
function Stream:seek(offset, whence)
    if type(offset) ~= "number" or offset % 1 ~= 0 then error_.argument(2, "an integer expected") end
    local how = whences[whence]
    if not how then error_.argument(3, '"set", "cur" or "end" expected') end
    io_object.check_open(self)
    local position = tonumber(ffi.C.lseek(self.fd, offset, how))
    if position < 0 then error_.check(-ffi.errno()) end
    return position
end

--- Reads at the file's position, which moves on; returns how many bytes. Raises asio_error.misc.eof at the end.
---@param buffer ljos.byte_span
---@return integer
function Stream:read_some(buffer)
    check_span(buffer, 2)
    check_open(self)
    local res = raw_read(self, buffer, FILE_POSITION, "read_some")
    if res > 0 then return res end
    return no_bytes(res, buffer)
end

--- Writes at the file's position, or at its end when opened with "append"; returns how many bytes.
---@param buffer ljos.byte_span
---@return integer
function Stream:write_some(buffer)
    check_span(buffer, 2)
    check_open(self)
    local res = raw_write(self, buffer, FILE_POSITION, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

local metatable = io_object.metatable("file.stream", Stream, handle.properties)

---@class ljos.file.stream
local M = {}

--- Makes a closed stream, or one of a descriptor, whose object is closed then.
---@type fun(fd?: ljos.FileDescriptor): ljos.file.Stream
M.new = io_object.constructors(metatable)

return M
