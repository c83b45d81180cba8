--- Opening by path: names of flags for open(2) and openat2(2).
---
--- Flags are lists of names, as in seed 003. With one of the `resolve_*` among them the call is openat2(2), which
--- the kernel obeys to the letter; without, openat(2). O_CLOEXEC and O_NOCTTY are always set.
---
--- What waits for somebody when it is opened, a FIFO for its other end, a terminal line for its carrier, suspends the
--- fiber. It is asked for before: an opening that does not wait is one that a writer would take for a reader.
---
--- Errors:   raises ljos.Error
--- Suspends: openat and open, where a FIFO or a terminal line is there
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local loading = require "ljos.error.loading"
local loop = require "ljos.loop"
local mode_ = require "ljos.filesystem.mode"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local path_ = require "ljos.filesystem.path"

local C, alone = native.C, loop.alone
local bor = bit.bor
local constants = calls.constants

---@class ljos.filesystem.open
local M = {}

local access = {
    read_only = constants.O_RDONLY,
    read_write = constants.O_RDWR,
    write_only = constants.O_WRONLY,
}

local ACCESS_BITS = bor(constants.O_WRONLY, constants.O_RDWR)

local others = {
    append = constants.O_APPEND,
    create = constants.O_CREAT,
    directory = constants.O_DIRECTORY,
    exclusive = constants.O_EXCL,
    no_follow = constants.O_NOFOLLOW,
    path = constants.O_PATH,
    sync_all_on_write = constants.O_SYNC,
    temporary = constants.O_TMPFILE,
    truncate = constants.O_TRUNC,
}

local resolve = {
    resolve_beneath = constants.RESOLVE_BENEATH,
    resolve_in_root = constants.RESOLVE_IN_ROOT,
    resolve_no_magiclinks = constants.RESOLVE_NO_MAGICLINKS,
    resolve_no_symlinks = constants.RESOLVE_NO_SYMLINKS,
    resolve_no_xdev = constants.RESOLVE_NO_XDEV,
    resolve_cached = constants.RESOLVE_CACHED,
}

-- Sums the names up; `seen` holds those that were there.
local function sum(flags, arg)
    if type(flags) ~= "table" then error_.argument(arg, "list of flags expected, got " .. type(flags)) end
    local bits, resolution, accesses, seen = 0, 0, 0, {}
    for i = 1, #flags do
        local name = flags[i]
        if access[name] then
            bits, accesses = bor(bits, access[name]), accesses + (seen[name] and 0 or 1)
        elseif others[name] then
            bits = bor(bits, others[name])
        elseif resolve[name] then
            resolution = bor(resolution, resolve[name])
        else
            error_.argument(arg, ("unknown flag %s"):format(tostring(name)))
        end
        seen[name] = true
    end
    if accesses > 1 then error_.argument(arg, "read_only, write_only and read_write exclude each other") end
    if seen.exclusive and not seen.create then error_.argument(arg, "exclusive needs create") end
    return bits, resolution, seen
end

-- The names in `names` whose bits are all there, in alphabetical order.
local function add_names(list, names, bits)
    local found = {}
    for name, value in pairs(names) do
        if bit.band(bits, value) == value then found[#found + 1] = name end
    end
    table.sort(found)
    for _, name in ipairs(found) do
        list[#list + 1] = name
    end
end

--- Names the bits of open(2) and openat2(2); those that have no name here are left out.
---@param bits integer        O_*
---@param resolution integer  RESOLVE_*
---@return string[]
function M.names_of(bits, resolution)
    local names = {}
    for name, value in pairs(access) do
        if bit.band(bits, ACCESS_BITS) == value then names[1] = name end
    end
    -- O_TMPFILE has the bit of O_DIRECTORY in it.
    local is_temporary = bit.band(bits, constants.O_TMPFILE) == constants.O_TMPFILE
    add_names(names, others, is_temporary and bit.bxor(bits, constants.O_DIRECTORY) or bits)
    if is_temporary then names[#names + 1] = "temporary" end
    add_names(names, resolve, resolution)
    return names
end

--- Opens a file by the bits of open(2), suspending the fiber where that waits for somebody.
---@param dirfd integer
---@param text string
---@param bits integer        O_*
---@param mode integer
---@param resolution integer  RESOLVE_*; none of them: openat(2)
---@return integer fd  the caller's; raises where it failed
function M.by_bits(dirfd, text, bits, mode, resolution)
    local res
    -- Where no other fiber could run meanwhile it is the plain call: asking first costs a third of opening a file.
    if alone() ~= 0 and C.ljos_file_may_wait(dirfd, text, bits, resolution) == 1 then
        res = operation.open(dirfd, text, bits, resolution)
    elseif resolution == 0 then
        res = calls.openat(dirfd, text, bits, mode)
    else
        res = calls.openat2(dirfd, text, bits, mode, resolution)
    end
    return calls.check(res, "open", text)
end

--- Opens a file relative to a directory's descriptor.
---@param dirfd integer
---@param p ljos.filesystem.Path|string
---@param flags string[]
---@param mode? integer  needed with "create" and "temporary"
---@param first integer  the position of the argument `p`, for errors
---@return integer fd  the caller's
function M.openat(dirfd, p, flags, mode, first)
    local text = path_.string_of(p, first)
    local bits, resolution, seen = sum(flags, first + 1)
    local makes = seen.create or seen.temporary
    if makes or mode ~= nil then mode = mode_.check(mode, first + 2) end
    -- With O_PATH openat2 refuses flags that mean nothing there, and a mode where nothing is made.
    if not seen.path then
        bits = bor(bits, constants.O_NOCTTY) --[[@as integer]]
    end
    return M.by_bits(dirfd, text, bits, makes and mode or 0, resolution)
end

--- Opens a file. Flags are one of "read_only", "write_only" and "read_write" (none with "path"); "append", "create",
--- "exclusive", "truncate", "temporary", "directory", "path", "no_follow", "sync_all_on_write"; "resolve_beneath",
--- "resolve_in_root", "resolve_no_symlinks", "resolve_no_magiclinks", "resolve_no_xdev", "resolve_cached".
---
--- Suspends while a FIFO waits for its other end; canceled, nothing was opened. Source: seed 003, "filesystem.open".
---@param path ljos.filesystem.Path|string
---@param flags string[]
---@param mode? integer  needed with "create" and "temporary"
---@return ljos.FileDescriptor
function M.open(path, flags, mode)
    return loading.load("ljos.file_descriptor").new(M.openat(constants.AT_FDCWD, path, flags, mode, 1))
end

return M
