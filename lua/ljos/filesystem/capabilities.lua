--- Capabilities of files: the attribute "security.capability".
---
--- The attribute (linux/capability.h, vfs_ns_cap_data) is little-endian words: a magic number with a flag for
--- "effective", which is one for all; permitted and inheritable, low words before high ones; and, in its third
--- form, the user id that is root in the namespace it counts for.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local linux_capabilities = require "ljos.system.linux_capabilities"
local native = require "ljos.native"
local path_ = require "ljos.filesystem.path"
local set_ = require "ljos.system.linux_capabilities.set"
local status = require "ljos.filesystem.status"

local band, bnot, bor = bit.band, bit.bnot, bit.bor

---@class ljos.filesystem.capabilities
local M = {}

ffi.cdef [[
int libc_getxattr(const char *, const char *, void *, size_t) __asm__("getxattr");
int libc_setxattr(const char *, const char *, const void *, size_t, int) __asm__("setxattr");
]]

local ATTRIBUTE = "security.capability"
local VFS = native.constant_table "VFS_CAP"
local EFFECTIVE = native.constant_table("VFS_CAP_FLAGS").VFS_CAP_FLAGS_EFFECTIVE
local WORDS = 6 -- of the third form
-- Length in words of each form.
local lengths = { [VFS.VFS_CAP_REVISION_1] = 3, [VFS.VFS_CAP_REVISION_2] = 5, [VFS.VFS_CAP_REVISION_3] = 6 }
local words = ffi.new("uint32_t[?]", WORDS)

local function swap_all()
    if ffi.abi "le" then return end
    for i = 0, WORDS - 1 do
        words[i] = bit.bswap(words[i]) % 2 ^ 32
    end
end

-- The set that the words mean; nil when they mean none.
local function decode(count)
    swap_all()
    local magic = words[0]
    local revision = band(magic, VFS.VFS_CAP_REVISION_MASK)
    if lengths[revision] ~= count then return nil end
    local set = set_.new()
    for i = 1, revision == VFS.VFS_CAP_REVISION_1 and 1 or 2 do
        set.permitted[i], set.inheritable[i] = words[2 * i - 1], words[2 * i]
        if band(magic, EFFECTIVE) ~= 0 then set.effective[i] = bor(set.permitted[i], set.inheritable[i]) end
    end
    if revision == VFS.VFS_CAP_REVISION_3 then set.nsowner = words[5] end
    return set
end

-- Fills the words; returns how many, or nil when the set cannot be a file's: effective capabilities must be all
-- that are permitted or inheritable, or none.
local function encode(set)
    local effective = set.effective[1] ~= 0 or set.effective[2] ~= 0
    for i = 1, 2 do
        local granted = bor(set.permitted[i], set.inheritable[i])
        if effective and band(bnot(set.effective[i]), granted) ~= 0 then return nil end
        words[2 * i - 1], words[2 * i] = set.permitted[i] % 2 ^ 32, set.inheritable[i] % 2 ^ 32
    end
    local revision = set.nsowner == 0 and VFS.VFS_CAP_REVISION_2 or VFS.VFS_CAP_REVISION_3
    words[0], words[5] = bor(revision, effective and EFFECTIVE or 0), set.nsowner
    swap_all()
    return lengths[revision]
end

--- Gets the capabilities of the file at `text`.
---@param text string
---@return ljos.system.LinuxCapabilities
function M.get(text)
    local res = ffi.C.libc_getxattr(text, ATTRIBUTE, words, WORDS * 4)
    if res < 0 then calls.check(-ffi.errno(), "cap_get_file", text) end
    local set = decode(res / 4)
    if not set then calls.check(-error_.errno_of.EINVAL, "cap_get_file", text) end
    ---@cast set ljos.system.CapabilitySet
    return linux_capabilities.wrap(set)
end

--- Sets the capabilities of the file at `text`.
---@param text string
---@param caps ljos.system.LinuxCapabilities
---@param arg integer  position of `caps`, for the error
function M.set(text, caps, arg)
    local count = encode(linux_capabilities.set_of(caps, arg))
    if not count then error_.argument(arg, "a file's effective capabilities are all that it grants, or none") end
    local res = ffi.C.libc_setxattr(text, ATTRIBUTE, words, count * 4, 0)
    if res < 0 then calls.check(-ffi.errno(), "cap_set_file", text) end
end

--- Gets the capabilities of a file; ENODATA when it has none. Source: cap_get_file(3).
---@param path ljos.filesystem.Path|string
---@return ljos.system.LinuxCapabilities
function M.cap_get_file(path) return M.get(path_.string_of(path, 1)) end

--- Sets the capabilities of a regular file. Source: cap_set_file(3).
---@param path ljos.filesystem.Path|string
---@param caps ljos.system.LinuxCapabilities
function M.cap_set_file(path, caps)
    local text = path_.string_of(path, 1)
    linux_capabilities.set_of(caps, 2)
    local kind = status.symlink_status(text).type
    if kind ~= "regular" and kind ~= "not_found" then error_.argument(1, "not a regular file: " .. text) end
    M.set(text, caps, 2)
end

return M
