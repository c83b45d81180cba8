--- tostring(span), fit to be compiled.
---
--- LuaJIT does not compile `tostring` of a cdata: it finds the C function in the metatable that all cdata share, which
--- looks for the type's own `__tostring` later, and ends the trace there. Every loop that makes strings of spans would
--- be interpreted: 350 ns for a tostring that takes 30 ns compiled. So a Lua function goes in front of that C function.
--- It answers for spans and passes everything else on; what tostring returns is the same for every value.
---
--- Errors:   none
--- Suspends: never
--- Needs:    the debug library; without it tostring is right, and slow
local ffi = require "ffi"

local istype, string_of, tonumber = ffi.istype, ffi.string, tonumber

--- Answers tostring for `span_type`, whose metatype has to answer the same.
---@param span_type any
local function install(span_type)
    local shared = debug and debug.getmetatable and debug.getmetatable(ffi.new "int")
    if type(shared) ~= "table" then return end
    local others = shared.__tostring
    shared.__tostring = function(value)
        -- The type itself is of its type, too; it is a number, and no span is.
        if istype(span_type, value) and not tonumber(value) then
            -- No tail call: a trace that begins here could not return from one, and would blacklist the function.
            local text = string_of(value.ptr, value.len)
            return text
        end
        return others(value)
    end
end

return install
