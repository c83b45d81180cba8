--- Options: the named parameters that a function has, and no others. One that is misspelt is not passed over.
---
--- Errors:   raises EINVAL naming the option
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

--- Returns what checks a table of options.
---@param owner string  the function, as it is called in messages
---@param names string  those it has, "existing recursive"
---@return fun(options: table, prefix?: string)  the prefix stands before the name in messages: "subprocess/"
return function(owner, names)
    local known = {}
    for name in names:gmatch "%S+" do
        known[name] = true
    end
    return function(options, prefix)
        for name in pairs(options) do
            if not known[name] then
                error_.argument((prefix or "") .. tostring(name), owner .. " has no such option")
            end
        end
    end
end
