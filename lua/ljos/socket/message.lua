--- Messages: the structures of sendmsg(2) and recvmsg(2), with room for descriptors and for the peer's address.
---
--- A message serves one operation at a time. Whoever made it knows when the kernel has let go of it; one whose
--- operation raised is left to the collector.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C = native.C
local constants = native.constant_table "socket"
local band = bit.band

local F_DUPFD_CLOEXEC = native.constant_table("file").F_DUPFD_CLOEXEC

ffi.cdef [[
int libc_message_close(int fd) __asm__("close");
int libc_message_fcntl(int fd, int command, int value) __asm__("fcntl");
]]

---@class ljos.socket.message
local M = {}

--- How many descriptors one message can carry: SCM_MAX_FD, include/net/scm.h of the kernel.
M.MAX_FDS = 253

--- The flag that sends of datagrams carry: they must not wait inside the kernel. Where one meets a full queue, io_uring
--- tries again with the bytes consumed, and sends an empty one (Linux 6.18; unix_dgram_sendmsg copies before it looks).
M.DO_NOT_WAIT = native.constant_table("MSG").MSG_DONTWAIT

local HEADER_BYTES = C.ljos_message_control_bytes(0)
M.NAME_BYTES = 128 -- a struct sockaddr_storage

---@class ljos.socket.Message: ljos.Message
---@field vector ffi.cdata*     struct ljos_vector[1]: the bytes
---@field name ffi.cdata*|false a socket address, where there is room for one
---@field control ffi.cdata*    what the descriptors travel in
---@field control_bytes integer
---@field fds ffi.cdata*        int[room]
---@field room integer          how many descriptors fit

--- Makes a message with room for `room` descriptors.
---@param room integer
---@return ljos.socket.Message
function M.new(room)
    local bytes = C.ljos_message_control_bytes(room)
    local message = {
        message = ffi.new "struct ljos_message[1]",
        vector = ffi.new "struct ljos_vector[1]",
        name = false,
        control = ffi.new("uint64_t[?]", bytes / 8),
        control_bytes = bytes,
        fds = ffi.new("int[?]", room),
        room = room,
    }
    local header = message.message[0]
    header.vectors, header.vector_count, header.control = message.vector, 1, message.control
    return message
end

--- Sets one of `fds` to a duplicate of `number`: the kernel looks at them when the message is sent, which may be when
--- somebody else has closed the original, and the number is another file's.
---@param message ljos.socket.Message
---@param index integer  from 0
---@param number integer
function M.duplicate_fd(message, index, number)
    local copy = ffi.C.libc_message_fcntl(number, F_DUPFD_CLOEXEC, 0)
    if copy < 0 then error_.check(-ffi.errno(), { detail = "dup" }) end
    message.fds[index] = copy
end

--- Puts the first `count` of `fds` beside the bytes, to be sent.
---@param message ljos.socket.Message
---@param count integer
function M.put_fds(message, count)
    error_.check(C.ljos_message_put_fds(message.message, message.control_bytes, message.fds, count))
end

--- Prepares for receiving at most `count` descriptors. The kernel closes what comes beyond, and says so.
---@param message ljos.socket.Message
---@param count integer
function M.make_room(message, count)
    local header = message.message[0]
    header.control_len, header.flags = count > 0 and HEADER_BYTES + 4 * count or 0, 0
end

--- Moves the descriptors that came to `fds`; their number, or -errno with all of them closed.
---@param message ljos.socket.Message
---@return integer
function M.take_fds(message) return C.ljos_message_take_fds(message.message, message.fds, message.room) end

--- Closes the first `count` of `fds`.
---@param message ljos.socket.Message
---@param count integer
function M.close_fds(message, count)
    for i = 0, count - 1 do
        ffi.C.libc_message_close(message.fds[i])
    end
end

--- Whether bytes were cut off, and whether descriptors were.
---@param message ljos.socket.Message
---@return boolean bytes
---@return boolean descriptors
function M.was_cut(message)
    local flags = message.message[0].flags
    return band(flags, constants.MSG_TRUNC) ~= 0, band(flags, constants.MSG_CTRUNC) ~= 0
end

return M
