--- Opaque types: what mutexes, futures, timers and their like look like from outside.
---
--- A metatable that hides itself behind the type's name. Unknown keys raise `bad_index`, new ones EPERM (the seed's
--- objects behave so); methods are found without a function call unless the type has properties.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

local error, getmetatable, setmetatable, type = error, getmetatable, setmetatable, type

---@class ljos.fiber.opaque_type
local M = {}

local function read_only() error(error_.generic "EPERM", 0) end

--- What an object is called in reports: "mutex 0x7f...".
---@param object table|userdata
---@return string
function M.name(object) return ("%s %p"):format(getmetatable(object), object) end

--- Fills in the metatable of a type.
---@param metatable table  {} or what getmetatable(newproxy(true)) returned
---@param name string      what `getmetatable(object)` answers
---@param methods table
---@param properties? table<string, fun(self: any): any>  computed at each access
---@return table metatable
function M.define(metatable, name, methods, properties)
    setmetatable(methods, { __index = function(_, key) error_.bad_index(name, key) end })
    metatable.__metatable = name
    metatable.__newindex = read_only
    metatable.__tostring = M.name
    metatable.__index = properties
            and function(self, key)
                local property = properties[key]
                if property then return property(self) end
                return methods[key]
            end
        or methods
    return metatable
end

--- Raises EINVAL unless `value` is of the type.
---@param value any
---@param name string
---@param arg integer|string
function M.check(value, name, arg)
    if getmetatable(value) == name then return end
    error_.argument(arg, name .. " expected, got " .. type(value))
end

return M
