--- Sources: which code an actor's process is to run, and how it gets there.
---
--- An actor in a sandbox can open no file, so a module named by a string is found and read here, in the parent, as
--- `require` would find it. A filesystem.path is left to the actor, which may have a file system of its own. Sources
--- travel in the boot record, keyed by absolute path; `source_tree_cache` has the same keys, component by component,
--- and is asked before any file (seed 003, "spawn_vm").
---
--- Errors:   raises ljos.Error: EINVAL, module_not_found, invalid_module_name and the others of `require`
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local environment = require "ljos.module_system.environment"
local error_ = require "ljos.error"
local module_system = require "ljos.module_system"

---@class ljos.actor.source
local M = {}

-- What the names of files that were loaded before are relative to, wherever the program goes later.
local start = calls.getcwd() or "."

local CACHE = "subprocess/source_tree_cache"

local function flatten(tree, prefix, boot, arg)
    for component, value in pairs(tree) do
        error_.check_type(component, "string", arg)
        local where = prefix .. "/" .. component
        if type(value) == "string" then
            boot["source" .. where] = value
        elseif type(value) == "table" then
            flatten(value, where, boot, arg)
        else
            error_.argument(arg, where .. ": string or table expected, got " .. type(value))
        end
    end
end

--- Puts a source tree into the boot record.
---@param tree table?
---@param boot table<string, string>
---@param arg? string  the parameter's name
function M.add_tree(tree, boot, arg)
    arg = arg or CACHE
    if tree == nil then return end
    error_.check_type(tree, "table", arg)
    flatten(tree, "", boot, arg)
end

local function put(boot, file, root, names, is_leaf)
    boot.file, boot.root, boot.names = file, root or nil, table.concat(names, "/")
    boot.leaf = is_leaf and "1" or nil
end

--- Puts code that is no file into the boot record: a root module in "/".
---@param text string
---@param name string  for messages
---@param boot table<string, string>
function M.add_text(text, name, boot)
    local file = "/" .. name
    boot["source" .. file] = text
    boot.directory = "" -- messages say "name", not "/name"
    put(boot, file, "", {}, false)
end

--- Puts a file of the actor's own file system into the boot record, by its absolute path.
---@param path string
---@param boot table<string, string>
function M.add_path(path, boot) put(boot, path, path:match "^(.*)/[^/]*$" or "", {}, false) end

-- Outside of app mode the file of the caller stands for the root module.
local function importer_of(file, read)
    local system = module_system.new { globals = {}, builtins = {}, read = read }
    if file and file:sub(1, 1) ~= "/" then file = start .. "/" .. file end
    local root = file and file:match "^(.*)/[^/]*$" or false
    local importer = { system = system, file = file or "", root = root, names = {}, is_leaf = false }
    return importer --[[@as ljos.Module]]
end

-- A name without "/" or "." in front, outside of app mode: what the host's `require` would take.
local function on_package_path(id)
    local file = id:find "^[%w_.]+$" and package.searchpath(id, package.path)
    if not file then error(error_.core("module_not_found", { detail = id .. ": not on package.path" }), 0) end
    local root, name = ("./" .. file):gsub("^%./(%.?/)", "%1"):match "^(.*)/([^/]*)%.lua$"
    return { file = file, root = root, names = { name }, is_leaf = name ~= "init" }
end

--- Puts the sources that the calling actor was started with into the boot record.
---@param caller ljos.Module|string|nil  as `caller` says
---@param boot table<string, string>
function M.hand_on(caller, boot)
    local sources = type(caller) == "table" and caller.system.sources
    for file, text in pairs(sources or {}) do
        boot["source" .. file] = text
    end
end

--- Finds a module and puts it into the boot record.
---@param module string
---@param caller ljos.Module|string|nil  as `caller` says
---@param boot table<string, string>
function M.add_module(module, caller, boot)
    local is_module = type(caller) == "table"
    local read_file = is_module and caller.system.read or module_system.read_file
    local function read(file)
        if boot["source" .. file] then return boot["source" .. file] end
        return read_file(file)
    end
    local found
    if is_module or module == "." or module:find "^%.*/" or module:find "^%.%." or module == "" then
        local importer = is_module and caller or importer_of(caller, read) --[[@as ljos.Module]]
        found = importer.system:resolve_actor(importer, module)
    else
        found = on_package_path(module)
    end
    local text, message, errno = read(found.file)
    if not text then error(error_.system(errno or "EIO", { detail = message }), 0) end
    boot["source" .. found.file] = text
    put(boot, found.file, found.root, found.names or {}, found.is_leaf)
end

--- Who calls: the module, in app mode; else the file of the nearest function in one at `level` of the stack or above,
--- as the caller counts.
---@param level integer
---@return ljos.Module|string|nil
function M.caller(level)
    repeat
        level = level + 1
        local info = debug.getinfo(level, "Sf")
        local file = info and info.source:match "^@(.*)$"
        if file then return environment.owner(getfenv(info.func)) or file end
    until not info
end

return M
