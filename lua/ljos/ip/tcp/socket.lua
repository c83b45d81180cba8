--- TCP sockets: byte streams between two endpoints.
---
--- One fiber may read while another writes. Several may read, or write: each byte goes to one of them, in no certain
--- order, so that only a lock of the program's own makes sense of that (seed 003, "Layering").
---
--- Errors:   raises ljos.Error; the peer's end of stream is asio_error.misc.eof
--- Suspends: connect, read_some, write_some, receive, send, send_file, wait
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local ip_socket = require "ljos.ip.socket"
local operation = require "ljos.loop.operation"
local send_file = require "ljos.ip.tcp.send_file"
local socket = require "ljos.socket"
local stream = require "ljos.socket.stream"

local check_span, check_open = byte_span.check, io_object.check_open

---@class ljos.ip.tcp.Socket: ljos.IoObject
---@field is_open boolean
---@field local_address ljos.ip.Address
---@field local_port integer
---@field remote_address ljos.ip.Address
---@field remote_port integer
---@field read_some fun(self, buffer: ljos.byte_span): integer
---@field write_some fun(self, buffer: ljos.byte_span): integer
local Socket = {}

local options = socket.option_set [[tcp_no_delay send_low_watermark send_buffer_size receive_low_watermark
    receive_buffer_size out_of_band_inline linger keep_alive do_not_route debug v6_only reuse_address]]

--- Opens the socket for a family.
---@param family "v4"|"v6"|ljos.ip.Address
function Socket:open(family) socket.open(self, ip_socket.family(family, 2), socket.constants.SOCK_STREAM) end

Socket.bind = ip_socket.bind
Socket.connect = ip_socket.connect
Socket.assign = ip_socket.assign
Socket.io_control = ip_socket.io_control
Socket.close = io_object.close
Socket.cancel = io_object.cancel
Socket.release = io_object.release_descriptor
Socket.shutdown = socket.shutdown
Socket.disconnect = socket.disconnect
Socket.wait = socket.wait
Socket.read_some = stream.read_some
Socket.write_some = stream.write_some

--- Sets an option (setsockopt(2)): "tcp_no_delay", "keep_alive", "linger" (with its seconds), "reuse_address",
--- "v6_only", "out_of_band_inline", "do_not_route", "debug"; in bytes "send_buffer_size", "receive_buffer_size",
--- "send_low_watermark", "receive_low_watermark". Source: seed 003, "ip.tcp.socket".
---@param name string
---@param value boolean|integer
---@param seconds? integer  for "linger"
function Socket:set_option(name, value, seconds) socket.set_option(self, options, name, value, seconds) end

--- Gets an option.
---@param name string
---@return boolean|integer value
---@return integer? seconds
function Socket:get_option(name) return socket.get_option(self, options, name) end

--- recv(2) with flags ("peek", "out_of_band", "do_not_route").
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer
function Socket:receive(buffer, flags)
    check_span(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    check_open(self)
    return stream.received(operation.recv(self, buffer, bits, "receive"), buffer)
end

--- send(2) with flags ("out_of_band", "do_not_route", "end_of_record").
---@param buffer ljos.byte_span
---@param flags? string[]
---@return integer
function Socket:send(buffer, flags)
    check_span(buffer, 2)
    local bits = socket.message_flags(flags, 3)
    check_open(self)
    return error_.check(operation.send(self, buffer, bits, "send"))
end

Socket.send_file = send_file

local properties = {
    --- Whether the next byte is the one that was sent out of band; needs the option "out_of_band_inline".
    at_mark = function(self) return socket.query(self, socket.constants.SIOCATMARK) ~= 0 end,
}
for name, property in pairs(ip_socket.properties) do
    properties[name] = property
end

local metatable = io_object.metatable("ip.tcp.socket", Socket, properties)

---@class ljos.ip.tcp.socket
local M = {}

--- Makes a closed socket, or one of a descriptor, whose object is closed then.
---@type fun(fd?: ljos.FileDescriptor): ljos.ip.tcp.Socket
M.new, M.adopt = io_object.constructors(metatable)

return M
