--- File handles: what `file.stream` and `file.random_access` share: opening, size, locks.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local path = require "ljos.filesystem.path"

local c = native.constant_table "file"
local C = ffi.C

ffi.cdef [[
int open(const char *path, int flags, ...);
int64_t lseek(int fd, int64_t offset, int whence);
int ftruncate(int fd, int64_t length);
int flock(int fd, int operation);
]]

---@class ljos.file.handle
local M = { constants = c }

local flag_bits = {
    append = c.O_APPEND,
    create = c.O_CREAT,
    exclusive = c.O_EXCL,
    read_only = c.O_RDONLY,
    read_write = c.O_RDWR,
    sync_all_on_write = c.O_SYNC,
    truncate = c.O_TRUNC,
    write_only = c.O_WRONLY,
}
local CREATE_MODE = ffi.new("int", tonumber("666", 8))

local function open_flags(names)
    error_.check_type(names, "table", 2)
    local flags, accesses = c.O_CLOEXEC, 0
    for i = 1, #names do
        local name = names[i]
        local bits = flag_bits[name]
        if not bits then error_.argument(2, ("unknown flag %q"):format(tostring(name))) end
        if name == "read_only" or name == "read_write" or name == "write_only" then accesses = accesses + 1 end
        flags = bit.bor(flags, bits)
    end
    if accesses ~= 1 then error_.argument(2, 'exactly one of "read_only", "write_only", "read_write" expected') end
    return flags
end

--- Opens a file (open(2), close-on-exec, mode 0666 less the umask). The object must be closed.
---@param object ljos.IoObject
---@param name ljos.filesystem.Path|string
---@param names string[]  see seed 003, "file.stream"
function M.open(object, name, names)
    local text = path.string_of(name, 1)
    local flags = open_flags(names)
    io_object.check_closed(object)
    local fd = C.open(text, flags, CREATE_MODE)
    if fd < 0 then error_.check(-ffi.errno(), { path = text }) end
    io_object.adopt(object, fd)
end

--- Takes over a descriptor; the object must be closed.
---@param object ljos.IoObject
---@param fd ljos.file_descriptor
function M.assign(object, fd)
    io_object.check_closed(object)
    io_object.adopt(object, io_object.take_descriptor(fd, 1))
end

--- Checks that `value` is a file offset or size.
---@param value any
---@param arg integer
---@return integer
function M.check_offset(value, arg)
    if type(value) ~= "number" or value < 0 or value % 1 ~= 0 or value > 2 ^ 53 then
        error_.argument(arg, "a non-negative integer expected, got " .. tostring(value))
    end
    return value
end

--- Sets the size (ftruncate(2)): cuts off, or extends with zeros.
---@param object ljos.IoObject
---@param size integer  bytes
function M.resize(object, size)
    M.check_offset(size, 1)
    io_object.check_open(object)
    if C.ftruncate(object.fd, size) < 0 then error_.check(-ffi.errno()) end
end

local whences = { set = c.SEEK_SET, cur = c.SEEK_CUR, ["end"] = c.SEEK_END }

--- lseek(2); returns the position from the beginning.
---@param object ljos.IoObject
---@param offset integer
---@param whence "set"|"cur"|"end"
---@return integer
function M.seek(object, offset, whence)
    if type(offset) ~= "number" or offset % 1 ~= 0 then error_.argument(1, "an integer expected") end
    local how = whences[whence]
    if not how then error_.argument(2, '"set", "cur" or "end" expected') end
    io_object.check_open(object)
    local position = tonumber(C.lseek(object.fd, offset, how))
    if position < 0 then error_.check(-ffi.errno()) end
    return position
end

local function size(object)
    io_object.check_open(object)
    local position = tonumber(C.lseek(object.fd, 0, c.SEEK_CUR))
    local result = tonumber(C.lseek(object.fd, 0, c.SEEK_END))
    if position < 0 or result < 0 then error_.check(-ffi.errno()) end
    C.lseek(object.fd, position, c.SEEK_SET)
    return result
end

M.properties = { is_open = function(object) return object.fd >= 0 end, size = size }

local function try_flock(object, how)
    io_object.check_open(object)
    if C.flock(object.fd, bit.bor(how, c.LOCK_NB)) == 0 then return true end
    local errno = ffi.errno()
    if errno == error_.errno_of.EAGAIN then return false end
    return error_.check(-errno)
end

--- flock(2) without waiting: whether the exclusive lock was got.
---@param object ljos.IoObject
---@return boolean
function M.try_lock(object) return try_flock(object, c.LOCK_EX) end

--- As `try_lock` for a shared lock.
---@param object ljos.IoObject
---@return boolean
function M.try_lock_shared(object) return try_flock(object, c.LOCK_SH) end

--- Gives the lock back.
---@param object ljos.IoObject
function M.unlock(object)
    io_object.check_open(object)
    if C.flock(object.fd, c.LOCK_UN) < 0 then error_.check(-ffi.errno()) end
end

return M
