--- Arguments: what a caller may write for a path, a flag, a pointer or a struct, checked and turned into what the
--- kernel takes.
---
--- Each function gets the value and its position (or name), and raises EINVAL naming both what was expected and what
--- came. Nothing is written to a table the caller passes.
---
--- Errors:   raises ljos.Error (EINVAL, with `arg` and `detail`)
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local blame = require "ljos.syscall.blame"
local group = require "ljos.syscall.group"

local struct = require "ljos.syscall.struct"

local type, tonumber, tostring = type, tonumber, tostring
local istype, typeof, sizeof = ffi.istype, ffi.typeof, ffi.sizeof
local NOCLOEXEC = group.NOCLOEXEC

---@class ljos.syscall.argument
local M = {}

local function describe(value)
    if type(value) == "string" then return ("%q"):format(value) end
    if type(value) == "cdata" then return tostring(ffi.typeof(value)) end
    return type(value) == "nil" and "nil" or type(value) .. " " .. tostring(value)
end

local function wrong(position, expected, value)
    blame.argument(position, expected .. " expected, got " .. describe(value))
end
M.wrong = wrong

---@param value string|ffi.cdata*
---@param position integer|string
function M.path(value, position)
    if type(value) == "string" then
        if value:find("\0", 1, true) then blame.argument(position, "a path without NUL bytes expected") end
        return value
    end
    if type(value) == "cdata" and not tonumber(value) then return value end
    return wrong(position, "path", value)
end

---@param value any  nil, a string, or a pointer or array
function M.pointer(value, position)
    local kind = type(value)
    if kind == "nil" or kind == "string" then return value end
    if kind == "cdata" and not tonumber(value) then return value end
    return wrong(position, "buffer or pointer", value)
end

--- Something the kernel writes to: a string will not do.
function M.buffer(value, position)
    if type(value) == "cdata" and not tonumber(value) or value == nil then return value end
    return wrong(position, "buffer", value)
end

function M.integer(value, position)
    if type(value) == "number" then
        if value == value then return value end
    elseif type(value) == "cdata" then
        if ffi.istype("int64_t", value) or ffi.istype("uint64_t", value) then return value end
        local number = tonumber(value)
        if number then return number end
    elseif type(value) == "boolean" then
        return value and 1 or 0
    end
    return wrong(position, "number", value)
end

--- A count of bytes: a negative one would be taken for a very large one.
function M.size(value, position)
    if type(value) == "number" and value >= 0 then return value end
    if type(value) == "cdata" and tonumber(value) and tonumber(value) >= 0 then return tonumber(value) end
    return wrong(position, "number of bytes", value)
end

local function read(constants, value) return constants[value] end

--- Reads a flag: a number, a string of the group, or (in groups of many) nil for none.
---@param constants table  a group of ljos.syscall.constants
function M.flag(constants, value, position)
    if type(value) == "number" and value == value then return value end
    local ok, flags = pcall(read, constants, value)
    if ok and flags == flags and flags ~= nil and type(flags) ~= "function" then return flags end
    local name = group.name(constants)
    return wrong(position, ("a flag of %s (%s)"):format(name, group.names(constants)), value)
end

--- Reads the flags of a call that makes a descriptor: close-on-exec is added, unless "nocloexec" is among them.
---@param constants table  a group with CLOEXEC
function M.cloexec(constants, value, position)
    local flags = M.flag(constants, value, position) or 0
    if flags >= NOCLOEXEC then return flags - NOCLOEXEC end
    return group.either(flags, constants.CLOEXEC or constants.FD_CLOEXEC)
end

-- Tells whether a cdata may stand for a struct: it is one, a pointer (whose memory is the caller's word), or an array
-- of at least its size.
local function fits(make, value)
    local registered = struct.registered[make]
    if not registered then return tonumber(value) == nil end
    if istype(registered.ctype, value) then return true end
    local text = tostring(typeof(value))
    if text:find("[*&]>?$") then return true end
    return text:find "%]>?$" ~= nil and sizeof(value) >= (sizeof(registered.ctype) or math.huge)
end

--- Makes a struct out of what a caller writes for it: a cdata of its type stays as it is, nil stays nil.
---@param make function  the constructor in `t`
function M.struct(make, value, position)
    if value == nil or type(value) == "cdata" and fits(make, value) then return value end
    local ok, made = pcall(make, value)
    if ok then return made end
    return blame.argument(position, blame.without_position(made))
end

--- Returns the struct that the kernel is to fill: the caller's, or a new one where that is nil.
---@param make function  the constructor in `t`
function M.room(make, value, position)
    if value == nil then return make() end
    if type(value) == "cdata" and fits(make, value) then return value end
    local registered = struct.registered[make]
    return wrong(position, registered and registered.name or "struct", value)
end

return M
