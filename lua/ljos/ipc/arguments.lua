--- Arguments of LuaIPC's functions, checked as Lua's own libraries check theirs.
---
--- A wrong argument raises a string, "bad argument #2 to 'create' (number expected, got nil)", at the line of
--- the caller. Numbers may come as strings and strings as numbers.
---
--- Errors:   raises strings
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error, floor, huge, tonumber, tostring, type = error, math.floor, math.huge, tonumber, tostring, type

---@class ljos.ipc.arguments
local M = {}

--- Raises.
---@param position integer
---@param name string     the exported function's
---@param problem string
---@param depth? integer  how many functions are between this one and the exported one
function M.bad(position, name, problem, depth)
    error(("bad argument #%d to '%s' (%s)"):format(position, name, problem), 3 + (depth or 0))
end

local function expected(what, value, position, name, depth)
    local got = value == nil and "no value" or type(value)
    M.bad(position, name, ("%s expected, got %s"):format(what, got), (depth or 0) + 2)
end

---@param value any
---@param position integer
---@param name string
---@param depth? integer
---@return string
function M.string(value, position, name, depth)
    if type(value) == "string" then return value end
    if type(value) ~= "number" then expected("string", value, position, name, depth) end
    return tostring(value)
end

---@param value any
---@param position integer
---@param name string
---@param depth? integer
---@return number
function M.number(value, position, name, depth)
    local number = type(value) ~= "boolean" and tonumber(value)
    if not number then expected("number", value, position, name, depth) end
    return number --[[@as number]]
end

--- A number without its fraction; NaN counts as 0.
---@param value any
---@param position integer
---@param name string
---@param depth? integer
---@return integer
function M.integer(value, position, name, depth)
    local number = M.number(value, position, name, (depth or 0) + 1)
    if number ~= number then return 0 end
    if number == huge or number == -huge then
        return number --[[@as integer]]
    end
    return number < 0 and -floor(-number) or floor(number)
end

--- One of the keys of `allowed`.
---@param value any
---@param allowed table<string, any>
---@param position integer
---@param name string
---@param depth? integer
---@return any # what `allowed` has for it
function M.option(value, allowed, position, name, depth)
    if type(value) ~= "string" then expected("string", value, position, name, depth) end
    local meaning = allowed[value]
    if meaning == nil then M.bad(position, name, ("invalid option '%s'"):format(value), (depth or 0) + 1) end
    return meaning
end

return M
