--- A reader of Turtle's text: position, white space, escapes, errors.
---
--- `take` matches an anchored pattern at the position and steps over it; the grammar in turtle.lua is made of that.
---
--- Errors:   raises ljos.Error bad_rdf, whose detail begins with "name:line:column: "
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

local byte, char, find, floor, match, sub = string.byte, string.char, string.find, math.floor, string.match, string.sub

---@class ljos.error_category.turtle.reader
local M = {}

---@class ljos.error_category.turtle.Reader
---@field text string
---@field name string
---@field position integer
---@field depth integer
---@field prefixes table<string, string>
---@field nodes table<string, ljos.error_category.turtle.Node>
---@field blanks table<string, ljos.error_category.turtle.Node>

---@param text string
---@param name string
---@param position integer
---@return string # "name:line:column"
function M.locate(text, name, position)
    local before = sub(text, 1, position - 1)
    local _, lines = before:gsub("\n", "")
    return ("%s:%d:%d"):format(name, lines + 1, #match(before, "[^\n]*$") + 1)
end

---@param reader ljos.error_category.turtle.Reader
---@param what string
---@param position? integer
---@return any
local function fail(reader, what, position)
    local where = M.locate(reader.text, reader.name, position or reader.position)
    return error(error_.core("bad_rdf", { detail = where .. ": " .. what }), 0)
end

-- Skips white space and comments.
---@param reader ljos.error_category.turtle.Reader
local function skip(reader)
    local position = reader.position
    repeat
        position = find(reader.text, "[^ \t\r\n]", position) or #reader.text + 1
        local is_comment = byte(reader.text, position) == 0x23
        if is_comment then position = find(reader.text, "[\r\n]", position) or #reader.text + 1 end
    until not is_comment
    reader.position = position
end

-- Takes what `pattern` (anchored) matches at the position, and returns its first capture.
---@param reader ljos.error_category.turtle.Reader
---@param pattern string
---@return string?
local function take(reader, pattern)
    local first, last, capture = find(reader.text, pattern, reader.position)
    if not first or not last then return nil end
    reader.position = last + 1
    return capture or sub(reader.text, first, last)
end

---@param reader ljos.error_category.turtle.Reader
---@param pattern string
---@param what string  what should stand here
---@return string
local function expect(reader, pattern, what)
    skip(reader)
    return take(reader, pattern) or fail(reader, what .. " expected")
end

-- Escapes ---------------------------------------------------------------------------------------------------------

---@param reader ljos.error_category.turtle.Reader
---@param code integer
---@param position integer  for the error
---@return string
local function utf8(reader, code, position)
    if code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then fail(reader, "no such character", position) end
    local function tail(shift) return 0x80 + floor(code / shift) % 64 end
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), tail(1)) end
    if code < 0x10000 then return char(0xE0 + floor(code / 4096), tail(64), tail(1)) end
    return char(0xF0 + floor(code / 262144), tail(4096), tail(64), tail(1))
end

local ESCAPES = { t = "\t", b = "\b", n = "\n", r = "\r", f = "\f", ['"'] = '"', ["'"] = "'", ["\\"] = "\\" }

-- Reads an escape behind its backslash; `simple` are the one-letter ones that are legal here.
---@param reader ljos.error_category.turtle.Reader
---@param simple? table<string, string>
---@return string
local function escape(reader, simple)
    local position = reader.position - 1
    local digits = take(reader, "^u(%x%x%x%x)") or take(reader, "^U(%x%x%x%x%x%x%x%x)")
    if digits then
        return utf8(reader, tonumber(digits, 16) --[[@as integer]], position)
    end
    local letter = take(reader, "^.")
    return simple and simple[letter] or fail(reader, "unknown escape", position)
end

---@param text string
---@param name string  the file, for messages
---@return ljos.error_category.turtle.Reader
function M.new(text, name)
    return { text = text, name = name, position = 1, depth = 0, prefixes = {}, nodes = {}, blanks = {} }
end

M.fail, M.skip, M.take, M.expect, M.escape, M.STRING_ESCAPES = fail, skip, take, expect, escape, ESCAPES

return M
