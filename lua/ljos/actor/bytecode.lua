--- Bytecode: modules of ljos that an actor in a thread need not compile.
---
--- Parsing is most of what it takes to load them. So the first state of the process that loads one this way leaves its
--- bytecode to those after it, which look where that one looked.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"

local C = native.C

---@class ljos.actor.bytecode
local M = {}

local size = ffi.new "uint32_t[1]"

---@param key string
---@return string?
local function find(key)
    local code = C.ljos_thread_module(key, #key, size)
    return code ~= nil and ffi.string(code, size[0]) or nil
end

--- Has `require` look for bytecode before it looks for the files, or for what the runner has compiled in.
function M.install()
    local from_source = package.loaders[2]
    table.insert(package.loaders, 2, function(name)
        if not name:find "^ljos%." then return nil end
        local key = package.path .. "\n" .. name
        local code = find(key)
        if code then return loadstring(code) end
        local chunk = from_source(name)
        if type(chunk) ~= "function" then return nil end
        code = string.dump(chunk)
        C.ljos_thread_keep_module(key, #key, code, #code)
        return chunk
    end)
end

return M
