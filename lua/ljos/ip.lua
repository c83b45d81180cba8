--- IP: addresses, TCP, UDP and names. The fields load when first used.
---
--- Errors:   raises ljos.Error
--- Suspends: as each function says
--- Needs:    nothing beyond Linux 5.15
local endpoint = require "ljos.ip.endpoint"
local loading = require "ljos.error.loading"

---@class ljos.ip
---@field address ljos.ip.address
---@field tcp ljos.ip.tcp
---@field udp ljos.ip.udp
---@field host_name fun(): string
---@field connect fun(sock: any, resolve_results: table, condition?: function): ljos.ip.Address, integer
local M = { tostring = endpoint.tostring, toendpoint = endpoint.toendpoint }

local modules = { address = true, tcp = true, udp = true }
local functions = {
    host_name = function() return loading.load "ljos.ip.host_name" end,
    connect = function() return loading.load("ljos.ip.connect").connect end,
}

return setmetatable(M, {
    __index = function(self, name)
        local value
        if modules[name] then
            value = loading.load("ljos.ip." .. name)
        elseif functions[name] then
            value = functions[name]()
        else
            local error_ = require "ljos.error"
            error_.bad_index("ip", name)
        end
        rawset(self, name, value)
        return value
    end,
})
