--- Copying the bytes of one open file to another.
---
--- By the cheapest means that works: sharing extents (FICLONE), in the kernel (copy_file_range), through a
--- buffer. What does not work on a pair of filesystems is remembered in a `means` table, for the files that
--- follow. Holes stay holes.
---
--- Errors:   none raised: results are >= 0 or -errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"

local min = math.min
local constants, errno_of = calls.constants, error_.errno_of

---@class ljos.filesystem.copy.content
local M = {}

---@class ljos.filesystem.copy.Means
---@field clone boolean
---@field range boolean

local CHUNK = 2 ^ 30 -- of copy_file_range, whose result is an int
local BUFFER = 262144
local BLOCK = 512 -- the unit of st_blocks
local buffer

-- What a call says that cannot do this for these files, though another may.
local unable = {}
for _, name in ipairs { "EXDEV", "EINVAL", "ENOSYS", "EOPNOTSUPP", "ENOTTY", "EBADF", "EPERM", "ETXTBSY" } do
    unable[-errno_of[name]] = true
end

--- Makes the memory of what works; one for each copying operation.
---@return ljos.filesystem.copy.Means
function M.means() return { clone = true, range = true } end

local function write_all(fd, length)
    local done = 0
    while done < length do
        local res = calls.write(fd, buffer + done, length - done)
        if res < 0 then return res end
        done = done + res
    end
    return 0
end

-- Copies up to `length` bytes and returns how many are missing because the file has ended, or -errno.
local function through_buffer(from, to, length)
    buffer = buffer or ffi.new("uint8_t[?]", BUFFER)
    while length > 0 do
        local got = calls.read(from, buffer, min(length, BUFFER))
        if got == 0 then return length end
        if got < 0 then return got end
        local res = write_all(to, got)
        if res < 0 then return res end
        length = length - got
    end
    return 0
end

-- The same, from one offset to the other in the kernel where it can.
local function copy_range(from, to, length, means)
    local start = length
    while length > 0 and means.range do
        local res = calls.copy_file_range(from, to, min(length, CHUNK))
        if res > 0 then
            length = length - res
        elseif res == 0 then
            -- The end; or one of the files whose bytes are made when they are read, which have a size of their own.
            if length < start then return length end
            break
        elseif unable[res] and length == start then
            means.range = false
        else
            return res
        end
    end
    return through_buffer(from, to, length)
end

-- Copies the parts that are no holes; nil when the filesystem cannot tell.
local function copy_sparse(from, to, size, means)
    local at = 0
    while at < size do
        local data = calls.lseek(from, at, constants.SEEK_DATA)
        if data == -errno_of.ENXIO then break end -- a hole up to the end
        if data < 0 then return at > 0 and data or nil end
        local hole = calls.lseek(from, data, constants.SEEK_HOLE)
        if hole < 0 then return hole end
        calls.lseek(from, data, constants.SEEK_SET)
        calls.lseek(to, data, constants.SEEK_SET)
        local missing = copy_range(from, to, hole - data, means)
        if missing ~= 0 then return missing end
        at = hole
    end
    return calls.ftruncate(to, size)
end

--- Copies a whole file to an empty one.
---@param from integer  a descriptor at offset 0
---@param to integer    a descriptor at offset 0
---@param size number   of `from`
---@param blocks number of `from`
---@param means ljos.filesystem.copy.Means
---@return integer # >= 0 or -errno
function M.copy(from, to, size, blocks, means)
    if size > 0 and means.clone then
        local res = calls.clone(to, from)
        if res >= 0 then return 0 end
        means.clone = false
    end
    if size > 0 and blocks * BLOCK < size then
        local res = copy_sparse(from, to, size, means)
        if res then return res end
    end
    -- A size of 0 is that of most files in /proc, too: read what there is.
    if size == 0 then return through_buffer(from, to, math.huge) end
    return copy_range(from, to, size, means)
end

return M
