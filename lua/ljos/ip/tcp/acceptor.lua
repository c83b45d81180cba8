--- TCP acceptors: sockets that listen.
---
--- Errors:   raises ljos.Error
--- Suspends: accept, wait
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.socket.acceptor"
local io_object = require "ljos.io_object"
local ip_socket = require "ljos.ip.socket"
local socket = require "ljos.socket"
local tcp_socket = require "ljos.ip.tcp.socket"

---@class ljos.ip.tcp.Acceptor: ljos.Acceptor
---@field accept fun(self): ljos.ip.tcp.Socket
---@field local_address ljos.ip.Address
---@field local_port integer
local Acceptor = {}

--- Opens the acceptor for a family.
---@param family "v4"|"v6"|ljos.ip.Address
function Acceptor:open(family) socket.open(self, ip_socket.family(family, 2), socket.constants.SOCK_STREAM) end

Acceptor.bind = ip_socket.bind
Acceptor.assign = ip_socket.assign

acceptor.methods(Acceptor, socket.option_set "reuse_address debug v6_only reuse_port", tcp_socket.adopt)

local metatable = io_object.metatable("ip.tcp.acceptor", Acceptor, {
    is_open = ip_socket.properties.is_open,
    local_address = ip_socket.properties.local_address,
    local_port = ip_socket.properties.local_port,
})

---@class ljos.ip.tcp.acceptor
local M = {}

--- Makes a closed acceptor, or one of a descriptor, whose object is closed then.
---@type fun(fd?: ljos.FileDescriptor): ljos.ip.tcp.Acceptor
M.new = io_object.constructors(metatable)

return M
