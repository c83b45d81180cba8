--- Format strings, compiled: a Lua function of the arguments.
---
--- The parts of a parsed format string become one concatenation, in which a field is a call that writes its
--- argument. Written as Lua source and loaded, it has no loop over the parts and no table of the arguments, so that
--- LuaJIT compiles it into its caller. The source holds numbers and names of arguments alone; texts and fields stay
--- in a table.
---
--- Errors:   raises ljos.Error (EINVAL); the function raises it with the position of the argument that is wrong
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error = require "ljos.error"
local parse = require "ljos.format.parse"
local write = require "ljos.format.write"

local concat, loadstring, select, setfenv, type = table.concat, loadstring, select, setfenv, type

local GROUP = 50 -- pieces in one concatenation; their number in a function is limited by LuaJIT's registers

---@param position integer
---@param value any
---@param extra? string
local function unsupported(position, value, extra)
    local got = type(value) .. (extra or "")
    error.argument(position, "boolean, number, string or {name, value} expected, got " .. got)
end

--- Writes a field.
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param value any
---@param position integer of the value among the arguments of `format`
---@return string
local function put(field, width, precision, value, position)
    if type(value) == "table" then
        if type(value[1]) ~= "string" or value[2] == nil then unsupported(position, value, " of another form") end
        value = value[2]
    end
    if field.plain and type(value) == "string" then return value end
    if value == nil then unsupported(position, value, " or nothing") end
    return write(value, field, width, precision, position)
end

--- Finds the argument {name, value}.
---@param name string
---@param column integer of the field
---@param ... any
---@return any value, integer position
local function named(name, column, ...)
    for i = 1, select("#", ...) do
        local argument = select(i, ...)
        if type(argument) == "table" and argument[1] == name then return argument, i + 1 end
    end
    return nil, error.argument(1, ("column %d: no argument is named '%s'"):format(column, name))
end

--- Checks a width or precision that an argument holds.
---@param what string
---@param value any
---@param position integer
---@return integer
local function count(what, value, position)
    if type(value) == "table" then value = value[2] end
    if type(value) ~= "number" or value % 1 ~= 0 then
        error.argument(position, "the " .. what .. " must be an integer, got " .. tostring(value))
    end
    if value < 0 or value > 2147483647 then
        error.argument(position, "the " .. what .. " must be 0 to 2147483647, got " .. tostring(value))
    end
    return value
end

---@param id integer|string
---@param column integer
---@return string # an expression: the value and its position
local function reference(id, column)
    if type(id) == "string" then return ("named(%q, %d, ...)"):format(id, column) end
    return ("(select(%d, ...)), %d"):format(id, id + 1)
end

---@param index integer
---@param field ljos.format.Field
---@return string
local function field_source(index, field)
    local function number(what)
        local id = field[what .. "_arg"]
        if id then return ('count("%s", %s)'):format(what, reference(id, field.column)) end
        return tostring(field[what])
    end
    local width, precision = number "width", number "precision"
    return ("put(parts[%d], %s, %s, %s)"):format(index, width, precision, reference(field.arg, field.column))
end

---@param parts (string|ljos.format.Field)[]
---@return string
local function source(parts)
    local groups, pieces = {}, {}
    for i, part in ipairs(parts) do
        pieces[#pieces + 1] = type(part) == "string" and ("parts[%d]"):format(i) or field_source(i, part)
        if #pieces == GROUP or i == #parts then
            groups[#groups + 1] = "(" .. concat(pieces, " .. ") .. ")"
            pieces = {}
        end
    end
    return "return function(...) return " .. (groups[1] and concat(groups, " .. ") or '""') .. " end"
end

--- Compiles a format string.
---@param text string
---@return fun(...: any): string
local function compile(text)
    local parts = parse(text)
    local chunk = loadstring(source(parts), "=format")
    if not chunk then return error.argument(1, "too many fields") end
    setfenv(chunk, { parts = parts, put = put, named = named, count = count, select = select })
    return chunk()
end

return compile
