--- The native library: found, loaded, declared.
---
--- The only file that loads it and declares its C ABI. The library carries its own header, so the
--- declarations are those of the library that was loaded, not of the one that was meant. The search order is
--- $LJOS_LIB, then `package.cpath`, then the build folder of a source checkout.
---
--- Errors:   raises a string that lists every path tried and the remedy
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"

-- Raised together with LJOS_ABI in native/ljos/src/lib.rs whenever a signature or a struct changes.
local ABI = 4

---@class ljos.native
---@field C ljos.native.C  the library's functions
---@field path string      the file that was loaded
---@field constants fun(group: string): fun(): string?, integer?
---@field struct fun(name: string): string
local M = {}

local function readable(path)
    local file = io.open(path, "rb")
    if file then file:close() end
    return file ~= nil
end

-- A source checkout is recognised by this file's own place: <root>/lua/ljos/native.lua.
local function checkout_candidates()
    local info = debug.getinfo(1, "S") --[[@as debuglib.DebugInfo]]
    local here = info.source:match "^@(.*)lua/ljos/native%.lua$"
    if not here then return {} end
    return { here .. "target/release/libljos.so", here .. "target/debug/libljos.so" }
end

local function candidates()
    local explicit = os.getenv "LJOS_LIB"
    if explicit then return { explicit } end
    local paths = {}
    for template in package.cpath:gmatch "[^;]+" do
        local path = template:gsub("%?", "libljos")
        paths[#paths + 1] = path
    end
    for _, path in ipairs(checkout_candidates()) do
        paths[#paths + 1] = path
    end
    return paths
end

local function fail(tried)
    local lines = { "ljos: the native library was not found or did not fit. Tried:" }
    for _, line in ipairs(tried) do
        lines[#lines + 1] = "  " .. line
    end
    lines[#lines + 1] = "Build it with `make build` in a source checkout, or install the rock"
    lines[#lines + 1] = "(`luarocks make rockspec/ljos-scm-1.rockspec`), or name the file in $LJOS_LIB."
    error(table.concat(lines, "\n"), 0)
end

ffi.cdef [[
unsigned int ljos_abi(void);
const char *ljos_header(void);
const char *ljos_constants(const char *group);
]]

local function open()
    -- In the runner of actors the library is part of the program.
    if package.loaded["ljos.embedded"] then return ffi.C, "/proc/self/exe" end
    local tried = {}
    for _, path in ipairs(candidates()) do
        if not readable(path) then
            tried[#tried + 1] = path .. ": no such file"
        else
            local ok, lib = pcall(ffi.load, path)
            local fits, abi = pcall(function() return lib.ljos_abi() end)
            if not ok then
                tried[#tried + 1] = path .. ": " .. tostring(lib)
            elseif not fits then
                tried[#tried + 1] = path .. ": not the ljos library"
            elseif abi ~= ABI then
                tried[#tried + 1] = ("%s: ABI %d, these Lua files need %d"):format(path, abi, ABI)
            else
                return lib, path
            end
        end
    end
    return fail(tried)
end

-- The declarations outlive package.loaded: a second load of this file finds them in place.
local function declare(lib)
    if pcall(ffi.typeof, "struct ljos_completion") then return end
    ffi.cdef(ffi.string(lib.ljos_header()))
end

local lib, path = open()
declare(lib)
M.path = path
M.C = lib --[[@as ljos.native.C]]

--- Returns the table of a module that a Lua state has once, because its C types have metatables, and whether it is that
--- of an earlier load (package.loaded cleared, as busted does between spec files): such a file returns it as it is.
---@param name string
---@return table
---@return boolean
function M.lasting(name)
    local registry = debug.getregistry()
    local known = registry[name]
    if known then return known, true end
    registry[name] = {}
    return registry[name], false
end

local texts = M.lasting "ljos.native.texts"

--- Declares C types and functions: `ffi.cdef`, once for each text, however often the file that has it is loaded.
---@param text string
function M.declare(text)
    if texts[text] then return end
    ffi.cdef(text)
    texts[text] = true
end

-- A group as text: a line NAME=value for each constant.
local function text_of(group)
    local text = lib.ljos_constants(group)
    if text == nil then error("ljos: no constants named " .. tostring(group), 3) end
    return ffi.string(text)
end

--- Iterates the constants of a group, name and value, in the order the native library lists them.
---@param group string  "E", "O", ...
---@return fun(): string?, integer?
function M.constants(group)
    local next_line = text_of(group):gmatch "([%w_]+)=(-?%d+)\n"
    return function()
        local name, value = next_line()
        return name, tonumber(value)
    end
end

local tables = {}
--- Returns the constants of a group as a table; made once.
---@param group string
---@return table<string, integer>
function M.constant_table(group)
    local constants = tables[group]
    if not constants then
        constants = {}
        for name, value in M.constants(group) do
            constants[name] = value
        end
        tables[group] = constants
    end
    return constants
end

--- Returns one constant of a large group, without a table of all.
---@param group string
---@param name string
---@return integer
function M.constant(group, name)
    local value
    if tables[group] then
        value = tables[group][name]
    else
        local text = "\n" .. text_of(group)
        local _, before = text:find("\n" .. name .. "=", 1, true)
        value = before and tonumber(text:match("^-?%d+", before + 1))
    end
    return value or error(("ljos: no constant %s in %s"):format(name, group), 2)
end

local declared = {} ---@type table<string, string>

--- Declares a struct of the kernel, with the structs inside it, and returns its C name, "struct ljos_<name>".
---@param name string  "timespec", "stat", ...
---@return string
function M.struct(name)
    local known = declared[name]
    if known then return known end
    local text = lib.ljos_layout(name)
    if text == nil then error("ljos: no struct named " .. tostring(name), 2) end
    local c_name = "struct ljos_" .. name
    local declaration = ffi.string(text)
    for inner in declaration:gmatch "struct ljos_([%w_]+) [%w_%[%]]+;" do
        M.struct(inner)
    end
    local exists = pcall(ffi.sizeof --[[@as function]], c_name)
    if not exists then ffi.cdef(declaration) end
    declared[name] = c_name
    return c_name
end

return M
