--- Requests: what a master takes out of a packet, believing nothing of it.
---
--- A packet that is no request is dropped, with every descriptor in it. Its sender hears that, since the way back for
--- the answer was among them.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local arguments = require "ljos.libc_service.arguments"
local file_descriptor = require "ljos.file_descriptor"
local message = require "ljos.socket.message"
local native = require "ljos.native"
local wire = require "ljos.libc_service.wire"

local constants = native.constant_table "socket"

native.declare [[
int libc_service_getpeername(int fd, void *address, unsigned *length) __asm__("getpeername");
int libc_service_getsockopt(int fd, int level, int name, void *value, unsigned *length) __asm__("getsockopt");
]]

---@class ljos.libc_service.request
local M = {}

-- One for the answer, and a socket or a directory; a third would be one too many.
local MOST_DESCRIPTORS = 3
local FAMILY_BYTES = 2

--- Makes a packet to receive requests with, one at a time.
---@return ljos.socket.Message
function M.new_packet()
    local packet = message.new(MOST_DESCRIPTORS) --[[@as any]]
    packet.request = wire.request_type()
    packet.vector[0].base, packet.vector[0].len = packet.request, wire.REQUEST_BYTES
    return packet
end

--- Prepares a packet for recvmsg.
---@param packet ljos.socket.Message
function M.make_room(packet) message.make_room(packet, MOST_DESCRIPTORS) end

local kind, length = ffi.new "int[1]", ffi.new "unsigned[1]"
local peer = ffi.new "uint16_t[64]" -- a socket address: its family, and the name

-- Whether an answer may be sent there: one end of a socket pair. Somebody's server would have a name, and would take
-- what comes for this process' own word.
local function is_fit_for_answer(fd)
    length[0] = ffi.sizeof(peer)
    if ffi.C.libc_service_getpeername(fd, peer, length) ~= 0 then return false end
    if length[0] ~= FAMILY_BYTES or peer[0] ~= constants.AF_UNIX then return false end
    length[0] = ffi.sizeof(kind)
    local failed = ffi.C.libc_service_getsockopt(fd, constants.SOL_SOCKET, constants.SO_TYPE, kind, length)
    return failed == 0 and kind[0] == constants.SOCK_SEQPACKET
end

local function read(packet, bytes, count)
    local is_cut, lacks_descriptors = message.was_cut(packet)
    local called = not is_cut and not lacks_descriptors and wire.check(packet.request, bytes, count)
    return called and is_fit_for_answer(packet.fds[0]) and arguments.read(called, packet.request) or nil
end

--- Takes in what recvmsg has brought; nil where it is no request.
---@param packet any     what `new_packet` made
---@param bytes integer  the result of recvmsg
---@return ljos.libc_service.Call?
---@return ljos.FileDescriptor[] # that for the answer first
function M.take(packet, bytes)
    local fds, count = {}, message.take_fds(packet)
    if count < 0 then return nil, fds end
    local call = read(packet, bytes, count)
    if not call then
        message.close_fds(packet, count)
        return nil, fds
    end
    for i = 1, count do
        fds[i] = file_descriptor.new(packet.fds[i - 1])
    end
    return call, fds
end

return M
