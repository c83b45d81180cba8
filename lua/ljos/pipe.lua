--- Pipes: `pair`, `read_stream`, `write_stream`.
---
--- Both ends are in blocking mode, so that a child process finds in its standard streams what it expects.
---
--- Errors:   raises ljos.Error; the end of the stream is asio_error.misc.eof, a write without a reader EPIPE
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local stream_descriptor = require "ljos.io_object.stream_descriptor"

local O_CLOEXEC = native.constant_table("file").O_CLOEXEC

ffi.cdef 'int libc_pipe2(int *ends, int flags) __asm__("pipe2");'

---@class ljos.pipe.ReadStream: ljos.IoObject
---@field is_open boolean
---@field read_some fun(self, buffer: ljos.byte_span): integer
local ReadStream = { read_some = stream_descriptor.read_some }

---@class ljos.pipe.WriteStream: ljos.IoObject
---@field is_open boolean
---@field write_some fun(self, buffer: ljos.byte_span): integer
local WriteStream = { write_some = stream_descriptor.write_some }

local function class(name, methods)
    methods.assign = io_object.assign
    methods.release = io_object.release_descriptor
    methods.cancel = io_object.cancel
    methods.close = io_object.close
    return io_object.constructors(io_object.metatable(name, methods, { is_open = io_object.is_open }))
end

local new_reader, adopt_reader = class("pipe.read_stream", ReadStream)
local new_writer, adopt_writer = class("pipe.write_stream", WriteStream)

---@class ljos.pipe
local M = {
    ---@type { new: fun(fd?: ljos.FileDescriptor): ljos.pipe.ReadStream }
    read_stream = { new = new_reader },
    ---@type { new: fun(fd?: ljos.FileDescriptor): ljos.pipe.WriteStream }
    write_stream = { new = new_writer },
}

local ends = ffi.new "int[2]"

--- Makes a pipe: pipe2(2), close-on-exec. Source: seed 003, "pipe.pair".
---@return ljos.pipe.ReadStream
---@return ljos.pipe.WriteStream
function M.pair()
    if ffi.C.libc_pipe2(ends, O_CLOEXEC) < 0 then error_.check(-ffi.errno(), { detail = "pipe2" }) end
    return adopt_reader(ends[0]), adopt_writer(ends[1])
end

return M
