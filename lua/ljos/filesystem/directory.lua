--- Reading directories: getdents64(2) in large batches.
---
--- What the kernel gave of a directory goes into the caller's arrays, or, for who may not want all names, into a
--- listing; nothing of the shared buffer is needed afterwards. The arrays are without "." and "..". Types are DT_* as
--- the kernel gave them; filesystems may answer DT_UNKNOWN.
---
--- Errors:   none raised: results are >= 0 or -errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local listing = require "ljos.filesystem.listing"

local bor, to_string = bit.bor, ffi.string
local ENOENT = -error_.errno_of.ENOENT
local NAME, TYPE, is_self_or_parent, next_record = listing.NAME, listing.TYPE, listing.is_self_or_parent, listing.next

---@class ljos.filesystem.directory
local M = {}

local constants = calls.constants
local OPEN = bor(constants.O_RDONLY, constants.O_DIRECTORY)
local OPEN_NO_FOLLOW = bor(OPEN, constants.O_NOFOLLOW)

-- A directory's own block is 4 KiB at least; with 64 KiB about 2000 short names come at a time.
local SIZE = 65536
local bytes = ffi.new("uint8_t[?]", SIZE)

--- Opens a directory for reading.
---@param dirfd integer
---@param name string
---@param follow boolean  whether a symbolic link may be the last component
---@return integer # a descriptor or -errno
function M.open(dirfd, name, follow) return calls.openat(dirfd, name, follow and OPEN or OPEN_NO_FOLLOW, 0) end

-- Reads on: half of the buffer at least, or to the directory's end; so a small directory takes one call and needs its
-- descriptor no more. Where a directory has been removed, ENOENT stands for its end (as for readdir(3)).
---@return integer, boolean # bytes, or -errno; whether the directory has ended
local function fill(fd)
    local filled = 0
    repeat
        local more = calls.getdents64(fd, bytes + filled, SIZE - filled)
        if more == 0 or more == ENOENT then return filled, true end
        if more < 0 then return filled > 0 and filled or more, filled == 0 end -- it comes again
        filled = filled + more
    until filled > SIZE / 2
    return filled, false
end

--- Reads on: names and types go to the arrays from `first` on. Ends with the directory, or when there is a good deal.
---@param fd integer
---@param names string[]
---@param types integer[]
---@param first? integer  1 by default
---@return integer, boolean # how many entries, or -errno; whether the directory has ended
function M.read(fd, names, types, first)
    local filled, finished = fill(fd)
    local start = (first or 1) - 1
    local count, at = start, 0
    while at < filled do
        if not is_self_or_parent(bytes, at) then
            count = count + 1
            names[count], types[count] = to_string(bytes + (at + NAME)), bytes[at + TYPE]
        end
        at = next_record(bytes, at)
    end
    return filled < 0 and filled or count - start, finished
end

--- Reads on, into a listing.
---@param fd integer
---@param trail ljos.filesystem.Trail  the directory's
---@return ljos.filesystem.Listing? # nil: an error
---@return boolean # whether the directory has ended
---@return integer # 0, or -errno
function M.list(fd, trail)
    local filled, finished = fill(fd)
    if filled < 0 then return nil, true, filled end
    return listing.new(bytes, filled, trail), finished, 0
end

return M
