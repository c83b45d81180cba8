--- Endpoints: an IP address and a port as one text.
---
--- "192.0.2.1:80" and "[2001:db8::1]:80"; without a port, the address alone.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local address = require "ljos.ip.address"
local error_ = require "ljos.error"

local tonumber, tostring, type = tonumber, tostring, type

---@class ljos.ip.endpoint
local M = {}

--- Returns `port` when it is an integer from 0 to 65535, else raises EINVAL.
---@param port any
---@param arg integer|string  the argument's position or name, for the error
---@return integer
function M.check_port(port, arg)
    if type(port) ~= "number" or port < 0 or port > 65535 or port % 1 ~= 0 then
        error_.argument(arg, "a port (an integer from 0 to 65535) expected, got " .. tostring(port))
    end
    return port
end

--- Writes an endpoint. Source: seed 003, "ip.tostring".
---@param addr ljos.ip.Address|string
---@param port? integer  without it, the address's own text
---@return string
function M.tostring(addr, port)
    addr = address.of(addr, 1)
    if port == nil then return tostring(addr) end
    M.check_port(port, 2)
    return (addr.is_v6 and "[%s]:%d" or "%s:%d"):format(tostring(addr), port)
end

--- Reads an endpoint. Source: seed 003, "ip.toendpoint".
---@param ep string
---@return ljos.ip.Address, integer
function M.toendpoint(ep)
    error_.check_type(ep, "string", 1)
    local host, port = ep:match "^%[([^%[%]]*:[^%[%]]*)%]:(%d+)$"
    if not host then
        host, port = ep:match "^([%d.]+):(%d+)$"
    end
    local number = tonumber(port) or math.huge
    if not host or number > 65535 then error_.argument(1, ("not an endpoint: %q"):format(ep)) end
    return address.of(host --[[@as string]], 1), number --[[@as integer]]
end

--- Takes "host:service" apart: "localhost:http", "[::1]:80", ":80".
---@param ep string
---@return string host     may be empty
---@return string service  never empty
function M.split(ep)
    error_.check_type(ep, "string", 1)
    local host, service = ep:match "^%[([^%[%]]*)%]:([^:]+)$"
    if not host then
        host, service = ep:match "^([^%[%]:]*):([^:]+)$"
    end
    if not host then error_.argument(1, ("not an endpoint: %q"):format(ep)) end
    ---@cast host string
    ---@cast service string
    local number = service:match "^%d+$"
    if number and tonumber(number) > 65535 then error_.argument(1, "a port is at most 65535, got " .. number) end
    return host, service
end

return M
