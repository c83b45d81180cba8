--- Sockets: addresses in and out, options, messages with control data.
---
--- Descriptors are close-on-exec unless "nocloexec" is among the flags. Where the control data was cut off, the flags
--- of
--- the message say so (MSG_CTRUNC), and nothing is lost silently.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local transfer = require "ljos.syscall.call.transfer"
local types = require "ljos.syscall.types"
local address = require "ljos.syscall.type.address"
local socket_types = require "ljos.syscall.type.socket"

local number, flag = fd.number, argument.flag
local t, pt = types.t, types.pt
local type = type

---@class ljos.syscall.call.socket
local M = {}

local function protocol_of(domain, protocol)
    if protocol == nil then return 0 end
    if domain == c.AF.NETLINK then return flag(c.NETLINK, protocol, 3) end
    if domain == c.AF.PACKET then return address.swap16(flag(c.ETH_P, protocol, 3)) end
    return flag(c.IPPROTO, protocol, 3)
end

local socket, socketpair = kernel.call("socket", "iii"), kernel.call("socketpair", "iiip")

--- Makes a socket: socket(2).
---@param domain string|integer
---@param kind string|integer  "stream, nonblock"; close-on-exec unless "nocloexec"
---@param protocol? string|integer
---@return ljos.syscall.Fd?
---@return ljos.Error?
function M.socket(domain, kind, protocol)
    local family = flag(c.AF, domain, 1)
    return fd.result(socket(family, argument.cloexec(c.SOCK, kind, 2), protocol_of(family, protocol)))
end

local pair = ffi.new "int[2]"
--- socketpair(2): true, nil, one end, the other.
function M.socketpair(domain, kind, protocol)
    local family = flag(c.AF, domain, 1)
    local res = socketpair(family, argument.cloexec(c.SOCK, kind, 2), protocol_of(family, protocol), pair)
    if res < 0 then return kernel.failed(res) end
    return true, nil, fd.new(pair[0]), fd.new(pair[1])
end

local POINTER = ffi.sizeof "void *"

local function length_of(addr)
    if ffi.istype(t.sockaddr_un, addr) then return socket_types.unix_length(addr) end
    if ffi.istype(t.sockaddr_storage, addr) then
        if addr.ss_family == c.AF.UNIX then return socket_types.unix_length(pt.sockaddr_un(addr)) end
        return #addr
    end
    local size = ffi.sizeof(addr)
    -- a pointer: what it points to is as long as its family's addresses
    if size == POINTER then return #pt.sockaddr_storage(addr)[0] end
    return size
end

-- The struct of an address and its length: of a struct, of a table of its fields, or of a unix address as getsockname
-- gives it.
local function address_of(addr, position, len)
    if type(addr) == "table" then
        if type(addr.addr) == "cdata" and addr.name then return addr.addr, len or addr.len end
        addr = argument.struct(t.sockaddr_storage, addr, position)
    end
    if type(addr) ~= "cdata" or addr == nil or tonumber(addr) then argument.wrong(position, "address", addr) end
    return addr, len == nil and length_of(addr) or argument.size(len, position + 1, addr)
end

local bind, connect = kernel.call("bind", "ipi"), kernel.call("connect", "ipi")
function M.bind(file, addr, len)
    local struct, size = address_of(addr, 2, len)
    return kernel.done(bind(number(file, 1), struct, size))
end

--- connect(2). Not repeated after EINTR: the connection goes on by itself, poll says when it stands.
function M.connect(file, addr, len)
    local struct, size = address_of(addr, 2, len)
    return kernel.done(connect(number(file, 1), struct, size))
end

local function received(storage, len)
    if storage.ss_family == c.AF.UNIX and len > 0 then return socket_types.unix_address(storage, len) end
    return storage
end

local length = ffi.new "uint32_t[1]"
local accept4 = kernel.call("accept4", "ippi")
-- What the kernel fills where the caller gives no address; it is copied on success, so that a failure makes no garbage.
local room = t.sockaddr_storage()

--- accept4(2). With `addr` nil the peer's address comes as a third result.
function M.accept4(file, addr, len, flags)
    local storage, bits = argument.buffer(addr, 2), argument.cloexec(c.SOCK, flags, 4)
    if storage == nil then storage = room end
    local n, size = number(file, 1), type(len) == "number" and argument.size(len, 3, storage) or ffi.sizeof(storage)
    local res ---@type integer
    repeat
        length[0] = size
        res = accept4(n, storage, length, bits)
    until not kernel.again(res)
    if res < 0 then return kernel.failed(res) end
    if type(len) == "cdata" then len[0] = length[0] end
    return fd.new(res), nil, addr or received(t.sockaddr_storage(room), length[0])
end

--- accept(2): the descriptor, nil, and the address of the peer.
function M.accept(file, flags, addr, len)
    if type(flags) == "cdata" then
        flags, addr, len = nil, flags, addr
    end
    return M.accept4(file, addr, len, flags)
end

local function define_name(name)
    local f = kernel.call(name, "ipp")
    M[name] = function(file, storage)
        local target = argument.buffer(storage, 2) or room
        length[0] = ffi.sizeof(target)
        local res = f(number(file, 1), target, length)
        if res < 0 then return kernel.failed(res) end
        storage = storage or t.sockaddr_storage(room)
        return ffi.istype(t.sockaddr_storage, storage) and received(storage, length[0]) or storage
    end
end
define_name "getsockname"
define_name "getpeername"

local sendto = kernel.retry(kernel.call("sendto", "ipiipi"))
local recvfrom = kernel.call("recvfrom", "ipiipp")

function M.send(file, data, count, flags)
    local memory, n = argument.data(data, count, 2)
    return kernel.number(sendto(number(file, 1), memory, n, flag(c.MSG, flags, 4), nil, 0))
end

function M.sendto(file, data, count, flags, addr, len)
    local memory, n = argument.data(data, count, 2)
    local struct, size = nil, 0
    if addr ~= nil then
        struct, size = address_of(addr, 5, len)
    end
    return kernel.number(sendto(number(file, 1), memory, n, flag(c.MSG, flags, 4), struct, size))
end

local function receive(file, buffer, count, flags, addr)
    local text = buffer == nil
    local into ---@type any
    if text then
        count = argument.size(count or 4096, 3)
        into = transfer.space(count)
    else
        into, count = argument.bytes(buffer, count, 2)
    end
    local storage = addr ~= false and (argument.buffer(addr, 5) or room)
    local n, bits = number(file, 1), flag(c.MSG, flags, 4)
    local res ---@type integer
    repeat
        length[0] = storage and ffi.sizeof(storage) or 0
        res = recvfrom(n, into, count, bits, storage or nil, storage and length or nil)
    until not kernel.again(res)
    if res < 0 then return kernel.failed(res) end
    local value = text and ffi.string(into, math.min(res, count)) or res
    if not storage then return value end
    return value, nil, addr or received(t.sockaddr_storage(room), length[0])
end

--- recvfrom(2): the count, nil, the sender's address; with addr = false the count alone. Without a buffer a string.
M.recvfrom = receive
function M.recv(file, buffer, count, flags) return receive(file, buffer, count, flags, false) end

local sendmsg, recvmsg = kernel.retry(kernel.call("sendmsg", "ipi")), kernel.retry(kernel.call("recvmsg", "ipi"))

--- sendmsg(2): the message is a t.msghdr or a table {name =, iov =, control =}.
function M.sendmsg(file, msg, flags)
    if msg == nil then
        -- one byte, so that control data has something to travel with
        msg = { iov = { "\0" } }
    end
    return kernel.number(sendmsg(number(file, 1), argument.struct(t.msghdr, msg, 2), flag(c.MSG, flags, 3)))
end

--- recvmsg(2): the count of bytes; `msg.flags` has MSG_CTRUNC when control data was cut off.
function M.recvmsg(file, msg, flags)
    if msg == nil then argument.wrong(2, "message", msg) end
    return kernel.number(recvmsg(number(file, 1), argument.struct(t.msghdr, msg, 2), flag(c.MSG, flags, 3)))
end

local sendmmsg = kernel.retry(kernel.call("sendmmsg", "ipii"))
local recvmmsg = kernel.retry(kernel.call("recvmmsg", "ipiip"))
local function messages_of(list)
    if type(list) == "table" then return argument.struct(t.mmsghdrs, list, 2) end
    if not ffi.istype(t.mmsghdrs, list) then argument.wrong(2, "list of messages", list) end
    return list
end
function M.sendmmsg(file, messages, flags)
    messages = messages_of(messages)
    return kernel.done(sendmmsg(number(file, 1), messages.msg, messages.count, flag(c.MSG, flags, 3)))
end
function M.recvmmsg(file, messages, flags, timeout)
    messages = messages_of(messages)
    local time = argument.struct(t.timespec, timeout, 4)
    return kernel.done(recvmmsg(number(file, 1), messages.msg, messages.count, flag(c.MSG, flags, 3), time))
end

-- Seed 000's conversions of addresses.

--- inet_aton(3): a t.in_addr, or nil for what is none.
function M.inet_aton(text)
    local addr = t.in_addr()
    return address.parse(c.AF.INET, text, addr) and addr or nil
end
function M.inet_ntoa(addr) return tostring(argument.struct(t.in_addr, addr, 1) or t.in_addr()) end

--- inet_pton(3): a t.in_addr or t.in6_addr, or nil.
function M.inet_pton(family, text)
    local af = flag(c.AF, family, 1)
    local addr = af == c.AF.INET6 and t.in6_addr() or t.in_addr()
    return address.parse(af, text, addr) and addr or nil
end
function M.inet_ntop(family, addr)
    local af = flag(c.AF, family, 1)
    if addr == nil then argument.wrong(2, "address", addr) end
    if af ~= c.AF.INET and af ~= c.AF.INET6 then argument.wrong(1, "inet or inet6", family) end
    local make = af == c.AF.INET and t.in_addr or t.in6_addr --[[@as function]]
    return address.text(af, argument.room(make, addr, 2))
end

return M
