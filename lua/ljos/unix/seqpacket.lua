--- UNIX sequenced packets: connections that keep the boundaries of messages: `socket`, `acceptor`, `listen`, `dial`.
---
--- An empty packet and the end of the connection look the same to the kernel, so both are asio_error.misc.eof. Source:
--- seed 003, "A note on 0-sized packets".
---
--- Errors:   raises ljos.Error
--- Suspends: dial; connect, accept, wait, receive, send, receive_with_fds, send_with_fds
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.unix.acceptor"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local message = require "ljos.unix.message"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"
local unix_socket = require "ljos.unix.socket"

local SOCK_SEQPACKET = socket.constants.SOCK_SEQPACKET

---@class ljos.unix.seqpacket.Socket: ljos.unix.Socket
local Socket = { send_with_fds = message.send_with_fds }

--- Receives a packet; returns how many of its bytes are in `buffer`, which cuts off what does not fit.
---@param buffer ljos.byte_span
---@param flags? string[]  "peek", ...
---@return integer
function Socket:receive(buffer, flags)
    byte_span.check(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    io_object.check_open(self)
    local res = operation.recv(self, buffer, bits, "receive")
    if res > 0 then return res end
    if res < 0 then error_.check(res) end
    error(asio_error.misc.eof, 0)
end

--- Sends a packet; returns its length.
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer
function Socket:send(buffer, flags)
    byte_span.check(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    io_object.check_open(self)
    local res = operation.send(self, buffer, bits, "send")
    if res < 0 then error_.check(res) end
    return res
end

--- Receives a packet and at most `maxfds` descriptors that came with it; see `ljos.unix.message` for the third result.
---@param buffer ljos.byte_span
---@param maxfds integer
---@return integer
---@return ljos.FileDescriptor[]
---@return string[]? lost
function Socket:receive_with_fds(buffer, maxfds)
    local count, fds, losses = message.receive_with_fds(self, buffer, maxfds)
    if count > 0 then return count, fds, losses end
    for _, fd in ipairs(fds) do
        fd:close()
    end
    error(asio_error.misc.eof, 0)
end

---@class ljos.unix.seqpacket.Acceptor: ljos.unix.Acceptor
---@field accept fun(self): ljos.unix.seqpacket.Socket

local options = "debug send_buffer_size receive_buffer_size"
local sockets = unix_socket.class("unix.seqpacket.socket", SOCK_SEQPACKET, Socket, options, true)
local acceptors = acceptor.class("unix.seqpacket.acceptor", SOCK_SEQPACKET, sockets.adopt)

---@class ljos.unix.seqpacket.socket
---@field new fun(fd?: ljos.FileDescriptor): ljos.unix.seqpacket.Socket  closed, or owning `fd`
---@field pair fun(): ljos.unix.seqpacket.Socket, ljos.unix.seqpacket.Socket

---@class ljos.unix.seqpacket
---@field socket ljos.unix.seqpacket.socket
---@field acceptor { new: fun(fd?: ljos.FileDescriptor): ljos.unix.seqpacket.Acceptor }
---@field listen fun(ep: string, mode?: integer): ljos.unix.seqpacket.Acceptor
---@field dial fun(ep: string): ljos.unix.seqpacket.Socket  suspends until connected
return {
    socket = { new = sockets.new, pair = sockets.pair },
    acceptor = acceptors,
    listen = acceptor.listener(acceptors.new),
    dial = unix_socket.dialer(sockets.new),
}
