--- Reading directories: getdents64(2) in large batches.
---
--- `read` parses one batch into the caller's arrays, so that nothing of the shared buffer is needed afterwards.
--- "." and ".." are left out. Types are DT_* as the kernel gave them; filesystems may answer DT_UNKNOWN.
---
--- Errors:   none raised: results are >= 0 or -errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local native = require "ljos.native"

local bor, rshift = bit.bor, bit.rshift
local copy, to_string = ffi.copy, ffi.string

---@class ljos.filesystem.directory
local M = {}

local record = native.struct "dirent"
local TYPE, NAME = ffi.offsetof(record, "d_type"), ffi.offsetof(record, "d_name")
local HALF_RECLEN = ffi.offsetof(record, "d_reclen") / 2

local constants = calls.constants
local OPEN = bor(constants.O_RDONLY, constants.O_DIRECTORY)
local OPEN_NO_FOLLOW = bor(OPEN, constants.O_NOFOLLOW)

-- A directory's own block is 4 KiB at least; with 64 KiB about 2000 short names come at a time.
local SIZE = 65536
local ENOUGH = 1000
local bytes = ffi.new("uint8_t[?]", SIZE)
local halves = ffi.cast("uint16_t *", bytes)

--- A prefix of `read` has up to so many bytes: the kernel takes no longer path.
M.LONGEST_PREFIX = 4096
local prefixed = ffi.new("uint8_t[?]", M.LONGEST_PREFIX + SIZE)

--- Opens a directory for reading.
---@param dirfd integer
---@param name string
---@param follow boolean  whether a symbolic link may be the last component
---@return integer # a descriptor or -errno
function M.open(dirfd, name, follow) return calls.openat(dirfd, name, follow and OPEN or OPEN_NO_FOLLOW, 0) end

local function is_self_or_parent(at)
    if bytes[at] ~= 46 then return false end
    local second = bytes[at + 1]
    return second == 0 or (second == 46 and bytes[at + 2] == 0)
end

--- Reads on: names and types go to the arrays from `first` on. Ends with the directory, or when there is a good
--- deal; so a small directory takes one call and needs its descriptor no more. Who wants paths gives what stands before
--- the names: then no name becomes a string of its own.
---@param fd integer
---@param names string[]
---@param types integer[]
---@param first? integer  1 by default
---@param prefix? string  "" by default
---@return integer, boolean # how many entries, or -errno; whether the directory has ended
function M.read(fd, names, types, first, prefix)
    local start, length = (first or 1) - 1, prefix and #prefix or 0
    if prefix then copy(prefixed, prefix, length) end
    local count = start
    repeat
        local filled = calls.getdents64(fd, bytes, SIZE)
        if filled <= 0 then return filled < 0 and filled or count - start, true end
        local at = 0
        while at < filled do
            local size = halves[rshift(at, 1) + HALF_RECLEN]
            if not is_self_or_parent(at + NAME) then
                count = count + 1
                if length == 0 then
                    names[count] = to_string(bytes + (at + NAME))
                else
                    copy(prefixed + length, bytes + (at + NAME), size - NAME)
                    names[count] = to_string(prefixed)
                end
                types[count] = bytes[at + TYPE]
            end
            at = at + size
        end
    until count - start >= ENOUGH
    return count - start, false
end

return M
