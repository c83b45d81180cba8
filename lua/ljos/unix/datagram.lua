--- UNIX datagrams: `socket`, `dial`. They arrive in order and whole; an empty one is of length 0.
---
--- Errors:   raises ljos.Error
--- Suspends: dial; connect, receive and send in all their forms
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local message = require "ljos.unix.message"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"
local unix_socket = require "ljos.unix.socket"

local bor, DO_NOT_WAIT = bit.bor, require("ljos.socket.message").DO_NOT_WAIT

---@class ljos.unix.datagram.Socket: ljos.unix.Socket
local Socket = {
    receive_with_fds = message.receive_with_fds,
    receive_from_with_fds = message.receive_from_with_fds,
    send_with_fds = message.send_with_fds,
    send_to_with_fds = message.send_to_with_fds,
}

--- Receives a datagram; returns how many of its bytes are in `buffer`, which cuts off what does not fit.
---@param buffer ljos.byte_span
---@param flags? string[]  "peek", ...
---@return integer
function Socket:receive(buffer, flags)
    byte_span.check(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    io_object.check_open(self)
    local res = operation.recv(self, buffer, bits, "receive")
    if res < 0 then error_.check(res) end
    return res
end

--- As `receive`; returns the sender's path too, which is empty where the sender has none.
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer
---@return ljos.filesystem.Path
function Socket:receive_from(buffer, flags)
    local bits = socket.message_flags(flags, 3)
    return message.receive_from(self, buffer, bits)
end

--- Sends a datagram to the peer that `connect` named; returns its length.
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer
function Socket:send(buffer, flags)
    byte_span.check(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    io_object.check_open(self)
    local res = operation.send(self, buffer, bor(bits, DO_NOT_WAIT) --[[@as integer]], "send")
    if res < 0 then error_.check(res) end
    return res
end

--- Sends a datagram to a path or an abstract name; returns its length. Waits while the receiver's queue is full.
---@param buffer ljos.byte_span
---@param pathname ljos.filesystem.Path|string
---@param flags? string[]
---@return integer
function Socket:send_to(buffer, pathname, flags)
    return message.send_to(self, buffer, pathname, socket.message_flags(flags, 4))
end

local options = "debug send_buffer_size receive_buffer_size"
local sockets = unix_socket.class("unix.datagram.socket", socket.constants.SOCK_DGRAM, Socket, options, false)

---@class ljos.unix.datagram.socket
---@field new fun(fd?: ljos.FileDescriptor): ljos.unix.datagram.Socket  closed, or owning `fd`
---@field pair fun(): ljos.unix.datagram.Socket, ljos.unix.datagram.Socket

---@class ljos.unix.datagram
---@field socket ljos.unix.datagram.socket
---@field dial fun(ep: string): ljos.unix.datagram.Socket  suspends until connected
return {
    socket = { new = sockets.new, pair = sockets.pair },
    dial = unix_socket.dialer(sockets.new),
}
