--- Directory entries: a name in a directory, and what is known of the file.
---
--- An entry keeps its path, or its place in a listing until somebody asks for the path; what is asked for is looked
--- up once, by the whole path, and kept until `refresh`.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local clock = require "ljos.filesystem.clock"
local error_ = require "ljos.error"
local listing = require "ljos.filesystem.listing"
local path_ = require "ljos.filesystem.path"
local status = require "ljos.filesystem.status"

local error, setmetatable, tostring, type = error, setmetatable, tostring, type
local AT_SYMLINK_NOFOLLOW = calls.constants.AT_SYMLINK_NOFOLLOW

---@class ljos.filesystem.directory_entry
local M = {}

---@class ljos.filesystem.DirectoryEntry
---@field path ljos.filesystem.Path
---@field file_size integer          of a regular file, in bytes
---@field hardlink_count integer
---@field last_write_time ljos.filesystem.clock.TimePoint
---@field status ljos.filesystem.Status          of the file, symbolic links followed
---@field symlink_status ljos.filesystem.Status  of the entry itself
local Entry = {}

-- An entry is an array, for the sake of iterators that make many; false: not looked up yet.
local PLACE, AT, FOLLOWED, OWN = 1, 2, 3, 4
local metatable = { __metatable = "filesystem.directory_entry" }

--- Makes an entry. The hot path of the iterators.
---@param place string|ljos.filesystem.Listing  the path, or a listing
---@param at? integer  where in the listing
---@return ljos.filesystem.DirectoryEntry
function M.new(place, at) return setmetatable({ place, at or 0, false, false }, metatable) end

-- Not kept: a store would make the compiler allocate entries that are gone in the same turn of a loop.
local function text_of(self)
    local place = self[PLACE]
    return type(place) == "string" and place or listing.path(place, self[AT])
end

-- What was found, kept under `key`.
local function attributes(self, key, flags)
    local found = self[key]
    if not found then
        found = status.attributes(text_of(self), flags)
        self[key] = found
    end
    return found
end

-- The followed file's attributes; it must exist.
local function file(self, what)
    local found = attributes(self, FOLLOWED, 0)
    if found.type == "not_found" then calls.check(-error_.errno_of.ENOENT, what, text_of(self)) end
    return found
end

local property = {}

function property.path(self) return path_.make(text_of(self)) end

function property.file_size(self)
    local found = file(self, "file_size")
    if found.type == "regular" then return found.size end
    return calls.check(
        -error_.errno_of[found.type == "directory" and "EISDIR" or "ENOTSUP"],
        "file_size",
        text_of(self)
    )
end

function property.hardlink_count(self) return file(self, "hardlink_count").links end

function property.last_write_time(self)
    local found = file(self, "last_write_time")
    return clock.from_unix(found.seconds, found.nanoseconds)
end

local function status_of(found) return { type = found.type, mode = found.mode } end
function property.status(self) return status_of(attributes(self, FOLLOWED, 0)) end
function property.symlink_status(self) return status_of(attributes(self, OWN, AT_SYMLINK_NOFOLLOW)) end

--- Looks the file's attributes up again.
---@param self ljos.filesystem.DirectoryEntry
function Entry.refresh(self)
    if type(self) ~= "table" or getmetatable(self) ~= metatable.__metatable then
        error_.argument(1, "filesystem.directory_entry expected, got " .. type(self))
    end
    local text = text_of(self)
    local own = status.attributes(text, AT_SYMLINK_NOFOLLOW)
    self[FOLLOWED] = own.type == "symlink" and status.attributes(text, 0) or own
    self[OWN] = own
end

function metatable.__index(self, key)
    local method = Entry[key]
    if method then return method end
    local get = property[key]
    if get then return get(self) end
    error_.bad_index("directory_entry", key)
end

function metatable.__newindex(_, key) error(error_.generic("EPERM", { detail = tostring(key) }), 0) end

return M
