--- Struct types: the kernel's structs with short field names, flag strings, and tables as initialisers.
---
--- `struct.define` declares the struct, gives it a metatype and registers its constructor, pointer type and size. The
--- full
--- C names stay raw fields (64-bit ones as cdata), short names are Lua numbers. `t.x{...}` sets short or full names,
--- `t.x(a, b)` fills in the order given. Unknown names raise.
---
--- Errors:   raises for an unknown field or a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     structs and arrays of them share one registry, and the way to the caller's mistakes
local ffi = require "ffi"
local native = require "ljos.native"
local extent = require "ljos.syscall.extent"
local blame = require "ljos.syscall.blame"

local fail = blame.fail
local pcall, select, tonumber, type = pcall, select, tonumber, type

---@class ljos.syscall.struct
---@field t table<string, any>   constructors
---@field pt table<string, any>  pointer casts
---@field s table<string, any>   sizes
---@field registered table<any, {name: string, ctype: any}>  by constructor
local M, is_loaded = native.lasting "ljos.syscall.struct"
if is_loaded then return M end
M.t, M.pt, M.s, M.registered = {}, {}, {}, {}

---@class ljos.syscall.StructOptions
---@field struct? string      the native library's name of the struct; default: the type's own
---@field prefix? string      what the short names leave out
---@field short? string       short names of fields that are plain numbers
---@field is_plain? boolean    the short names are those of all numbers, without the prefix that they share
---@field get? table<string, fun(self: ffi.cdata*): any>
---@field set? table<string, fun(self: ffi.cdata*, value: any)>
---@field flags? table<string, string>  field -> group: in a constructor's table, strings are read as its flags
---@field order? string[]     names that positional arguments fill
---@field new? fun(self: ffi.cdata*, ...): ffi.cdata*?  takes the constructor's arguments instead
---@field tostring? fun(self: ffi.cdata*): string
---@field methods? table<string, function>
---@field missing? fun(self: ffi.cdata*, key: any): any             reads what is neither field nor method
---@field missing_set? fun(self: ffi.cdata*, key: any, value: any)  writes it

local function auto_accessors(options, get, set)
    local prefix = options.prefix or ""
    for name in (options.short or ""):gmatch "%S+" do
        local full = prefix .. name
        get[name] = get[name] or function(self) return tonumber(self[full]) end
        set[name] = set[name] or function(self, value) self[full] = value end
    end
end

-- The numbers in a struct of the kernel, and the prefix of their names: "sched_" of sched_attr. A size may lack it.
local function plain_names(c_struct)
    local names, prefix = {}, nil
    for name in ffi.string(native.C.ljos_layout(c_struct)):gmatch "[%w_]+_t (%a[%w_]*);" do
        local head = name:match "^%a%w*_" or ""
        if name ~= "size" then
            prefix = (prefix == nil or prefix == head) and head or ""
            names[#names + 1] = name
        end
    end
    prefix = prefix or ""
    for i, name in ipairs(names) do
        names[i] = name:sub(#prefix + 1)
    end
    return table.concat(names, " "), prefix
end

-- The results of a pcall. What LuaJIT says of a value that fits nowhere becomes the caller's mistake, with what the
-- value was for.
local function results(what, ok, ...)
    if ok then return ... end
    local message = ...
    if type(message) ~= "string" then error(message, 0) end
    message = blame.without_position(message)
    local prefix = what .. ": "
    return fail(message:sub(1, #prefix) == prefix and message or prefix .. message)
end

--- Makes a function whose mistakes are its caller's.
---@param what string  what stands before them
---@param f function
---@return function
function M.guard(what, f)
    return function(...) return results(what, pcall(f, ...)) end
end

local function put(self, key, value) self[key] = value end

--- Fills a struct from a table: array items in the order of `order`, names through the setters, but for the field that
--- is filled `later`.
function M.assign(self, init, order, flags, later)
    if type(init) ~= "table" then fail("a table expected, got " .. type(init)) end
    for key, value in pairs(init) do
        if flags and flags[key] then value = require("ljos.syscall.constants")[flags[key]][value] end
        local name = key
        if type(key) == "number" then
            name = order and order[key]
            if not name then fail("no field number " .. key) end
        end
        if name ~= later then results(tostring(name), pcall(put, self, name, value)) end
    end
    return self
end

local function filler(options)
    local order = options.order
    if options.new then
        return function(ct, ...)
            local self = ffi.new(ct)
            return options.new(self, ...) or self
        end
    end
    return function(ct, first, ...)
        local self = ffi.new(ct)
        if type(first) == "table" then return M.assign(self, first, order, options.flags) end
        if type(first) == "cdata" and ffi.istype(ct, first) then
            ffi.copy(self, first, ffi.sizeof(ct))
            return self
        end
        if not order then fail("a table expected, got " .. type(first)) end
        return M.assign(self, { first, ... }, order)
    end
end

local function constructor(name, options)
    local fill = filler(options)
    local has_new = options.new ~= nil
    return function(ct, first, ...)
        if first == nil and select("#", ...) == 0 then return has_new and fill(ct) or ffi.new(ct) end
        return results(name, pcall(fill, ct, first, ...))
    end
end

-- The text of a struct that has none of its own: "flock {len = 0, pid = 0, ...}", the plain values by short name.
local function describe(name, get)
    local names = {} ---@type string[]
    for key in pairs(get) do
        names[#names + 1] = key
    end
    table.sort(names)
    return function(self)
        local parts = {}
        for i = 1, #names do
            local ok, value = pcall(get[names[i]], self)
            local kind = ok and type(value)
            if kind == "number" or kind == "string" or kind == "boolean" then
                parts[#parts + 1] = names[i] .. " = " .. tostring(value)
            end
        end
        return name .. " {" .. table.concat(parts, ", ") .. "}"
    end
end

local function metatable(name, ct, options)
    local size = ffi.sizeof(ct)
    local get, set, methods = options.get or {}, options.set or {}, options.methods or {}
    auto_accessors(options, get, set)
    return {
        __new = constructor(name, options),
        __index = function(self, key)
            local getter = get[key]
            if getter then return getter(self) end
            local method = methods[key]
            if method then return method end
            if options.missing then return options.missing(self, key) end
            fail(("%s has no field %s"):format(name, tostring(key)))
        end,
        __newindex = function(self, key, value)
            local setter = set[key]
            if not setter and options.missing_set then return options.missing_set(self, key, value) end
            if not setter then fail(("%s has no field %s"):format(name, tostring(key))) end
            results(key, pcall(setter, self, value))
        end,
        -- of a pointer, too, whose own size is another
        __len = function() return size end,
        __tostring = options.tostring or describe(name, get),
    }
end

--- Registers a type under its names in `t`, `pt` and `s`.
---@param name string
---@param ct ffi.ctype*
---@param make? any  what `t[name]` is; default: the type itself
function M.register(name, ct, make)
    make = make and M.guard(name, make)
    M.t[name] = make or ct
    M.registered[make or ct] = { name = name, ctype = ct }
    local ok, size = pcall(ffi.sizeof --[[@as function]], ct)
    if ok and size then M.s[name] = size end
    local pointer
    M.pt[name] = function(p)
        pointer = pointer or ffi.typeof(tostring(ct):match "^ctype<(.*)>$" .. "*")
        return ffi.cast(pointer, p)
    end
    return M.t[name]
end

--- Defines a struct type.
---@param name string
---@param options? ljos.syscall.StructOptions
---@return ffi.ctype*
function M.define(name, options)
    options = options or { is_plain = true }
    if options.is_plain then
        options.short, options.prefix = plain_names(options.struct or name)
    end
    local ct = ffi.typeof(native.struct(options.struct or name))
    M.register(name, ffi.metatype(ct, metatable(name, ct, options)))
    return ct
end

local anchors = setmetatable({}, { __mode = "k" })

--- Keeps `value` alive for as long as `owner`, whose memory points to it.
---@generic T
---@param owner ffi.cdata*
---@param key any
---@param value T
---@return T
function M.anchor(owner, key, value)
    local kept = anchors[owner]
    if not kept then
        kept = {}
        anchors[owner] = kept
    end
    kept[key] = value
    return value
end

--- Returns what was anchored under a key.
---@param owner ffi.cdata*
---@param key any
---@return any
function M.anchored(owner, key)
    local kept = anchors[owner]
    return kept and kept[key]
end

---@class ljos.syscall.ArrayOptions
---@field first integer   the index of the first element
---@field copy? boolean   elements are copies, which may outlive the array; else they are its memory
---@field get? table<string, fun(self: ffi.cdata*): any>
---@field fill? fun(self: ffi.cdata*, element: ffi.cdata*, index: integer, init: any)
---@field tostring? fun(self: ffi.cdata*): string

--- Defines a C array of structs, which does not know its length: of a list, or of a count and a list that is no longer.
--- LuaJIT by itself would take a count modulo 2^32, and believe it.
---@param name string
---@param element string  the struct's name
function M.define_list(name, element)
    local make = M.t[element]
    local ct = ffi.typeof(native.struct(element) .. "[?]")
    M.register(name, ct, function(count, list)
        if type(count) == "table" then
            count, list = #count, count
        end
        if type(count) ~= "number" or not (count >= 0 and count < 2 ^ 26) then fail "a list or a count expected" end
        if list ~= nil and (type(list) ~= "table" or #list > count) then
            fail(("a list of at most %d expected"):format(count))
        end
        local array = ffi.new(ct, count)
        for i = 1, list and #list or 0 do
            array[i - 1] = make(list[i])
        end
        return array
    end)
end

--- Registers a struct of which nothing but its size is of use.
---@param name string
---@param c_name string
function M.define_opaque(name, c_name)
    return M.register(name, ffi.metatype(c_name, { __len = function(self) return ffi.sizeof(self) end }))
end

-- How the elements of an array are reached: by index, and through ipairs.
local function array_access(name, field, make, options)
    local first, get = options.first, options.get or {}
    local function at(self, key)
        if get[key] then return get[key](self) end
        if type(key) ~= "number" then fail(("%s has no field %s"):format(name, tostring(key))) end
        if key < first or key >= first + self.count then return nil end
        local item = self[field][key - first]
        return options.copy and make(item) or item
    end
    -- Without Lua 5.2's ipairs a cdata is iterated through its metatable all the same: LuaJIT has the hook.
    local function step(self, i)
        i = i + 1
        if i < first + self.count then return i, at(self, i) end
    end
    return at, function(self) return step, self, first - 1 end
end

--- Defines an array of structs that knows its length: `{count, field[count]}`. `#`, `ipairs` and indexing see the
--- elements; the constructor takes a count or a list.
---@param name string
---@param element string  the struct's name
---@param field string    the name of the C array in it
---@param options ljos.syscall.ArrayOptions
function M.define_array(name, element, field, options)
    local make, c_name = M.t[element], native.struct(element)
    ffi.cdef(("struct ljos_%s { int count; %s %s[?]; };"):format(name, c_name, field))
    local at, iterate = array_access(name, field, make, options)
    local function copy(_, item, _, init)
        extent.copy(item, type(init) == "cdata" and init or make(init), ffi.sizeof(c_name) --[[@as integer]])
    end
    local fill = options.fill or copy
    local function new(ct, init)
        if type(init) == "cdata" and ffi.istype(ct, init) then return init end
        local count = type(init) == "number" and init or type(init) == "table" and #init
        if not count or not (count >= 0 and count < 2 ^ 26) then fail "a list or a count expected" end
        local self = ffi.new(ct, count)
        self.count = count
        for i = 1, type(init) == "table" and count or 0 do
            fill(self, self[field][i - 1], i, init[i])
        end
        return self
    end
    local ct = ffi.metatype("struct ljos_" .. name, {
        __new = new,
        __index = at,
        __len = function(self) return self.count end,
        __ipairs = iterate,
        __pairs = iterate,
        __tostring = options.tostring,
    })
    return M.register(name, ct)
end

--- Returns the C name of a registered or native struct.
function M.c_name(name) return native.struct(name) end

return M
