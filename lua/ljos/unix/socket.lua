--- UNIX sockets: what the three types share: addresses, options, the peer's credentials.
---
--- `class` makes a class of one type out of the methods that only it has.
---
--- Errors:   raises ljos.Error
--- Suspends: connect, dial
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address = require "ljos.unix.address"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"

local c = socket.constants
local AF_UNIX = c.AF_UNIX

---@class ljos.unix.socket
local M = {}

---@class ljos.unix.Socket: ljos.IoObject
---@field is_open boolean
---@field local_path ljos.filesystem.Path
---@field remote_path ljos.filesystem.Path
---@field open fun(self)
---@field assign fun(self, fd: ljos.FileDescriptor)
---@field release fun(self): ljos.FileDescriptor
---@field close fun(self)
---@field cancel fun(self)
---@field shutdown fun(self, what: "receive"|"send"|"both")
---@field disconnect fun(self)
---@field io_control fun(self, command: "bytes_readable"): integer
---@field set_option fun(self, name: string, value: boolean|integer)
---@field get_option fun(self, name: string): any
local Socket = {
    assign = io_object.assign,
    release = io_object.release_descriptor,
    close = io_object.close,
    cancel = io_object.cancel,
    shutdown = socket.shutdown,
    disconnect = socket.disconnect,
    io_control = socket.io_control,
}

--- Binds to a path, which is made, or to an abstract name ("@name").
---@param pathname ljos.filesystem.Path|string
---@param arg? integer  its position, for the error; 2 unless given
function Socket:bind(pathname, arg)
    local sockaddr = address.sockaddr()
    socket.bind(self, sockaddr, address.to_sockaddr(pathname, arg or 2, sockaddr), tostring(pathname))
end
M.bind = Socket.bind

--- Connects to a path or an abstract name. A socket that has never been open is opened for it.
---@param pathname ljos.filesystem.Path|string
---@param arg? integer  its position, for the error; 2 unless given
function Socket:connect(pathname, arg)
    local sockaddr = address.sockaddr()
    local length = address.to_sockaddr(pathname, arg or 2, sockaddr)
    if io_object.is_new(self) then return socket.open_and_connect(self, nil, pathname, arg) end
    io_object.check_open(self)
    local res = operation.connect(self, sockaddr, length, "connect")
    if res < 0 then error_.check(res, { detail = tostring(pathname) }) end
end

-- Properties

local scratch = address.sockaddr()

local function path_of(which)
    return function(object) return address.to_path(scratch, socket.address(object, which, scratch)) end
end

M.properties = {
    is_open = io_object.is_open,
    local_path = path_of "local",
    remote_path = path_of "remote",
}

-- What is known of the peer

local NOBODY = 2 ^ 32 - 1 -- what the kernel says where there is no peer
local credentials = ffi.new(native.struct "ucred" --[[@as string]])
local label_size = 4096 -- the kernel's own bound: a page
local label, length = ffi.new("char[?]", label_size), ffi.new "uint32_t[1]"

local function ask(object, option, name, value, size)
    io_object.check_open(object)
    length[0] = size
    socket.checked(ffi.C.getsockopt(object.fd, c.SOL_SOCKET, option, value, length), { option = name })
end

local about_peer = {
    remote_credentials = function(object)
        ask(object, c.SO_PEERCRED, "remote_credentials", credentials, ffi.sizeof(credentials))
        if credentials.uid == NOBODY then error(error_.system("ENOTCONN", { option = "remote_credentials" }), 0) end
        return { uid = credentials.uid, groups = { credentials.gid }, pid = credentials.pid }
    end,
    remote_security_label = function(object)
        local SO_PEERSEC = native.constant_table("SO").SO_PEERSEC
        ask(object, SO_PEERSEC, "remote_security_label", label, label_size)
        return (ffi.string(label, length[0]):gsub("%z$", ""))
    end,
    remote_security_labels = function() error_.not_on_linux('option "remote_security_labels"', "FreeBSD") end,
}

-- Classes

---@param kind integer        SOCK_*
---@param options table<string, true>
---@param connected boolean   whether the class has the options about the peer
local function give_methods(methods, kind, options, connected)
    for name, method in pairs(Socket) do
        methods[name] = method
    end
    --- Opens the socket, which must be closed: socket(2).
    function methods:open() socket.open(self, AF_UNIX, kind) end
    --- Sets an option: "debug", and in bytes "send_buffer_size", "receive_buffer_size", of streams also
    --- "send_low_watermark", "receive_low_watermark". Source: seed 003, "unix.stream.socket.set_option" and its like.
    ---@param name string
    ---@param value boolean|integer
    function methods:set_option(name, value) socket.set_option(self, options, name, value) end
    --- Gets an option, or what is known of the peer of a connection: "remote_credentials" is the table
    --- `{ pid =, uid =, groups = }` of the process that connected, listened or made the pair, as it was at that time;
    --- "remote_security_label" a string.
    ---@param name string
    ---@return any
    function methods:get_option(name)
        local about = connected and about_peer[name]
        if about then return about(self) end
        return (socket.get_option(self, options, name))
    end
end

--- Makes a class of sockets.
---@param name string       what getmetatable answers
---@param kind integer      SOCK_*
---@param methods table     those that only this class has; gets the others
---@param options string    names of options
---@param connected boolean whether the class has the options about the peer
---@return { new: function, adopt: function, pair: function }
function M.class(name, kind, methods, options, connected)
    give_methods(methods, kind, socket.option_set(options), connected)
    local new, adopt = io_object.constructors(io_object.metatable(name, methods, M.properties))
    --- Makes two sockets that are connected to each other: socketpair(2). Source: seed 003.
    local function pair()
        local a, b = socket.pair(AF_UNIX, kind)
        return adopt(a), adopt(b)
    end
    return { new = new, adopt = adopt, pair = pair }
end

--- Makes the function `dial(ep)` of a class.
---@param new fun(): any
---@return fun(ep: string): any
function M.dialer(new)
    --- Makes a socket that is connected to a path, or to an abstract name ("\0name"). Suspends until it is.
    --- Source: seed 003, "unix.dial".
    ---@param ep string
    return function(ep)
        local object = new()
        object:open()
        local ok, err = pcall(object.connect, object, ep, 1)
        if ok then return object end
        object:close()
        error(err, 0)
    end
end

return M
