--- The module system of app mode: what `require` means inside a program (seed 003, "Modules").
---
--- A package is a tree of modules below one directory. A module's place in it is a list of names: the root has none,
--- {"a", "b"} is the file a/b.lua or a/b/init.lua (or .ttl, an error category). "./x" is a child, "../x" a sibling,
--- "/x" counts from the root; a module in a file other than init.lua is a leaf, without children. A bare name is a
--- module of ljos or an external package, looked for in the directories of LJOS_PATH. Each file is run once, in an
--- environment of its own; the importer is known because every environment has its own `require`.
---
--- Errors:   raises ljos.Error of category emilua.core, named at each function; of category system for a file that
---           cannot be read; a string for a syntax error; a module's own error passes through as it is
--- Suspends: require, when the module's body does
--- Needs:    nothing beyond Linux 5.15
local environment = require "ljos.module_system.environment"
local error_ = require "ljos.error"
local loading = require "ljos.error.loading"
local scope = require "ljos.fiber.scope"

local concat, error, find, gsub, sub = table.concat, error, string.find, string.gsub, string.sub

---@class ljos.module_system
local M = {}

---@class ljos.Module
---@field system ljos.ModuleSystem
---@field file string        absolute
---@field root string|false  the directory of its package; false for a package that is one file
---@field names string[]|false its place in the package; false until it is known
---@field is_leaf boolean
---@field text string        the source; empty once it is run
---@field is_loaded boolean
---@field value any          what `require` returns
---@field environment? table
---@field exports? table
---@field level0? table      set by setfenv(0, t)

---@class ljos.ModuleSystem
---@field globals table                               what every module sees
---@field own_globals fun(module: ljos.Module): table makes what one module alone sees
---@field builtins table<string, string>              name in the program -> name for the host's require
---@field is_main fun(): boolean                      whether the main fiber runs
---@field path string[]                               directories of external packages
---@field read fun(file: string): string?, string?, integer? the contents; or nil, message, errno
---@field sources? table<string, string>  what `read` has beside the file system, for actors that this one starts
---@field directory string                            messages name files relative to it
---@field modules table<string, ljos.Module>          by file, being loaded or loaded
---@field imported table<string, true>                modules of ljos, by name
local System = {}
System.__index = System

--- Reads a whole file.
---@param file string
---@return string? contents
---@return string? message
---@return integer? errno
function M.read_file(file)
    local handle, message, errno = io.open(file, "rb")
    if not handle then return nil, message, errno end
    local contents, failure, code = handle:read "*a"
    handle:close()
    return contents, failure, code
end

--- Makes a module system; one for each Lua state.
---@param options table  the fields of ljos.ModuleSystem but `modules`; `path`, `read` and `directory` may be missing
---@return ljos.ModuleSystem
function M.new(options)
    options.modules, options.imported = {}, {}
    options.path, options.read = options.path or {}, options.read or M.read_file
    options.directory = options.directory or "/"
    return setmetatable(options, System)
end

local function fail(alias, detail) error(error_.core(alias, { detail = detail }), 0) end

-- Names and files -----------------------------------------------------------------------------------------------

---@param id string
---@return "child"|"up"|"absolute"|"external" kind
---@return string[] names
---@return integer level  how many times "../"
local function parse(id)
    local kind = "external" ---@type "child"|"up"|"absolute"|"external"
    local rest, level = id, 0
    if sub(id, 1, 2) == "./" then
        kind, rest = "child", sub(id, 3)
    elseif sub(id, 1, 1) == "/" then
        kind, rest = "absolute", sub(id, 2)
    end
    while kind ~= "child" and kind ~= "absolute" and sub(rest, 1, 3) == "../" do
        kind, rest, level = "up", sub(rest, 4), level + 1
    end
    local names = {}
    for name in (rest .. "/"):gmatch "(.-)/" do
        if not find(name, "^[%a_][%w_]*$") then fail("invalid_module_name", id) end
        names[#names + 1] = name
    end
    if kind == "external" and #names > 1 then fail("invalid_module_name", id) end
    return kind, names, level
end

local SUFFIXES = { ".lua", "/init.lua", ".ttl", "/init.ttl" }
local ENOENT, ENOTDIR = error_.errno_of.ENOENT, error_.errno_of.ENOTDIR

---@param self ljos.ModuleSystem
---@param file string
---@param text string
---@return ljos.Module # without a place yet
local function new_module(self, file, text)
    return {
        system = self,
        file = file,
        text = text,
        is_loaded = false,
        is_leaf = not find(file, "/init%.%a+$"),
        root = false,
        names = false,
    }
end

--- Finds the file of a module and reads it, unless it is known.
---@param self ljos.ModuleSystem
---@param stem string     the path without its suffix
---@param tried string[]  collects what is not there
---@return ljos.Module?
local function look_for(self, stem, tried)
    for _, suffix in ipairs(SUFFIXES) do
        local file = stem .. suffix
        if self.modules[file] then return self.modules[file] end
        local text, message, errno = self.read(file)
        if text then return new_module(self, file, text) end
        if errno ~= ENOENT and errno ~= ENOTDIR then
            error(error_.system(errno or "EIO", { detail = message or file }), 0)
        end
        tried[#tried + 1] = file
    end
end

--- Notes where in its package a new module lies.
---@param module ljos.Module
---@param root string|false
---@param names string[]
---@return ljos.Module
local function place(module, root, names)
    if module.names then return module end
    -- "x/init" is another way to say "x".
    if not module.is_leaf and names[#names] == "init" then names[#names] = nil end
    module.root, module.names = root, names
    return module
end

---@param self ljos.ModuleSystem
---@param name string
---@return ljos.Module
local function external(self, name)
    local tried = {}
    for _, directory in ipairs(self.path) do
        local stem = directory .. "/" .. name
        local module = look_for(self, stem, tried)
        if module then return place(module, not module.is_leaf and stem, {}) end
    end
    local where = #tried == 0 and "no core module, and LJOS_PATH is empty" or "tried " .. concat(tried, ", ")
    return fail("module_not_found", name .. ": " .. where)
end

--- Finds the module that `id` means in `importer`, without running it.
---
--- Raises invalid_module_name, root_cannot_import_parent, leaf_cannot_import_child, module_not_found.
---@param importer ljos.Module
---@param id string
---@return ljos.Module
function System:resolve(importer, id)
    local kind, rest, level = parse(id)
    if kind == "external" then return external(self, rest[1]) end
    local own = importer.names or {}
    local kept = kind == "absolute" and 0 or #own - level
    if kept < 0 then fail("root_cannot_import_parent", id) end
    if kind == "child" and importer.is_leaf or not importer.root then fail("leaf_cannot_import_child", id) end
    local names = {}
    for i = 1, kept do
        names[i] = own[i]
    end
    for i = 1, #rest do
        names[kept + i] = rest[i]
    end
    local tried = {}
    local module = look_for(self, importer.root .. "/" .. concat(names, "/"), tried)
    if not module then return fail("module_not_found", id .. ": tried " .. concat(tried, ", ")) end
    return place(module, importer.root, names)
end

--- Finds the module that an actor shall start with: as `resolve`, and "." for the importer's own file; not an external
--- package.
---@param importer ljos.Module
---@param id string
---@return ljos.Module
function System:resolve_actor(importer, id)
    if id == "." then return importer end
    if find(id, "%.lua$") then
        fail("invalid_module_name", id .. ": the name of a file is given as a filesystem.path")
    end
    if parse(id) == "external" then fail("invalid_module_name", id) end
    return self:resolve(importer, id)
end

-- Running -------------------------------------------------------------------------------------------------------

--- Compiles a module for its environment; raises the compiler's message.
---@param module ljos.Module
---@param context string   the value of `_CONTEXT`
---@param is_root boolean
---@return function
local function compile(module, context, is_root)
    local self, file = module.system, module.file
    if sub(file, 1, #self.directory + 1) == self.directory .. "/" then file = sub(file, #self.directory + 2) end
    local chunk, message = loadstring((gsub(module.text, "^#[^\n]*", "", 1)), "@" .. file)
    if not chunk then error(message, 0) end ---@cast chunk function
    module.text = ""
    setfenv(chunk, environment.make(module, context, is_root))
    return chunk
end

---@param module ljos.Module
local function run(module)
    if find(module.file, "%.ttl$") then
        module.value = require("ljos.error_category").from_turtle(module.text, module.file)
        return
    end
    scope.scope(compile(module, "", false))
    module.value = module.level0 or module.exports
end

--- Runs a module that is new and returns its value.
---@param self ljos.ModuleSystem
---@param module ljos.Module
---@return any
local function load(self, module)
    self.modules[module.file] = module
    local ok, err = pcall(run, module)
    if not ok then
        self.modules[module.file] = nil
        error(err, 0)
    end
    module.is_loaded = true
    return module.value
end

--- Asks the host's require for a module of ljos.
---@param name string  for the host
---@param id string    as the program wrote it
---@return any
local function builtin(name, id)
    local ok, value = pcall(loading.load, name)
    if ok then return value end
    local is_missing = type(value) == "string" and find(value, "module '" .. name .. "' not found", 1, true)
    return is_missing and fail("module_not_found", id) or error(value, 0)
end

local function is_imported(self, importer, id)
    local ok, module = pcall(self.resolve, self, importer, id)
    return self.imported[id] or ok and module.is_loaded
end

--- `require` in the module `importer`: returns the module's globals, after running it if this is the first time. What
--- is new, the main fiber alone may import (seed 003, "C++ async operations").
---
--- Besides what `resolve` raises: EINVAL (arg 1), only_main_fiber_may_import, cyclic_import.
---@param importer ljos.Module
---@param id string
---@return any
function System:require(importer, id)
    error_.check_type(id, "string", 1)
    if not self.is_main() and not is_imported(self, importer, id) then fail("only_main_fiber_may_import", id) end
    local name = self.builtins[id] or find(id, "^ljos%f[.%z][%w_.]*$") and id
    self.imported[id] = name ~= nil
    if name then return builtin(name, id) end
    local module = self:resolve(importer, id)
    if module.is_loaded then return module.value end
    if self.modules[module.file] then fail("cyclic_import", id) end
    return load(self, module)
end

--- Makes the root module of a program and returns its function, ready to be run by the main fiber.
--- Raises the error of category system, or the compiler's message.
---@param file string    absolute
---@param context string "main" or "worker"
---@param place_of? ljos.Module  what `resolve_actor` found, for the root of an actor
---@return function
function System:load_root(file, context, place_of)
    local text, message, errno = self.read(file)
    if not text then error(error_.system(errno or "EIO", { detail = message }), 0) end
    local module = new_module(self, file, text)
    module.root, module.names, module.is_leaf = file:match "^(.*)/[^/]*$" or "", {}, false
    if place_of then
        module.root, module.names, module.is_leaf = place_of.root, place_of.names, place_of.is_leaf
    end
    self.modules[file] = module
    return compile(module, context, true)
end

return M
