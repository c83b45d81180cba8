--- Format strings, parsed: literal text and replacement fields.
---
--- `parse` turns a format string into an array of parts, strings and fields, once; the array is then
--- interpreted for every call with the same string. Indices are resolved here: an empty argument id takes the
--- next number, the field's own before those of its width and precision.
---
--- Errors:   raises ljos.Error (EINVAL, arg 1) with the column where the string stops making sense
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error = require "ljos.error"

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

---@class ljos.format.Field
---@field arg integer|string             position from 1, or name
---@field column integer                 where the field begins, for messages
---@field plain boolean                  whether there is no specification at all
---@field fill? string                   one character of UTF-8
---@field align? "<"|">"|"^"
---@field sign? "+"|"-"|" "
---@field alternate? boolean             '#'
---@field zero? boolean                  '0'
---@field width? integer
---@field width_arg? integer|string      the argument that holds the width
---@field precision? integer
---@field precision_arg? integer|string  the argument that holds the precision
---@field localized? boolean             'L'
---@field type? string                   one of TYPES

---@class ljos.format.Parser
---@field text string
---@field position integer
---@field automatic integer  how many automatic indices were given out, or -1 once a manual one was seen

local TYPES = "aAbBcdeEfFgGopsxX?"
local MAX_NUMBER = 2147483647

---@param parser ljos.format.Parser
---@param what string
local function fail(parser, what) error.argument(1, ("column %d: %s"):format(parser.position, what)) end

---@param parser ljos.format.Parser
---@return integer?
local function number(parser)
    local digits = match(parser.text, "^%d+", parser.position)
    if not digits then return nil end
    if #digits > 10 or tonumber(digits) > MAX_NUMBER then fail(parser, "the number " .. digits .. " is too big") end
    parser.position = parser.position + #digits
    return tonumber(digits)
end

--- Reads an argument id; an empty one is the next automatic index.
---@param parser ljos.format.Parser
---@return integer|string
local function argument_id(parser)
    local name = match(parser.text, "^[%a_][%w_]*", parser.position)
    if name then
        parser.position = parser.position + #name
        return name
    end
    if find(parser.text, "^0%d", parser.position) then fail(parser, "an index has no leading zero") end
    local index = number(parser)
    if index then
        if parser.automatic > 0 then fail(parser, "cannot switch from automatic to manual argument indexing") end
        parser.automatic = -1
        return index + 1
    end
    if not find(parser.text, "^[}:]", parser.position) then
        fail(parser, parser.position > #parser.text and "missing '}'" or "an index, a name, ':' or '}' expected")
    end
    if parser.automatic < 0 then fail(parser, "cannot switch from manual to automatic argument indexing") end
    parser.automatic = parser.automatic + 1
    return parser.automatic
end

--- Reads a width or a precision: digits, or an argument id in braces.
---@param parser ljos.format.Parser
---@return integer? number
---@return integer|string? argument
local function count(parser)
    if byte(parser.text, parser.position) ~= 0x7B then return number(parser) end
    parser.position = parser.position + 1
    local id = argument_id(parser)
    if byte(parser.text, parser.position) ~= 0x7D then
        fail(parser, "'}' expected: a nested field holds an id alone")
    end
    parser.position = parser.position + 1
    return nil, id
end

---@param parser ljos.format.Parser
---@param pattern string  anchored, with one capture
---@return string?
local function take(parser, pattern)
    local text = match(parser.text, pattern, parser.position)
    if text then parser.position = parser.position + #text end
    return text
end

---@param parser ljos.format.Parser
---@param field ljos.format.Field
local function fill_and_align(parser, field)
    local fill, align = match(parser.text, "^([%z\1-\127\194-\244][\128-\191]*)([<>^])", parser.position)
    if fill then
        if fill == "{" or fill == "}" then fail(parser, "'" .. fill .. "' cannot be the fill character") end
        field.fill, field.align = fill, align
        parser.position = parser.position + #fill + 1
    else
        field.align = take(parser, "^[<>^]")
    end
end

---@param parser ljos.format.Parser
---@param field ljos.format.Field
local function specification(parser, field)
    fill_and_align(parser, field)
    field.sign = take(parser, "^[-+ ]")
    field.alternate = take(parser, "^#") ~= nil
    field.zero = take(parser, "^0") ~= nil
    field.width, field.width_arg = count(parser)
    if take(parser, "^%.") then
        field.precision, field.precision_arg = count(parser)
        if not field.precision and not field.precision_arg then fail(parser, "a precision expected after '.'") end
    end
    field.localized = take(parser, "^L") ~= nil
    local type = sub(parser.text, parser.position, parser.position)
    if type == "}" then return end
    if type == "" then fail(parser, "missing '}'") end
    if not find(TYPES, type, 1, true) then fail(parser, "unknown format specifier '" .. type .. "'") end
    field.type = type
    parser.position = parser.position + 1
end

--- Reads a field, from behind its opening brace to behind its closing one.
---@param parser ljos.format.Parser
---@return ljos.format.Field
local function replacement(parser)
    local field = { column = parser.position - 1, arg = argument_id(parser), plain = true } ---@type ljos.format.Field
    if byte(parser.text, parser.position) == 0x3A then
        parser.position = parser.position + 1
        if byte(parser.text, parser.position) ~= 0x7D then
            field.plain = false
            specification(parser, field)
        end
    end
    if byte(parser.text, parser.position) ~= 0x7D then
        fail(parser, parser.position > #parser.text and "missing '}'" or "'}' expected")
    end
    parser.position = parser.position + 1
    return field
end

--- Parses a format string.
---@param text string
---@return (string|ljos.format.Field)[]
local function parse(text)
    local parser = { text = text, position = 1, automatic = 0 } ---@type ljos.format.Parser
    local parts = {}
    while parser.position <= #text do
        local brace = find(text, "[{}]", parser.position)
        if not brace then
            parts[#parts + 1] = sub(text, parser.position)
            break
        end
        if brace > parser.position then parts[#parts + 1] = sub(text, parser.position, brace - 1) end
        local character = byte(text, brace)
        parser.position = brace + 1
        if byte(text, parser.position) == character then
            parts[#parts + 1] = sub(text, brace, brace)
            parser.position = parser.position + 1
        elseif character == 0x7D then
            parser.position = brace
            fail(parser, "a lone '}' (write '}}' for the character)")
        else
            parts[#parts + 1] = replacement(parser)
        end
    end
    return parts
end

return parse
