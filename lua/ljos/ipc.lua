--- ipc: LuaIPC's interface, `nil, message, code` on failure. The fields load when first used.
---
--- Errors:   an unknown field is a Lua error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local loading = require "ljos.error.loading"

---@class ljos.ipc
---@field filelock table
---@field mmap table
---@field proc table
---@field sem table
---@field shm table
---@field strfile table
local M = {}

local modules = { filelock = true, mmap = true, proc = true, sem = true, shm = true, strfile = true }

return setmetatable(M, {
    __index = function(self, name)
        if not modules[name] then error("ljos.ipc has no module '" .. tostring(name) .. "'", 2) end
        local module = loading.load("ljos.ipc." .. name)
        rawset(self, name, module)
        return module
    end,
})
