--- The span type: its layout, its memory, and the checks every function on spans shares.
---
--- A span is the cdata `struct ljos_span {ptr, len, cap, slot}`; its bytes live in a `uint8_t[?]` that several spans
--- may share, and that lives as long as any of them (anchor.lua, by `slot`). The owner in a slot is always the
--- buffer itself, never another span, or a chain of slices would cost one collection per link. Library modules read
--- the fields; the FFI lets nobody write them.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local anchor = require "ljos.byte_span.anchor"
local error_ = require "ljos.error"
local native = require "ljos.native" -- declares struct ljos_span

ffi.cdef "int memcmp(const void *, const void *, size_t);"

local C = ffi.C
local error, floor, istype, pcall, tostring, type = error, math.floor, ffi.istype, pcall, tostring, type

---@class ljos.byte_span.span
local M, is_loaded = native.lasting "ljos.byte_span.span"
if is_loaded then return M end

---@class ljos.byte_span.pointer: ffi.cdata*
---@field [integer] integer
---@operator add(integer): ljos.byte_span.pointer

---@class ljos.byte_span
---@field capacity integer               bytes up to the end of the memory that `sub` can reach
---@field [integer] integer              the byte at a position from 1
---@field ptr ljos.byte_span.pointer     for library modules: `uint8_t *`; null where the capacity is 0
---@field len integer                    for library modules: what `#span` gives
---@field cap integer                    for library modules: what `span.capacity` gives
---@field sub fun(self: ljos.byte_span, first?: integer, last?: integer): ljos.byte_span
---@field slot integer                   for the anchors alone
---@operator len: integer
local ByteSpan = {}
M.ByteSpan = ByteSpan

--- The longest span: its length is an int32_t.
M.MAX_LENGTH = 2147483647

local take, hold, owner_in = anchor.take, anchor.hold, anchor.owner
---@type any
local new_bytes = ffi.typeof "uint8_t[?]"
local meta = {}

local Span = ffi.metatype("struct ljos_span", meta) --[[@as any]]

--- Makes a span of `len` bytes at `ptr`, unchecked. For library modules.
---
--- `owner` keeps the memory alive: a span on the same memory, or the object that owns it, say a `uint8_t[?]`. `ptr`
--- points into that memory, and 0 <= len <= cap.
---@param owner any
---@param ptr any
---@param len integer
---@param cap integer
---@return ljos.byte_span
local function slice(owner, ptr, len, cap)
    if istype(Span, owner) then owner = owner_in(owner.slot) end
    local slot = take(owner)
    local span = Span(ptr, len, cap, slot)
    hold(slot, span)
    return span
end
M.slice = slice

-- Above this size a failed allocation becomes an Error; below it is Lua's own "not enough memory".
local LARGE = 1048576

--- Allocates zeroed memory and makes a span on all of it. For library modules.
---@param len integer
---@param cap integer  len <= cap <= MAX_LENGTH
---@return ljos.byte_span
function M.allocate(len, cap)
    if cap == 0 then return Span(nil, 0, 0, 0) end
    local buffer
    if cap < LARGE then
        buffer = new_bytes(cap)
    else
        local ok, result = pcall(new_bytes --[[@as function]], cap)
        if not ok then error(error_.generic("ENOMEM", { detail = "byte_span of " .. cap .. " bytes" }), 0) end
        buffer = result
    end
    return slice(buffer, buffer, len, cap)
end

---@param value any
---@return boolean # whether `value` is a byte_span
local function is(value) return istype(Span, value) end
M.is = is

--- Returns `value` when it is a byte_span, else raises EINVAL.
---@param value any
---@param arg integer|string  its position or name, for the error
---@return ljos.byte_span
local function check(value, arg)
    if not istype(Span, value) then error_.argument(arg, "byte_span expected, got " .. type(value)) end
    return value
end
M.check = check

--- Returns what the FFI takes as `const void *`, and its length.
---@param value string|ljos.byte_span
---@param arg integer|string
---@return any, integer
function M.bytes_of(value, arg)
    if type(value) == "string" then return value, #value end
    if not istype(Span, value) then error_.argument(arg, "string or byte_span expected, got " .. type(value)) end
    return value.ptr, value.len
end

--- Returns the `ptr` of a span that is `size` bytes long, else raises EINVAL.
---@param self ljos.byte_span
---@param size integer
---@return ljos.byte_span.pointer
function M.exactly(self, size)
    check(self, 1)
    if self.len ~= size then
        error_.argument(1, ("byte_span of length %d expected, got length %d"):format(size, self.len))
    end
    return self.ptr
end

---@param value any
---@param low integer
---@param high integer
---@return boolean # whether `value` is an integral number from `low` to `high`
function M.is_integer(value, low, high)
    return type(value) == "number" and value >= low and value <= high and floor(value) == value
end

local function shown(value) return type(value) == "number" and tostring(value) or type(value) end

--- Raises EINVAL for what should have been an integer from `low` to `high`.
---@param value any
---@param low integer
---@param high integer
---@param arg integer|string
function M.not_integer(value, low, high, arg)
    return error_.argument(arg, ("integer in %.0f..%.0f expected, got %s"):format(low, high, shown(value)))
end

--- Raises for what should have been an integer from `low` to `high`: ERANGE for a number outside, else EINVAL.
---@param value any
---@param low integer
---@param high integer
---@param arg integer
function M.out_of_range(value, low, high, arg)
    if type(value) ~= "number" or not (value < low or value > high) then return M.not_integer(value, low, high, arg) end
    local detail = ("%s is outside %.0f..%.0f"):format(tostring(value), low, high)
    return error(error_.generic("ERANGE", { arg = arg, detail = detail }), 0)
end

-- Metamethods

function meta.__index(self, key)
    if type(key) == "number" then
        if key >= 1 and key <= self.len and floor(key) == key then return self.ptr[key - 1] end
        return M.out_of_range(key, 1, self.len, 2)
    end
    local method = ByteSpan[key]
    if method ~= nil then return method end
    if key == "capacity" then return self.cap end
    return error_.bad_index("byte_span", key)
end

function meta.__newindex(self, key, value)
    if type(key) ~= "number" then
        return error(error_.generic("EPERM", { detail = "a byte_span takes bytes only, not fields" }), 0)
    end
    if not (key >= 1 and key <= self.len and floor(key) == key) then return M.out_of_range(key, 1, self.len, 2) end
    if type(value) ~= "number" then return error_.argument(3, "integer in 0..255 expected, got " .. type(value)) end
    -- The FFI cuts a fraction off; nan fails both comparisons.
    if not (value > -1 and value < 256) then return M.out_of_range(value, 0, 255, 3) end
    self.ptr[key - 1] = value
end

function meta.__len(self) return self.len end

-- LuaJIT does not compile tostring of a cdata; a hot loop of a library module calls ffi.string itself.
function meta.__tostring(self) return ffi.string(self.ptr, self.len) end
require "ljos.byte_span.tostring"(Span)

-- The FFI asks with any other operand too: nil, a string, a cdata of another type.
function meta.__eq(a, b)
    if not (istype(Span, a) and istype(Span, b)) or a.len ~= b.len then return false end
    return C.memcmp(a.ptr, b.ptr, a.len) == 0
end

return M
