--- getmetatable as programs of app mode know it: the class of every object, also where it is a C type.
---
--- For all C types LuaJIT's own answers "ffi".
---
--- Errors:   raises nothing
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local getmetatable, loaded, pairs, type = getmetatable, package.loaded, pairs, type

-- A class whose module nobody has loaded has no objects.
local C_CLASSES = { byte_span = "ljos.byte_span", ["ip.address"] = "ljos.ip.address", regex = "ljos.regex" }

---@param value any
---@return any
return function(value)
    if type(value) == "cdata" then
        for class, name in pairs(C_CLASSES) do
            local module = loaded[name]
            if module and module.is(value) then return class end
        end
    end
    return getmetatable(value)
end
