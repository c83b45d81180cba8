--- Writers of a format: one for each kind of value, which check a field's options and produce its text.
---
--- `write` chooses by the Lua type. A number of Lua is a double: it is written as one unless the field asks for a type
--- of integers (b, B, c, d, o, x, X); then it must be integral and fit in 64 bits. int64_t and uint64_t cdata are
--- integers, a cdata pointer and a userdata are pointers.
---
--- Errors:   raises ljos.Error (EINVAL) with the position of the argument that does not fit its field
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error = require "ljos.error"
local number = require "ljos.format.number"
local text = require "ljos.format.text"

local char, find, format, rep, upper = string.char, string.find, string.format, string.rep, string.upper
local tonumber, tostring, type = tonumber, tostring, type
local pad = text.pad

local IS_INTEGER = { b = true, B = true, d = true, o = true, x = true, X = true }
local IS_FLOAT = { a = true, A = true, e = true, E = true, f = true, F = true, g = true, G = true }
local IS_UPPER = { A = true, E = true, F = true, G = true }

local int64, uint64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local ZERO, ONE = uint64(0), uint64(1)

---@param position integer
---@param field ljos.format.Field
---@param what string
local function bad_type(position, field, what)
    error.argument(position, ("type '%s' does not fit %s"):format(field.type, what))
end

---@param position integer
---@param what string
local function no_precision(position, what) error.argument(position, "a precision does not fit " .. what) end

--- Refuses the options that only numbers have.
---@param position integer
---@param field ljos.format.Field
---@param what string
local function no_numeric_options(position, field, what)
    local option = field.sign or (field.alternate and "#") or (field.zero and "0") or (field.localized and "L")
    if option then error.argument(position, ("option '%s' does not fit %s"):format(option, what)) end
end

--- Joins the parts of a number and pads it; '0' pads behind sign and prefix.
---@param field ljos.format.Field
---@param negative boolean
---@param prefix string
---@param digits string
---@param width? integer
---@param is_finite boolean
---@return string
local function assemble(field, negative, prefix, digits, width, is_finite)
    local sign = field.sign
    local head = (negative and "-" or (sign and sign ~= "-" and sign) or "") .. prefix
    if not width then return head .. digits end
    if field.zero and not field.align and is_finite then return head .. rep("0", width - #head - #digits) .. digits end
    local whole = head .. digits
    return pad(whole, width, field.align or ">", field.fill, #whole)
end

---@param value number
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@return string
local function float(value, field, width, precision)
    local kind = field.type
    if value ~= value or value == 1 / 0 or value == -1 / 0 then
        local word = value ~= value and "nan" or "inf" -- the sign of a NaN means nothing and differs by machine
        return assemble(field, value < 0, "", IS_UPPER[kind] and upper(word) or word, width, false)
    end
    local negative = value < 0 or 1 / value < 0
    local magnitude = negative and -value or value
    local digits, prefix
    if not kind and not precision then
        digits, prefix = number.shortest(magnitude, field.alternate == true), ""
    else
        digits, prefix = number.float(magnitude, kind or "g", precision, field.alternate == true)
    end
    if field.localized and prefix == "" then digits = number.localize(digits) end
    return assemble(field, negative, prefix, digits, width, true)
end

---@param value number|ffi.cdata*
---@param field ljos.format.Field
---@param width? integer
---@param position integer
---@return string
local function character(value, field, width, position)
    no_numeric_options(position, field, "a character")
    if value < 0 or value > 255 then error.argument(position, "a character is 0 to 255, got " .. tostring(value)) end
    local byte = char(tonumber(value) --[[@as integer]])
    return width and pad(byte, width, field.align or "<", field.fill, 1) or byte
end

--- Writes a value that is known to be integral and to fit in 64 bits.
---@param value number|ffi.cdata*
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function integer(value, field, width, precision, position)
    local kind = field.type or "d"
    if precision then no_precision(position, "an integer") end
    if kind == "c" then return character(value, field, width, position) end
    if not IS_INTEGER[kind] then bad_type(position, field, "an integer") end
    if field.sign and ffi.istype(uint64, value) then no_numeric_options(position, field, "an unsigned integer") end
    local negative = value < 0
    local magnitude = negative and -value or value + 0 ---@type any -- and -0.0 becomes 0
    if type(magnitude) == "cdata" then magnitude = ffi.cast(uint64, magnitude) end -- -INT64_MIN is itself
    local digits, prefix = number.integer(magnitude, kind)
    if field.localized and kind == "d" then digits = number.localize(digits) end
    return assemble(field, negative, field.alternate and prefix or "", digits, width, true)
end

---@param value number
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function lua_number(value, field, width, precision, position)
    local kind = field.type
    if not kind or IS_FLOAT[kind] then return float(value, field, width, precision) end
    if kind ~= "c" and not IS_INTEGER[kind] then bad_type(position, field, "a number") end
    if value % 1 ~= 0 then
        error.argument(position, ("type '%s' needs an integer, got %s"):format(kind, tostring(value)))
    end
    if value < -2 ^ 63 or value >= 2 ^ 64 then
        error.argument(position, ("%s does not fit in 64 bits, which type '%s' needs"):format(tostring(value), kind))
    end
    return integer(value, field, width, precision, position)
end

---@param value string
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function string(value, field, width, precision, position)
    local kind = field.type
    if kind and kind ~= "s" and kind ~= "?" then bad_type(position, field, "a string") end
    no_numeric_options(position, field, "a string")
    if kind == "?" then value = text.quote(value) end
    if precision then value = text.truncate(value, precision) end
    return width and pad(value, width, field.align or "<", field.fill) or value
end

---@param value boolean
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function boolean(value, field, width, precision, position)
    local kind = field.type
    if precision then no_precision(position, "a boolean") end
    if IS_INTEGER[kind] then return integer(value and ONE or ZERO, field, width, nil, position) end
    if kind and kind ~= "s" then bad_type(position, field, "a boolean") end
    no_numeric_options(position, field, "a boolean as text")
    local word = value and "true" or "false"
    return width and pad(word, width, field.align or "<", field.fill, #word) or word
end

---@param value ffi.cdata*|userdata
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function pointer(value, field, width, precision, position)
    if field.type and field.type ~= "p" then bad_type(position, field, "a pointer") end
    if precision then no_precision(position, "a pointer") end
    no_numeric_options(position, field, "a pointer")
    local address = format("0x%x", ffi.cast(uint64, ffi.cast("uintptr_t", ffi.cast("void *", value))))
    return width and pad(address, width, field.align or ">", field.fill, #address) or address
end

---@param value ffi.cdata*
---@param field ljos.format.Field
---@param width? integer
---@param precision? integer
---@param position integer
---@return string
local function cdata(value, field, width, precision, position)
    if ffi.istype(int64, value) or ffi.istype(uint64, value) then
        return integer(value, field, width, precision, position)
    end
    local ctype = tostring(ffi.typeof(value))
    if find(ctype, "*", 1, true) then return pointer(value, field, width, precision, position) end
    return error.argument(position, "boolean, number, string or {name, value} expected, got " .. ctype)
end

local writers = {
    boolean = boolean,
    cdata = cdata,
    number = lua_number,
    string = string,
    userdata = pointer,
}

--- Writes one value as its field asks.
---@param value any
---@param field ljos.format.Field
---@param width? integer      already resolved
---@param precision? integer  already resolved
---@param position integer    the value's among the arguments of `format`, for errors
---@return string
local function write(value, field, width, precision, position)
    local writer = writers[type(value)]
    if writer then return writer(value, field, width, precision, position) end
    return error.argument(position, "boolean, number, string or {name, value} expected, got " .. type(value))
end

return write
