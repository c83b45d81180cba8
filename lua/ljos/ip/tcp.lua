--- TCP: `socket`, `acceptor`, `listen`, `dial`.
---
--- Errors:   raises ljos.Error
--- Suspends: dial
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.ip.tcp.acceptor"
local endpoint = require "ljos.ip.endpoint"
local socket = require "ljos.ip.tcp.socket"

---@class ljos.ip.tcp
local M = { socket = socket, acceptor = acceptor }

--- Makes an acceptor that listens at `ep` ("127.0.0.1:8080", "[::1]:0"), with reuse_address set.
--- Source: seed 003, "ip.tcp.listen".
---@param ep string
---@return ljos.ip.tcp.Acceptor
function M.listen(ep)
    local address, port = endpoint.toendpoint(ep)
    local a = acceptor.new()
    a:open(address)
    local ok, err = pcall(function()
        a:set_option("reuse_address", true)
        a:bind(address, port)
        a:listen()
    end)
    if ok then return a end
    a:close()
    error(err, 0)
end

--- Connects to `ep` ("127.0.0.1:8080"); suspends until connected. Source: seed 003, "ip.dial".
---@param ep string
---@return ljos.ip.tcp.Socket
function M.dial(ep)
    local address, port = endpoint.toendpoint(ep)
    local s = socket.new()
    s:open(address)
    local ok, err = pcall(s.connect, s, address, port)
    if ok then return s end
    s:close()
    error(err, 0)
end

return M
