--- Setters: the span holds one number, in big or little endian order.
---
--- A span of another size raises EINVAL; the bytes need not be aligned. Integers of 40 and 48 bits are put together
--- as doubles, which hold them exactly, so that no 64-bit cdata is made.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local error_ = require "ljos.error"
local span = require "ljos.byte_span.span"

local band, floor, rshift, type = bit.band, math.floor, bit.rshift, type
local exactly, is_integer, out_of_range = span.exactly, span.is_integer, span.out_of_range

local ByteSpan = span.ByteSpan

-- Nothing is written before the value is checked.

local function integer(n, low, high)
    if not is_integer(n, low, high) then out_of_range(n, low, high, 2) end
    return n
end

local function number(n)
    if type(n) ~= "number" then error_.argument(2, "number expected, got " .. type(n)) end
    return n
end

-- `a` is the index of the most significant byte. The bit operations take a number modulo 2^32; the upper part of a
-- longer one is divided off.

local function put8(p, n) p[0] = band(n, 255) end

local function put16(p, n, a, b)
    p[a] = band(rshift(n, 8), 255)
    p[b] = band(n, 255)
end

local function put24(p, n, a, b, c)
    p[a] = band(rshift(n, 16), 255)
    put16(p, n, b, c)
end

local function put32(p, n, a, b, c, d)
    p[a] = rshift(n, 24)
    put24(p, n, b, c, d)
end

local function put40(p, n, a, b, c, d, e)
    p[a] = band(floor(n / 0x100000000), 255)
    put32(p, n, b, c, d, e)
end

local function put48(p, n, a, b, c, d, e, f)
    put16(p, floor(n / 0x100000000), a, b)
    put32(p, n, c, d, e, f)
end

local single = ffi.new "union { int32_t bits; float number; }"
local double = ffi.new(
    ffi.abi "le" and "union { struct { int32_t low, high; }; double number; }"
        or "union { struct { int32_t high, low; }; double number; }"
)

local function put_f32(p, n, a, b, c, d)
    single.number = n
    put32(p, single.bits, a, b, c, d)
end

local function put_f64(p, n, a, b, c, d, e, f, g, h)
    double.number = n
    put32(p, double.high, a, b, c, d)
    put32(p, double.low, e, f, g, h)
end

--- Writes an unsigned 16-bit integer, big endian.
---
--- EINVAL unless the span is 2 bytes long; ERANGE for a number outside 0..2^16-1.
---@param n integer
function ByteSpan:set_u16be(n) put16(exactly(self, 2), integer(n, 0, 2 ^ 16 - 1), 0, 1) end

--- Writes an unsigned 16-bit integer, little endian.
---
--- EINVAL unless the span is 2 bytes long; ERANGE for a number outside 0..2^16-1.
---@param n integer
function ByteSpan:set_u16le(n) put16(exactly(self, 2), integer(n, 0, 2 ^ 16 - 1), 1, 0) end

--- Writes an unsigned 24-bit integer, big endian.
---
--- EINVAL unless the span is 3 bytes long; ERANGE for a number outside 0..2^24-1.
---@param n integer
function ByteSpan:set_u24be(n) put24(exactly(self, 3), integer(n, 0, 2 ^ 24 - 1), 0, 1, 2) end

--- Writes an unsigned 24-bit integer, little endian.
---
--- EINVAL unless the span is 3 bytes long; ERANGE for a number outside 0..2^24-1.
---@param n integer
function ByteSpan:set_u24le(n) put24(exactly(self, 3), integer(n, 0, 2 ^ 24 - 1), 2, 1, 0) end

--- Writes an unsigned 32-bit integer, big endian.
---
--- EINVAL unless the span is 4 bytes long; ERANGE for a number outside 0..2^32-1.
---@param n integer
function ByteSpan:set_u32be(n) put32(exactly(self, 4), integer(n, 0, 2 ^ 32 - 1), 0, 1, 2, 3) end

--- Writes an unsigned 32-bit integer, little endian.
---
--- EINVAL unless the span is 4 bytes long; ERANGE for a number outside 0..2^32-1.
---@param n integer
function ByteSpan:set_u32le(n) put32(exactly(self, 4), integer(n, 0, 2 ^ 32 - 1), 3, 2, 1, 0) end

--- Writes an unsigned 40-bit integer, big endian.
---
--- EINVAL unless the span is 5 bytes long; ERANGE for a number outside 0..2^40-1.
---@param n integer
function ByteSpan:set_u40be(n) put40(exactly(self, 5), integer(n, 0, 2 ^ 40 - 1), 0, 1, 2, 3, 4) end

--- Writes an unsigned 40-bit integer, little endian.
---
--- EINVAL unless the span is 5 bytes long; ERANGE for a number outside 0..2^40-1.
---@param n integer
function ByteSpan:set_u40le(n) put40(exactly(self, 5), integer(n, 0, 2 ^ 40 - 1), 4, 3, 2, 1, 0) end

--- Writes an unsigned 48-bit integer, big endian.
---
--- EINVAL unless the span is 6 bytes long; ERANGE for a number outside 0..2^48-1.
---@param n integer
function ByteSpan:set_u48be(n) put48(exactly(self, 6), integer(n, 0, 2 ^ 48 - 1), 0, 1, 2, 3, 4, 5) end

--- Writes an unsigned 48-bit integer, little endian.
---
--- EINVAL unless the span is 6 bytes long; ERANGE for a number outside 0..2^48-1.
---@param n integer
function ByteSpan:set_u48le(n) put48(exactly(self, 6), integer(n, 0, 2 ^ 48 - 1), 5, 4, 3, 2, 1, 0) end

--- Writes a signed 8-bit integer.
---
--- EINVAL unless the span is 1 byte long; ERANGE for a number outside -2^7..2^7-1.
---@param n integer
function ByteSpan:set_i8(n) put8(exactly(self, 1), integer(n, -2 ^ 7, 2 ^ 7 - 1)) end

--- Writes a signed 16-bit integer, big endian.
---
--- EINVAL unless the span is 2 bytes long; ERANGE for a number outside -2^15..2^15-1.
---@param n integer
function ByteSpan:set_i16be(n) put16(exactly(self, 2), integer(n, -2 ^ 15, 2 ^ 15 - 1), 0, 1) end

--- Writes a signed 16-bit integer, little endian.
---
--- EINVAL unless the span is 2 bytes long; ERANGE for a number outside -2^15..2^15-1.
---@param n integer
function ByteSpan:set_i16le(n) put16(exactly(self, 2), integer(n, -2 ^ 15, 2 ^ 15 - 1), 1, 0) end

--- Writes a signed 24-bit integer, big endian.
---
--- EINVAL unless the span is 3 bytes long; ERANGE for a number outside -2^23..2^23-1.
---@param n integer
function ByteSpan:set_i24be(n) put24(exactly(self, 3), integer(n, -2 ^ 23, 2 ^ 23 - 1), 0, 1, 2) end

--- Writes a signed 24-bit integer, little endian.
---
--- EINVAL unless the span is 3 bytes long; ERANGE for a number outside -2^23..2^23-1.
---@param n integer
function ByteSpan:set_i24le(n) put24(exactly(self, 3), integer(n, -2 ^ 23, 2 ^ 23 - 1), 2, 1, 0) end

--- Writes a signed 32-bit integer, big endian.
---
--- EINVAL unless the span is 4 bytes long; ERANGE for a number outside -2^31..2^31-1.
---@param n integer
function ByteSpan:set_i32be(n) put32(exactly(self, 4), integer(n, -2 ^ 31, 2 ^ 31 - 1), 0, 1, 2, 3) end

--- Writes a signed 32-bit integer, little endian.
---
--- EINVAL unless the span is 4 bytes long; ERANGE for a number outside -2^31..2^31-1.
---@param n integer
function ByteSpan:set_i32le(n) put32(exactly(self, 4), integer(n, -2 ^ 31, 2 ^ 31 - 1), 3, 2, 1, 0) end

--- Writes a signed 40-bit integer, big endian.
---
--- EINVAL unless the span is 5 bytes long; ERANGE for a number outside -2^39..2^39-1.
---@param n integer
function ByteSpan:set_i40be(n) put40(exactly(self, 5), integer(n, -2 ^ 39, 2 ^ 39 - 1), 0, 1, 2, 3, 4) end

--- Writes a signed 40-bit integer, little endian.
---
--- EINVAL unless the span is 5 bytes long; ERANGE for a number outside -2^39..2^39-1.
---@param n integer
function ByteSpan:set_i40le(n) put40(exactly(self, 5), integer(n, -2 ^ 39, 2 ^ 39 - 1), 4, 3, 2, 1, 0) end

--- Writes a signed 48-bit integer, big endian.
---
--- EINVAL unless the span is 6 bytes long; ERANGE for a number outside -2^47..2^47-1.
---@param n integer
function ByteSpan:set_i48be(n) put48(exactly(self, 6), integer(n, -2 ^ 47, 2 ^ 47 - 1), 0, 1, 2, 3, 4, 5) end

--- Writes a signed 48-bit integer, little endian.
---
--- EINVAL unless the span is 6 bytes long; ERANGE for a number outside -2^47..2^47-1.
---@param n integer
function ByteSpan:set_i48le(n) put48(exactly(self, 6), integer(n, -2 ^ 47, 2 ^ 47 - 1), 5, 4, 3, 2, 1, 0) end

--- Writes a 32-bit floating point number (IEEE 754), big endian.
---
--- EINVAL unless the span is 4 bytes long.
---@param n number  rounded to the nearest; beyond the range: infinite
function ByteSpan:set_f32be(n) put_f32(exactly(self, 4), number(n), 0, 1, 2, 3) end

--- Writes a 32-bit floating point number (IEEE 754), little endian.
---
--- EINVAL unless the span is 4 bytes long.
---@param n number  rounded to the nearest; beyond the range: infinite
function ByteSpan:set_f32le(n) put_f32(exactly(self, 4), number(n), 3, 2, 1, 0) end

--- Writes a 64-bit floating point number (IEEE 754), big endian.
---
--- EINVAL unless the span is 8 bytes long.
---@param n number
function ByteSpan:set_f64be(n) put_f64(exactly(self, 8), number(n), 0, 1, 2, 3, 4, 5, 6, 7) end

--- Writes a 64-bit floating point number (IEEE 754), little endian.
---
--- EINVAL unless the span is 8 bytes long.
---@param n number
function ByteSpan:set_f64le(n) put_f64(exactly(self, 8), number(n), 7, 6, 5, 4, 3, 2, 1, 0) end
