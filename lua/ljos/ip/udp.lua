--- UDP: `socket`, `dial`, and the names of endpoints.
---
--- Errors:   raises ljos.Error
--- Suspends: dial, get_address_info and its like, get_name_info
--- Needs:    nothing beyond Linux 5.15
local connect = require "ljos.ip.connect"
local endpoint = require "ljos.ip.endpoint"
local resolve = require "ljos.ip.resolve"
local socket = require "ljos.ip.udp.socket"
local c = require("ljos.socket").constants

---@class ljos.ip.udp
local M = {
    socket = socket,
    get_address_info = resolve.address_info(c.AF_UNSPEC, c.SOCK_DGRAM, c.IPPROTO_UDP),
    get_address_v4_info = resolve.address_info(c.AF_INET, c.SOCK_DGRAM, c.IPPROTO_UDP),
    get_address_v6_info = resolve.address_info(c.AF_INET6, c.SOCK_DGRAM, c.IPPROTO_UDP),
    get_name_info = resolve.name_info(c.SOCK_DGRAM),
}

--- Makes a socket whose peer is `ep` ("localhost:domain", "127.0.0.1:53"): the first of its endpoints that there is a
--- route to. Suspends where `ep` is a name. Source: seed 003, "ip.dial".
---@param ep string
---@return ljos.ip.udp.Socket
function M.dial(ep)
    local host, service = endpoint.split(ep)
    local sock = socket.new()
    connect.connect(sock, M.get_address_info(host, service, { "address_configured" }))
    return sock
end

return M
