--- format: text from a format string with replacement fields, in the syntax of libfmt.
---
--- A format string is compiled once (`format.compile`) and kept; which options fit which value is `format.write`'s
--- concern. The kept strings are bounded: two generations; when the young one is full it becomes the old one.
---
--- Errors:   raises ljos.Error (EINVAL): arg 1 and the column for a bad format string, else the position of the
---           argument that is wrong
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error = require "ljos.error"
local compile = require "ljos.format.compile"

local GENERATION = 256 -- strings

local young, young_count, old = {}, 0, {} ---@type table<string, function>, integer, table<string, function>

---@param text string
---@return fun(...: any): string
local function compiled(text)
    error.check_type(text, "string", 1)
    local fill_in = old[text] or compile(text)
    if young_count >= GENERATION then
        old, young, young_count = young, {}, 0
    end
    young[text], young_count = fill_in, young_count + 1
    return fill_in
end

--- Formats `...` after the specification in `text` and returns the result.
---
--- Arguments are booleans, numbers, strings, or pairs {name, value}, where the name can be used in the format
--- string: `format("{s:.2f} s", { "s", 1.23 })`. (seed page "format"; syntax: libfmt, "Format String Syntax")
---@param text string
---@param ... boolean|number|string|table
---@return string
local function format(text, ...) return (young[text] or compiled(text))(...) end

return format
