--- Changing what is there: names, owners, modes, sizes; and the process's mask for new modes.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local master = require "ljos.system.master"
local mode_ = require "ljos.filesystem.mode"
local path_ = require "ljos.filesystem.path"

local check, string_of = calls.check, path_.string_of
local AT_FDCWD, AT_SYMLINK_NOFOLLOW = calls.constants.AT_FDCWD, calls.constants.AT_SYMLINK_NOFOLLOW

---@class ljos.filesystem.change
local M = {}

--- Moves a file to another name, replacing what has it. Source: rename(2).
---@param old_p ljos.filesystem.Path|string
---@param new_p ljos.filesystem.Path|string
function M.rename(old_p, new_p)
    local from, to = string_of(old_p, 1), string_of(new_p, 2)
    check(calls.rename(from, to), "rename", from, to)
end

--- Cuts a file, or extends it by a hole. Source: truncate(2).
---@param p ljos.filesystem.Path|string
---@param new_size integer  bytes
function M.resize_file(p, new_size)
    local text = string_of(p, 1)
    if type(new_size) ~= "number" or new_size < 0 or new_size > 2 ^ 53 or new_size % 1 ~= 0 then
        error_.argument(2, "non-negative integer expected, got " .. tostring(new_size))
    end
    check(calls.truncate(text, new_size), "resize_file", text)
end

local function check_id(id, arg)
    if type(id) ~= "number" or id < -1 or id > 0xfffffffe or id % 1 ~= 0 then
        error_.argument(arg, "an id, or -1, expected, got " .. tostring(id))
    end
    return id
end

local function changes_owner(what, flags)
    return function(p, owner, group)
        local text = string_of(p, 1)
        check(calls.fchownat(text, check_id(owner, 2), check_id(group, 3), flags), what, text)
    end
end

--- Changes owner and group of the file that a path leads to; -1 leaves one as it is. Source: chown(2).
---@type fun(p: ljos.filesystem.Path|string, owner: integer, group: integer)
M.chown = changes_owner("chown", 0)

--- Changes owner and group of a file, or of the symbolic link itself.
---@type fun(p: ljos.filesystem.Path|string, owner: integer, group: integer)
M.lchown = changes_owner("lchown", AT_SYMLINK_NOFOLLOW)

local function changes_mode(what, flags)
    return function(p, mode)
        local text = string_of(p, 1)
        check(calls.fchmodat(AT_FDCWD, text, mode_.check(mode, 2), flags), what, text)
    end
end

--- Changes the permission bits of the file that a path leads to. Source: chmod(2).
---@type fun(p: ljos.filesystem.Path|string, mode: integer)
M.chmod = changes_mode("chmod", 0)

--- Changes the permission bits of a file; a symbolic link has none to change on Linux (ENOTSUP).
---@type fun(p: ljos.filesystem.Path|string, mode: integer)
M.lchmod = changes_mode("lchmod", AT_SYMLINK_NOFOLLOW)

--- Sets the process's mask for the modes of new files and returns the old one. Source: umask(2).
---@param mask integer
---@return integer
function M.umask(mask)
    master.check "umask"
    if type(mask) ~= "number" or mask % 1 ~= 0 then error_.argument(1, "integer expected, got " .. tostring(mask)) end
    return calls.umask(bit.band(mask, 0x1ff))
end

return M
