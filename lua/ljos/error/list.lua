--- Lists: tables of 1 to n and nothing else. What stands under a name, or behind a gap, is not passed over.
---
--- Errors:   raises EINVAL naming the key
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

local function fail(arg, key)
    error_.argument(("%s/%s"):format(arg, tostring(key)), "a list without names and without gaps expected")
end

--- Raises unless `list` is one; returns it.
---@param list any
---@param arg integer|string  its position, or its name for named parameters
---@return any[]
return function(list, arg)
    error_.check_type(list, "table", arg)
    local count = #list
    for key in pairs(list) do
        local is_place = type(key) == "number" and key % 1 == 0 and key >= 1 and key <= count
        if not is_place then fail(arg, key) end
    end
    for place = 1, count do
        if list[place] == nil then fail(arg, place) end
    end
    return list
end
