--- Sockets: what all families and types share: opening, options, addresses, shutdown. What stream sockets and
--- acceptors share beyond that is in `socket.stream` and `socket.acceptor`.
---
--- The calls here do not block (socket(2), bind(2), setsockopt(2), ...), so they are made directly; what can block
--- goes through `operation`. Options are rows of a table: level, name, and how Lua values map to them.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local readiness = require "ljos.socket.readiness"
local bit = require "bit"
local c = native.constant_table "socket"

ffi.cdef [[
int socket(int domain, int type, int protocol);
int libc_socketpair(int domain, int type, int protocol, int *ends) __asm__("socketpair");
int libc_socket_ioctl(int fd, unsigned long request, int *value) __asm__("ioctl");
int bind(int fd, const void *address, uint32_t length);
int listen(int fd, int backlog);
int shutdown(int fd, int how);
int connect(int fd, const void *address, uint32_t length);
int setsockopt(int fd, int level, int name, const void *value, uint32_t length);
int getsockopt(int fd, int level, int name, void *value, uint32_t *length);
int getsockname(int fd, void *address, uint32_t *length);
int getpeername(int fd, void *address, uint32_t *length);
]]
local C = ffi.C

---@class ljos.socket
local M = { constants = c }

-- A libc call's result as `error.check` takes it.
local function checked(res, context)
    if res >= 0 then return res end
    return error_.check(-ffi.errno(), context)
end
M.checked = checked

--- Opens a socket for `object`, which must be closed; close-on-exec.
---@param object ljos.IoObject
---@param family integer   AF_*
---@param kind integer     SOCK_*
---@param protocol? integer
function M.open(object, family, kind, protocol)
    io_object.check_closed(object)
    io_object.adopt(object, checked(C.socket(family, bit.bor(kind, c.SOCK_CLOEXEC), protocol or 0)))
end

--- Opens an object that has never been open, as `family` asks, and connects it; undoes both when that fails.
---@param object any
---@param family any
---@param ... any  for its `connect`
function M.open_and_connect(object, family, ...)
    object:open(family)
    local opened = object.owner -- another fiber may close the object meanwhile, and open it
    local ok, err = pcall(object.connect, object, ...)
    if not ok and rawequal(object.owner, opened) then io_object.renew(object) end
    if not ok then error(err, 0) end
end

local ends = ffi.new "int[2]"

--- Makes two connected sockets: socketpair(2); close-on-exec.
---@param family integer  AF_*
---@param kind integer    SOCK_*
---@return integer, integer
function M.pair(family, kind)
    checked(C.libc_socketpair(family, bit.bor(kind, c.SOCK_CLOEXEC), 0, ends))
    return ends[0], ends[1]
end

-- Options -------------------------------------------------------------------------------------------------------

---@class ljos.SocketOption
---@field level integer
---@field name integer
---@field kind "boolean"|"integer"|"linger"
---@field most? integer  the greatest integer, where that is less than an int's

local function option(kind, level, name) return { kind = kind, level = c[level], name = c[name] } end

---@type table<string, ljos.SocketOption>
M.options = {
    reuse_address = option("boolean", "SOL_SOCKET", "SO_REUSEADDR"),
    reuse_port = option("boolean", "SOL_SOCKET", "SO_REUSEPORT"),
    debug = option("boolean", "SOL_SOCKET", "SO_DEBUG"),
    do_not_route = option("boolean", "SOL_SOCKET", "SO_DONTROUTE"),
    broadcast = option("boolean", "SOL_SOCKET", "SO_BROADCAST"),
    keep_alive = option("boolean", "SOL_SOCKET", "SO_KEEPALIVE"),
    out_of_band_inline = option("boolean", "SOL_SOCKET", "SO_OOBINLINE"),
    receive_buffer_size = option("integer", "SOL_SOCKET", "SO_RCVBUF"),
    send_buffer_size = option("integer", "SOL_SOCKET", "SO_SNDBUF"),
    receive_low_watermark = option("integer", "SOL_SOCKET", "SO_RCVLOWAT"),
    send_low_watermark = option("integer", "SOL_SOCKET", "SO_SNDLOWAT"),
    linger = option("linger", "SOL_SOCKET", "SO_LINGER"),
    tcp_no_delay = option("boolean", "IPPROTO_TCP", "TCP_NODELAY"),
    v6_only = option("boolean", "IPPROTO_IPV6", "IPV6_V6ONLY"),
}

--- The set of the names in `text`, as `set_option` and `get_option` take it.
---@param text string  "debug send_buffer_size ..."
---@return table<string, true>
function M.option_set(text)
    local set = {}
    for name in text:gmatch "%S+" do
        if not M.options[name] then error("no such socket option: " .. name) end
        set[name] = true
    end
    return set
end

local int2 = ffi.new "int[2]"
local length = ffi.new "uint32_t[1]"

local function find(allowed, name)
    local found = allowed[name] and M.options[name]
    if not found then error_.argument(2, ("unknown option %q"):format(tostring(name))) end
    return found
end

--- Returns `value` when it is an integer from 0 to `most`, else raises EINVAL.
---@param value any
---@param most integer
---@param arg integer
---@return integer
local function check_integer(value, most, arg)
    if type(value) == "number" and value >= 0 and value <= most and value % 1 == 0 then return value end
    return error_.argument(arg, ("integer from 0 to %.0f expected, got %s"):format(most, tostring(value)))
end
M.check_integer = check_integer

-- The option's value as ints in `int2`; their number.
local function encode(row, value, seconds)
    if row.kind == "integer" then
        int2[0] = check_integer(value, row.most or 0x7fffffff, 3)
        return 1
    end
    error_.check_type(value, "boolean", 3)
    local length_of_time = 0
    if row.kind == "linger" and value then length_of_time = check_integer(seconds, 0x7fffffff, 4) end
    int2[0], int2[1] = value and 1 or 0, length_of_time
    return row.kind == "linger" and 2 or 1
end

--- setsockopt(2) with a row of such a table as `options`.
---@param object ljos.IoObject
---@param row ljos.SocketOption
---@param option_name string  for the error
---@param value boolean|integer
---@param seconds? integer
function M.set_row(object, row, option_name, value, seconds)
    io_object.check_open(object)
    local count = encode(row, value, seconds)
    checked(C.setsockopt(object.fd, row.level, row.name, int2, count * 4), { option = option_name })
end

--- getsockopt(2) with a row of such a table as `options`.
---@param object ljos.IoObject
---@param row ljos.SocketOption
---@param option_name string  for the error
---@return boolean|integer value
---@return integer? seconds
function M.get_row(object, row, option_name)
    io_object.check_open(object)
    length[0] = row.kind == "linger" and 8 or 4
    checked(C.getsockopt(object.fd, row.level, row.name, int2, length), { option = option_name })
    if row.kind == "integer" then return int2[0] end
    return int2[0] ~= 0, row.kind == "linger" and int2[1] or nil
end

--- setsockopt(2). "linger" takes a boolean and seconds.
---@param object ljos.IoObject
---@param allowed table<string, true>  what this class of sockets has
---@param name string
---@param value boolean|integer
---@param seconds? integer
function M.set_option(object, allowed, name, value, seconds)
    M.set_row(object, find(allowed, name), name, value, seconds)
end

--- getsockopt(2). "linger" gives a boolean and seconds.
---@param object ljos.IoObject
---@param allowed table<string, true>
---@param name string
---@return boolean|integer value
---@return integer? seconds
function M.get_option(object, allowed, name) return M.get_row(object, find(allowed, name), name) end

-- Addresses -----------------------------------------------------------------------------------------------------

--- bind(2).
---@param object ljos.IoObject
---@param sockaddr ffi.cdata*
---@param size integer
---@param name string  what is bound to, for the error
function M.bind(object, sockaddr, size, name)
    io_object.check_open(object)
    checked(C.bind(object.fd, sockaddr, size), { detail = name })
end

--- Fills `sockaddr` with the local or the peer's address; returns its length.
---@param object ljos.IoObject
---@param which "local"|"remote"
---@param sockaddr ffi.cdata*
---@return integer
function M.address(object, which, sockaddr)
    io_object.check_open(object)
    length[0] = ffi.sizeof(sockaddr)
    local query = which == "local" and C.getsockname or C.getpeername
    checked(query(object.fd, sockaddr, length))
    return length[0]
end

-- The rest ------------------------------------------------------------------------------------------------------

local default_backlog = c.SOMAXCONN

--- listen(2).
---@param object ljos.IoObject
---@param backlog? integer
function M.listen(object, backlog)
    if backlog ~= nil then check_integer(backlog, 0x7fffffff, 2) end
    io_object.check_open(object)
    checked(C.listen(object.fd, backlog or default_backlog))
end

local directions = { receive = c.SHUT_RD, send = c.SHUT_WR, both = c.SHUT_RDWR }

--- shutdown(2).
---@param object ljos.IoObject
---@param what "receive"|"send"|"both"
function M.shutdown(object, what)
    local how = directions[what]
    if not how then error_.argument(2, '"receive", "send" or "both" expected') end
    io_object.check_open(object)
    checked(C.shutdown(object.fd, how))
end

local nobody = ffi.new("uint16_t[8]", c.AF_UNSPEC)

--- Resets the peer address (connect(2) with AF_UNSPEC).
---@param object ljos.IoObject
function M.disconnect(object)
    io_object.check_open(object)
    checked(C.connect(object.fd, nobody, 16))
end

--- Asks ioctl(2) for an int.
---@param object ljos.IoObject
---@param request integer  FIONREAD, ...
---@return integer
function M.query(object, request)
    io_object.check_open(object)
    checked(C.libc_socket_ioctl(object.fd, request, int2))
    return int2[0]
end

local commands = { bytes_readable = c.FIONREAD }

--- ioctl(2): "bytes_readable", what can be read without waiting.
---@param object ljos.IoObject
---@param command "bytes_readable"
---@return integer
function M.io_control(object, command)
    local request = commands[command]
    if not request then error_.argument(2, '"bytes_readable" expected') end
    return M.query(object, request)
end

M.wait = readiness.wait

local message_flags = {
    do_not_route = c.MSG_DONTROUTE,
    end_of_record = c.MSG_EOR,
    out_of_band = c.MSG_OOB,
    peek = c.MSG_PEEK,
}

--- Turns a list of flag names into MSG_* bits; nil is none.
---@param names? string[]
---@param arg integer
---@param more? table<string, integer>  flags that only this class of sockets has
---@return integer
function M.message_flags(names, arg, more)
    if names == nil then return 0 end
    error_.check_type(names, "table", arg)
    local flags = 0
    for i = 1, #names do
        local flag = message_flags[names[i]] or more and more[names[i]]
        if not flag then error_.argument(arg, ("unknown flag %q"):format(tostring(names[i]))) end
        flags = bit.bor(flags, flag)
    end
    return flags
end

return M
