--- Standard streams: stdin, stdout and stderr as streams.
---
--- They never own their descriptor: the program's host does. What a standard stream is (terminal, pipe, file,
--- socket) is up to whoever started the program, so reads and writes are plain read(2) and write(2). A terminal is
--- opened once more for that, with the first of them: it can be written to without blocking only in non-blocking mode,
--- and the description that we were given has other owners, who would not expect that.
---
--- Errors:   raises ljos.Error; the end of input is asio_error.misc.eof
--- Suspends: read_some, write_some
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local in_flight = require "ljos.loop.in_flight"
local io_object = require "ljos.io_object"
local master = require "ljos.system.master"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local terminal = require "ljos.io_object.terminal"

ffi.cdef [[
int libc_dup3(int from, int to, int flags) __asm__("dup3");
int libc_stream_open(const char *path, int flags) __asm__("open");
int libc_dup_cloexec(int fd, int command, int least) __asm__("fcntl");
]]

local FILE_POSITION, no_bytes = operation.FILE_POSITION, io_object.no_bytes
local c = native.constant_table "path"
local F_DUPFD_CLOEXEC, TERMINAL_FLAGS = c.F_DUPFD_CLOEXEC, bit.bor(c.O_NONBLOCK, c.O_NOCTTY, c.O_CLOEXEC)

local function check(res, what)
    if res >= 0 then return res end
    return error_.check(-ffi.errno(), { detail = what })
end

---@class ljos.StandardStream: ljos.IoObject
---@field package channel ljos.IoObject|false  what is read and written; false before that was asked for
---@field isatty fun(self): boolean
---@field tcgetpgrp fun(self): integer
---@field tcsetpgrp fun(self, pgrp_id: integer)
local Common = { isatty = terminal.isatty, tcgetpgrp = terminal.tcgetpgrp, tcsetpgrp = terminal.tcsetpgrp }

--- Makes a descriptor of one's own for the same open file description.
---@return ljos.FileDescriptor
function Common:dup() return file_descriptor.new(check(ffi.C.libc_dup_cloexec(self.fd, F_DUPFD_CLOEXEC, 0), "dup")) end

--- Makes the stream refer to what `oldd` refers to; `oldd` stays as it is. What was in flight on the stream ends with
--- ECANCELED, and what `print` has buffered goes to the old one. Source: dup2(2).
---@param oldd ljos.FileDescriptor
function Common:dup_from(oldd)
    master.check "dup_from"
    local from = file_descriptor.number_of(oldd, 2)
    if self.fd == 1 then io.stdout:flush() end
    local channel = self.channel
    if channel and channel ~= self then io_object.close(channel) end
    in_flight.cancel_all(self)
    in_flight.forget(self)
    self.channel = false
    check(ffi.C.libc_dup3(from, self.fd, 0), "dup_from")
end

-- Who may not open the terminal (it is another user's, or there is no /proc) uses it as it is.
local function find_channel(self)
    self.channel = self
    if ffi.C.libc_isatty(self.fd) == 0 then return self end
    local access = self.fd == 0 and c.O_RDONLY or c.O_WRONLY
    local fd = ffi.C.libc_stream_open("/proc/self/fd/" .. self.fd, bit.bor(access, TERMINAL_FLAGS))
    if fd < 0 then return self end
    local channel = io_object.new()
    io_object.adopt(channel, fd)
    self.channel = channel
    return channel
end

local function with_common(methods)
    for name, method in pairs(Common) do
        methods[name] = method
    end
    return methods
end

---@class ljos.StandardInput: ljos.StandardStream
local Input = with_common {}

--- Reads what is there, at least one byte; returns how many.
---@param buffer ljos.byte_span
---@return integer
function Input:read_some(buffer)
    byte_span.check(buffer, 2)
    local res = operation.read(self.channel or find_channel(self), buffer, FILE_POSITION, "read_some")
    if res > 0 then return res end
    return no_bytes(res, buffer)
end

---@class ljos.StandardOutput: ljos.StandardStream
local Output = with_common {}

--- Writes at least one byte; returns how many.
---@param buffer ljos.byte_span
---@return integer
function Output:write_some(buffer)
    byte_span.check(buffer, 2)
    io.stdout:flush() -- what `print` has buffered comes first
    local res = operation.write(self.channel or find_channel(self), buffer, FILE_POSITION, "write_some")
    if res < 0 then error_.check(res) end
    return res
end

local function make(name, fd, methods)
    local metatable = io_object.metatable(name, methods, {})
    return setmetatable({ fd = fd, pending = 0, channel = false }, metatable)
end

return {
    in_ = make("system.in_", 0, Input),
    out = make("system.out", 1, Output),
    err = make("system.err", 2, Output),
}
