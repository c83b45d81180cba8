--- Errors: one object, open for context, compared by code and category.
---
--- An error is a table {code, category, ...}: `code` an integer, `category` the domain it belongs to, and
--- whatever context the raiser adds (`arg`, `detail`, `path`, ...). `==` looks at code and category only.
--- Native calls return an int, >= 0 or -errno; this module alone turns that into something else: a raised
--- Error (`check`), or an Error to return (`errno`, one cached object per number).
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     the object and the categories are made of each other
local ffi = require "ffi"
local native = require "ljos.native"

local error, rawget, setmetatable, tonumber, tostring, type = error, rawget, setmetatable, tonumber, tostring, type

---@class ljos.error
local M = {}

---@class ljos.ErrorCategory
---@field package spec ljos.ErrorCategorySpec
---@field message fun(self: ljos.ErrorCategory, code: integer): string

---@class ljos.ErrorCategorySpec
---@field name string
---@field aliases table<string, integer>      symbol -> code
---@field messages? table<integer, string>    code -> text
---@field message? fun(code: integer): string overrides `messages`
---@field generic? table<integer, integer>    code -> errno

---@class ljos.Error
---@field code integer                the number, as in errno(3)
---@field category ljos.ErrorCategory the domain of the number
---@field arg? integer|string         position or name of the argument that was wrong
---@field detail? string              what was expected and what came
---@field where? string               "file:line" of the call that was wrong
---@field step? string                the system call, or the step of a start, that failed
---@field traceback? string           where it was raised, once it left ljos.run
---@field protection? string          of a sandbox: the one that cannot be had
---@field errno? integer              the code again, for the categories system and generic
---@field sym? string                 its symbol without the leading E ("NOENT"), same categories
---@field lsym? string                the same in lower case
---@field [string] any                context the raiser added

-- Set to false by app mode, where tostring(error) is the category's message alone (seed 003, "The error table").
---@type boolean
M.tostring_has_context = true

local Error = {}
local Category = {}

---@param category ljos.ErrorCategory
---@param code integer
---@param context? table  its fields are kept; the table becomes the error
---@return ljos.Error
local function new(category, code, context)
    context = context or {}
    context.code, context.category = code, category
    return setmetatable(context, Error)
end
M.new = new

--- Makes a category: `category.ALIAS` and `category[code]` then give a new Error at each access.
---@param spec ljos.ErrorCategorySpec
---@return ljos.ErrorCategory
function M.category(spec) return setmetatable({ spec = spec }, Category) end

---@param self ljos.ErrorCategory
---@param code integer
---@return string
local function message(self, code)
    M.check_type(code, "number", 2)
    local spec = rawget(self, "spec")
    if spec.message then return spec.message(code) end
    return spec.messages and spec.messages[code] or ("Unknown error " .. tostring(code))
end

Category.__metatable = "error_category"
Category.__index = function(self, key)
    if key == "message" then return message end
    local spec = rawget(self, "spec")
    local code = type(key) == "number" and key or spec.aliases[key]
    if code == nil then M.bad_index("error category " .. spec.name, key) end
    return new(self, code)
end
Category.__newindex = function() error(M.generic("EPERM"), 0) end
Category.__tostring = function(self) return rawget(self, "spec").name end
Category.__eq = function(a, b) return rawget(a, "spec").name == rawget(b, "spec").name end

--- Makes a table of errors by name: each access `group.ALIAS` gives a new Error of `category`. An unknown name raises
--- bad_index, an assignment EPERM.
---@param category ljos.ErrorCategory
---@param aliases table<string, integer>
---@return table<string, ljos.Error>
function M.group(category, aliases)
    return setmetatable({}, {
        __metatable = "error_group",
        __index = function(_, key)
            local code = aliases[key]
            if code == nil then M.bad_index("error_group", key) end
            return new(category, code)
        end,
        __newindex = Category.__newindex,
    })
end

-- errno: the names come from the native library (crate libc), the messages from strerror(3).

local errno_of, sym_of = {}, {} ---@type table<string, integer>, table<integer, string>
for name, value in native.constants "E" do
    errno_of[name] = value
    sym_of[value] = sym_of[value] or name:sub(2)
end
errno_of.ENOATTR = errno_of.ENODATA -- xattr(7)'s name for it
M.errno_of = errno_of

ffi.cdef "char *strerror(int);"
local function strerror(code) return ffi.string(ffi.C.strerror(code)) end

M.system_category = M.category { name = "system", aliases = errno_of, message = strerror }
M.generic_category = M.category { name = "generic", aliases = errno_of, message = strerror }

-- The runtime's own errors. The name and the codes are Emilua's, so that programs written for it can compare them.
local core_errors = {
    { "invalid_module_name", "Invalid module name" },
    { "module_not_found", "Module not found" },
    { "root_cannot_import_parent", "The root module cannot import what lies above it" },
    { "cyclic_import", "Cyclic import" },
    { "leaf_cannot_import_child", "A leaf module has no children to import" },
    { "only_main_fiber_may_import", "Only the main fiber may import modules" },
    { "bad_root_context", "Bad root context" },
    { "bad_index", "Requested key wasn't found in the object" },
    { "bad_coroutine", "Not inside a coroutine" },
    { "suspension_already_allowed", "Suspension is already allowed" },
    { "cancellation_already_allowed", "Cancellation is already allowed" },
    { "forbid_suspend_block", "A suspending call inside a forbid_suspend block" },
    { "fiber_canceled", "Fiber canceled" },
    { "unmatched_scope_cleanup", "No cleanup handler to pop" },
    { "channel_closed", "Channel closed" },
    { "no_senders", "No senders" },
    { "internal_module", "Internal module" },
    { "raise_error", "Error raised by another actor" },
    { "bad_rdf", "Malformed RDF" },
    { "bad_rdf_error_category", "Malformed RDF error category" },
    { "bad_rdf_error", "Malformed RDF error" },
    { "broken_promise", "Broken promise" },
    { "promise_already_satisfied", "Promise already satisfied" },
    { "current_module_not_known", "Current module not known" },
    -- ljos's own, beyond the seed
    {
        "unsuspendable_frame",
        "A suspending call inside a plain coroutine (use ljos.fiber.coroutine) or a C function's callback",
    },
    { "deadlock", "All fibers are blocked and nothing can wake them" },
}
local core_spec = { name = "emilua.core", aliases = {}, messages = {} }
for code, entry in ipairs(core_errors) do
    core_spec.aliases[entry[1]], core_spec.messages[code] = code, entry[2]
end
local core_category = M.category(core_spec)

--- Makes an error of the runtime itself ("fiber_canceled", "bad_index", ...).
---@param alias string
---@param context? table
---@return ljos.Error
function M.core(alias, context) return new(core_category, core_spec.aliases[alias], context) end

--- Raises bad_index: an object has no such key.
---@param what string  the object: "this_fiber"
---@param key any
function M.bad_index(what, key)
    error(M.core("bad_index", { index = 2, detail = ("%s has no %s"):format(what, tostring(key)) }), 0)
end

---@param err any
---@param alias string
---@return boolean # whether `err` is the runtime's own error of that name
function M.is_core(err, alias)
    return M.is_error(err) and err.category == core_category and err.code == core_spec.aliases[alias]
end

---@param err any
---@return boolean
function M.is_error(err) return type(err) == "table" and getmetatable(err) == "error_code" end

--- Makes an error of the category "generic" (arguments and state).
---@param name string  "EINVAL", ...
---@param context? table
---@return ljos.Error
function M.generic(name, context) return new(M.generic_category, errno_of[name], context) end

--- Makes an error of the category "system" (what the kernel answered).
---@param errno integer|string  a number > 0, or its name
---@param context? table
---@return ljos.Error
function M.system(errno, context) return new(M.system_category, tonumber(errno) or errno_of[errno], context) end

-- What the system calls return: as any other Error, but a name that no errno has raises (`err.NOENT` is a test, and a
-- misspelt test must not pass for a false one).
local Errno = {}

local cache = {}
--- Returns the shared Error of an errno (`nil, error.errno(n)`: no garbage on the error path; do not add context).
---@param errno integer
---@return ljos.Error
function M.errno(errno)
    local err = cache[errno]
    if not err then
        err = setmetatable({ code = errno, category = M.system_category }, Errno)
        cache[errno] = err
    end
    return err
end

--- Returns `res` when it is no failure, else raises the system error -res.
---@param res integer  what a native call returned
---@param context? table
---@return integer
function M.check(res, context)
    if res >= 0 then return res end
    error(M.system(-res, context), 0)
end

--- Raises EINVAL for a wrong argument.
---@param arg integer|string  its position, or its name for named parameters
---@param detail? string      "byte_span expected, got nil"
function M.argument(arg, detail) error(M.generic("EINVAL", { arg = arg, detail = detail }), 0) end

--- Raises EINVAL unless `value` has the Lua type `expected`. An object of one of our classes is no table.
---@param value any
---@param expected type
---@param arg integer|string
function M.check_type(value, expected, arg)
    local class = type(value) == "table" and getmetatable(value)
    local actual = type(class) == "string" and class or type(value)
    if actual ~= expected then M.argument(arg, expected .. " expected, got " .. actual) end
end

--- Raises: this function exists on another system only.
---@param what string  the function's full name
---@param where string "Windows" or "FreeBSD"
function M.not_on_linux(what, where)
    error(M.generic("ENOTSUP", { detail = what .. " is " .. where .. "-only; this is Linux" }), 0)
end

-- The object

local function togeneric(self)
    local category = self.category
    if category == M.system_category then return new(M.generic_category, self.code) end
    local generic = category and rawget(category, "spec").generic
    local code = generic and generic[self.code]
    return code and new(M.generic_category, code) or self
end

Error.__metatable = "error_code"
Error.__index = function(self, key)
    if key == "togeneric" then return togeneric end
    local category = rawget(self, "category")
    if category ~= M.system_category and category ~= M.generic_category then return nil end
    local code = rawget(self, "code")
    if key == "errno" then return code end
    if key == "sym" then return sym_of[code] end
    if key == "lsym" then return sym_of[code] and sym_of[code]:lower() end
    if type(key) ~= "string" then return nil end
    local upper = key:upper()
    local number = errno_of["E" .. upper] or errno_of[upper]
    return number and number == code
end
Error.__eq = function(a, b) return a.code == b.code and a.category == b.category end

local function context_of(err)
    local parts = {}
    if err.arg ~= nil then parts[1] = type(err.arg) == "number" and "argument " .. err.arg or tostring(err.arg) end
    if err.detail then parts[#parts + 1] = err.detail end
    return #parts > 0 and table.concat(parts, ": ") or nil
end

--- Returns the message followed by the context the raiser added ("Invalid argument (argument 2: ...)").
---@param err ljos.Error
---@return string
function M.describe(err)
    local context = context_of(err)
    local text = err.category:message(err.code)
    if context then text = text .. " (" .. context .. ")" end
    return err.where and err.where .. ": " .. text or text
end

Error.__tostring = function(self)
    if not M.tostring_has_context then return self.category:message(self.code) end
    local traceback = rawget(self, "traceback")
    return traceback and M.describe(self) .. "\n" .. traceback or M.describe(self)
end

-- What an Error may carry, and what those who print errors look for.
local optional =
    { arg = true, detail = true, where = true, path = true, step = true, protection = true, message = true }

Errno.__metatable, Errno.__eq, Errno.__tostring = Error.__metatable, Error.__eq, Error.__tostring
Errno.__index = function(self, key)
    local value = Error.__index(self, key)
    if value == nil and type(key) == "string" and sym_of[rawget(self, "code")] and not optional[key] then
        error("invalid error " .. key, 2)
    end
    return value
end

return M
