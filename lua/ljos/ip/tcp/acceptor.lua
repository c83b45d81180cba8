--- TCP acceptors: sockets that listen.
---
--- Errors:   raises ljos.Error
--- Suspends: accept, wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local ip_socket = require "ljos.ip.socket"
local operation = require "ljos.operation"
local socket = require "ljos.socket"
local tcp_socket = require "ljos.ip.tcp.socket"

local ECONNABORTED = error_.errno_of.ECONNABORTED

---@class ljos.ip.tcp.Acceptor: ljos.IoObject
---@field is_open boolean
---@field local_address ljos.ip.Address
---@field local_port integer
---@field connection_aborted boolean
local Acceptor = {}

local options = { reuse_address = true, debug = true, v6_only = true, reuse_port = true }

--- Opens the acceptor for a family.
---@param family "v4"|"v6"|ljos.ip.Address
function Acceptor:open(family) socket.open(self, ip_socket.family(family, 1), socket.constants.SOCK_STREAM) end

Acceptor.bind = ip_socket.bind
Acceptor.assign = ip_socket.assign
Acceptor.listen = socket.listen
Acceptor.wait = socket.wait
Acceptor.close = io_object.close
Acceptor.cancel = io_object.cancel
Acceptor.release = io_object.release_descriptor

--- Sets an option: "reuse_address", "debug", "v6_only", or "enable_connection_aborted", which says whether
--- `accept` raises ECONNABORTED for a peer that left before it was accepted (default: it waits for the next).
---@param name string
---@param value boolean
function Acceptor:set_option(name, value)
    if name ~= "enable_connection_aborted" then return socket.set_option(self, options, name, value) end
    error_.check_type(value, "boolean", 2)
    io_object.check_open(self)
    self.connection_aborted = value
end

---@param name string
---@return boolean
function Acceptor:get_option(name)
    if name ~= "enable_connection_aborted" then return (socket.get_option(self, options, name)) end
    io_object.check_open(self)
    return self.connection_aborted
end

--- Waits for a connection and returns its socket.
---@return ljos.ip.tcp.Socket
function Acceptor:accept()
    io_object.check_open(self)
    local res = operation.accept(self, "accept")
    while res == -ECONNABORTED and not self.connection_aborted do
        res = operation.accept(self, "accept")
    end
    return tcp_socket.adopt(error_.check(res))
end

local metatable = io_object.metatable("ip.tcp.acceptor", Acceptor, {
    is_open = ip_socket.properties.is_open,
    local_address = ip_socket.properties.local_address,
    local_port = ip_socket.properties.local_port,
})

---@class ljos.ip.tcp.acceptor
local M = {}

--- Makes a closed acceptor.
---@return ljos.ip.tcp.Acceptor
function M.new() return setmetatable(io_object.new { connection_aborted = false }, metatable) end

return M
