--- IP sockets: what TCP and UDP objects share: families, bind, connect, and the address properties.
---
--- Errors:   raises ljos.Error
--- Suspends: connect
--- Needs:    nothing beyond Linux 5.15
local address = require "ljos.ip.address"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"

local c = socket.constants
local sockaddr_type = address.sockaddr_type

---@class ljos.ip.socket
local M = {}

--- The AF_* of "v4", "v6" or an address.
---@param family "v4"|"v6"|ljos.ip.Address
---@param arg integer
---@return integer
function M.family(family, arg)
    if family == "v4" then return c.AF_INET end
    if family == "v6" then return c.AF_INET6 end
    if not address.is(family) then error_.argument(arg, '"v4", "v6" or an ip.address expected') end
    return family.is_v4 and c.AF_INET or c.AF_INET6
end

--- Takes over a descriptor; the object must be closed.
---@param object ljos.IoObject
---@param family "v4"|"v6"|ljos.ip.Address
---@param fd ljos.FileDescriptor
function M.assign(object, family, fd)
    M.family(family, 2)
    io_object.check_closed(object)
    io_object.adopt(object, io_object.take_descriptor(fd, 3))
end

local function sockaddr_of(addr, port)
    addr = address.of(addr, 2)
    endpoint.check_port(port, 3)
    local sockaddr = sockaddr_type()
    return sockaddr, address.to_sockaddr(addr, port, sockaddr)
end
M.sockaddr_of = sockaddr_of

--- Binds to a local endpoint.
---@param object ljos.IoObject
---@param addr ljos.ip.Address|string
---@param port integer
function M.bind(object, addr, port)
    local sockaddr, length = sockaddr_of(addr, port)
    socket.bind(object, sockaddr, length, endpoint.tostring(addr, port))
end

--- Connects to an endpoint. A socket that has never been open is opened for it.
---@param object ljos.IoObject
---@param addr ljos.ip.Address|string
---@param port integer
function M.connect(object, addr, port)
    local sockaddr, length = sockaddr_of(addr, port)
    if io_object.is_new(object) then return socket.open_and_connect(object, address.of(addr, 2), addr, port) end
    io_object.check_open(object)
    local res = operation.connect(object, sockaddr, length, "connect")
    if res < 0 then error_.check(res, { detail = endpoint.tostring(addr, port) }) end
end

local scratch = sockaddr_type()

local function endpoint_of(object, which)
    local length = socket.address(object, which, scratch)
    local addr, port = address.from_sockaddr(scratch, length)
    if not addr then error_.check(port) end
    return addr, port
end

--- The address properties of an IP socket.
M.properties = {
    is_open = io_object.is_open,
    local_address = function(object) return (endpoint_of(object, "local")) end,
    local_port = function(object) return (select(2, endpoint_of(object, "local"))) end,
    remote_address = function(object) return (endpoint_of(object, "remote")) end,
    remote_port = function(object) return (select(2, endpoint_of(object, "remote"))) end,
}

M.io_control = socket.io_control

return M
