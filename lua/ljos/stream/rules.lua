--- Rules: a scanner's options, checked and in the form the native tokeniser takes.
---
--- A scanner may change its options between two records, so each record begins with `is_current`, a few comparisons;
--- only when one fails are the options read again.
---
--- Errors:   raises EINVAL naming the option
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local regex = require "ljos.regex"

local C = native.C
local NONE, LITERAL, BLANKS = C.LJOS_SCAN_FIELD_NONE, C.LJOS_SCAN_FIELD_LITERAL, C.LJOS_SCAN_FIELD_BLANKS
local cast, type, tostring = ffi.cast, type, tostring

---@class ljos.stream.rules
local M = {}

---@class ljos.stream.Rules
---@field c any  `struct ljos_scan_rules`
---@field record_separator? string|ljos.Regex
---@field field_separator? string|ljos.Regex|function
---@field field_pattern? ljos.Regex
---@field trim_record? boolean|string
---@field max_record_size? integer
---@field searches boolean    records end where a regex matches
---@field skip integer        the length of the record separator, where it is a string
---@field trims boolean
---@field splits false|"native"|"call"|"split"|"patsplit"  how fields are made

-- Where the seed says "unspecified". A growing record takes up to twice its size behind the record before it, and
-- offsets are int32_t.
local DEFAULT_LONGEST, LONGEST = 64 * 1048576, 2 ^ 29
local LINEAR_WHITESPACE = " \f\n\r\t\v"

--- What separates fields in AWK: runs of linear white space. The tokeniser knows it by identity.
M.linear_whitespace = regex.new { pattern = "[" .. LINEAR_WHITESPACE .. "]+", grammar = "extended" }

---@return ljos.stream.Rules
function M.new()
    local c = ffi.new "struct ljos_scan_rules"
    return { c = c, searches = false, skip = 0, trims = false, splits = false }
end

local function wrong(option, what, value) error_.argument(option, what .. " expected, got " .. tostring(value)) end

local function check_longest(value)
    if value == nil then return DEFAULT_LONGEST end
    if type(value) ~= "number" or value ~= value or value < 1 then
        wrong("max_record_size", "number of bytes above 0", value)
    end
    return value < LONGEST and value or LONGEST
end

local function check_separator(option, value)
    if value == "" then wrong(option, "string that is not empty", '""') end
end

local function set_trim(c, trim)
    if trim ~= nil and type(trim) ~= "boolean" and type(trim) ~= "string" then
        wrong("trim_record", "boolean or string", trim)
    end
    c.trim = trim and 1 or 0
    if not trim then return end
    ffi.fill(c.trim_set, 32)
    local set = trim == true and LINEAR_WHITESPACE or trim
    for i = 1, #set do
        local byte = set:byte(i)
        local place, at = bit.rshift(byte, 3), bit.band(byte, 7) ---@type integer, integer
        c.trim_set[place] = bit.bor(c.trim_set[place], bit.lshift(1, at))
    end
end

-- How fields are made, and what the tokeniser is to take for a separator.
local function field_rule(separator, pattern)
    if pattern ~= nil then
        if not regex.is(pattern) then wrong("field_pattern", "regex", pattern) end
        if separator ~= nil then error_.argument("field_pattern", "field_separator is set, too") end
        return "patsplit", NONE
    end
    if separator == nil then return false, NONE end
    if separator == M.linear_whitespace then return "native", BLANKS end
    if type(separator) == "string" then
        check_separator("field_separator", separator)
        return "native", LITERAL
    end
    if type(separator) == "function" then return "call", NONE end
    if not regex.is(separator) then wrong("field_separator", "string, regex or function", separator) end
    return "split", NONE
end

--- Reads the scanner's options. Where one is wrong, the rules stay as they were.
---@param rules ljos.stream.Rules
---@param scanner ljos.stream.Scanner
function M.compile(rules, scanner)
    local separator, fields = scanner.record_separator, scanner.field_separator
    local is_string = type(separator) == "string"
    if not is_string and not regex.is(separator) then wrong("record_separator", "string or regex", separator) end
    check_separator("record_separator", separator)
    local longest = check_longest(scanner.max_record_size)
    local splits, kind = field_rule(fields, scanner.field_pattern)

    local c = rules.c
    set_trim(c, scanner.trim_record)
    c.longest, c.field_kind = longest, kind
    -- The strings stay where they are while `rules` holds them.
    c.record_separator, c.record_separator_len = nil, 0
    if is_string then
        c.record_separator, c.record_separator_len = cast("const uint8_t *", separator), #separator
    end
    c.field_separator, c.field_separator_len = nil, 0
    if kind == LITERAL then
        c.field_separator, c.field_separator_len = cast("const uint8_t *", fields), #fields
    end

    rules.record_separator, rules.field_separator, rules.field_pattern = separator, fields, scanner.field_pattern
    rules.trim_record, rules.max_record_size = scanner.trim_record, scanner.max_record_size
    rules.searches, rules.skip = not is_string, is_string and #separator or 0
    rules.trims, rules.splits = c.trim ~= 0, splits
end

---@param rules ljos.stream.Rules
---@param scanner ljos.stream.Scanner
---@return boolean # whether the scanner's options are those that were compiled
function M.is_current(rules, scanner)
    return scanner.record_separator == rules.record_separator
        and scanner.field_separator == rules.field_separator
        and scanner.trim_record == rules.trim_record
        and scanner.field_pattern == rules.field_pattern
        and scanner.max_record_size == rules.max_record_size
end

return M
