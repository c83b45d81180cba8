--- Mapped files: the bytes of a file with the methods of a file.
---
--- The mapping is shared: writes reach the file. It must lie within the file when it is opened; a file that is cut
--- later takes the process with it when the missing bytes are touched (mmap(2), SIGBUS).
---
--- Errors:   returns nil, message, code; raises strings for wrong arguments
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local error_ = require "ljos.error"
local mapping = require "ljos.ipc.mapping"
local memory_file = require "ljos.ipc.memory_file"
local os = require "ljos.ipc.os"

local C, constants, errno_of = os.calls, os.constants, error_.errno_of

---@class ljos.ipc.mmap
---@field pagesize integer
local M = {}

M.pagesize = C.getpagesize()

local PROT_READ, PROT_WRITE = constants.PROT_READ, constants.PROT_WRITE

-- "w" maps for reading too: no processor here can write only.
local modes = {
    r = { flags = constants.O_RDONLY, protection = PROT_READ, readable = true, writable = false },
    w = { flags = constants.O_RDWR, protection = PROT_READ + PROT_WRITE, readable = false, writable = true },
    rw = { flags = constants.O_RDWR, protection = PROT_READ + PROT_WRITE, readable = true, writable = true },
}

-- How many bytes to map, or nil and an errno.
local function length_of(fd, offset, size)
    local length, is_regular = os.length(fd)
    if not length then return nil, ffi.errno() end
    if not is_regular then return size > 0 and size or math.max(length - offset, 1) end
    if offset >= length or offset + size > length then return nil, errno_of.EINVAL end
    return size > 0 and size or length - offset
end

--- Maps a file, or `size` bytes of it from `offset`.
---@param filepath string
---@param mode? "r"|"w"|"rw"  "r" by default; "w" refuses to read
---@param offset? integer     a multiple of `pagesize`
---@param size? integer       0 or none: to the end of the file
---@return ljos.ipc.MemoryFile? # nil, message, code
---@return string? message
---@return integer? code
function M.open(filepath, mode, offset, size)
    filepath = arguments.string(filepath, 1, "open")
    local how = arguments.option(mode or "r", modes, 2, "open")
    offset = arguments.integer(offset or 0, 3, "open")
    size = arguments.integer(size or 0, 4, "open")
    if filepath:find "%z" then return os.failure(errno_of.EINVAL) end
    if offset < 0 or offset >= 2 ^ 63 then return os.failure(errno_of.EOVERFLOW) end
    if size < 0 or offset % M.pagesize ~= 0 then return os.failure(errno_of.EINVAL) end
    local fd = C.open(filepath, how.flags + constants.O_CLOEXEC + constants.O_NOCTTY, 0)
    if fd < 0 then return os.last_failure() end
    local len, problem = length_of(fd, offset, size)
    if not len then
        C.close(fd)
        return os.failure(problem)
    end
    local mapped, errno = mapping.new(fd, len, how.protection, offset)
    if not mapped then return os.failure(errno) end
    local address = mapped.address
    return memory_file.new {
        base = address,
        length = len,
        readable = how.readable,
        writable = how.writable,
        release = mapped.release,
        sync = function(length) C.msync(address, length, constants.MS_ASYNC) end,
    }
end

return M
