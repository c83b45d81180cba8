--- File descriptors as objects.
---
--- An object owns one descriptor until `close`, until another object takes it over (`take`), or until it is
--- collected: a small cdata with a finaliser closes it then. A closed object stays closed; using it is EBADF.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local ledger = require "ljos.fiber.ledger"
local loading = require "ljos.error.loading"
local native = require "ljos.native"
local open = require "ljos.filesystem.open"
local status = require "ljos.filesystem.status"

local error, rawget, setmetatable, tostring, type = error, rawget, setmetatable, tostring, type
local band = bit.band
local constants, fcntl = calls.constants, calls.fcntl

---@class ljos.file_descriptor
local M = {}

---@class ljos.FileDescriptor
---@field non_blocking boolean            O_NONBLOCK; can be written
---@field type ljos.filesystem.type
---@field package owner { fd: integer }  -1: closed
local FileDescriptor = {}

local owner_type = ffi.metatype(ffi.typeof "struct { int fd; }", {
    __gc = function(owner)
        if owner.fd < 0 then return end
        if ledger.is_on then ledger.lost(owner.fd) end
        calls.close(owner.fd)
    end,
})

local metatable = { __metatable = "file_descriptor" }

-- Ends the ownership of a descriptor object of ljos.syscall; returns the number.
local function take_over(fd)
    local ctype = require("ljos.syscall.fd").ctype
    if not ffi.istype(ctype, fd) then
        error_.argument(1, "a number or a descriptor of ljos.syscall expected, got " .. type(fd))
    end
    local number = fd.filenum
    if number < 0 then error(error_.system("EBADF", { arg = 1, detail = "the descriptor is closed" }), 0) end
    fd.filenum = -1
    return number
end

--- Makes an object that owns a descriptor: a number, or what a call of ljos.syscall returned, which counts as closed
--- from then on. Most programs get such objects from the modules that make descriptors.
---@param fd integer|ljos.syscall.Fd
---@return ljos.FileDescriptor
function M.new(fd)
    if type(fd) ~= "number" then fd = take_over(fd) end
    local self = setmetatable({ owner = owner_type(fd) }, metatable)
    if ledger.is_on then ledger.opened(fd, self) end
    return self
end

--- Tells whether `x` is a file_descriptor.
---@param x any
---@return boolean
function M.is(x) return type(x) == "table" and getmetatable(x) == "file_descriptor" end

--- Returns the descriptor's number; raises EINVAL for what is no file_descriptor and EBADF for a closed one.
---@param x any
---@param arg integer|string  the argument's position or name, for the error
---@return integer
local function number_of(x, arg)
    if not M.is(x) then error_.argument(arg, "file_descriptor expected, got " .. type(x)) end
    local fd = rawget(x, "owner").fd
    if fd < 0 then error(error_.system("EBADF", { arg = arg, detail = "the file_descriptor is closed" }), 0) end
    return fd
end
M.number_of = number_of

--- Moves the ownership out of the object, which is closed afterwards.
---@param x any
---@param arg integer|string  the argument's position or name, for the error
---@return integer fd  the caller's
function M.take(x, arg)
    local fd = number_of(x, arg)
    rawget(x, "owner").fd = -1
    if ledger.is_on then ledger.closed(fd) end
    return fd
end

local kcmp_number, KCMP_FILE = native.constant("SYS", "__NR_kcmp"), native.constant_table("KCMP").KCMP_FILE
ffi.cdef "int getpid(void);"

local function check(res, what) return error_.check(res, { detail = what }) end

local function check_object(x) return M.is(x) or error_.argument(1, "file_descriptor expected, got " .. type(x)) end

--- Closes the descriptor. Closing twice does nothing.
function FileDescriptor:close()
    check_object(self)
    local owner = rawget(self, "owner")
    local fd = owner.fd
    owner.fd = -1
    if ledger.is_on then ledger.closed(fd) end
    if fd >= 0 then check(calls.close(fd), "close") end
end

--- Returns the descriptor's number, for the calls of ljos.syscall; the object goes on owning it.
---@return integer
function FileDescriptor:getfd() return number_of(self, 1) end

--- Makes a second descriptor of the same open file description.
---@return ljos.FileDescriptor
function FileDescriptor:dup() return M.new(check(fcntl(number_of(self, 1), constants.F_DUPFD_CLOEXEC, 0), "dup")) end

--- Compares open file descriptions: 0 for the same, 1 and 2 for an order, 3 for none. Source: kcmp(2), KCMP_FILE.
---@param other ljos.FileDescriptor
---@return integer
function FileDescriptor:kcmp(other)
    local first, second = number_of(self, 1), number_of(other, 2)
    local pid = ffi.C.getpid()
    return check(native.C.ljos_call5(kcmp_number, pid, pid, KCMP_FILE, first, second), "kcmp")
end

--- Opens a file relative to this directory. Source: openat(2), openat2(2).
---@param p ljos.filesystem.Path|string
---@param flags string[]
---@param mode? integer  needed with "create" and "temporary"
---@return ljos.FileDescriptor
function FileDescriptor:openat(p, flags, mode) return M.new(open.openat(number_of(self, 1), p, flags, mode, 2)) end

-- Sockets

local socket = native.constant_table "socket"
local families = { unix = socket.AF_UNIX, inet = socket.AF_INET, inet6 = socket.AF_INET6 }
local types = { stream = socket.SOCK_STREAM, datagram = socket.SOCK_DGRAM, seqpacket = socket.SOCK_SEQPACKET }
local protocols = { tcp = socket.IPPROTO_TCP, udp = socket.IPPROTO_UDP }

local value, length = ffi.new "int[1]", ffi.new "unsigned[1]"
ffi.cdef 'int libc_getsockopt(int, int, int, void *, unsigned *) __asm__("getsockopt");'
ffi.cdef 'int libc_ioctl_flag(int fd, unsigned long request, const int *value) __asm__("ioctl");'

-- An option of a socket; nil when it is none.
local function socket_option(fd, option)
    length[0] = ffi.sizeof(value)
    if ffi.C.libc_getsockopt(fd, socket.SOL_SOCKET, option, value, length) == 0 then return value[0] end
    local errno = ffi.errno()
    if errno ~= error_.errno_of.ENOTSOCK then check(-errno, "is_socket") end
end

local function matches(fd, option, name, choices, arg)
    if name == nil then return true end
    local wanted = choices[name]
    if not wanted then error_.argument(arg, "unknown name: " .. tostring(name)) end
    return socket_option(fd, option) == wanted
end

--- Tells whether this is a socket of that family, type and protocol.
---@param family "unix"|"inet"|"inet6"
---@param kind? "stream"|"datagram"|"seqpacket"
---@param protocol? "tcp"|"udp"
---@return boolean
function FileDescriptor:is_socket(family, kind, protocol)
    local fd = number_of(self, 1)
    if family == nil then error_.argument(2, "name of a family expected, got nil") end
    local fits = matches(fd, socket.SO_DOMAIN, family, families, 2)
    fits = matches(fd, socket.SO_TYPE, kind, types, 3) and fits
    return matches(fd, socket.SO_PROTOCOL, protocol, protocols, 4) and fits
end

-- Capabilities: by way of /proc, since fgetxattr(2) refuses descriptors with O_PATH

local function proc_path(fd) return ("/proc/self/fd/%d"):format(fd) end

--- Gets the capabilities of the file. Source: cap_get_fd(3).
---@return ljos.system.LinuxCapabilities
function FileDescriptor:cap_get()
    local path = proc_path(number_of(self, 1))
    return loading.load("ljos.filesystem.capabilities").get(path)
end

--- Sets the capabilities of the file. Source: cap_set_fd(3).
---@param caps ljos.system.LinuxCapabilities
function FileDescriptor:cap_set(caps)
    loading.load("ljos.filesystem.capabilities").set(proc_path(number_of(self, 1)), caps, 2)
end

for _, name in ipairs {
    "cap_rights_limit",
    "cap_rights_contains",
    "cap_rights_remove",
    "cap_ioctls_limit",
    "cap_ioctls_get",
    "cap_fcntls_limit",
    "cap_fcntls_get",
} do
    FileDescriptor[name] = function() error_.not_on_linux("file_descriptor:" .. name, "FreeBSD") end
end

-- Properties

local property = {}

function property.non_blocking(fd)
    return band(check(fcntl(fd, constants.F_GETFL, 0), "non_blocking"), constants.O_NONBLOCK) ~= 0
end

local fields = calls.status_type()

function property.type(fd)
    check(calls.statx(fd, "", constants.AT_EMPTY_PATH, fields), "type")
    return status.type_of(fields.mode)
end

function metatable.__index(self, key)
    local method = FileDescriptor[key]
    if method then return method end
    local get = property[key]
    if get then return get(number_of(self, 1)) end
    error_.bad_index("file_descriptor", key)
end

function metatable.__newindex(self, key, new)
    if key ~= "non_blocking" then error(error_.generic("EPERM", { detail = tostring(key) }), 0) end
    if type(new) ~= "boolean" then error_.argument(3, "non_blocking: boolean expected, got " .. type(new)) end
    local fd = number_of(self, 1)
    -- Not F_SETFL: this touches no other flag, so a sandbox allows it.
    value[0] = new and 1 or 0
    check(ffi.C.libc_ioctl_flag(fd, constants.FIONBIO, value) == 0 and 0 or -ffi.errno(), "non_blocking")
end

function metatable.__tostring(self) return ("/dev/fd/%d"):format(rawget(self, "owner").fd) end

return M
