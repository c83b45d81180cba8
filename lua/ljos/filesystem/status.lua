--- What a file is: type, mode, size, times, identity.
---
--- One statx(2) for each question. As in C++17, a file that is not there has a status ("not_found") and is no
--- error for `status`, `exists` and the `is_*` predicates; it is one for everything else.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local clock = require "ljos.filesystem.clock"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"
local path_ = require "ljos.filesystem.path"

local band = bit.band
local check, statx, string_of = calls.check, calls.statx, path_.string_of
local constants = calls.constants
local AT_FDCWD, AT_SYMLINK_NOFOLLOW = constants.AT_FDCWD, constants.AT_SYMLINK_NOFOLLOW
local PERMISSIONS = 0xfff -- what is not S_IFMT
local ENOENT, ENOTDIR = -error_.errno_of.ENOENT, -error_.errno_of.ENOTDIR

---@class ljos.filesystem.status
local M = {}

---@alias ljos.filesystem.type "not_found"|"regular"|"directory"|"symlink"|"block"|"character"|"fifo"|"socket"|"unknown"

---@class ljos.filesystem.Status
---@field type ljos.filesystem.type
---@field mode integer|"unknown"  the permission bits

local type_names = {
    [constants.S_IFREG] = "regular",
    [constants.S_IFDIR] = "directory",
    [constants.S_IFLNK] = "symlink",
    [constants.S_IFBLK] = "block",
    [constants.S_IFCHR] = "character",
    [constants.S_IFIFO] = "fifo",
    [constants.S_IFSOCK] = "socket",
}

--- Names the type in the bits of `st_mode`.
---@param mode integer
---@return ljos.filesystem.type
local function type_of(mode) return type_names[band(mode, constants.S_IFMT)] or "unknown" end
M.type_of = type_of

-- Answers are copied out of it at once.
local fields = calls.status_type()

-- Fills `fields`; false for a file that is not there. Raises for everything else that fails.
local function look(text, flags)
    local res = statx(AT_FDCWD, text, flags, fields)
    if res == ENOENT or res == ENOTDIR then return false end
    check(res, "status", text)
    return true
end

-- Fills `fields`, or raises.
local function demand(text, what)
    check(statx(AT_FDCWD, text, 0, fields), what, text)
    return fields
end

---@class ljos.filesystem.Attributes: ljos.filesystem.Status
---@field size number
---@field links integer
---@field seconds number      of the last modification
---@field nanoseconds number

local not_found = { type = "not_found", mode = "unknown", size = 0, links = 0, seconds = 0, nanoseconds = 0 }

--- Gets what directory entries keep of a file, all of one moment.
---@param text string
---@param flags integer  0 or AT_SYMLINK_NOFOLLOW
---@return ljos.filesystem.Attributes
function M.attributes(text, flags)
    if not look(text, flags) then return not_found end
    return {
        type = type_of(fields.mode),
        mode = band(fields.mode, PERMISSIONS),
        size = fields.size,
        links = fields.links,
        seconds = fields.mtime_seconds,
        nanoseconds = fields.mtime_nanoseconds,
    }
end

---@param text string
---@param flags integer  0 or AT_SYMLINK_NOFOLLOW
---@return ljos.filesystem.Status
local function status_of(text, flags)
    if not look(text, flags) then return { type = "not_found", mode = "unknown" } end
    return { type = type_of(fields.mode), mode = band(fields.mode, PERMISSIONS) }
end

--- Gets type and mode of a file, following symbolic links. Source: seed 003, "filesystem.status".
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Status
function M.status(p) return status_of(string_of(p, 1), 0) end

--- Gets type and mode of a file, or of the symbolic link itself.
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Status
function M.symlink_status(p) return status_of(string_of(p, 1), AT_SYMLINK_NOFOLLOW) end

--- Tells whether the path leads to a file of any type.
---@param p ljos.filesystem.Path|string
---@return boolean
function M.exists(p) return look(string_of(p, 1), 0) end

local function predicate(name)
    --- Tells whether the path leads to a file of this type.
    ---@param p ljos.filesystem.Path|string
    ---@return boolean
    return function(p) return look(string_of(p, 1), 0) and type_of(fields.mode) == name end
end

M.is_block_device = predicate "block"
M.is_character_device = predicate "character"
M.is_directory = predicate "directory"
M.is_fifo = predicate "fifo"
M.is_regular_file = predicate "regular"
M.is_socket = predicate "socket"

--- Tells whether the path is a symbolic link.
---@param p ljos.filesystem.Path|string
---@return boolean
function M.is_symlink(p) return look(string_of(p, 1), AT_SYMLINK_NOFOLLOW) and type_of(fields.mode) == "symlink" end

--- Tells whether the file exists and is neither a regular file nor a directory nor a symbolic link.
---@param p ljos.filesystem.Path|string
---@return boolean
function M.is_other(p)
    if not look(string_of(p, 1), 0) then return false end
    local name = type_of(fields.mode)
    return name ~= "regular" and name ~= "directory"
end

-- As std::filesystem::file_size: a size is what regular files have.
local function size_of(text)
    local name = type_of(demand(text, "file_size").mode)
    if name == "regular" then return fields.size end
    return check(-error_.errno_of[name == "directory" and "EISDIR" or "ENOTSUP"], "file_size", text)
end

--- Gets the size of a regular file in bytes.
---@param p ljos.filesystem.Path|string
---@return integer
function M.file_size(p) return size_of(string_of(p, 1)) end

--- Gets the number of hard links.
---@param p ljos.filesystem.Path|string
---@return integer
function M.hardlink_count(p) return demand(string_of(p, 1), "hardlink_count").links end

--- Tells whether a file has no bytes, or a directory no entries.
---@param p ljos.filesystem.Path|string
---@return boolean
function M.is_empty(p)
    local text = string_of(p, 1)
    if type_of(demand(text, "is_empty").mode) ~= "directory" then return size_of(text) == 0 end
    local fd = check(directory.open(AT_FDCWD, text, true), "is_empty", text)
    local count = directory.read(fd, {}, {})
    calls.close(fd)
    return check(count, "is_empty", text) == 0
end

--- Tells whether two paths lead to the same file; both must exist (LWG 2937).
---@param p1 ljos.filesystem.Path|string
---@param p2 ljos.filesystem.Path|string
---@return boolean
function M.equivalent(p1, p2)
    local text1, text2 = string_of(p1, 1), string_of(p2, 2)
    local first = demand(text1, "equivalent")
    local major, minor, inode = first.device_major, first.device_minor, first.inode
    local second = demand(text2, "equivalent")
    return major == second.device_major and minor == second.device_minor and inode == second.inode
end

--- Gets, or sets, the time of the last modification. Symbolic links are followed.
---@param p ljos.filesystem.Path|string
---@param tp? ljos.filesystem.clock.TimePoint
---@return ljos.filesystem.clock.TimePoint?
function M.last_write_time(p, tp)
    local text = string_of(p, 1)
    if tp == nil then
        local found = demand(text, "last_write_time")
        return clock.from_unix(found.mtime_seconds, found.mtime_nanoseconds)
    end
    local seconds, nanoseconds = clock.to_unix(tp, 2)
    check(calls.utimens(text, seconds, nanoseconds), "last_write_time", text)
end

--- Gets the room of the filesystem that a path is on, in bytes.
---@param p ljos.filesystem.Path|string
---@return { capacity: integer, free: integer, available: integer }
function M.space(p)
    local text = string_of(p, 1)
    local space = calls.space_type()
    check(calls.statvfs(text, space), "space", text)
    return { capacity = space.capacity, free = space.free, available = space.available }
end

return M
