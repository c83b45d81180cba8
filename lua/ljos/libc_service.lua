--- libc_service: functions of the C library in an actor that ask the program which started it, and do what it answers.
---
--- `new()` makes a master, which stays, and a slave, which goes to the actor (`spawn_vm`, `sandbox.spawn`). Code in the
--- actor that calls open(2), connect(2), getaddrinfo(3), ... waits, its whole thread with it, until the master has
--- answered: with a result, with a descriptor, or that the actor may make the call itself. It is no boundary: what is
--- not to be reached must be taken from the actor by other means, for it can make system calls by itself.
---
--- The master believes nothing: a packet that is no request is dropped, with every descriptor in it, and its sender
--- gets EACCES. So does a call that is not answered, once the master receives the next one, is closed, or is gone.
---
--- Errors:   raises ljos.Error
--- Suspends: receive
--- Needs:    nothing beyond Linux 5.15
local address_ = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local channel = require "ljos.actor.channel"
local clock = require "ljos.filesystem.clock"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local io_object = require "ljos.io_object"
local message = require "ljos.socket.message"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local preload = require "ljos.libc_service.preload"
local reply_ = require "ljos.libc_service.reply"
local request = require "ljos.libc_service.request"
local slave_ = require "ljos.libc_service.slave"
local wire = require "ljos.libc_service.wire"

---@class ljos.libc_service
local M = {}

---@class ljos.libc_service.Master: ljos.IoObject
---@field function_ string  the name of the call
---@field path ljos.filesystem.Path      of the call, as all that follow; `arguments` says which call has which
---@field path1 ljos.filesystem.Path
---@field path2 ljos.filesystem.Path
---@field flags string[]
---@field mode? integer
---@field amode "f"|string[]
---@field ipv4_addr ljos.ip.Address
---@field ipv6_addr ljos.ip.Address
---@field port integer
---@field node string
---@field service string
---@field protocol? "tcp"|"udp"
---@field is_open boolean
---@field package call ljos.libc_service.Call|false    what is to be answered
---@field package answer_to ljos.FileDescriptor|false  where
---@field package attached ljos.FileDescriptor[]       the call's descriptors that nobody has taken
---@field package receiving boolean
---@field package packet ljos.socket.Message|false     for the next call
local methods, properties = {}, { is_open = io_object.is_open }

local metatable = io_object.metatable("libc_service.master", methods, properties)

--- Makes a service. Seed 003, "libc_service".
---@return ljos.libc_service.Master master
---@return ljos.libc_service.Slave slave  for one actor
function M.new()
    local reading, writing = channel.pair(true)
    local slave = slave_.new(writing)
    local master = io_object.new { call = false, answer_to = false, attached = {}, receiving = false, packet = false }
    io_object.adopt(master, reading)
    return setmetatable(master, metatable), slave
end

--- As `ljos.libc_service.preload` says.
M.preload = preload

local answer = message.new(1)

-- Ends the call at hand with this reply. Never waits: an actor that does not listen loses its answer.
local function finish(self, reply, fds)
    answer.vector[0].base, answer.vector[0].len = reply, wire.REPLY_BYTES
    for i, fd in ipairs(fds) do
        answer.fds[i - 1] = file_descriptor.number_of(fd, "fds")
    end
    message.put_fds(answer, #fds)
    native.C.ljos_message_send_now(self.answer_to:getfd(), answer.message)
    self.answer_to:close()
    for _, fd in ipairs(self.attached) do
        fd:close()
    end
    self.call, self.answer_to, self.attached = false, false, {}
end

local denial = wire.reply_type()
denial.kind = wire.DENIED

-- Denies the call that was not answered.
local function let_go(self)
    if self.call then finish(self, denial, {}) end
end

-- For methods whose names are those of hot ones elsewhere, which io_object does not look after.
local function check_class(self)
    if getmetatable(self) ~= "libc_service.master" then io_object.not_an_object(self, "libc_service.master") end
end

-- Receiving -----------------------------------------------------------------------------------------------------

-- A packet whose operation raised is left to the collector.
local function receive(self)
    local packet = self.packet or request.new_packet()
    self.packet = false
    repeat
        request.make_room(packet)
        local res = operation.recvmsg_soon(self, packet, "receive")
        error_.check(res)
        -- A request has bytes: none is the end.
        local call, fds = request.take(packet, res)
        if res == 0 then error(asio_error.misc.eof, 0) end
        if call then
            self.call, self.answer_to, self.attached = call, table.remove(fds, 1), fds
        end
    until call
    self.packet = packet
end

--- Waits for the next call of the actor; what it is, the properties and `arguments` say. Seed 003,
--- "libc_service.master". A call before that was not answered fails with EACCES. Cancellation loses none.
--- Raises asio_error.misc.eof when the actor has ended, EBUSY while another fiber receives.
function methods:receive()
    check_class(self)
    io_object.check_open(self)
    if self.receiving then error(error_.generic("EBUSY", { detail = "another fiber receives" }), 0) end
    let_go(self)
    self.receiving = true
    local ok, err = pcall(receive, self)
    self.receiving = false
    if not ok then error(err, 0) end
end

local function current(self)
    check_class(self)
    if not self.call then error_.argument(1, "there is no call to answer") end
    return self.call --[[@as ljos.libc_service.Call]]
end

--- Returns the arguments of the call, in the order of the manual (seed 003, "libc_service.master", arguments).
---@return any ...
function methods:arguments()
    local call = current(self)
    return unpack(call, 1, #call.names)
end

--- Returns the descriptors that came with the call, which are the caller's from then on: the directory of openat, the
--- socket of connect and bind, open in both processes.
---@return ljos.FileDescriptor ...
function methods:descriptors()
    current(self)
    local fds = self.attached
    self.attached = {}
    return unpack(fds)
end

function properties.function_(self) return current(self).name end

for _, key in ipairs {
    "path",
    "flags",
    "mode",
    "path1",
    "path2",
    "amode",
    "ipv4_addr",
    "port",
    "ipv6_addr",
    "node",
    "service",
    "protocol",
} do
    properties[key] = function(self)
        local call = current(self)
        for i, each in ipairs(call.names) do
            if each == key then return call[i] end
        end
        error_.bad_index(call.name, key)
    end
end

-- Answering -----------------------------------------------------------------------------------------------------

-- The port of an answer that leaves it out: a service may be given as a number.
---@return integer
local function port_of(call)
    local port = tonumber(call[2]) or 0
    if port < 0 or port > 65535 or port % 1 ~= 0 then return 0 end
    return port --[[@as integer]]
end

local function put_names(out, call, result, errno)
    if type(result) ~= "table" or error_.is_error(result) then
        if result ~= nil then reply_.put_name_error(out, result, errno, "result") end
        return
    end
    local address = address_.of(result[1], "result[1]")
    local port = result[2] == nil and port_of(call) or reply_.integer(result[2], 0, 65535, "result[2]")
    local version, bytes, scope = address_.parts(address)
    reply_.put_address(out, version, bytes, scope, port)
end

local function fill(out, call, result, errno)
    errno = reply_.errno(errno, "errno")
    local is_status = call.name == "stat" or call.name == "lstat"
    if call.name == "getaddrinfo" then
        put_names(out, call, result, errno)
    elseif is_status and result ~= -1 then
        error_.check_type(result, "table", "result")
        reply_.put_status(out, result, "result", clock.to_unix)
    else
        out.result, out.error = reply_.integer(result, -0x80000000, 0x7fffffff, "result"), errno
    end
end

local function check_fds(call, result, fds)
    error_.check_type(fds, "table", "fds")
    if #fds == 0 then return end
    if #fds > 1 or not call.called.gives_descriptor then
        error_.argument("fds", ("%s takes %s"):format(call.name, call.called.gives_descriptor and "one" or "none"))
    end
    if result < 0 then error_.argument("fds", "a descriptor with a result that says failure") end
    file_descriptor.number_of(fds[1], "fds")
end

local function send(self, result, fds, errno)
    local call = current(self)
    local reply = wire.reply_type()
    fill(reply, call, result, errno)
    check_fds(call, result, fds)
    reply.has_descriptor = #fds
    finish(self, reply, fds)
end

--- Answers the call (seed 003, "libc_service.master", send): with the integer that the function returns; for stat and
--- lstat that succeed with a table; for getaddrinfo with the name of an error, nil (no address) or `{address, port}`.
--- Raises EINVAL for an answer that the call cannot have, and the call still waits. Never waits itself.
---@param result any
---@param errno? integer|ljos.Error  what errno becomes; 0: stays as it is
function methods:send(result, errno) send(self, result, {}, errno) end

--- Answers with a descriptor: open and openat return its number in the actor, whatever `result` is; of connect and bind
--- the caller's socket becomes that one. The others take none. The sender keeps his.
---@param result any
---@param fds ljos.FileDescriptor[]
---@param errno? integer|ljos.Error
function methods:send_with_fds(result, fds, errno) send(self, result, fds, errno) end

--- Lets the actor make the call itself, with what rights it has.
function methods:use_slave_credentials()
    current(self)
    local reply = wire.reply_type()
    reply.kind = wire.USE_SLAVE_CREDENTIALS
    finish(self, reply, {})
end

--- Closes the service: calls that wait and all that come fail with EACCES. Closing twice does nothing.
function methods:close()
    let_go(self)
    io_object.close(self)
end

return M
