--- File capabilities and the audit number of this architecture.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"
local fail = require("ljos.syscall.blame").fail

local c, t = S.c, S.t
local NAME = "security.capability"

---@class ljos.syscall.utility.privilege
local M = {}

local function words(value)
    local mask = { 0, 0 } ---@type integer[]
    for name in (type(value) == "string" and value or ""):gmatch "[^,%s]+" do
        local cap = c.CAP[name]
        if not cap then fail("invalid capability " .. name) end
        local i = cap >= 32 and 2 or 1
        mask[i] = bit.bor(mask[i], bit.lshift(1, cap % 32))
    end
    return mask[1] % 2 ^ 32, mask[2] % 2 ^ 32
end

local function names(low, high)
    local set = {}
    for name, cap in pairs(c.CAP) do
        if type(cap) == "number" and bit.band(cap >= 32 and high or low, bit.lshift(1, cap % 32)) ~= 0 then
            set[name] = true
        end
    end
    return setmetatable(set, {
        __index = function(self, key) return rawget(self, tostring(key):upper()) or false end,
        __tostring = function(self)
            local list = {}
            for name in pairs(self) do
                list[#list + 1] = name
            end
            table.sort(list)
            return table.concat(list, ",")
        end,
    })
end

--- The capabilities of a file (a path or a descriptor): {permitted, inheritable, effective}.
function M.capget(file)
    local text, err
    if type(file) == "string" then
        text, err = S.getxattr(file, NAME)
    else
        text, err = S.fgetxattr(file, NAME)
    end
    if not text then return nil, err end
    local data = t.vfs_cap_data()
    ffi.copy(data, text, math.min(#text, ffi.sizeof(data) --[[@as integer]]))
    return {
        effective = bit.band(data.magic_etc, c.VFS_CAP_FLAGS.EFFECTIVE) ~= 0,
        permitted = names(data.data[0], data.data[2]),
        inheritable = names(data.data[1], data.data[3]),
    }
end

--- Sets the capabilities of a file: {permitted = "...", inheritable = "...", effective = boolean}; flags of
--- setxattr(2).
function M.capset(file, caps, flags)
    if type(caps) ~= "table" then argument.wrong(2, "{permitted =, inheritable =, effective =}", caps) end
    local data = t.vfs_cap_data()
    local magic = bit.bor(c.VFS_CAP["REVISION_2"], caps.effective and c.VFS_CAP_FLAGS.EFFECTIVE or 0)
    data.magic_etc = magic % 2 ^ 32
    data.data[0], data.data[2] = words(caps.permitted)
    data.data[1], data.data[3] = words(caps.inheritable)
    local text = ffi.string(ffi.cast("char *", data), ffi.sizeof(data))
    if type(file) == "string" then return S.setxattr(file, NAME, text, flags) end
    return S.fsetxattr(file, NAME, text, flags)
end

local arches = { x64 = "X86_64", arm64 = "AARCH64", x86 = "I386", arm = "ARM" }
--- The number by which seccomp and audit know this architecture.
function M.auditarch() return c.AUDIT_ARCH[arches[S.abi.arch]] end

return M
