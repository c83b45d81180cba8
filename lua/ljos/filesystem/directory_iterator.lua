--- Iterating the entries of one directory.
---
--- Entries are read in large batches; the descriptor is closed as soon as the directory has ended, which for most is
--- before the first entry is handed out, at an error, or when the iterator is collected.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local directory = require "ljos.filesystem.directory"
local directory_entry = require "ljos.filesystem.directory_entry"
local error_ = require "ljos.error"
local listing = require "ljos.filesystem.listing"
local options_ = require "ljos.error.options"
local path_ = require "ljos.filesystem.path"
local trail = require "ljos.filesystem.trail"
local tree = require "ljos.filesystem.tree"

local AT_FDCWD = calls.constants.AT_FDCWD
local EACCES, EPERM = -error_.errno_of.EACCES, -error_.errno_of.EPERM

---@class ljos.filesystem.directory_iterator
local M = {}

local check_names = options_("a directory iterator", "skip_permission_denied follow_directory_symlink")

--- Returns a boolean option; raises EINVAL for another type.
---@param opts? table
---@param name string
---@return boolean
function M.option(opts, name)
    if opts == nil then return false end
    if type(opts) ~= "table" then error_.argument(2, "table expected, got " .. type(opts)) end
    check_names(opts)
    local value = opts[name]
    if value ~= nil and type(value) ~= "boolean" then error_.argument(name, "boolean expected, got " .. type(value)) end
    return value or false
end

--- Tells whether a failure means that permission was denied.
---@param res integer
---@return boolean
function M.is_denied(res) return res == EACCES or res == EPERM end

--- Returns an iterator over the entries of a directory, "." and ".." excepted, in no particular order. Source:
--- seed 003, "filesystem.directory_iterator".
---@param p ljos.filesystem.Path|string
---@param opts? { skip_permission_denied: boolean }
---@return fun(): ljos.filesystem.DirectoryEntry?
function M.new(p, opts)
    local text = path_.string_of(p, 1)
    local skip = M.option(opts, "skip_permission_denied")
    local fd = directory.open(AT_FDCWD, text, true)
    if skip and M.is_denied(fd) then
        return function() end
    end
    local owner = tree.new(calls.check(fd, "directory_iterator", text))
    local place = trail.root(text)
    local entries, finished
    local at = 0
    local function read()
        local res
        entries, finished, res = directory.list(owner.fd, place)
        if finished then owner:close() end
        calls.check(res, "directory_iterator", text)
        at = 0
    end
    read()
    local function step()
        if not entries then return nil end -- it has ended in an error
        if at == entries.size then
            if finished then return nil end
            read()
            return step()
        end
        local own, bytes = at, entries.bytes
        at = listing.next(bytes, own)
        if listing.is_self_or_parent(bytes, own) then return step() end
        return directory_entry.new(entries, own)
    end
    return step
end

return M
