--- Numbers in a format: digits in every base, fixed and exponent notation, the shortest form, locales.
---
--- Every function writes a magnitude; sign, prefix and padding are the caller's. The shortest form is the decimal
--- with the fewest digits that reads back as the same double: 15 digits survive the way through any normal double,
--- so that only 16 and 17 remain to be tried.
---
--- Errors:   never; the caller has checked the value
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"

local byte, find, format, gsub, match = string.byte, string.find, string.format, string.gsub, string.match
local rep, sub, abs, frexp = string.rep, string.sub, math.abs, math.frexp
local tonumber, tostring, type = tonumber, tostring, type

native.declare [[
struct ljos_lconv { const char *decimal_point, *thousands_sep, *grouping; };
struct ljos_lconv *localeconv(void);
int snprintf(char *, size_t, const char *, ...);
]]

---@class ljos.format.number
local M = {}

local SMALLEST_NORMAL = 2 ^ -1022

local BITS = { ["0"] = "000", "001", "010", "011", "100", "101", "110", "111" }
for digit = 1, 7 do
    BITS[tostring(digit)] = BITS[digit]
end
---@type table<string, string>, table<string, string>
local PREFIXES, CONVERSIONS = { b = "0b", B = "0B", x = "0x", X = "0X" }, { x = "%x", X = "%X", o = "%o" }

--- Writes an integer.
---@param magnitude number|ffi.cdata*  integral, 0 to 2^64 - 1
---@param base string                  b, B, d, o, x or X
---@return string digits
---@return string prefix of the alternate form
function M.integer(magnitude, base)
    if base == "d" then
        if type(magnitude) == "number" then return format("%.0f", magnitude), "" end
        return (gsub(tostring(magnitude), "U?LL$", "")), ""
    end
    if base == "b" or base == "B" then
        local digits = gsub(gsub(format("%o", magnitude), "%d", BITS), "^0+", "")
        return digits == "" and "0" or digits, PREFIXES[base]
    end
    local digits = format(CONVERSIONS[base], magnitude)
    return digits, PREFIXES[base] or (digits == "0" and "" or "0")
end

local buffer, buffer_size = ffi.new "char[512]", 512

-- Conversions of the C library by letter; LuaJIT's own formatting rounds exact ties up (0.25 -> "0.3").
local PATTERNS, ALTERNATES = {}, {} ---@type table<string, string>, table<string, string>
for letter in ("aAeEfFgG"):gmatch "." do
    PATTERNS[letter], ALTERNATES[letter] = "%.*" .. letter, "%#.*" .. letter
end

--- Undoes what a locale set by the host did to the decimal point.
---@param text string
---@return string
local function with_point(text)
    local point = ffi.C.localeconv().decimal_point
    if point[0] == 0x2E then return text end
    local first, last = find(text, ffi.string(point), 1, true)
    if not first or not last then return text end
    return sub(text, 1, first - 1) .. "." .. sub(text, last + 1)
end

--- Writes a finite double with the conversions of printf(3).
---@param magnitude number
---@param conversion string  a, A, e, E, f, F, g or G
---@param precision integer? 6, or for a and A as many digits as there are, when nil
---@param alternate boolean
---@return string digits, string prefix
function M.float(magnitude, conversion, precision, alternate)
    local is_hex = conversion == "a" or conversion == "A"
    precision = precision or (is_hex and -1 or 6)
    if precision + 400 > buffer_size then -- 309 digits before the point at most
        buffer_size = precision + 400
        buffer = ffi.new("char[?]", buffer_size)
    end
    local pattern = (alternate and ALTERNATES or PATTERNS)[conversion]
    local length =
        ffi.C.snprintf(buffer, buffer_size, pattern, ffi.cast("int", precision), ffi.cast("double", magnitude))
    local text = with_point(ffi.string(buffer, length))
    if is_hex then return sub(text, 3), sub(text, 1, 2) end
    return text, ""
end

--- Tries the decimal one above `digits`. Below a power of two the doubles lie closer than above it, so the shortest
--- decimal that reads back may be the second nearest.
---@param magnitude number
---@param digits string
---@param exponent integer
---@return string?
local function next_above(magnitude, digits, exponent)
    if frexp(magnitude) ~= 0.5 then return nil end
    local last = (tonumber(sub(digits, -8)) or 0) + 1
    if last >= 1e8 then return nil end
    local above = sub(digits, 1, -9) .. format("%08d", last)
    return tonumber(above .. "e" .. (exponent - #above + 1)) == magnitude and above or nil
end

--- Returns the fewest digits that read back as `magnitude`, without trailing zeros, and the exponent of the first.
---@param magnitude number  finite, over 0
---@param tried boolean  whether 15 digits are known to be too few
---@return string digits, integer exponent
local function shortest_digits(magnitude, tried)
    local digits, exponent = "", 0
    for precision = magnitude < SMALLEST_NORMAL and 0 or tried and 15 or 14, 16 do
        local text = M.float(magnitude, "e", precision, false) -- "1.23e+04"
        local point = precision == 0 and 1 or 2
        digits = sub(text, 1, 1) .. sub(text, 3, precision + point)
        exponent = tonumber(sub(text, precision + point + 2)) --[[@as integer]]
        if tonumber(text) == magnitude then break end
        local above = precision == 15 and next_above(magnitude, digits, exponent)
        if above then return above, exponent end
    end
    if byte(digits, -1) == 0x30 then digits = gsub(digits, "0+$", "") end
    return digits, exponent
end

--- Writes the shortest form of a finite double: fixed from 1e-4 up to 1e16, else with an exponent.
---@param magnitude number
---@param alternate boolean
---@return string
function M.shortest(magnitude, alternate)
    local is_plain = magnitude < 1e15 and (magnitude >= 1e-4 or magnitude == 0)
    if is_plain then
        local text = format("%.15g", magnitude)
        if tonumber(text) == magnitude then return alternate and magnitude % 1 == 0 and text .. "." or text end
    end
    local digits, exponent = shortest_digits(magnitude, is_plain)
    if exponent < -4 or exponent >= 16 then
        local point = (#digits > 1 or alternate) and "." or ""
        local sign = exponent < 0 and "-" or "+"
        return format("%s%s%se%s%02d", sub(digits, 1, 1), point, sub(digits, 2), sign, abs(exponent))
    end
    if exponent < 0 then return "0." .. rep("0", -exponent - 1) .. digits end
    if exponent >= #digits - 1 then return digits .. rep("0", exponent - #digits + 1) .. (alternate and "." or "") end
    return sub(digits, 1, exponent + 1) .. "." .. sub(digits, exponent + 2)
end

--- Separates groups of digits, from the right, as localeconv(3) describes them.
---@param digits string
---@param separator string
---@param grouping string  sizes as bytes; the last one repeats
---@return string
local function group(digits, separator, grouping)
    local grouped, at, last = "", 1, #digits
    while true do
        local size = grouping:byte(at) or 0
        if size == 0 or size >= 127 or size >= last then return sub(digits, 1, last) .. grouped end
        grouped = separator .. sub(digits, last - size + 1, last) .. grouped
        last = last - size
        if at < #grouping then at = at + 1 end
    end
end

--- Puts the separators of the C library's current locale into a decimal number.
---@param text string
---@return string
function M.localize(text)
    local locale = ffi.C.localeconv()
    local whole = match(text, "^%d*") or ""
    local fraction = sub(text, #whole + 1)
    if not find(fraction, "e", 1, true) then
        whole = group(whole, ffi.string(locale.thousands_sep), ffi.string(locale.grouping))
    end
    return whole .. (gsub(fraction, "%.", (gsub(ffi.string(locale.decimal_point), "%%", "%%%%")), 1))
end

return M
