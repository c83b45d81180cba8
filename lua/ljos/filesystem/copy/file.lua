--- Copying one regular file, or one symbolic link.
---
--- A new file is made with O_EXCL and removed again when copying fails. An existing one is opened without
--- truncation first, looked at through its descriptor, and only then emptied: it is never the source itself, nor
--- something else that has taken its place. The copy has the source's permission bits, but not set-user-ID and
--- set-group-ID: these would lend the copier's rights to another's program.
---
--- Errors:   raises ljos.Error; `at` returns >= 0 or -errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local content = require "ljos.filesystem.copy.content"
local error_ = require "ljos.error"
local path_ = require "ljos.filesystem.path"
local status = require "ljos.filesystem.status"

local band, bor = bit.band, bit.bor
local constants, errno_of = calls.constants, error_.errno_of
local AT_FDCWD, AT_EMPTY_PATH = constants.AT_FDCWD, constants.AT_EMPTY_PATH
local EEXIST, ENOTSUP = -errno_of.EEXIST, -errno_of.ENOTSUP

---@class ljos.filesystem.copy.file
local M = {}

-- O_NONBLOCK: whatever has taken the place of a regular file, opening it does not block.
local READ = bor(constants.O_RDONLY, constants.O_NONBLOCK, constants.O_NOCTTY)
local WRITE = bor(constants.O_WRONLY, constants.O_NONBLOCK, constants.O_NOCTTY)
local CREATE = bor(constants.O_WRONLY, constants.O_CREAT, constants.O_EXCL)

local source, target = calls.status_type(), calls.status_type()

---@alias ljos.filesystem.existing "skip"|"overwrite"|"update"

--- Returns `value` when it says what to do with an existing file, or is nil; else raises EINVAL.
---@param value any
---@param arg integer|string  the argument's position or name, for the error
---@return ljos.filesystem.existing?
function M.check_existing(value, arg)
    if value ~= nil and value ~= "skip" and value ~= "overwrite" and value ~= "update" then
        error_.argument(arg, "skip, overwrite, update or nil expected, got " .. tostring(value))
    end
    return value
end

local function is_regular(fields) return band(fields.mode, constants.S_IFMT) == constants.S_IFREG end

local function is_newer(a, b)
    if a.mtime_seconds ~= b.mtime_seconds then return a.mtime_seconds > b.mtime_seconds end
    return a.mtime_nanoseconds > b.mtime_nanoseconds
end

-- What speaks against replacing the file that `target` describes: 0 (it is to be kept), -errno, or 1 (nothing).
local function objection(existing)
    if
        source.inode == target.inode
        and source.device_major == target.device_major
        and source.device_minor == target.device_minor
    then
        return EEXIST
    end
    if not is_regular(target) then return existing and ENOTSUP or EEXIST end
    if existing == nil then return EEXIST end
    if existing == "skip" or (existing == "update" and not is_newer(source, target)) then return 0 end
    return 1
end

-- Opens the existing file and empties it. Returns a descriptor, -errno, or nil: it is to be kept.
local function open_existing(dirfd, name, existing)
    local res = calls.statx(dirfd, name, 0, target)
    if res == -errno_of.ENOENT then
        -- Nothing behind a name that exists: a symbolic link to nowhere, which is not followed.
        if existing == "skip" then return nil end
        return EEXIST
    end
    if res < 0 then return res end
    local verdict = objection(existing)
    if verdict <= 0 then return verdict < 0 and verdict or nil end
    local fd = calls.openat(dirfd, name, WRITE, 0)
    if fd < 0 then return fd end
    res = calls.statx(fd, "", AT_EMPTY_PATH, target)
    if res >= 0 then
        verdict = objection(existing)
        res = verdict == 1 and calls.ftruncate(fd, 0) or verdict
    end
    if res >= 0 and verdict == 1 then return fd end
    calls.close(fd)
    return res < 0 and res or nil
end

-- Copies from an open file, which `source` describes.
local function copy_to(from, dirfd, name, existing, means)
    local mode = band(source.mode, 0x1ff)
    local to = calls.openat(dirfd, name, CREATE, band(mode, 0x180)) -- 0600: nobody else before it is complete
    local made = to >= 0
    if to == EEXIST then
        local fd = open_existing(dirfd, name, existing)
        if not fd then return 0 end
        to = fd
    end
    if to < 0 then return to end
    local res = content.copy(from, to, source.size, source.blocks, means)
    if res >= 0 then res = calls.fchmod(to, mode) end
    local closed = calls.close(to)
    if res >= 0 and closed < 0 then res = closed end
    if res < 0 and made then calls.unlinkat(dirfd, name, 0) end
    return res < 0 and res or 1
end

--- Copies a regular file, both named relative to directories.
---@param from_dirfd integer
---@param from_name string
---@param follow boolean  whether `from_name` may be a symbolic link
---@param to_dirfd integer
---@param to_name string
---@param existing? ljos.filesystem.existing
---@param means ljos.filesystem.copy.Means
---@return integer # 1: copied; 0: the existing file was kept; -errno
function M.at(from_dirfd, from_name, follow, to_dirfd, to_name, existing, means)
    local from = calls.openat(from_dirfd, from_name, follow and READ or bor(READ, constants.O_NOFOLLOW), 0)
    if from < 0 then return from end
    local res = calls.statx(from, "", AT_EMPTY_PATH, source)
    if res >= 0 and not is_regular(source) then res = ENOTSUP end
    if res >= 0 then res = copy_to(from, to_dirfd, to_name, existing, means) end
    calls.close(from)
    return res
end

--- Copies a regular file; false when the existing one was kept. Source: seed 003, "filesystem.copy_file".
---@param from ljos.filesystem.Path|string
---@param to ljos.filesystem.Path|string
---@param on_existing? ljos.filesystem.existing
---@return boolean
function M.copy_file(from, to, on_existing)
    local from_text, to_text = path_.string_of(from, 1), path_.string_of(to, 2)
    M.check_existing(on_existing, 3)
    -- Opening a device may do something: look first.
    local found = status.status(from_text).type
    local res = found == "not_found" and -errno_of.ENOENT or ENOTSUP
    if found == "regular" then
        res = M.at(AT_FDCWD, from_text, true, AT_FDCWD, to_text, on_existing, content.means())
    end
    return calls.check(res, "copy_file", from_text, to_text) == 1
end

--- Copies a symbolic link, both named relative to directories.
---@param from_dirfd integer
---@param from_name string
---@param to_dirfd integer
---@param to_name string
---@return integer # 0 or -errno
function M.symlink_at(from_dirfd, from_name, to_dirfd, to_name)
    local text, res = calls.readlinkat(from_dirfd, from_name)
    if not text then return res end
    return calls.symlinkat(text, to_dirfd, to_name)
end

--- Makes a symbolic link that points where another one does. Source: seed 003, "filesystem.copy_symlink".
---@param from ljos.filesystem.Path|string
---@param to ljos.filesystem.Path|string
function M.copy_symlink(from, to)
    local from_text, to_text = path_.string_of(from, 1), path_.string_of(to, 2)
    calls.check(M.symlink_at(AT_FDCWD, from_text, AT_FDCWD, to_text), "copy_symlink", from_text, to_text)
end

return M
