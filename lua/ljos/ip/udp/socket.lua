--- UDP sockets: datagrams, each received whole or not at all.
---
--- A datagram longer than the buffer is cut off, as recv(2) does; the flag "truncate" makes the receiving functions
--- answer with its real length, so that a program can tell. A receive that is canceled has taken no datagram.
---
--- Errors:   raises ljos.Error; ECONNREFUSED out of the call that follows where a connected peer is not there
--- Suspends: receive, receive_from, send, send_to
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local datagram_ = require "ljos.ip.udp.datagram"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local ip_socket = require "ljos.ip.socket"
local message = require "ljos.socket.message"
local operation = require "ljos.loop.operation"
local options = require "ljos.ip.udp.options"
local socket = require "ljos.socket"

local check_span, check_open, check = byte_span.check, io_object.check_open, error_.check
local take, give_back = datagram_.take, datagram_.give_back
local raw_recvfrom, raw_sendto = operation.recvfrom, operation.sendto
local bor, DO_NOT_WAIT = bit.bor, message.DO_NOT_WAIT
local c = socket.constants

---@class ljos.ip.udp.Socket: ljos.IoObject
---@field is_open boolean
---@field local_address ljos.ip.Address
---@field local_port integer
---@field remote_address ljos.ip.Address
---@field remote_port integer
local Socket = {}

--- Opens the socket for a family.
---@param family "v4"|"v6"|ljos.ip.Address
function Socket:open(family) socket.open(self, ip_socket.family(family, 2), c.SOCK_DGRAM) end

Socket.bind = ip_socket.bind
Socket.assign = ip_socket.assign
Socket.io_control = ip_socket.io_control
Socket.close = io_object.close
Socket.cancel = io_object.cancel
Socket.release = io_object.release_descriptor
Socket.shutdown = socket.shutdown
Socket.disconnect = socket.disconnect
Socket.set_option = options.set
Socket.get_option = options.get

--- Sets the peer that `send` sends to and `receive` receives from alone. Does not suspend: nothing is sent. A socket
--- that has never been open is opened for it.
---@param addr ljos.ip.Address|string
---@param port integer
function Socket:connect(addr, port)
    local sockaddr, length = ip_socket.sockaddr_of(addr, port)
    if io_object.is_new(self) then return socket.open_and_connect(self, address.of(addr, 2), addr, port) end
    check_open(self)
    socket.checked(ffi.C.connect(self.fd, sockaddr, length))
end

-- MSG_TRUNC means something else to TCP.
local receive_flags = { truncate = c.MSG_TRUNC }

local function flags_of(names, arg, more)
    if names == nil then return 0 end
    return socket.message_flags(names, arg, more)
end

--- Receives a datagram; returns how many bytes of it are in `buffer`: 0 for an empty one.
---@param buffer ljos.byte_span
---@param flags? string[]  "peek", "out_of_band", "do_not_route", "truncate"
---@return integer
function Socket:receive(buffer, flags)
    check_span(buffer, 2)
    local bits = flags_of(flags, 3, receive_flags)
    check_open(self)
    return check(operation.recv(self, buffer, bits, "receive"))
end

-- A leaf: it makes a cdata.
local from_sockaddr = address.from_sockaddr
local function sender_of(data) return from_sockaddr(data.name, data.message.name_len) end

--- As `receive`; returns the sender's address and port too.
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer, ljos.ip.Address, integer
function Socket:receive_from(buffer, flags)
    check_span(buffer, 2)
    local bits = flags_of(flags, 3, receive_flags)
    check_open(self)
    local datagram = take(buffer)
    local res = raw_recvfrom(self, datagram, bits, "receive_from")
    if res < 0 then
        give_back(datagram)
        check(res)
    end
    local addr, port = sender_of(datagram.data)
    give_back(datagram)
    if not addr then error(asio_error.misc.eof, 0) end -- the kernel names no sender once receiving is shut down
    return res, addr, port
end

--- Sends a datagram to the peer; returns its length.
---@param buffer ljos.byte_span
---@param flags? string[]  "do_not_route", "end_of_record", "out_of_band"
---@return integer
function Socket:send(buffer, flags)
    check_span(buffer, 2)
    local bits = flags_of(flags, 3)
    check_open(self)
    return check(operation.send(self, buffer, bor(bits, DO_NOT_WAIT) --[[@as integer]], "send"))
end

local to_sockaddr = address.to_sockaddr
local function fill_name(datagram, addr, port) datagram.name_len = to_sockaddr(addr, port, datagram.data.name) end

--- Sends a datagram to an endpoint; returns its length.
---@param buffer ljos.byte_span
---@param addr ljos.ip.Address|string
---@param port integer
---@param flags? string[]
---@return integer
function Socket:send_to(buffer, addr, port, flags)
    check_span(buffer, 2)
    addr = address.of(addr, 3)
    endpoint.check_port(port, 4)
    local bits = flags_of(flags, 5)
    check_open(self)
    local datagram = take(buffer)
    fill_name(datagram, addr, port)
    local res = raw_sendto(self, datagram, bor(bits, DO_NOT_WAIT) --[[@as integer]], "send_to")
    give_back(datagram)
    if res < 0 then check(res) end
    return res
end

local metatable = io_object.metatable("ip.udp.socket", Socket, ip_socket.properties)

---@class ljos.ip.udp.socket
local M = {}

--- Makes a closed socket, or one of a descriptor, whose object is closed then.
---@type fun(fd?: ljos.FileDescriptor): ljos.ip.udp.Socket
M.new = io_object.constructors(metatable)

return M
