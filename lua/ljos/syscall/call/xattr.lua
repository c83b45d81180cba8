--- Extended attributes.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    the calls that end in -at: Linux 6.13
local ffi = require "ffi"
local Error = require "ljos.error"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local path_of, number, flag = argument.path, fd.number, argument.flag
local ERANGE = Error.errno_of.ERANGE

---@class ljos.syscall.call.xattr
local M = {}

local LARGEST = 65536 -- XATTR_SIZE_MAX, XATTR_LIST_MAX

-- Calls f(buffer, size) with a buffer that grows until the value fits. An empty name is out of range, too.
local function grow(f)
    local size = 256
    while true do
        local buffer = ffi.new("char[?]", size)
        local res = f(buffer, size)
        if res >= 0 then return ffi.string(buffer, res) end
        if res ~= -ERANGE or size >= LARGEST then return kernel.failed(res) end
        size = size * 4
    end
end

local function names(text)
    local list = {}
    for name in text:gmatch "%Z+" do
        list[#list + 1] = name
    end
    return list
end

for prefix, kind in pairs { [""] = "p", l = "p", f = "i" } do
    local target = kind == "p" and path_of or number
    local get = kernel.call(prefix .. "getxattr", kind .. "ppi")
    local set = kernel.call(prefix .. "setxattr", kind .. "ppii")
    local list = kernel.call(prefix .. "listxattr", kind .. "pi")
    local remove = kernel.call(prefix .. "removexattr", kind .. "p")

    local function read(node, name)
        node, name = target(node, 1), path_of(name, 2)
        return grow(function(buffer, size) return get(node, name, buffer, size) end)
    end
    local function write(node, name, value, flags)
        if type(value) ~= "string" then argument.wrong(3, "string", value) end
        return kernel.done(set(target(node, 1), path_of(name, 2), value, #value, flag(c.XATTR, flags, 4)))
    end
    local function listing(node)
        node = target(node, 1)
        local text, err = grow(function(buffer, size) return list(node, buffer, size) end)
        if not text then return nil, err end
        return names(text)
    end
    M[prefix .. "getxattr"], M[prefix .. "setxattr"], M[prefix .. "listxattr"] = read, write, listing

    --- All attributes as a table; with a table, the attributes are made exactly those in it.
    M[prefix .. "xattr"] = function(node, wanted)
        if type(wanted) ~= "nil" and type(wanted) ~= "table" then argument.wrong(2, "table of attributes", wanted) end
        for name, value in pairs(wanted or {}) do
            if type(value) ~= "string" then argument.wrong(path_of(name, 2), "string", value) end
        end
        local have, err = listing(node)
        if not have then return nil, err end
        if wanted == nil then
            local values = {}
            for _, name in ipairs(have) do
                local value, why = read(node, name)
                if value == nil and not why.NODATA then return nil, why end
                values[name] = value
            end
            return values
        end
        local known = {}
        for _, name in ipairs(have) do
            known[name] = true
            if wanted[name] == nil then
                local ok, why = kernel.done(remove(target(node, 1), name))
                if not ok then return nil, why end
            end
        end
        for name, value in pairs(wanted) do
            local ok, why = write(node, name, value, known[name] and "replace" or "create")
            if not ok then return nil, why end
        end
        return true
    end
end

local setat = kernel.call("setxattrat", "ipippi")
local getat = kernel.call("getxattrat", "ipippi")
local listat = kernel.call("listxattrat", "ipipi")
local removeat = kernel.call("removexattrat", "ipip")

local function arguments(value, size, flags)
    local args = types.t.xattr_args()
    args.value, args.size, args.flags = ffi.cast("uintptr_t", ffi.cast("const char *", value)), size, flags or 0
    return args
end

function M.setxattrat(dir, path, at_flags, name, value, flags)
    if type(value) ~= "string" then argument.wrong(5, "string", value) end
    local args = arguments(value, #value, flag(c.XATTR, flags, 6))
    return kernel.done(
        setat(fd.at(dir, 1), path_of(path, 2), flag(c.AT, at_flags, 3), path_of(name, 4), args, ffi.sizeof(args))
    )
end

function M.getxattrat(dir, path, at_flags, name)
    local d, p, bits = fd.at(dir, 1), path_of(path, 2), flag(c.AT, at_flags, 3)
    return grow(function(buffer, size)
        local args = arguments(buffer, size)
        return getat(d, p, bits, path_of(name, 4), args, ffi.sizeof(args))
    end)
end

function M.listxattrat(dir, path, at_flags)
    local d, p, bits = fd.at(dir, 1), path_of(path, 2), flag(c.AT, at_flags, 3)
    local text, err = grow(function(buffer, size) return listat(d, p, bits, buffer, size) end)
    if not text then return nil, err end
    return names(text)
end

function M.removexattrat(dir, path, at_flags, name)
    return kernel.done(removeat(fd.at(dir, 1), path_of(path, 2), flag(c.AT, at_flags, 3), path_of(name, 4)))
end

return M
