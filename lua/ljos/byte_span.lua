--- Byte spans: slices of a shared byte buffer.
---
--- A span is (memory, length, capacity), indexed from 1 and modelled on Go's slices. Slicing shares memory; only
--- `append` past the capacity copies. The memory lives as long as any span on it. While an operation is pending the
--- kernel may write to the span: read it after the operation returns, never during. All functions here are
--- methods of spans as well, except `new`, `with_zeros` and those for library modules.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local span = require "ljos.byte_span.span"
require "ljos.byte_span.strings"
require "ljos.byte_span.getters"
require "ljos.byte_span.setters"

local C, select, type = ffi.C, select, type
local ffi_copy, ffi_fill = ffi.copy, ffi.fill
local slice, allocate, is, check, bytes_of = span.slice, span.allocate, span.is, span.check, span.bytes_of
local is_integer, not_integer = span.is_integer, span.not_integer
local MAX_LENGTH = span.MAX_LENGTH

local ByteSpan = span.ByteSpan

---@class ljos.byte_span.module
---@field [string] function  the methods of a span, as functions
local M = {}

ffi.cdef "void *memmove(void *, const void *, size_t);"

M.slice, M.allocate, M.is, M.check = slice, allocate, is, check

--- Makes a span of `length` bytes on new memory. What they hold is unspecified.
---
--- EINVAL where a number is no integer in 0..2^31-1 or the capacity is below the length; ENOMEM.
---@param length integer
---@param capacity? integer  default: `length`
---@return ljos.byte_span
function M.new(length, capacity)
    if not is_integer(length, 0, MAX_LENGTH) then not_integer(length, 0, MAX_LENGTH, 1) end
    if capacity == nil then
        capacity = length
    elseif not is_integer(capacity, length, MAX_LENGTH) then
        not_integer(capacity, length, MAX_LENGTH, 2)
    end
    return allocate(length, capacity)
end

--- Makes a span of `length` bytes on new memory, of which all `capacity` bytes are zero.
---
--- EINVAL and ENOMEM as `new`.
---@param length integer
---@param capacity? integer  default: `length`
---@return ljos.byte_span
function M.with_zeros(length, capacity) return M.new(length, capacity) end

--- Makes a span on the same memory, from `start` to `end_`, both inclusive.
---
--- `end_` may lie beyond the length, up to the capacity; `start` may be `end_ + 1` (an empty span). EINVAL
--- outside of that.
---@param start? integer  default: 1
---@param end_? integer   default: the length
---@return ljos.byte_span
function ByteSpan:sub(start, end_)
    check(self, 1)
    local cap = self.cap
    if end_ == nil then
        end_ = self.len
    elseif not is_integer(end_, 0, cap) then
        not_integer(end_, 0, cap, 3)
    end
    if start == nil then return slice(self, self.ptr, end_, cap) end
    if not is_integer(start, 1, end_ + 1) then not_integer(start, 1, end_ + 1, 2) end
    local skipped = start - 1
    return slice(self, self.ptr + skipped, end_ - skipped, cap - skipped)
end

--- Makes a span on the first `count` bytes of the same memory; like `sub(1, count)` it may grow to the capacity.
---
--- EINVAL where `count` is no integer in 0..capacity.
---@param count integer
---@return ljos.byte_span
function ByteSpan:first(count)
    check(self, 1)
    local cap = self.cap
    if not is_integer(count, 0, cap) then not_integer(count, 0, cap, 2) end
    return slice(self, self.ptr, count, cap)
end

--- Makes a span on the last `count` bytes of this span.
---
--- EINVAL where `count` is no integer in 0..length.
---@param count integer
---@return ljos.byte_span
function ByteSpan:last(count)
    check(self, 1)
    local len = self.len
    if not is_integer(count, 0, len) then not_integer(count, 0, len, 2) end
    local skipped = len - count
    return slice(self, self.ptr + skipped, count, self.cap - skipped)
end

--- Copies as much of `source` into this span as fits both; they may overlap.
---@param source string|ljos.byte_span
---@return integer # bytes copied
function ByteSpan:copy(source)
    check(self, 1)
    local bytes, count = bytes_of(source, 2)
    if count > self.len then count = self.len end
    C.memmove(self.ptr, bytes, count)
    return count
end

--- Sets every byte of the span to `byte`.
---
--- EINVAL where `byte` is no integer in 0..255.
---@param byte integer
---@return self
function ByteSpan:fill(byte)
    check(self, 1)
    if not is_integer(byte, 0, 255) then not_integer(byte, 0, 255, 2) end
    ffi_fill(self.ptr, self.len, byte)
    return self
end

-- Append. Fixed parameters, where nil costs nothing: compiled code has no loop over varargs.

local function check_total(total)
    if total > MAX_LENGTH then not_integer(total, 0, MAX_LENGTH, "total length") end
    return total
end

local function length_of(source, arg)
    if source == nil then return 0 end
    local _, count = bytes_of(source, arg)
    return count
end

local function put(ptr, source)
    if source == nil then return ptr end
    local bytes, count = bytes_of(source, 0)
    ffi_copy(ptr, bytes, count)
    return ptr + count
end

local function put_all(ptr, a, b, c, d, e, f, g, h)
    ptr = put(put(put(put(ptr, a), b), c), d)
    return put(put(put(put(ptr, e), f), g), h)
end

-- Whether the source has bytes in the memory from `first` up to `last`.
local function lies_in(source, first, last)
    if not is(source) then return false end
    return source.ptr < last and source.ptr + source.len > first
end

local function any_lies_in(first, last, b, c, d, e, f, g, h)
    return lies_in(b, first, last)
        or lies_in(c, first, last)
        or lies_in(d, first, last)
        or lies_in(e, first, last)
        or lies_in(f, first, last)
        or lies_in(g, first, last)
        or lies_in(h, first, last)
end

-- A span with the bytes of `self` and room for `needed`: doubling keeps a loop of appends linear.
local function grown(self, needed)
    local cap = self.cap * 2
    if cap > MAX_LENGTH then cap = MAX_LENGTH end
    local result = allocate(needed, cap < needed and needed or cap)
    ffi_copy(result.ptr, self.ptr, self.len)
    return result
end

-- A span of all sources; the first is argument `arg`.
local function concatenated(arg, a, b, c, d, e, f, g, h)
    local total = length_of(a, arg) + length_of(b, arg + 1) + length_of(c, arg + 2) + length_of(d, arg + 3)
    total = total + length_of(e, arg + 4) + length_of(f, arg + 5) + length_of(g, arg + 6) + length_of(h, arg + 7)
    local result = allocate(check_total(total), total)
    put_all(result.ptr, a, b, c, d, e, f, g, h)
    return result
end

local function append_one(self, source)
    local len = self.len
    local count = length_of(source, 2)
    local needed = check_total(len + count)
    if needed > self.cap then
        local result = grown(self, needed)
        put(result.ptr + len, source)
        return result
    end
    if count > 0 then C.memmove(self.ptr + len, bytes_of(source, 2), count) end
    return slice(self, self.ptr, needed, self.cap)
end

local function append_all(self, a, b, c, d, e, f, g)
    local len = self.len
    local count = length_of(a, 2) + length_of(b, 3) + length_of(c, 4) + length_of(d, 5)
    count = count + length_of(e, 6) + length_of(f, 7) + length_of(g, 8)
    local needed = check_total(len + count)
    if needed > self.cap then
        local result = grown(self, needed)
        put_all(result.ptr + len, a, b, c, d, e, f, g)
        return result
    end
    local first = self.ptr + len
    if any_lies_in(first, first + count, a, b, c, d, e, f, g) then
        -- An earlier source would be written over a later one: gather first.
        return append_one(self, concatenated(2, a, b, c, d, e, f, g))
    end
    put_all(first, a, b, c, d, e, f, g)
    return slice(self, self.ptr, needed, self.cap)
end

-- A span of the arguments from the eighth on.
local function rest_of(...)
    local rest = allocate(0, 0)
    for i = 1, select("#", ...), 8 do
        local a, b, c, d, e, f, g, h = select(i, ...)
        rest = append_one(rest, concatenated(i + 7, a, b, c, d, e, f, g, h))
    end
    return rest
end

--- Makes a span with the bytes of all arguments, one after the other; nil is skipped.
---
--- Where the first is a span whose capacity holds them all, its memory is written to, beyond its length, and shared.
--- Else the result is on new memory, with a capacity of at least its length. Sources may overlap what is written.
--- EINVAL for an argument of another type, and where the sum exceeds 2^31-1; ENOMEM.
---@param self string|ljos.byte_span|nil
---@param a? string|ljos.byte_span
---@param ... string|ljos.byte_span|nil
---@return ljos.byte_span
function ByteSpan.append(self, a, b, c, d, e, f, ...)
    local rest ---@type ljos.byte_span?
    if select("#", ...) > 0 then rest = rest_of(...) end
    if not is(self) then return concatenated(1, self, a, b, c, d, e, f, rest) end
    if b == nil and c == nil and d == nil and e == nil and f == nil and rest == nil then return append_one(self, a) end
    return append_all(self, a, b, c, d, e, f, rest)
end

for name, method in pairs(ByteSpan) do
    if type(method) == "function" then M[name] = method end
end

return M
