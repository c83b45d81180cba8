--- Listings: a batch of a directory's entries, as the kernel wrote them.
---
--- Iterators hand out positions in a listing; a name or a path becomes a string when somebody asks for it. Most of
--- what a walk costs beyond its system calls would be strings that nobody reads.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local lexical = require "ljos.filesystem.path.lexical"
local native = require "ljos.native"
local trail_ = require "ljos.filesystem.trail"

local copy, new, to_string = ffi.copy, ffi.new, ffi.string

---@class ljos.filesystem.listing
local M = {}

---@class ljos.filesystem.Listing
---@field bytes ffi.cdata*  records of getdents64(2), "." and ".." among them
---@field size integer      of all records, in bytes
---@field trail ljos.filesystem.Trail      the directory's
---@field prefix string|false              what stands before the names in paths, once it is known
---@field following ljos.filesystem.Listing|false  what was read after this

local record = native.struct "dirent"
local LENGTH = ffi.offsetof(record, "d_reclen")

--- Where a record has the entry's type, and its name.
M.TYPE, M.NAME = ffi.offsetof(record, "d_type"), ffi.offsetof(record, "d_name")
local NAME = M.NAME

-- The kernel takes no longer path. A name has 255 bytes at most; a record's length has 16 bits.
local LONGEST_PREFIX = 4096
local path = new("uint8_t[?]", LONGEST_PREFIX + 65536)
local written = "" -- what `path` begins with

local bytes_type = ffi.typeof "uint8_t[?]"

--- Makes a listing, a copy of the first `size` bytes.
---@param bytes ffi.cdata*
---@param size integer
---@param trail ljos.filesystem.Trail
---@return ljos.filesystem.Listing
function M.new(bytes, size, trail)
    local own = new(bytes_type, size)
    copy(own, bytes, size)
    return { bytes = own, size = size, trail = trail, prefix = false, following = false }
end

--- Returns where the record after the one at `at` is.
---@param bytes ffi.cdata*
---@param at integer
---@return integer
function M.next(bytes, at) return at + bytes[at + LENGTH] + bytes[at + LENGTH + 1] * 256 end

--- Tells whether a record is the directory's own, or its parent's.
---@param bytes ffi.cdata*
---@param at integer
---@return boolean
function M.is_self_or_parent(bytes, at)
    if bytes[at + NAME] ~= 46 then return false end
    local second = bytes[at + NAME + 1]
    return second == 0 or (second == 46 and bytes[at + NAME + 2] == 0)
end

--- Returns the name of the entry at `at`.
---@param self ljos.filesystem.Listing
---@param at integer
---@return string
function M.name(self, at) return to_string(self.bytes + (at + NAME)) end

--- Returns the path of the entry at `at`. The name alone does not become a string.
---@param self ljos.filesystem.Listing
---@param at integer
---@return string
function M.path(self, at)
    local prefix = self.prefix
    if not prefix then
        prefix = lexical.join(trail_.text(self.trail), "")
        if #prefix > LONGEST_PREFIX then return prefix .. M.name(self, at) end
        self.prefix = prefix
    end
    if prefix ~= written then
        copy(path, prefix, #prefix)
        written = prefix
    end
    copy(path + #prefix, self.bytes + (at + NAME), M.next(self.bytes, at) - at - NAME)
    return to_string(path)
end

return M
