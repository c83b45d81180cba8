--- Paths: immutable text with the path algorithms of C++17.
---
--- A path holds its text, as the kernel will see it, under a private key; what the text means is computed by
--- `path.lexical`. Nothing here asks the filesystem. Functions of ljos that want a path take a string as well:
--- `string_of` is their one way in.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local lexical = require "ljos.filesystem.path.lexical"

local error, rawget, setmetatable, tostring, type = error, rawget, setmetatable, tostring, type

---@class ljos.filesystem.path
local M = {}

---@class ljos.filesystem.Path
---@field root_name string           always "" on Linux
---@field root_directory string      "/" or ""
---@field root_path ljos.filesystem.Path
---@field relative_path ljos.filesystem.Path
---@field parent_path ljos.filesystem.Path
---@field filename string
---@field stem string
---@field extension string           with its dot
---@field empty boolean
---@field has_root_path boolean
---@field has_root_name boolean
---@field has_root_directory boolean
---@field has_relative_path boolean
---@field has_parent_path boolean
---@field has_filename boolean
---@field has_stem boolean
---@field has_extension boolean
---@field is_absolute boolean
---@field is_relative boolean
---@operator div(ljos.filesystem.Path|string): ljos.filesystem.Path
---@operator concat(ljos.filesystem.Path|string): ljos.filesystem.Path
local Path = {}

-- Under a key that no program uses by accident; a literal one in `make`, for which the table comes preallocated.
local TEXT = "(text)"
local metatable = { __metatable = "filesystem.path" }

-- For text that is known to hold no NUL.
---@param text string
---@return ljos.filesystem.Path
local function make(text)
    local path = setmetatable({ ["(text)"] = text }, metatable)
    return path --[[@as ljos.filesystem.Path]]
end
M.make = make

--- The preferred directory separator on this system.
M.preferred_separator = "/"

--- Tells whether `x` is a path object.
---@param x any
---@return boolean
function M.is(x) return type(x) == "table" and rawget(x, TEXT) ~= nil end

--- Returns the text of a path or a string; raises EINVAL for anything else and for an embedded NUL.
---@param x ljos.filesystem.Path|string
---@param arg integer|string  the argument's position or name, for the error
---@return string
local function string_of(x, arg)
    if type(x) == "table" then
        local text = rawget(x, TEXT)
        if text then return text end
    end
    if type(x) ~= "string" then error_.argument(arg, "filesystem.path or string expected, got " .. type(x)) end
    ---@cast x string
    if x:find("\0", 1, true) then error_.argument(arg, "a path cannot hold a NUL byte") end
    return x
end
M.string_of = string_of

--- Makes a path from text in the system's format, or of another path; without either, the empty path.
---@param text? ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function M.new(text)
    if text == nil then return make "" end
    return make(string_of(text, 1))
end

--- Makes a path from text in the generic format, which is the system's own here.
---@param source string
---@return ljos.filesystem.Path
function M.from_generic(source)
    error_.check_type(source, "string", 1)
    return make(string_of(source, 1))
end

local function text_of(self)
    local text = type(self) == "table" and rawget(self, TEXT)
    if not text then error_.argument(1, "filesystem.path expected, got " .. type(self)) end
    return text
end

-- Methods

--- Returns the path in the generic format: one slash between names.
---@param self ljos.filesystem.Path
---@return string
function Path.to_generic(self) return lexical.generic(text_of(self)) end

--- Iterates the components, as strings: root directory, names, and "" for a slash after the last name.
---@param self ljos.filesystem.Path
---@return fun(): string?
function Path.iterator(self)
    local parts, i = lexical.components(text_of(self)), 0
    return function()
        i = i + 1
        return parts[i]
    end
end

--- Converts separators to the preferred one: there is only one here.
---@param self ljos.filesystem.Path
---@return ljos.filesystem.Path
function Path.make_preferred(self) return make(text_of(self)) end

--- Removes the last component, but not the slash before it.
---@param self ljos.filesystem.Path
---@return ljos.filesystem.Path
function Path.remove_filename(self) return make(lexical.remove_filename(text_of(self))) end

--- Replaces the last component.
---@param self ljos.filesystem.Path
---@param replacement ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function Path.replace_filename(self, replacement)
    return make(lexical.join(lexical.remove_filename(text_of(self)), string_of(replacement, 2)))
end

--- Replaces the extension, or removes it without a replacement.
---@param self ljos.filesystem.Path
---@param replacement? ljos.filesystem.Path|string  with or without its dot
---@return ljos.filesystem.Path
function Path.replace_extension(self, replacement)
    local extension = ""
    if replacement ~= nil then extension = string_of(replacement, 2) end
    return make(lexical.replace_extension(text_of(self), extension))
end

--- Removes "." and resolves "..", by text alone.
---@param self ljos.filesystem.Path
---@return ljos.filesystem.Path
function Path.lexically_normal(self) return make(lexical.normal(text_of(self))) end

--- Makes the path relative to a base; the empty path when that is impossible.
---@param self ljos.filesystem.Path
---@param base ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function Path.lexically_relative(self, base) return make(lexical.relative(text_of(self), string_of(base, 2))) end

--- Makes the path relative to a base where that is possible.
---@param self ljos.filesystem.Path
---@param base ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function Path.lexically_proximate(self, base) return make(lexical.proximate(text_of(self), string_of(base, 2))) end

-- Properties: of the text

local property = {}

function property.root_name() return "" end
property.root_directory = lexical.root_directory
function property.root_path(text) return make(lexical.root_directory(text)) end
function property.relative_path(text) return make(lexical.relative_path(text)) end
function property.parent_path(text) return make(lexical.parent_path(text)) end
property.filename = lexical.filename
function property.stem(text) return (lexical.split_extension(lexical.filename(text))) end
function property.extension(text) return (select(2, lexical.split_extension(lexical.filename(text)))) end
function property.empty(text) return text == "" end
property.has_root_path = lexical.is_absolute
function property.has_root_name() return false end
property.has_root_directory = lexical.is_absolute
function property.has_relative_path(text) return lexical.relative_path(text) ~= "" end
function property.has_parent_path(text) return lexical.parent_path(text) ~= "" end
function property.has_filename(text) return lexical.filename(text) ~= "" end
property.has_stem = property.has_filename -- a name always has a stem
function property.has_extension(text) return property.extension(text) ~= "" end
property.is_absolute = lexical.is_absolute
function property.is_relative(text) return not lexical.is_absolute(text) end

-- Metamethods

function metatable.__index(self, key)
    local method = Path[key]
    if method then return method end
    local get = property[key]
    if not get then error_.bad_index("filesystem.path", key) end
    return get(rawget(self, TEXT))
end

function metatable.__newindex(_, key)
    error(error_.generic("EPERM", { detail = "paths are immutable: " .. tostring(key) }), 0)
end

function metatable.__tostring(self) return rawget(self, TEXT) end
function metatable.__eq(a, b) return lexical.compare(string_of(a, 1), string_of(b, 2)) == 0 end
function metatable.__lt(a, b) return lexical.compare(string_of(a, 1), string_of(b, 2)) < 0 end
function metatable.__le(a, b) return lexical.compare(string_of(a, 1), string_of(b, 2)) <= 0 end
function metatable.__div(a, b) return make(lexical.join(string_of(a, 1), string_of(b, 2))) end
function metatable.__concat(a, b) return make(string_of(a, 1) .. string_of(b, 2)) end

return M
