--- Numbers in text, read as the format "*n" of Lua's files reads them.
---
--- Lua's files call fscanf(3) with "%lf": the longest run of bytes that can begin a number is taken, and it is a
--- number or not: after "0xg" the next byte is "g". This is the same over bytes in memory, where
--- scanf itself cannot be used: it wants a NUL at the end.
---
--- Errors:   none
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local os = require "ljos.ipc.os"

---@class ljos.ipc.number_reader
local M = {}

local function is_space(byte) return byte == 32 or byte >= 9 and byte <= 13 end
local function is_digit(byte) return byte >= 48 and byte <= 57 end
local function is_hex_digit(byte)
    local lower = bit.bor(byte, 32)
    return is_digit(byte) or lower >= 97 and lower <= 102
end

-- Letters are compared in lower case; `at` is past the end at `length`.
local function letter(base, at, length) return at < length and bit.bor(base[at], 32) or 0 end

-- Takes `word`; whether it was there. A byte that does not fit is gone too (glibc).
local function take_word(base, at, length, word)
    for i = 1, #word do
        if letter(base, at, length) ~= word:byte(i) then return math.min(at + 1, length), false end
        at = at + 1
    end
    return at, true
end

local function take_infinity(base, at, length)
    local complete
    at, complete = take_word(base, at, length, "inf")
    if complete and letter(base, at, length) == 105 then return take_word(base, at, length, "inity") end
    return at, complete
end

local function take_digits(base, at, length, digit)
    local from = at
    while at < length and digit(base[at]) do
        at = at + 1
    end
    return at, at > from
end

local function take_sign(base, at, length)
    if at < length and (base[at] == 43 or base[at] == 45) then return at + 1 end
    return at
end

-- "1", ".5", "0x1p-3", ...; whether what was taken is a number.
local function take_digital(base, at, length)
    local digit, exponent = is_digit, 101 -- "e"
    local after, hexadecimal_dot = false, false
    if at + 1 < length and base[at] == 48 and letter(base, at + 1, length) == 120 then -- "0x"
        at, digit, exponent = at + 2, is_hex_digit, 112 -- "p"
    end
    local before ---@type boolean
    at, before = take_digits(base, at, length, digit)
    if at < length and base[at] == 46 then
        hexadecimal_dot = digit == is_hex_digit
        at, after = take_digits(base, at + 1, length, digit)
    end
    if not before and not after then return at, hexadecimal_dot end -- "0x." is 0 (glibc)
    if letter(base, at, length) ~= exponent then return at, true end
    -- An exponent without digits is taken, and counts for nothing (glibc).
    return take_digits(base, take_sign(base, at + 1, length), length, is_digit), true
end

local buffer, capacity =
    ffi.new "char[64]", --[[@as any]]
    64

---@param base any
---@param from any
---@param to any
local function convert(base, from, to)
    if to - from >= capacity then
        capacity = 2 * (to - from) --[[@as integer]]
        buffer = ffi.new("char[?]", capacity)
    end
    local count = math.floor(to - from)
    ffi.copy(buffer, base + from, count)
    buffer[count] = 0
    return os.calls.strtod(buffer, nil)
end

--- Reads a number at `position`.
---@param base ffi.cdata*  a uint8_t *
---@param position integer
---@param length integer
---@return number? value      nil: there is none
---@return integer position   behind what was taken
function M.read(base, position, length)
    while position < length and is_space(base[position]) do
        position = position + 1
    end
    local at = take_sign(base, position, length)
    local first = letter(base, at, length)
    local complete ---@type boolean
    if first == 110 then
        at, complete = take_word(base, at, length, "nan")
    elseif first == 105 then
        at, complete = take_infinity(base, at, length)
    else
        at, complete = take_digital(base, at, length)
    end
    if not complete then return nil, at end
    return convert(base, position, at), at
end

return M
