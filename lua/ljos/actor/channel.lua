--- Channels: the sending end of an actor's inbox.
---
--- A channel owns one end of a SOCK_SEQPACKET pair that carries messages one way. The channel of an actor that this
--- program started itself also knows the process. Dropping a channel, or closing it, tells the actor only that
--- one sender is gone; the process lives until it ends by itself, is killed, or its parent ends.
---
--- Errors:   raises ljos.Error
--- Suspends: send
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address_ = require "ljos.actor.address"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local message = require "ljos.socket.message"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local packet_ = require "ljos.actor.packet"
local process = require "ljos.process"
local wire = require "ljos.actor.wire"

local error, pcall, rawget, setmetatable = error, pcall, rawget, setmetatable
local ECONNRESET, EPIPE = error_.errno_of.ECONNRESET, error_.errno_of.EPIPE
local constants = native.constant_table "socket"
local MSG_NOSIGNAL = native.constant_table("MSG").MSG_NOSIGNAL
local SIGKILL = native.constant_table("signal").SIGKILL

ffi.cdef [[
int close(int fd);
int getsockopt(int fd, int level, int name, void *value, unsigned int *length);
int64_t send(int fd, const void *data, size_t size, int flags);
int socketpair(int domain, int type, int protocol, int *fds);
int shutdown(int fd, int how);
]]

---@class ljos.actor.channel
local M = {}

---@class ljos.Channel: ljos.IoObject
---@field child_pid integer  of a direct child
---@field child ljos.Child|false         for the modules that start actors
---@field control ljos.IoObject|false    the socket by whose end the child notices ours
local methods, properties = {}, {}
local metatable = io_object.metatable("ipc_actor_channel", methods, properties)

--- Makes a channel that owns `fd`.
---@param fd integer
---@param child? ljos.Child
---@param control? ljos.IoObject
---@return ljos.Channel
function M.new(fd, child, control)
    local channel = io_object.new { child = child or false, control = control or false }
    io_object.adopt(channel, fd)
    return setmetatable(channel, metatable)
end

local ends = ffi.new "int[2]"

--- Makes a socket pair for messages: of any direction, or one-way with the reading end first. Close-on-exec.
---@param one_way boolean
---@return integer reading, integer writing
function M.pair(one_way)
    local kind = bit.bor(constants.SOCK_SEQPACKET, constants.SOCK_CLOEXEC)
    if ffi.C.socketpair(constants.AF_UNIX, kind, 0, ends) ~= 0 then
        error_.check(-ffi.errno(), { detail = "socketpair" })
    end
    local reading, writing = ends[0], ends[1]
    -- Shutting one end's reading down shuts the other's writing down too.
    if one_way then ffi.C.shutdown(writing, constants.SHUT_RD) end
    return reading, writing
end

--- How the inbox makes an address of its own; set by inbox.lua.
M.make_own_address = nil ---@type fun(): integer

-- Makes an address, for actors in processes, of an actor in this process.
local function make_address_of(address)
    local reading, writing = M.pair(true)
    local ok, err = pcall(address_.add_source, address, reading)
    if ok then return writing end
    ffi.C.close(writing)
    error(err, 0)
end

-- Sending -------------------------------------------------------------------------------------------------------

-- The descriptors that go with a message are made once the whole of it has proved legal: duplicates, and addresses of
-- inboxes in this process. They are closed after sendmsg: the kernel holds what is under way.
local function send_with_fds(self, packet)
    local made = 0
    local ok, res = pcall(function()
        while made < packet.fd_count do
            local fd = packet.fds[made]
            if fd == wire.TO_BE_MADE then
                local address = wire.made_of(made)
                packet.fds[made] = address and make_address_of(address) or M.make_own_address()
            else
                message.duplicate_fd(packet, made, fd)
            end
            made = made + 1
        end
        packet_.seal(packet)
        return operation.sendmsg_soon(self, packet, "send")
    end)
    message.close_fds(packet, made)
    if not ok then error(res, 0) end
    return res
end

--- Sends a message: a boolean, number, string of up to 255 bytes, file_descriptor, address (a channel, or the inbox for
--- one's own), or a flat dictionary of up to 20 of them. Seed 003, "spawn_vm", channel functions.
--- Suspends while the receiver's queue is full. Raises EINVAL for what cannot be sent, channel_closed when this end is
--- closed, EPIPE when the receiver is gone. Descriptors are duplicated; the sender keeps his.
---@param msg any
function methods:send(msg)
    if getmetatable(self) ~= "ipc_actor_channel" then io_object.not_an_object(self, "ipc_actor_channel") end
    if self.fd < 0 then error(error_.core "channel_closed", 0) end
    local packet = packet_.take()
    packet_.encode(packet, msg)
    local res
    if packet.fd_count > 0 then
        res = send_with_fds(self, packet)
    else
        packet_.seal(packet)
        res = operation.sendmsg_soon(self, packet, "send")
    end
    packet_.give_back(packet)
    -- The receiver ended with messages unread: for the sender that is the same.
    if res == -ECONNRESET then res = -EPIPE end
    if res < 0 then error_.check(res) end
end

--- Closes the channel; closing twice does nothing. What was sent is still delivered.
function methods:close() io_object.close(self) end

-- The process ---------------------------------------------------------------------------------------------------

local function child_of(self)
    local child = rawget(self, "child")
    if not child then error(error_.generic("EINVAL", { detail = "not the channel of a direct child" }), 0) end
    return child
end

-- Closes the channel of a child that was killed. The sender stays until the child was reaped, and the whole of its PID
-- namespace with it: else the actor could hear, and print, that it has no senders before the signal gets there.
local function close_after(self, child)
    if self.fd < 0 or child.fd < 0 then return self:close() end
    child.sender = io_object.new()
    io_object.adopt(child.sender, io_object.release(self))
end

--- Sends a signal to the process; SIGKILL, the default, closes the channel too. Never races with pid numbers.
---@param signo? integer
function methods:kill(signo)
    local child = child_of(self)
    if signo ~= nil then error_.check_type(signo, "number", 2) end
    signo = signo or SIGKILL
    if child.fd >= 0 then process.kill(child, signo) end
    if signo == SIGKILL then close_after(self, child) end
end

--- Lets the process outlive this one. The channel stays open.
function methods:detach()
    child_of(self)
    local control = rawget(self, "control")
    if not control or control.fd < 0 then return end
    if ffi.C.send(control.fd, "d", 1, MSG_NOSIGNAL) < 0 then error_.check(-ffi.errno(), { detail = "detach" }) end
    io_object.close(control)
end

function properties:child_pid() return child_of(self).pid end

-- Addresses -----------------------------------------------------------------------------------------------------

local value, length = ffi.new "int[1]", ffi.new "unsigned int[1]"

local function option(fd, name)
    length[0] = 4
    if ffi.C.getsockopt(fd, constants.SOL_SOCKET, name, value, length) ~= 0 then return -1 end
    return value[0]
end

--- Makes a channel of an address that came in a message. A descriptor that is no such socket is closed: nil. Who sent
--- it is not believed, and sending must do nothing but send.
---@param fd integer
---@return ljos.Channel?
function M.from_message(fd)
    local family, kind = option(fd, constants.SO_DOMAIN), option(fd, constants.SO_TYPE)
    if family == constants.AF_UNIX and kind == constants.SOCK_SEQPACKET then return M.new(fd) end
    ffi.C.close(fd)
end

wire.register("ipc_actor_channel", function(channel)
    if channel.fd < 0 then error(error_.core "channel_closed", 0) end
    return channel.fd
end, "actor_address")
wire.register("tx-channel", function(address) return wire.TO_BE_MADE, address end, "actor_address")

return M
