--- Getters: the span holds one number, in big or little endian order.
---
--- A span of another size raises EINVAL; the bytes need not be aligned. Integers of 40 and 48 bits are put together
--- as doubles, which hold them exactly, so that no 64-bit cdata is made.
---
--- A nan from outside must not reach Lua as it is: LuaJIT keeps the type of a value in the payload of a nan and the
--- FFI hands on the bits it finds, so that a peer could make a value of any type. All nans are read as the same one.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local span = require "ljos.byte_span.span"

local arshift, band, bor, lshift = bit.arshift, bit.band, bit.bor, bit.lshift
local exactly = span.exactly

local ByteSpan = span.ByteSpan

-- `a` is the index of the most significant byte. The bit operations are signed, so an upper part is multiplied.

---@param p ljos.byte_span.pointer
---@return integer
local function u16(p, a, b) return bor(lshift(p[a], 8), p[b]) end

---@param p ljos.byte_span.pointer
---@return integer
local function u24(p, a, b, c) return bor(lshift(p[a], 16), lshift(p[b], 8), p[c]) end

---@param p ljos.byte_span.pointer
---@return integer
local function u32(p, a, b, c, d) return u16(p, a, b) * 0x10000 + u16(p, c, d) end

---@param p ljos.byte_span.pointer
---@return integer
local function u40(p, a, b, c, d, e) return u16(p, a, b) * 0x1000000 + u24(p, c, d, e) end

---@param p ljos.byte_span.pointer
---@return integer
local function u48(p, a, b, c, d, e, f) return u24(p, a, b, c) * 0x1000000 + u24(p, d, e, f) end

-- The sign is that of the most significant byte.
---@param p ljos.byte_span.pointer
---@return integer
local function i8(p, a) return arshift(lshift(p[a], 24), 24) end

---@param p ljos.byte_span.pointer
---@return integer
local function i16(p, a, b) return arshift(lshift(u16(p, a, b), 16), 16) end

---@param p ljos.byte_span.pointer
---@return integer
local function i24(p, a, b, c) return arshift(lshift(u24(p, a, b, c), 8), 8) end

---@param p ljos.byte_span.pointer
---@return integer
local function i32(p, a, b, c, d) return bor(lshift(p[a], 24), u24(p, b, c, d)) end

---@param p ljos.byte_span.pointer
---@return integer
local function i40(p, a, b, c, d, e) return i16(p, a, b) * 0x1000000 + u24(p, c, d, e) end

---@param p ljos.byte_span.pointer
---@return integer
local function i48(p, a, b, c, d, e, f) return i24(p, a, b, c) * 0x1000000 + u24(p, d, e, f) end

local NAN = 0 / 0
local single = ffi.new "union { int32_t bits; float number; }"
local double = ffi.new(
    ffi.abi "le" and "union { struct { int32_t low, high; }; double number; }"
        or "union { struct { int32_t high, low; }; double number; }"
)

local function f32(p, a, b, c, d)
    local bits = i32(p, a, b, c, d)
    if band(bits, 0x7fffffff) > 0x7f800000 then return NAN end
    single.bits = bits
    return single.number
end

local function f64(p, a, b, c, d, e, f, g, h)
    local high, low = i32(p, a, b, c, d), i32(p, e, f, g, h)
    local magnitude = band(high, 0x7fffffff)
    if magnitude > 0x7ff00000 or magnitude == 0x7ff00000 and low ~= 0 then return NAN end
    double.high, double.low = high, low
    return double.number
end

--- Reads an unsigned 16-bit integer, big endian. EINVAL unless the span is 2 bytes long.
---@return integer
function ByteSpan:get_u16be() return u16(exactly(self, 2), 0, 1) end

--- Reads an unsigned 16-bit integer, little endian. EINVAL unless the span is 2 bytes long.
---@return integer
function ByteSpan:get_u16le() return u16(exactly(self, 2), 1, 0) end

--- Reads an unsigned 24-bit integer, big endian. EINVAL unless the span is 3 bytes long.
---@return integer
function ByteSpan:get_u24be() return u24(exactly(self, 3), 0, 1, 2) end

--- Reads an unsigned 24-bit integer, little endian. EINVAL unless the span is 3 bytes long.
---@return integer
function ByteSpan:get_u24le() return u24(exactly(self, 3), 2, 1, 0) end

--- Reads an unsigned 32-bit integer, big endian. EINVAL unless the span is 4 bytes long.
---@return integer
function ByteSpan:get_u32be() return u32(exactly(self, 4), 0, 1, 2, 3) end

--- Reads an unsigned 32-bit integer, little endian. EINVAL unless the span is 4 bytes long.
---@return integer
function ByteSpan:get_u32le() return u32(exactly(self, 4), 3, 2, 1, 0) end

--- Reads an unsigned 40-bit integer, big endian. EINVAL unless the span is 5 bytes long.
---@return integer
function ByteSpan:get_u40be() return u40(exactly(self, 5), 0, 1, 2, 3, 4) end

--- Reads an unsigned 40-bit integer, little endian. EINVAL unless the span is 5 bytes long.
---@return integer
function ByteSpan:get_u40le() return u40(exactly(self, 5), 4, 3, 2, 1, 0) end

--- Reads an unsigned 48-bit integer, big endian. EINVAL unless the span is 6 bytes long.
---@return integer
function ByteSpan:get_u48be() return u48(exactly(self, 6), 0, 1, 2, 3, 4, 5) end

--- Reads an unsigned 48-bit integer, little endian. EINVAL unless the span is 6 bytes long.
---@return integer
function ByteSpan:get_u48le() return u48(exactly(self, 6), 5, 4, 3, 2, 1, 0) end

--- Reads a signed 8-bit integer. EINVAL unless the span is 1 byte long.
---@return integer
function ByteSpan:get_i8() return i8(exactly(self, 1), 0) end

--- Reads a signed 16-bit integer, big endian. EINVAL unless the span is 2 bytes long.
---@return integer
function ByteSpan:get_i16be() return i16(exactly(self, 2), 0, 1) end

--- Reads a signed 16-bit integer, little endian. EINVAL unless the span is 2 bytes long.
---@return integer
function ByteSpan:get_i16le() return i16(exactly(self, 2), 1, 0) end

--- Reads a signed 24-bit integer, big endian. EINVAL unless the span is 3 bytes long.
---@return integer
function ByteSpan:get_i24be() return i24(exactly(self, 3), 0, 1, 2) end

--- Reads a signed 24-bit integer, little endian. EINVAL unless the span is 3 bytes long.
---@return integer
function ByteSpan:get_i24le() return i24(exactly(self, 3), 2, 1, 0) end

--- Reads a signed 32-bit integer, big endian. EINVAL unless the span is 4 bytes long.
---@return integer
function ByteSpan:get_i32be() return i32(exactly(self, 4), 0, 1, 2, 3) end

--- Reads a signed 32-bit integer, little endian. EINVAL unless the span is 4 bytes long.
---@return integer
function ByteSpan:get_i32le() return i32(exactly(self, 4), 3, 2, 1, 0) end

--- Reads a signed 40-bit integer, big endian. EINVAL unless the span is 5 bytes long.
---@return integer
function ByteSpan:get_i40be() return i40(exactly(self, 5), 0, 1, 2, 3, 4) end

--- Reads a signed 40-bit integer, little endian. EINVAL unless the span is 5 bytes long.
---@return integer
function ByteSpan:get_i40le() return i40(exactly(self, 5), 4, 3, 2, 1, 0) end

--- Reads a signed 48-bit integer, big endian. EINVAL unless the span is 6 bytes long.
---@return integer
function ByteSpan:get_i48be() return i48(exactly(self, 6), 0, 1, 2, 3, 4, 5) end

--- Reads a signed 48-bit integer, little endian. EINVAL unless the span is 6 bytes long.
---@return integer
function ByteSpan:get_i48le() return i48(exactly(self, 6), 5, 4, 3, 2, 1, 0) end

--- Reads a 32-bit floating point number (IEEE 754), big endian. EINVAL unless the span is 4 bytes long.
---@return number
function ByteSpan:get_f32be() return f32(exactly(self, 4), 0, 1, 2, 3) end

--- Reads a 32-bit floating point number (IEEE 754), little endian. EINVAL unless the span is 4 bytes long.
---@return number
function ByteSpan:get_f32le() return f32(exactly(self, 4), 3, 2, 1, 0) end

--- Reads a 64-bit floating point number (IEEE 754), big endian. EINVAL unless the span is 8 bytes long.
---@return number
function ByteSpan:get_f64be() return f64(exactly(self, 8), 0, 1, 2, 3, 4, 5, 6, 7) end

--- Reads a 64-bit floating point number (IEEE 754), little endian. EINVAL unless the span is 8 bytes long.
---@return number
function ByteSpan:get_f64le() return f64(exactly(self, 8), 7, 6, 5, 4, 3, 2, 1, 0) end
