--- File handles: what `file.stream` and `file.random_access` share: opening, size, locks.
---
--- The locks are flock(2)'s: they belong to the open file, so that all objects and processes that share it (`dup`,
--- descriptors handed to a child) hold the same lock. Closing the last of them gives it back.
---
--- Errors:   raises ljos.Error
--- Suspends: lock, lock_shared, sync_all, sync_data; open, of a FIFO or a terminal line
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local open = require "ljos.filesystem.open"
local operation = require "ljos.loop.operation"
local path = require "ljos.filesystem.path"

local c = native.constant_table "file"
local C = ffi.C
local AT_FDCWD = calls.constants.AT_FDCWD

ffi.cdef [[
int64_t lseek(int fd, int64_t offset, int whence);
int ftruncate(int fd, int64_t length);
int flock(int fd, int operation);
]]

local SYS_fsync, SYS_fdatasync = native.constant("SYS", "__NR_fsync"), native.constant("SYS", "__NR_fdatasync")

---@class ljos.file.handle
local M = {}

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
local CREATE_MODE = tonumber("666", 8) --[[@as integer]]

---@param names string[]
---@return integer
local function open_flags(names)
    error_.check_type(names, "table", 3)
    local flags, accesses = 0, 0
    for i = 1, #names do
        local name = names[i]
        local bits = flag_bits[name]
        if not bits then error_.argument(3, ("unknown flag %q"):format(tostring(name))) end
        if name == "read_only" or name == "read_write" or name == "write_only" then accesses = accesses + 1 end
        flags = bit.bor(flags, bits)
    end
    if bit.band(flags, c.O_EXCL) ~= 0 and bit.band(flags, c.O_CREAT) == 0 then
        error_.argument(3, '"exclusive" needs "create"')
    end
    if accesses ~= 1 then error_.argument(3, 'exactly one of "read_only", "write_only", "read_write" expected') end
    return flags
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

---@class ljos.file.Handle: ljos.IoObject
---@field is_open boolean
---@field size integer  bytes
local Handle = {
    assign = io_object.assign,
    close = io_object.close,
    cancel = io_object.cancel,
    release = io_object.release_descriptor,
}

--- Opens a file (open(2), close-on-exec, mode 0666 less the umask, never as controlling terminal). The object must be
--- closed. Suspends while a FIFO waits for its other end; canceled, nothing was opened.
---@param name ljos.filesystem.Path|string
---@param names string[]  "read_only", "write_only" or "read_write"; "append", "create", "truncate", ...
function Handle:open(name, names)
    local text = path.string_of(name, 2)
    local flags = bit.bor(open_flags(names), c.O_NOCTTY) ---@type integer
    io_object.check_closed(self)
    local fd = open.by_bits(AT_FDCWD, text, flags, CREATE_MODE, 0)
    if self.fd >= 0 then -- somebody else was faster
        C.close(fd)
        io_object.check_closed(self)
    end
    io_object.adopt(self, fd)
end

--- Sets the size (ftruncate(2)): cuts off, or extends with zeros.
---@param size integer  bytes
function Handle:resize(size)
    M.check_offset(size, 2)
    io_object.check_open(self)
    if C.ftruncate(self.fd, size) < 0 then error_.check(-ffi.errno()) end
end

-- On a descriptor of its own: the file may be closed meanwhile, and its number be another's.
local function sync(self, number, name)
    io_object.check_open(self)
    local own = io_object.new()
    io_object.adopt(own, error_.check(calls.fcntl(self.fd, calls.constants.F_DUPFD_CLOEXEC, 0)))
    local ok, res = pcall(operation.call, own, name, number, own.fd)
    io_object.close(own)
    if not ok then error(res, 0) end
    error_.check(res)
end

--- Waits until the device has all that was written to the file, and what is known of it (fsync(2)), in a thread of the
--- pool. A name that is new must be made to last by its directory. Canceled too late, it has been done.
function Handle:sync_all() sync(self, SYS_fsync, "sync_all") end

--- As `sync_all`, but for times and the like, which nobody needs to find the bytes again (fdatasync(2)).
function Handle:sync_data() sync(self, SYS_fdatasync, "sync_data") end

local function flock(self, how, name)
    io_object.check_open(self)
    error_.check(operation.flock(self, how, name))
end

--- Waits for the exclusive lock (flock(2)); a shared one that was held is given up first. Canceled, nothing is held.
function Handle:lock() flock(self, c.LOCK_EX, "lock") end

--- As `lock`, for a shared lock.
function Handle:lock_shared() flock(self, c.LOCK_SH, "lock_shared") end

local function try_flock(self, how)
    io_object.check_open(self)
    if C.flock(self.fd, bit.bor(how, c.LOCK_NB)) == 0 then return true end
    local errno = ffi.errno()
    if errno == error_.errno_of.EAGAIN then return false end
    return error_.check(-errno)
end

--- flock(2) without waiting: whether the exclusive lock was got. A shared one that was held is given up either way.
---@return boolean
function Handle:try_lock() return try_flock(self, c.LOCK_EX) end

--- As `try_lock`, for a shared lock.
---@return boolean
function Handle:try_lock_shared() return try_flock(self, c.LOCK_SH) end

--- Gives the lock back.
function Handle:unlock()
    io_object.check_open(self)
    if C.flock(self.fd, c.LOCK_UN) < 0 then error_.check(-ffi.errno()) end
end

local status = ffi.new "struct ljos_file_status_fields"

-- fstat's size, so that the position stays where it is while somebody reads.
local function size(object)
    io_object.check_open(object)
    error_.check(native.C.ljos_file_status(object.fd, "", c.AT_EMPTY_PATH, status))
    return status.size
end

M.properties = { is_open = function(object) return object.fd >= 0 end, size = size }

--- Puts what all files can do into `methods`.
---@generic T
---@param methods T
---@return T
function M.methods(methods)
    for name, method in pairs(Handle) do
        methods[name] = method
    end
    return methods
end

return M
