--- LuaJIT's bit operations, and those on 64-bit words under the names of ljsyscall.
---
--- Errors:   as LuaJIT's bit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"

local int64 = ffi.typeof "int64_t"
local tonumber = tonumber

---@class ljos.syscall.bit
local M = {}
for name, f in pairs(bit) do
    M[name] = f
end

-- A number as a 64-bit word: through int64, so that negative ones keep their sign bits.
local function word(value)
    if ffi.istype("uint64_t", value) then return ffi.cast(int64, value) end
    return int64(value)
end

function M.bor64(a, b, ...)
    local result = bit.bor(word(a), word(b))
    for i = 1, select("#", ...) do
        result = bit.bor(result, word((select(i, ...))))
    end
    return result
end

function M.band64(a, b, ...)
    local result = bit.band(word(a), word(b))
    for i = 1, select("#", ...) do
        result = bit.band(result, word((select(i, ...))))
    end
    return result
end

function M.lshift64(a, n) return bit.lshift(word(a), n) end
function M.rshift64(a, n) return bit.rshift(word(a), n) end

--- The high and the low 32 bits, signed.
function M.i6432(value)
    local w = word(value)
    return bit.tobit(tonumber(bit.rshift(w, 32))), bit.tobit(tonumber(bit.band(w, int64(0xffffffff))))
end

--- The high and the low 32 bits, unsigned.
function M.u6432(value)
    local w = word(value)
    return tonumber(bit.band(bit.rshift(w, 32), int64(0xffffffff))), tonumber(bit.band(w, int64(0xffffffff)))
end

return M
