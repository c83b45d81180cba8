--- UNIX streams: `socket`, `acceptor`, `listen`, `dial`.
---
--- Errors:   raises ljos.Error; the peer's end of stream is asio_error.misc.eof
--- Suspends: dial; connect, accept, wait, read_some, write_some, receive_with_fds, send_with_fds
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.unix.acceptor"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local message = require "ljos.unix.message"
local socket = require "ljos.socket"
local stream = require "ljos.socket.stream"
local unix_socket = require "ljos.unix.socket"

local SOCK_STREAM = socket.constants.SOCK_STREAM

---@class ljos.unix.stream.Socket: ljos.unix.Socket
---@field read_some fun(self, buffer: ljos.byte_span): integer
---@field write_some fun(self, buffer: ljos.byte_span): integer
local Socket = { read_some = stream.read_some, write_some = stream.write_some }

--- Reads what is there and at most `maxfds` descriptors that came with it; for the third result see
--- `ljos.unix.message`.
---@param buffer ljos.byte_span
---@param maxfds integer
---@return integer
---@return ljos.FileDescriptor[]
---@return string[]? lost
function Socket:receive_with_fds(buffer, maxfds)
    local count, fds, losses = message.receive_with_fds(self, buffer, maxfds)
    if count == 0 and buffer.len > 0 then error(asio_error.misc.eof, 0) end
    return count, fds, losses
end

--- Writes what fits, and descriptors with its first byte; returns how many bytes. The descriptors stay open.
---@param buffer ljos.byte_span
---@param fds ljos.FileDescriptor[]
---@return integer
function Socket:send_with_fds(buffer, fds)
    if byte_span.is(buffer) and buffer.len == 0 and type(fds) == "table" and #fds > 0 then
        error_.argument(2, "descriptors travel with a byte; the span is empty")
    end
    return message.send_with_fds(self, buffer, fds)
end

---@class ljos.unix.stream.Acceptor: ljos.unix.Acceptor
---@field accept fun(self): ljos.unix.stream.Socket

local options = "send_low_watermark send_buffer_size receive_low_watermark receive_buffer_size debug"
local sockets = unix_socket.class("unix.stream.socket", SOCK_STREAM, Socket, options, true)
local acceptors = acceptor.class("unix.stream.acceptor", SOCK_STREAM, sockets.adopt)

---@class ljos.unix.stream.socket
---@field new fun(fd?: ljos.FileDescriptor): ljos.unix.stream.Socket  closed, or owning `fd`
---@field pair fun(): ljos.unix.stream.Socket, ljos.unix.stream.Socket

---@class ljos.unix.stream
---@field socket ljos.unix.stream.socket
---@field acceptor { new: fun(fd?: ljos.FileDescriptor): ljos.unix.stream.Acceptor }
---@field listen fun(ep: string, mode?: integer): ljos.unix.stream.Acceptor
---@field dial fun(ep: string): ljos.unix.stream.Socket  suspends until connected
return {
    socket = { new = sockets.new, pair = sockets.pair },
    acceptor = acceptors,
    listen = acceptor.listener(acceptors.new),
    dial = unix_socket.dialer(sockets.new),
}
