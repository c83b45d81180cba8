--- Environments of modules: what a module sees as its globals, and what others see of it.
---
--- A module's environment looks a name up in its own globals, then in what belongs to the module alone (`_G`,
--- `require`, `_FILE`, `_CONTEXT`, the functions that make or change environments), then in the program's globals.
--- A root module keeps its globals in the environment itself. An imported module's assignments land in another table,
--- the exports, which is what `require` returns: a plain table without the names the module only sees.
---
--- The environment of level 0 belongs to the module here, not to the running coroutine: `setfenv(0, t)` makes `t` the
--- exports, and the library's own modules never see it.
---
--- Errors:   raises what the standard functions raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local path = require "ljos.filesystem.path"

local raw_getfenv, raw_setfenv, select, setmetatable = getfenv, setfenv, select, setmetatable

---@class ljos.module_system.environment
local M = {}

-- The modules by their environments.
local owners = setmetatable({}, { __mode = "k" }) ---@type table<table, ljos.Module>

--- The module whose environment this is, if it is one's.
---@param environment table
---@return ljos.Module?
function M.owner(environment) return owners[environment] end

-- Lets the functions that compile Lua do it for the module's environment.
---@param own table
---@param module ljos.Module
local function add_loaders(own, module)
    local function adopt(chunk, ...)
        if chunk then
            return raw_setfenv(chunk, module.level0 or module.environment --[[@as table]]), ...
        end
        return nil, ...
    end
    function own.loadstring(...) return adopt(loadstring(...)) end
    function own.loadfile(...) return adopt(loadfile(...)) end
    function own.dofile(...)
        local chunk, message = own.loadfile(...)
        if not chunk then error(message, 0) end
        return chunk()
    end
    function own.load(...)
        if select("#", ...) > 3 then return load(...) end -- the caller names the environment
        return adopt(load(...))
    end
end

---@param own table
---@param module ljos.Module
local function add_environment_functions(own, module)
    function own.setfenv(f, environment)
        if f ~= 0 then return raw_setfenv(f, environment) end
        if type(environment) ~= "table" then
            error("bad argument #2 to 'setfenv' (table expected, got " .. type(environment) .. ")", 2)
        end
        module.level0 = environment
    end
    function own.getfenv(f)
        if f == 0 then return module.level0 or module.environment end
        return raw_getfenv(f or 1)
    end
end

--- Makes the environment of a module, also in `module.environment`, and its exports in `module.exports`.
---@param module ljos.Module
---@param context string  the value of `_CONTEXT`
---@param is_root boolean
---@return table
function M.make(module, context, is_root)
    local own = module.system.own_globals(module)
    own._FILE, own._CONTEXT = path.new(module.file), context
    own.require = function(id) return module.system:require(module, id) end
    add_loaders(own, module)
    add_environment_functions(own, module)
    setmetatable(own, { __index = module.system.globals })
    local environment = {}
    local metatable = { __index = own, __metatable = "module environment" } ---@type table<string, any>
    owners[environment] = module
    module.environment, module.exports = environment, environment
    if not is_root then
        local exports = {}
        module.exports = exports
        metatable.__newindex = exports
        function metatable.__index(_, name)
            local value = exports[name]
            if value == nil then return own[name] end
            return value
        end
    end
    own._G = environment
    return setmetatable(environment, metatable)
end

return M
