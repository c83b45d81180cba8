--- Strings in a format: display columns, precision, padding, the quoted debug form.
---
--- The width of a field counts display columns (a wide East Asian character or an emoji takes two, everything
--- else one), its precision counts code points; a byte that is no valid UTF-8 counts as one of each. Plain
--- ASCII, the common case, is told by one search and then bytes are columns.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"

local band, bor, lshift = bit.band, bit.bor, bit.lshift
local byte, find, floor, rep, sub = string.byte, string.find, math.floor, string.rep, string.sub

---@class ljos.format.text
local M = {}

-- First and last code point of the blocks that take two columns (C++23, [format.string.std]).
-- stylua: ignore
local WIDE = {
    0x1100, 0x115F, 0x2329, 0x232A, 0x2E80, 0x303E, 0x3040, 0xA4CF, 0xAC00, 0xD7A3, 0xF900, 0xFAFF, 0xFE10, 0xFE19,
    0xFE30, 0xFE6F, 0xFF00, 0xFF60, 0xFFE0, 0xFFE6, 0x1F300, 0x1F64F, 0x1F900, 0x1F9FF, 0x20000, 0x2FFFD,
    0x30000, 0x3FFFD,
}

-- What the debug form escapes besides unassigned code points, which it does not know: the controls, the separators
-- other than the space, the formatting characters, the surrogates and the private use areas of Unicode 15.
-- stylua: ignore
local UNPRINTABLE = {
    0x00, 0x1F, 0x7F, 0xA0, 0xAD, 0xAD, 0x600, 0x605, 0x61C, 0x61C, 0x6DD, 0x6DD, 0x70F, 0x70F, 0x1680, 0x1680,
    0x180E, 0x180E, 0x2000, 0x200F, 0x2028, 0x202F, 0x205F, 0x206F, 0x3000, 0x3000, 0xD800, 0xF8FF, 0xFEFF, 0xFEFF,
    0xFFF0, 0xFFFB, 0xFFFE, 0xFFFF, 0x110BD, 0x110BD, 0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A, 0xE0000, 0xE0FFF,
    0xF0000, 0x10FFFF,
}

---@param ranges integer[] pairs of first and last, ascending
---@param code integer
---@return boolean
local function is_in(ranges, code)
    for i = 1, #ranges, 2 do
        if code < ranges[i] then return false end
        if code <= ranges[i + 1] then return true end
    end
    return false
end

--- Decodes the code point at `position`.
---@param text string
---@param position integer
---@return integer? code  nil where the bytes are not valid UTF-8
---@return integer size   bytes to go on by
local function decode(text, position)
    local first = byte(text, position)
    if first < 0x80 then return first, 1 end
    local size = first >= 0xF5 and 0 or first >= 0xF0 and 4 or first >= 0xE0 and 3 or first >= 0xC2 and 2 or 0
    if size == 0 or position + size - 1 > #text then return nil, 1 end
    local code = band(first, size == 2 and 0x1F or size == 3 and 0x0F or 0x07)
    for i = position + 1, position + size - 1 do
        local continuation = byte(text, i)
        if band(continuation, 0xC0) ~= 0x80 then return nil, 1 end
        code = bor(lshift(code, 6), band(continuation, 0x3F))
    end
    local smallest = size == 3 and 0x800 or size == 4 and 0x10000 or 0x80
    if code < smallest or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then return nil, 1 end
    return code, size
end

--- Returns how many display columns `text` takes.
---@param text string
---@return integer
function M.width(text)
    if not find(text, "[\128-\255]") then return #text end
    local columns, position = 0, 1
    while position <= #text do
        local code, size = decode(text, position)
        columns = columns + (code and is_in(WIDE, code) and 2 or 1)
        position = position + size
    end
    return columns
end

--- Cuts `text` after `count` code points.
---@param text string
---@param count integer
---@return string
function M.truncate(text, count)
    if #text <= count then return text end
    if not find(text, "[\128-\255]") then return sub(text, 1, count) end
    local position = 1
    for _ = 1, count do
        if position > #text then return text end
        local _, size = decode(text, position)
        position = position + size
    end
    return sub(text, 1, position - 1)
end

--- Pads `text` to `width` columns.
---@param text string
---@param width integer
---@param align "<"|">"|"^"
---@param fill? string      one character; its columns are not measured
---@param columns? integer  how many `text` takes, when the caller knows
---@return string
function M.pad(text, width, align, fill, columns)
    local missing = width - (columns or M.width(text))
    if missing <= 0 then return text end
    fill = fill or " "
    if align == "<" then return text .. rep(fill, missing) end
    if align == ">" then return rep(fill, missing) .. text end
    local left = floor(missing / 2)
    return rep(fill, left) .. text .. rep(fill, missing - left)
end

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

---@param text string
---@param position integer
---@return string shown, integer size
local function escape(text, position)
    local code, size = decode(text, position)
    if not code then return ("\\x%02x"):format(byte(text, position)), 1 end
    local character = sub(text, position, position + size - 1)
    if ESCAPES[character] then return ESCAPES[character], size end
    if not is_in(UNPRINTABLE, code) then return character, size end
    return (code < 0x100 and "\\x%02x" or code < 0x10000 and "\\u%04x" or "\\U%08x"):format(code), size
end

--- Quotes `text` and escapes what would not show.
---@param text string
---@return string
function M.quote(text)
    local pieces, position = { '"' }, 1
    while position <= #text do
        local shown, size = escape(text, position)
        pieces[#pieces + 1] = shown
        position = position + size
    end
    pieces[#pieces + 1] = '"'
    return table.concat(pieces)
end

return M
