--- Making what is not there yet: directories, links, FIFOs, device nodes.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local lexical = require "ljos.filesystem.path.lexical"
local mode_ = require "ljos.filesystem.mode"
local native = require "ljos.native"
local path_ = require "ljos.filesystem.path"
local status = require "ljos.filesystem.status"

local C = native.C
local constants, check, string_of = calls.constants, calls.check, path_.string_of
local AT_FDCWD = constants.AT_FDCWD
local EEXIST = -error_.errno_of.EEXIST
local ALL = 0x1ff -- 0777

---@class ljos.filesystem.make
local M = {}

-- Whether a directory was made; one that is there already is as good.
local function make_directory(text, mode)
    local res = calls.mkdirat(AT_FDCWD, text, mode)
    if res == EEXIST and status.is_directory(text) then return false end
    check(res, "create_directory", text)
    return true
end

--- Makes a directory; false when it is there already. Source: seed 003, "filesystem.create_directory".
---@param p ljos.filesystem.Path|string
---@param existing_p? ljos.filesystem.Path|string  a directory whose mode the new one gets
---@return boolean
function M.create_directory(p, existing_p)
    local text = string_of(p, 1)
    if existing_p == nil then return make_directory(text, ALL) end
    local model = string_of(existing_p, 2)
    local found = status.status(model)
    if found.type == "not_found" then check(-error_.errno_of.ENOENT, "create_directory", model) end
    if found.type ~= "directory" then check(-error_.errno_of.ENOTDIR, "create_directory", model) end
    return make_directory(text, found.mode)
end

--- Makes a directory and those above it; false when it is there already.
---@param p ljos.filesystem.Path|string
---@return boolean
function M.create_directories(p)
    local text = string_of(p, 1)
    if text == "" then error_.argument(1, "the path is empty") end
    local missing, at = {}, text
    while at ~= "" and not status.exists(at) do
        missing[#missing + 1] = at
        local parent = lexical.parent_path(at)
        if parent == at then break end
        at = parent
    end
    if #missing == 0 and not status.is_directory(text) then
        check(-error_.errno_of.ENOTDIR, "create_directories", text)
    end
    local made = false
    for i = #missing, 1, -1 do
        made = make_directory(missing[i], ALL) or made
    end
    return made
end

--- Makes a directory with a mode, less the umask. Source: mkdir(2).
---@param p ljos.filesystem.Path|string
---@param mode integer
function M.mkdir(p, mode)
    local text = string_of(p, 1)
    check(calls.mkdirat(AT_FDCWD, text, mode_.check(mode, 2)), "mkdir", text)
end

--- Makes a hard link. A symbolic link as target is linked itself. Source: link(2).
---@param target ljos.filesystem.Path|string
---@param link ljos.filesystem.Path|string
function M.create_hardlink(target, link)
    local from, to = string_of(target, 1), string_of(link, 2)
    check(calls.linkat(from, to), "create_hardlink", from, to)
end

--- Makes a symbolic link to what need not exist. Source: symlink(2).
---@param target ljos.filesystem.Path|string
---@param link ljos.filesystem.Path|string
function M.create_symlink(target, link)
    local from, to = string_of(target, 1), string_of(link, 2)
    check(calls.symlinkat(from, AT_FDCWD, to), "create_symlink", from, to)
end

--- Makes a symbolic link to a directory: on Linux the same as any other.
M.create_directory_symlink = M.create_symlink

local function make_node(what, text, mode, device) check(calls.mknodat(AT_FDCWD, text, mode, device), what, text) end

--- Makes a FIFO with a mode, less the umask. Source: mkfifo(3).
---@param p ljos.filesystem.Path|string
---@param mode integer
function M.mkfifo(p, mode) make_node("mkfifo", string_of(p, 1), bit.bor(mode_.check(mode, 2), constants.S_IFIFO), 0) end

local node_types = { character = constants.S_IFCHR, block = constants.S_IFBLK }

-- A whole number from 0 to `limit`.
local function natural(value, limit, arg)
    if type(value) ~= "number" or value < 0 or value > limit or value % 1 ~= 0 then
        error_.argument(arg, "non-negative integer expected, got " .. tostring(value))
    end
    return value
end

--- Makes a node: a device with `type`, else what the file type in `mode` says. Source: mknod(2).
---@param p ljos.filesystem.Path|string
---@param mode integer
---@param dev integer  of `makedev`
---@param type? "character"|"block"
function M.mknod(p, mode, dev, type)
    local text = string_of(p, 1)
    natural(mode, 0xffff, 2)
    natural(dev, 2 ^ 53, 3)
    if type ~= nil then
        local bits = node_types[type]
        if not bits then error_.argument(4, "character or block expected, got " .. tostring(type)) end
        mode = bit.bor(mode, bits)
    end
    make_node("mknod", text, mode, dev)
end

local device, parts = ffi.new "double[1]", ffi.new "uint32_t[2]"

--- Makes a device number of its parts. Source: makedev(3).
---@param major integer
---@param minor integer
---@return integer
function M.makedev(major, minor)
    natural(major, 0xffffffff, 1)
    natural(minor, 0xffffffff, 2)
    C.ljos_file_makedev(major, minor, device)
    -- A Lua number holds 53 bits; what does not fit must not become another device.
    if device[0] > 2 ^ 53 then error_.argument(1, "the device number exceeds 53 bits") end
    return device[0]
end

--- Gets the major part of a device number.
---@param dev integer
---@return integer
function M.dev_major(dev)
    C.ljos_file_device_parts(natural(dev, 2 ^ 53, 1), parts)
    return parts[0]
end

--- Gets the minor part of a device number.
---@param dev integer
---@return integer
function M.dev_minor(dev)
    C.ljos_file_device_parts(natural(dev, 2 ^ 53, 1), parts)
    return parts[1]
end

return M
