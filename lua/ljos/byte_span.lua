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

-- Append

-- A span with `len` bytes of `self` and room for `needed`: doubling keeps a loop of appends linear.
local function grown(self, needed)
    local cap = self.cap * 2
    if cap > MAX_LENGTH then cap = MAX_LENGTH end
    local result = allocate(needed, cap < needed and needed or cap)
    ffi_copy(result.ptr, self.ptr, self.len)
    return result
end

local function check_total(total)
    if total > MAX_LENGTH then not_integer(total, 0, MAX_LENGTH, "total length") end
    return total
end

local function append_one(self, source)
    if source == nil then return slice(self, self.ptr, self.len, self.cap) end
    local bytes, count = bytes_of(source, 2)
    local len = self.len
    local needed = len + count
    if needed <= self.cap then
        C.memmove(self.ptr + len, bytes, count)
        return slice(self, self.ptr, needed, self.cap)
    end
    local result = grown(self, check_total(needed))
    ffi_copy(result.ptr + len, bytes, count)
    return result
end

-- Their lengths summed up; `offset` is what the position of the first is above 1, for the error.
local function total_length(offset, ...)
    local total = 0
    for i = 1, select("#", ...) do
        local source = (select(i, ...))
        if source ~= nil then
            local _, count = bytes_of(source, i + offset)
            total = total + count
        end
    end
    return check_total(total)
end

local function write(ptr, ...)
    for i = 1, select("#", ...) do
        local source = (select(i, ...))
        if source ~= nil then
            local bytes, count = bytes_of(source, i)
            ffi_copy(ptr, bytes, count)
            ptr = ptr + count
        end
    end
end

-- Whether a source has bytes in the memory from `first` up to `last`.
local function reads_from(first, last, ...)
    for i = 1, select("#", ...) do
        local source = (select(i, ...))
        if is(source) and source.ptr < last and source.ptr + source.len > first then return true end
    end
    return false
end

local function append_from_scratch(...)
    local total = total_length(0, ...)
    local result = allocate(total, total)
    write(result.ptr, ...)
    return result
end

local function append_all(self, ...)
    local len = self.len
    local count = total_length(1, ...)
    local needed = check_total(len + count)
    if needed > self.cap then
        local result = grown(self, needed)
        write(result.ptr + len, ...)
        return result
    end
    local first = self.ptr + len
    if reads_from(first, first + count, ...) then
        -- An earlier source would be written over a later one: gather first.
        local gathered = allocate(count, count)
        write(gathered.ptr, ...)
        ffi_copy(first, gathered.ptr, count)
    else
        write(first, ...)
    end
    return slice(self, self.ptr, needed, self.cap)
end

--- Makes a span with the bytes of all arguments, one after the other; nil is skipped.
---
--- Where the first is a span whose capacity holds them all, its memory is written to, beyond its length, and shared.
--- Else the result is on new memory, with a capacity of at least its length. Sources may overlap what is written.
--- EINVAL for an argument of another type, and where the sum exceeds 2^31-1; ENOMEM.
---@param self string|ljos.byte_span|nil
---@param ... string|ljos.byte_span|nil
---@return ljos.byte_span
function ByteSpan.append(self, ...)
    if not is(self) then return append_from_scratch(self, ...) end
    if select("#", ...) == 1 then return append_one(self, (...)) end
    return append_all(self, ...)
end

for name, method in pairs(ByteSpan) do
    if type(method) == "function" then M[name] = method end
end

return M
