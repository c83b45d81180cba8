--- Packets: a wire message, its descriptors, and the structures of sendmsg(2) and recvmsg(2) around them.
---
--- A packet serves one operation at a time and is taken from a pool; it is given back by whoever knows that the
--- kernel has let go of it. Descriptors that came with a malformed message are closed here.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local wire = require "ljos.actor.wire"

local C = native.C
local constants = native.constant_table "socket"

ffi.cdef [[
int close(int fd);
]]

---@class ljos.actor.packet
local M = {}

local FDS = wire.MAX_MEMBERS
local CONTROL_BYTES = C.ljos_message_control_bytes(FDS)
local SPOILED = constants.MSG_TRUNC + constants.MSG_CTRUNC

---@class ljos.actor.Packet: ljos.Message
---@field message ffi.cdata*  struct ljos_message[1], for the kernel
---@field vector ffi.cdata*   struct ljos_vector[1]: the bytes of `wire`
---@field control ffi.cdata*  room for the descriptors
---@field wire ffi.cdata*     struct ljos_wire_message
---@field fds ffi.cdata*      int[20]
---@field fd_count integer

---@return ljos.actor.Packet
local function new()
    local packet = {
        message = ffi.new "struct ljos_message[1]",
        vector = ffi.new "struct ljos_vector[1]",
        wire = ffi.new "struct ljos_wire_message",
        control = ffi.new("uint64_t[?]", CONTROL_BYTES / 8),
        fds = ffi.new("int[?]", FDS),
        fd_count = 0,
    }
    packet.vector[0].base = packet.wire
    packet.message[0].vectors, packet.message[0].vector_count = packet.vector, 1
    packet.message[0].control = packet.control
    return packet
end

local POOL_MAX = 16
local pool, pool_n = {}, 0

---@return ljos.actor.Packet
function M.take()
    if pool_n == 0 then return new() end
    local packet = pool[pool_n]
    pool_n = pool_n - 1
    return packet
end

---@param packet ljos.actor.Packet
function M.give_back(packet)
    if pool_n == POOL_MAX then return end
    pool_n = pool_n + 1
    pool[pool_n] = packet
end

--- Writes `value` into the packet, to be sent. Descriptors that are OWN_ADDRESS are still to be made: `seal`.
---@param packet ljos.actor.Packet
---@param value any
function M.encode(packet, value)
    local bytes, fd_count = wire.encode(packet.wire, value, packet.fds)
    packet.vector[0].len, packet.fd_count = bytes, fd_count
end

--- Puts the descriptors beside the message; the last step before sendmsg.
---@param packet ljos.actor.Packet
function M.seal(packet)
    local res = C.ljos_message_put_fds(packet.message, CONTROL_BYTES, packet.fds, packet.fd_count)
    error_.check(res)
end

--- Prepares the packet for recvmsg.
---@param packet ljos.actor.Packet
function M.open(packet)
    packet.vector[0].len = wire.BYTES
    packet.message[0].control_len, packet.message[0].flags = CONTROL_BYTES, 0
end

local function close_all(packet, count)
    for i = 0, count - 1 do
        ffi.C.close(packet.fds[i])
    end
end

--- Reads what recvmsg put into the packet. False for a malformed message, whose descriptors are closed then.
---@param packet ljos.actor.Packet
---@param bytes integer  the result of recvmsg
---@param make fun(fd: integer, is_address: boolean): any
---@return boolean ok, any value
function M.decode(packet, bytes, make)
    local count = C.ljos_message_take_fds(packet.message, packet.fds, FDS)
    if count < 0 then return false end
    if bit.band(packet.message[0].flags, SPOILED) ~= 0 then
        close_all(packet, count)
        return false
    end
    local ok, result, taken = wire.decode(packet.wire, bytes, packet.fds, count, make)
    if not ok and not taken then close_all(packet, count) end
    return ok, result
end

return M
