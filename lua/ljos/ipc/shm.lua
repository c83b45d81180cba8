--- Shared memory: named pieces of memory that several processes map.
---
--- The objects are those of shm_open(3), files of mode 0600 in /dev/shm, so C programs can share them. A new object
--- gets its size and its memory before it gets its name: who attaches never meets an empty one, and a full
--- /dev/shm is an error of `create`, not a SIGBUS later. The creator owns the name: its close, or its collection,
--- removes it, while those who are attached keep the memory.
---
--- Errors:   returns nil, message, code; raises strings for wrong arguments
--- Suspends: never
--- Needs:    a tmpfs at /dev/shm, /proc
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local error_ = require "ljos.error"
local mapping = require "ljos.ipc.mapping"
local memory_file = require "ljos.ipc.memory_file"
local os = require "ljos.ipc.os"

local C, constants, errno_of = os.calls, os.constants, error_.errno_of
local PROTECTION = constants.PROT_READ + constants.PROT_WRITE

---@class ljos.ipc.shm
local M = {}

local DIRECTORY = "/dev/shm"
local MAX_NAME = 253
local OWNER_ONLY = 384 -- 0600

-- The path of an object, or nil and the errno that says what is wrong with its name.
local function path_of(name)
    if #name == 0 or #name > MAX_NAME then return nil, errno_of.ENAMETOOLONG end
    if name:find "[/%z]" or name == "." or name == ".." then return nil, errno_of.EINVAL end
    return DIRECTORY .. "/" .. name
end

local function open_file(fd, len, owned_path)
    local after = owned_path and function() C.unlink(owned_path) end
    local mapped, errno = mapping.new(fd, len, PROTECTION, 0, after)
    if not mapped then
        if after then after() end
        return os.failure(errno)
    end
    return memory_file.new {
        base = mapped.address,
        length = len,
        readable = true,
        writable = true,
        release = mapped.release,
    }
end

local function reserve(fd, size)
    if C.fallocate(fd, 0, 0, size) == 0 then return true end
    return ffi.errno() == errno_of.EOPNOTSUPP and C.ftruncate(fd, size) == 0
end

-- Both return a descriptor, or nil and an errno. The first gives the object its name last; the second is for where
-- there are no nameless files, or no /proc to name them by.

local function make_nameless(path, size)
    local fd = C.open(DIRECTORY, constants.O_RDWR + constants.O_CLOEXEC + constants.O_TMPFILE, OWNER_ONLY)
    if fd < 0 then return nil, ffi.errno() end
    local here, follow = constants.AT_FDCWD, constants.AT_SYMLINK_FOLLOW
    if reserve(fd, size) and C.linkat(here, "/proc/self/fd/" .. fd, here, path, follow) == 0 then return fd end
    local errno = ffi.errno()
    C.close(fd)
    return nil, errno
end

local function make_named(path, size)
    local flags = constants.O_RDWR + constants.O_CLOEXEC + constants.O_CREAT + constants.O_EXCL + constants.O_NOFOLLOW
    local fd = C.open(path, flags, OWNER_ONLY)
    if fd < 0 then return nil, ffi.errno() end
    if reserve(fd, size) then return fd end
    local errno = ffi.errno()
    C.close(fd)
    C.unlink(path)
    return nil, errno
end

local has_no_nameless = { [errno_of.EOPNOTSUPP] = true, [errno_of.EISDIR] = true, [errno_of.ENOENT] = true }

--- Creates a shared memory object of `size` bytes, all zero, and attaches to it.
---@param name string  1 to 253 bytes, no "/"
---@param size integer
---@return ljos.ipc.MemoryFile? # nil, message, code: 17 when the name is taken
---@return string? message
---@return integer? code
function M.create(name, size)
    name = arguments.string(name, 1, "create")
    size = arguments.integer(size, 2, "create")
    local path, problem = path_of(name)
    if not path then return os.failure(problem) end
    if size <= 0 or size >= 2 ^ 63 then return os.failure(errno_of.EINVAL) end
    local fd, errno = make_nameless(path, size)
    if has_no_nameless[errno] then
        fd, errno = make_named(path, size)
    end
    if not fd then return os.failure(errno) end
    return open_file(fd, size, path)
end

--- Attaches to an existing object.
---@param name string
---@return ljos.ipc.MemoryFile? # nil, message, code: 2 when there is none
---@return string? message
---@return integer? code
function M.attach(name)
    local path, problem = path_of(arguments.string(name, 1, "attach"))
    if not path then return os.failure(problem) end
    local fd = C.open(path, constants.O_RDWR + constants.O_CLOEXEC + constants.O_NOFOLLOW, 0)
    if fd < 0 then return os.last_failure() end
    local len, is_regular = os.length(fd)
    if not is_regular then
        C.close(fd)
        return os.failure(errno_of.EINVAL)
    end
    return open_file(fd, len)
end

return M
