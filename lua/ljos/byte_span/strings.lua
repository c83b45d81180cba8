--- String algorithms on spans: searching, trimming, numbers, letter case. They know octets and no encoding.
---
--- Positions count from 1, given and returned. The searching itself is native; a target of one byte and sets of up
--- to three are found at the speed of memchr.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"
local span = require "ljos.byte_span.span"

local C, libc = native.C, ffi.C
local ffi_string, tonumber = ffi.string, tonumber
local slice, check, bytes_of = span.slice, span.check, span.bytes_of
local is_integer, out_of_range = span.is_integer, span.out_of_range

local ByteSpan = span.ByteSpan

-- The bytes `trimmed` removes where it is told nothing.
local BLANKS = " \f\n\r\t\v"

--- Returns a start or end position; it may be one past the last byte.
---@param value any
---@param default integer
---@param len integer
---@return integer
local function position(value, default, len)
    if value == nil then return default end
    if not is_integer(value, 1, len + 1) then out_of_range(value, 1, len + 1, 3) end
    return value
end

--- Tells whether the span begins with `prefix`.
---@param prefix string|ljos.byte_span
---@return boolean
function ByteSpan:starts_with(prefix)
    check(self, 1)
    local bytes, count = bytes_of(prefix, 2)
    return count <= self.len and libc.memcmp(self.ptr, bytes, count) == 0
end

--- Tells whether the span ends with `suffix`.
---@param suffix string|ljos.byte_span
---@return boolean
function ByteSpan:ends_with(suffix)
    check(self, 1)
    local bytes, count = bytes_of(suffix, 2)
    return count <= self.len and libc.memcmp(self.ptr + (self.len - count), bytes, count) == 0
end

--- Finds the first `target` at or after `start`. An empty target is found at `start`.
---
--- ERANGE where `start` is outside 1..length+1.
---@param target string|ljos.byte_span
---@param start? integer  default: 1
---@return integer? # its position, or nil
function ByteSpan:find(target, start)
    check(self, 1)
    local bytes, count = bytes_of(target, 2)
    local skipped = position(start, 1, self.len) - 1
    local haystack = (self.ptr + skipped) --[[@as any]]
    local searched = (self.len - skipped) --[[@as integer]]
    local at = C.ljos_bytes_find(haystack, searched, bytes, count)
    if at < 0 then return nil end
    return at + skipped + 1
end

--- Finds the last `target` that begins at or before `end_`. An empty target is found at `end_`.
---
--- ERANGE where `end_` is outside 1..length+1.
---@param target string|ljos.byte_span
---@param end_? integer  default: length+1
---@return integer? # its position, or nil
function ByteSpan:rfind(target, end_)
    check(self, 1)
    local bytes, count = bytes_of(target, 2)
    local len = self.len
    local searched = position(end_, len + 1, len) - 1 + count
    if searched > len then searched = len end
    local at = C.ljos_bytes_rfind(self.ptr, searched, bytes, count)
    if at < 0 then return nil end
    return at + 1
end

---@param self ljos.byte_span
---@param set string|ljos.byte_span
---@param start integer?
---@param wanted integer  1: a byte of the set, 0: any other
---@return integer?
local function find_set(self, set, start, wanted)
    check(self, 1)
    local bytes, count = bytes_of(set, 2)
    local skipped = position(start, 1, self.len) - 1
    local haystack = (self.ptr + skipped) --[[@as any]]
    local at = C.ljos_bytes_find_set(haystack, self.len - skipped, bytes, count, wanted)
    if at < 0 then return nil end
    return at + skipped + 1
end

---@param self ljos.byte_span
---@param set string|ljos.byte_span
---@param end_ integer?
---@param wanted integer  1: a byte of the set, 0: any other
---@return integer?
local function rfind_set(self, set, end_, wanted)
    check(self, 1)
    local bytes, count = bytes_of(set, 2)
    local len = self.len
    local searched = position(end_, len, len)
    if searched > len then searched = len end
    local at = C.ljos_bytes_rfind_set(self.ptr, searched, bytes, count, wanted)
    if at < 0 then return nil end
    return at + 1
end

--- Finds the first byte that is in `strlist`, at or after `start`.
---
--- ERANGE where `start` is outside 1..length+1.
---@param strlist string|ljos.byte_span  a set of bytes, in any order
---@param start? integer                 default: 1
---@return integer? # its position, or nil
function ByteSpan:find_first_of(strlist, start) return find_set(self, strlist, start, 1) end

--- Finds the first byte that is not in `strlist`, at or after `start`.
---
--- ERANGE where `start` is outside 1..length+1.
---@param strlist string|ljos.byte_span  a set of bytes, in any order
---@param start? integer                 default: 1
---@return integer? # its position, or nil
function ByteSpan:find_first_not_of(strlist, start) return find_set(self, strlist, start, 0) end

--- Finds the last byte that is in `strlist`, at or before `end_`.
---
--- ERANGE where `end_` is outside 1..length+1.
---@param strlist string|ljos.byte_span  a set of bytes, in any order
---@param end_? integer                  default: the length
---@return integer? # its position, or nil
function ByteSpan:find_last_of(strlist, end_) return rfind_set(self, strlist, end_, 1) end

--- Finds the last byte that is not in `strlist`, at or before `end_`.
---
--- ERANGE where `end_` is outside 1..length+1.
---@param strlist string|ljos.byte_span  a set of bytes, in any order
---@param end_? integer                  default: the length
---@return integer? # its position, or nil
function ByteSpan:find_last_not_of(strlist, end_) return rfind_set(self, strlist, end_, 0) end

--- Makes a span on the same memory that neither begins nor ends with a byte of `lws`.
---
--- Where all bytes are in `lws`, it is the empty span at the end of this one.
---@param lws? string|ljos.byte_span  a set of bytes; default: " \f\n\r\t\v"
---@return ljos.byte_span
function ByteSpan:trimmed(lws)
    check(self, 1)
    if lws == nil then lws = BLANKS end
    local bytes, count = bytes_of(lws, 2)
    local ptr, len, cap = self.ptr, self.len, self.cap
    local first = C.ljos_bytes_find_set(ptr, len, bytes, count, 0)
    if first < 0 then return slice(self, ptr + len, 0, cap - len) end
    local last = C.ljos_bytes_rfind_set(ptr, len, bytes, count, 0)
    return slice(self, ptr + first, last - first + 1, cap - first)
end

--- Reads the bytes as a number: what `tonumber(tostring(self))` gives, without making a string of them.
---@return number? # nil where they are none
function ByteSpan:tonumber()
    check(self, 1)
    local ptr, len = self.ptr, self.len
    local number = C.ljos_bytes_number(ptr, len)
    if number == number then return number end
    -- Hexadecimal, blanks around it, extreme values and so on: rare, and only Lua knows what Lua takes for a number.
    return tonumber(ffi_string(ptr, len))
end

--- Turns the ASCII letters A to Z into their lower case, in place.
function ByteSpan:inplace_lower()
    check(self, 1)
    C.ljos_bytes_lower(self.ptr, self.len)
end

--- Turns the ASCII letters a to z into their upper case, in place.
function ByteSpan:inplace_upper()
    check(self, 1)
    C.ljos_bytes_upper(self.ptr, self.len)
end
