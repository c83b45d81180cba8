--- The process and its surroundings. The fields load when first used.
---
--- Errors:   raises ljos.Error
--- Suspends: as each function says
--- Needs:    nothing beyond Linux 5.15

---@class ljos.system
---@field in_ ljos.StandardInput
---@field out ljos.StandardOutput
---@field err ljos.StandardOutput
---@field arguments string[]
local M = {}

local standard = { in_ = true, out = true, err = true }
local modules = {
    arguments = "ljos.system.arguments",
    signal = "ljos.system.signal",
    linux_capabilities = "ljos.system.linux_capabilities",
}

-- cap_get_proc and its like, SECBIT_*.
local function capability_function(name)
    if not name:find "^cap_" and not name:find "^SECBIT_" then return nil end
    return require("ljos.system.linux_capabilities")[name]
end

return setmetatable(M, {
    __index = function(self, name)
        local value
        if standard[name] then
            value = require("ljos.system.standard_stream")[name]
        elseif modules[name] then
            value = require(modules[name])
        else
            value = capability_function(tostring(name))
        end
        if value == nil then
            local error_ = require "ljos.error"
            error(error_.core("bad_index", { index = 2, detail = "system." .. tostring(name) }), 0)
        end
        rawset(self, name, value)
        return value
    end,
})
