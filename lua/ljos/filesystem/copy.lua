--- Copying files and directories, as std::filesystem::copy.
---
--- The options are those of seed 003, "filesystem.copy"; what each does with which types of files is decided here
--- for the paths themselves, and in `copy.tree` for what is below.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local content = require "ljos.filesystem.copy.content"
local copy_tree = require "ljos.filesystem.copy.tree"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"
local file = require "ljos.filesystem.copy.file"
local lexical = require "ljos.filesystem.path.lexical"
local options_ = require "ljos.error.options"
local path_ = require "ljos.filesystem.path"
local tree = require "ljos.filesystem.tree"
local status = require "ljos.filesystem.status"

local band, bor = bit.band, bit.bor
local constants, errno_of = calls.constants, error_.errno_of
local AT_FDCWD, AT_SYMLINK_NOFOLLOW = constants.AT_FDCWD, constants.AT_SYMLINK_NOFOLLOW

---@class ljos.filesystem.copy
local M = { copy_file = file.copy_file, copy_symlink = file.copy_symlink }

local function check_option(value, name, ...)
    if value == nil then return nil end
    for i = 1, select("#", ...) do
        if value == select(i, ...) then return value end
    end
    error_.argument(name, "one of " .. table.concat({ ... }, ", ") .. " expected, got " .. tostring(value))
end

local check_names = options_("filesystem.copy", "existing recursive symlinks copy")

---@return ljos.filesystem.copy.Options
local function check_options(opts)
    if opts == nil then return {} end
    if type(opts) ~= "table" then error_.argument(3, "table expected, got " .. type(opts)) end
    check_names(opts)
    if opts.recursive ~= nil and type(opts.recursive) ~= "boolean" then
        error_.argument("recursive", "boolean expected, got " .. type(opts.recursive))
    end
    return {
        existing = file.check_existing(opts.existing, "existing"),
        recursive = opts.recursive or nil, -- so that no option is an empty table
        symlinks = check_option(opts.symlinks, "symlinks", "copy", "skip"),
        copy = check_option(opts.copy, "copy", "directories_only", "create_symlinks", "create_hardlinks"),
    }
end

local function fail(name, from, to) calls.check(-errno_of[name], "copy", from, to) end

local fields = calls.status_type()

-- Type, mode and identity of a path; of one that leads nowhere, the type "not_found".
local function look(text, flags)
    local res = calls.statx(AT_FDCWD, text, flags, fields)
    if res == -errno_of.ENOENT or res == -errno_of.ENOTDIR then return { type = "not_found" } end
    calls.check(res, "copy", text)
    return { type = status.type_of(fields.mode), mode = fields.mode, identity = tree.name_of(fields) }
end

local other = { block = true, character = true, fifo = true, socket = true, unknown = true }

-- Is the directory `text` the one with this identity, or below it? Goes up by "..", to the root.
local function is_within(text, identity)
    local fd = directory.open(AT_FDCWD, text == "" and "." or text, true)
    local seen
    while fd >= 0 do
        local own = tree.identity(fd)
        if own == seen or own == identity then break end
        seen = own
        local above = directory.open(fd, "..", false)
        calls.close(fd)
        fd = above
    end
    if fd < 0 then return false end
    local found = tree.identity(fd) == identity
    calls.close(fd)
    return found
end

local function copy_directory(from, to, source, target, options)
    local exists = target.type ~= "not_found"
    if options.recursive and is_within(exists and to or lexical.parent_path(to:match "^(.-)/*$"), source.identity) then
        error_.argument(2, ("%s is within %s"):format(to, from))
    end
    local mode = -1
    local from_fd = calls.check(directory.open(AT_FDCWD, from, true), "copy", from, to)
    local res = 0
    if not exists then
        res = calls.mkdirat(AT_FDCWD, to, bor(band(source.mode, 0x3ff), 0x1c0))
        if res >= 0 and band(source.mode, 0x1c0) ~= 0x1c0 then
            res = calls.statx(AT_FDCWD, to, AT_SYMLINK_NOFOLLOW, fields)
            mode = band(fields.mode, source.mode, 0x3ff)
        end
    end
    local to_fd = res < 0 and res or directory.open(AT_FDCWD, to, exists)
    if to_fd < 0 then
        calls.close(from_fd)
        calls.check(to_fd, "copy", from, to)
    end
    copy_tree.copy(from_fd, to_fd, from, to, options, mode)
end

local function copy_regular(from, to, target, options)
    local way = options.copy
    local res = 0
    if way == "create_symlinks" then
        res = calls.symlinkat(from, AT_FDCWD, to)
    elseif way == "create_hardlinks" then
        res = calls.linkat(from, to)
    elseif way ~= "directories_only" then
        if target.type == "directory" then to = lexical.join(to, lexical.filename(from)) end
        res = file.at(AT_FDCWD, from, true, AT_FDCWD, to, options.existing, content.means())
    end
    calls.check(res, "copy", from, to)
end

local function copy_symlink(from, to, target, options)
    if options.symlinks == "skip" then return end
    if options.symlinks ~= "copy" then fail("EINVAL", from, to) end
    if target.type ~= "not_found" then fail("EEXIST", from, to) end
    file.copy_symlink(from, to)
end

--- Copies a file, or a directory with what is in it. Source: seed 003, "filesystem.copy".
---@param from ljos.filesystem.Path|string
---@param to ljos.filesystem.Path|string
---@param opts? ljos.filesystem.copy.Options
function M.copy(from, to, opts)
    local from_text, to_text = path_.string_of(from, 1), path_.string_of(to, 2)
    local options = check_options(opts)
    local makes_links = options.copy == "create_symlinks"
    local own = makes_links or options.symlinks ~= nil
    local source = look(from_text, own and AT_SYMLINK_NOFOLLOW or 0)
    local target = look(to_text, (makes_links or options.symlinks == "skip") and AT_SYMLINK_NOFOLLOW or 0)
    if source.type == "not_found" then fail("ENOENT", from_text, to_text) end
    if source.identity == target.identity then fail("EEXIST", from_text, to_text) end
    if other[source.type] or other[target.type] then fail("ENOTSUP", from_text, to_text) end
    if source.type == "symlink" then
        copy_symlink(from_text, to_text, target, options)
    elseif source.type == "regular" then
        copy_regular(from_text, to_text, target, options)
    elseif target.type == "regular" or makes_links then
        fail("EISDIR", from_text, to_text)
    elseif options.recursive or next(options) == nil then
        copy_directory(from_text, to_text, source, target, options)
    end
end

return M
