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

local extent = require "ljos.syscall.extent"
local struct = require "ljos.syscall.struct"
require "ljos.native" -- declares struct ljos_span

local type, tonumber, tostring = type, tonumber, tostring
local istype, sizeof = ffi.istype, ffi.sizeof
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

local pointer_to_text = ffi.typeof "const char *" ---@type any

---@param value string|ffi.cdata*
---@param position integer|string
function M.path(value, position)
    if type(value) == "string" then
        if value:find("\0", 1, true) then blame.argument(position, "a path without NUL bytes expected") end
        return value
    end
    if type(value) == "cdata" and value ~= nil and pcall(pointer_to_text, value) then return value end
    return wrong(position, "path", value)
end

-- A byte span is a struct, too, but the bytes are elsewhere: only `M.bytes` takes one.
local span = ffi.typeof "struct ljos_span"

---@param value any  nil, a string, or a pointer or array
function M.pointer(value, position)
    local kind = type(value)
    if kind == "nil" or kind == "string" then return value end
    if kind == "cdata" and not tonumber(value) and not istype(span, value) then return value end
    return wrong(position, "buffer or pointer", value)
end

--- A pointer to text, as a string.
---@param value any
---@param position integer|string
---@return string
function M.text(value, position)
    local text = M.path(value, position)
    return type(text) == "string" and text or ffi.string(text)
end

--- Something the kernel writes to: a string will not do.
function M.buffer(value, position)
    if value == nil or type(value) == "cdata" and not tonumber(value) and not istype(span, value) then return value end
    return wrong(position, "buffer", value)
end

--- Something the kernel writes `least` bytes to, whatever it is told. What a pointer points to is believed.
---@param value any
---@param position integer|string
---@param least integer
---@return ffi.cdata*?
function M.memory(value, position, least)
    value = M.buffer(value, position)
    local most = value ~= nil and extent.of(value)
    if most and most < least then wrong(position, ("memory of %d bytes"):format(least), value) end
    return value
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

--- A count of bytes: a negative one would be taken for a very large one. With a buffer, no more than it holds, where
--- that is known.
---@param value any
---@param position integer|string
---@param buffer? any
---@return integer
function M.size(value, position, buffer)
    local count = type(value) == "cdata" and tonumber(value) or value
    if type(count) ~= "number" or count ~= count or count < 0 then return wrong(position, "number of bytes", value) end
    if type(buffer) == "cdata" then
        local ok, most = pcall(sizeof, buffer)
        -- a pointer's own size says nothing
        if ok and most and count > most and extent.of(buffer) then
            return wrong(position, ("number of bytes up to %d, the size of the buffer,"):format(most), value)
        end
    end
    return count
end

local new_bytes, MOST = ffi.typeof "char[?]", 2 ^ 31 - 1 ---@type any, integer

--- Makes a buffer of `size` bytes. Compiled code takes the size modulo 2^32, so it is checked here.
---@param size any
---@param position integer|string
---@return ffi.cdata*
function M.fresh(size, position)
    local count = M.size(size, position)
    if count > MOST then return wrong(position, "number of bytes below 2^31", size) end
    return new_bytes(count)
end

--- What the kernel reads from or writes to: a buffer, or a byte span; and the count of its bytes, by default a span's
--- length, and the size of a buffer where the call `takes_all`. The position of the count is the next.
---@param buffer any
---@param count any
---@param position integer
---@param takes_all? boolean
---@return ffi.cdata*
---@return integer
function M.bytes(buffer, count, position, takes_all)
    if type(buffer) ~= "cdata" or tonumber(buffer) then wrong(position, "buffer", buffer) end
    if not istype(span, buffer) then
        if count == nil and takes_all then count = sizeof(buffer) end
        return buffer, M.size(count, position + 1, buffer)
    end
    if count == nil then return buffer.ptr, buffer.len end
    count = M.size(count, position + 1)
    if count > buffer.len then
        wrong(position + 1, ("number of bytes up to %d, the length of the span,"):format(buffer.len), count)
    end
    return buffer.ptr, count
end

--- What the kernel reads from: a string too, whose count is its length or less.
---@param data any
---@param count any
---@param position integer
---@return string|ffi.cdata*
---@return integer
function M.data(data, count, position)
    if type(data) ~= "string" then return M.bytes(data, count, position) end
    if count == nil then return data, #data end
    return data, math.min(M.size(count, position + 1), #data)
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

-- Tells whether a cdata may stand for a struct.
local function fits(make, value)
    local registered = struct.registered[make]
    if not registered then return tonumber(value) == nil end
    return extent.fits(registered.ctype, value)
end

--- Makes a struct out of what a caller writes for it: a cdata of its type stays as it is, nil stays nil.
---@param make function  the constructor in `t`
function M.struct(make, value, position)
    if value == nil then return nil end
    if type(value) == "cdata" and fits(make, value) then return value end
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
