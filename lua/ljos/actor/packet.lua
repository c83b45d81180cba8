--- Packets: messages of actors: the wire format, and descriptors beside it.
---
--- A packet serves one operation at a time and is taken from a pool; it is given back by whoever knows that the
--- kernel has let go of it. Descriptors that came with a malformed message are closed here.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local message = require "ljos.socket.message"
local wire = require "ljos.actor.wire"

---@class ljos.actor.packet
local M = {}

local FDS = wire.MAX_MEMBERS

---@class ljos.actor.Packet: ljos.socket.Message
---@field wire ffi.cdata*     struct ljos_wire_message
---@field fd_count integer

---@return ljos.actor.Packet
local function new()
    local packet = message.new(FDS) --[[@as ljos.actor.Packet]]
    packet.wire, packet.fd_count = ffi.new "struct ljos_wire_message", 0
    packet.vector[0].base = packet.wire
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

--- Writes `value` into the packet, to be sent. Descriptors that are TO_BE_MADE are still to be made: `seal`.
---@param packet ljos.actor.Packet
---@param value any
function M.encode(packet, value)
    local bytes, fd_count = wire.encode(packet.wire, value, packet.fds)
    packet.vector[0].len, packet.fd_count = bytes, fd_count
end

--- Puts the descriptors beside the message; the last step before sendmsg.
---@param packet ljos.actor.Packet
function M.seal(packet) message.put_fds(packet, packet.fd_count) end

--- Prepares the packet for recvmsg.
---@param packet ljos.actor.Packet
function M.open(packet)
    packet.vector[0].len = wire.BYTES
    message.make_room(packet, FDS)
end

--- Reads what recvmsg put into the packet. False for a malformed message, whose descriptors are closed then.
---@param packet ljos.actor.Packet
---@param bytes integer  the result of recvmsg
---@param make fun(fd: integer, is_address: boolean): any
---@return boolean ok, any value
function M.decode(packet, bytes, make)
    local count = message.take_fds(packet)
    if count < 0 then return false end
    local cut, fds_cut = message.was_cut(packet)
    if cut or fds_cut then
        message.close_fds(packet, count)
        return false
    end
    local ok, result, taken = wire.decode(packet.wire, bytes, packet.fds, count, make)
    if not ok and not taken then message.close_fds(packet, count) end
    return ok, result
end

return M
