--- Serial ports, and pseudoterminals, which behave as such.
---
--- A port's open file description is non-blocking while the port owns it: terminals know no other way to write without
--- blocking. `release` makes it as it was before, which is blocking for `open` and `ptypair`.
---
--- Errors:   raises ljos.Error; reading a master whose slave is closed everywhere is EIO
--- Suspends: read_some, write_some, send_break
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local path = require "ljos.filesystem.path"
local settings = require "ljos.serial_port.settings"
local stream_descriptor = require "ljos.io_object.stream_descriptor"
local terminal = require "ljos.io_object.terminal"
local timeout = require "ljos.timeout"

local c, IOCTL = native.constant_table "file", native.constant_table "IOCTL"
local C = ffi.C

ffi.cdef [[
int libc_terminal_open(const char *path, int flags) __asm__("open");
int libc_terminal_ioctl(int fd, unsigned long request, int value) __asm__("ioctl");
int libc_terminal_set(int fd, unsigned long request, const int *value) __asm__("ioctl");
int libc_terminal_close(int fd) __asm__("close");
int libc_terminal_fcntl(int fd, int command, int value) __asm__("fcntl");
]]

---@class ljos.SerialPort: ljos.IoObject
---@field is_open boolean
---@field baud_rate integer                       bits per second; can be written, as all that follow
---@field flow_control "software"|"hardware"|nil
---@field parity "odd"|"even"|nil
---@field stop_bits "one"|"one_point_five"|"two"  Linux knows "one" and "two"
---@field character_size integer                  bits, 5 to 8
---@field read_some fun(self, buffer: ljos.byte_span): integer
---@field write_some fun(self, buffer: ljos.byte_span): integer
---@field isatty fun(self): boolean
---@field tcgetpgrp fun(self): integer
---@field tcsetpgrp fun(self, pgrp_id: integer)
local SerialPort = {
    close = io_object.close,
    read_some = stream_descriptor.read_some,
    write_some = stream_descriptor.write_some,
    isatty = terminal.isatty,
    tcgetpgrp = terminal.tcgetpgrp,
    tcsetpgrp = terminal.tcsetpgrp,
}

--- Cancels the operations in flight; they end with ECANCELED, or with their result where it was faster.
function SerialPort:cancel()
    io_object.cancel(self)
    rawset(self, "cancellations", rawget(self, "cancellations") + 1)
end

local OPEN_FLAGS = bit.bor(c.O_RDWR, c.O_NOCTTY, c.O_NONBLOCK, c.O_CLOEXEC)

-- Owns a descriptor that is non-blocking already; `non_blocking` is what it shall be when it is released.
local function adopt(self, fd, non_blocking)
    io_object.adopt(self, fd)
    rawset(self, "non_blocking", non_blocking)
end

local function open(name)
    local fd = C.libc_terminal_open(name, OPEN_FLAGS)
    if fd < 0 then error_.check(-ffi.errno(), { path = name, detail = name }) end
    return fd
end

--- Opens a device ("/dev/ttyS0"): raw, receiving, regardless of the modem's lines. ENOTTY for what is no terminal.
---@param device string
function SerialPort:open(device)
    local name = path.string_of(device, 2)
    io_object.check_closed(self)
    local fd = open(name)
    local res = settings.make_raw(fd)
    if res < 0 then
        C.libc_terminal_close(fd)
        error_.check(res, { path = name, detail = name })
    end
    adopt(self, fd, false)
end

--- Takes over a descriptor; the port must be closed. Settings stay as they are.
---@param fd ljos.FileDescriptor
---@param arg? integer  its position, for the error; 2 unless given
function SerialPort:assign(fd, arg)
    io_object.check_closed(self)
    file_descriptor.number_of(fd, arg or 2)
    local before = fd.non_blocking
    fd.non_blocking = true
    adopt(self, file_descriptor.take(fd, 2), before)
end

--- Gives the descriptor away; operations in flight end with ECANCELED.
---@return ljos.FileDescriptor
function SerialPort:release()
    local fd = io_object.release_descriptor(self)
    fd.non_blocking = rawget(self, "non_blocking")
    return fd
end

-- tcsendbreak(3) holds the line for a quarter to half a second.
local BREAK, LOOK_AGAIN = 0.3, 0.01
local SYS_ioctl = native.constant("SYS", "__NR_ioctl")
local unsent = ffi.new "int[1]"

local function check(res, what) return error_.check(res < 0 and -ffi.errno() or res, { detail = what }) end

-- Lets time pass, as an operation of the port that its `close` and `cancel` end; nothing is awaited but a hang-up.
local function pause(port, seconds)
    if port.fd < 0 then error(error_.system "ECANCELED", 0) end
    local ok, res = pcall(timeout --[[@as function]], seconds, operation.poll, port, 0, "send_break")
    if ok then return error_.check(res) end
    local err = res --[[@as ljos.Error]]
    if not err.ETIMEDOUT then error(err, 0) end
end

-- Waits until the device has taken what was written: beginning a break would wait for that inside the kernel.
local function drain(port)
    while check(C.libc_terminal_set(port.fd, IOCTL.TIOCOUTQ, unsent), "send_break") >= 0 and unsent[0] > 0 do
        pause(port, LOOK_AGAIN)
    end
end

-- A call in the pool is no operation of the port: whether that was canceled meanwhile is asked afterwards.
local function hold(port, line)
    local before = rawget(port, "cancellations")
    error_.check(operation.call(line, "send_break", SYS_ioctl, line.fd, IOCTL.TIOCSBRK, 0))
    if rawget(port, "cancellations") ~= before then error(error_.system "ECANCELED", 0) end
    pause(port, BREAK)
end

--- Sends a break: holds the line for 0.3 seconds, once what was written has gone. However that ends, by cancellation or
--- by `close` and `cancel` (ECANCELED), the line is let go. Source: ioctl_tty(2), TIOCSBRK; tcsendbreak(3).
function SerialPort:send_break()
    io_object.check_open(self)
    drain(self)
    -- A descriptor of its own: closing the port meanwhile must not give the number to somebody else.
    local number = C.libc_terminal_fcntl(self.fd, c.F_DUPFD_CLOEXEC, 0)
    local line = io_object.new()
    io_object.adopt(line, check(number, "send_break"))
    local ok, err = pcall(hold, self, line)
    C.libc_terminal_ioctl(line.fd, IOCTL.TIOCCBRK, 0)
    io_object.close(line)
    if not ok then error(err, 0) end
end

local properties = { is_open = io_object.is_open }
for name, get in pairs(settings.properties) do
    properties[name] = get
end

local metatable = io_object.metatable("serial_port", SerialPort, properties)
metatable.__newindex = settings.set

---@class ljos.serial_port
local M = {}

--- Makes a closed port, or one that owns `fd`.
---@param fd? ljos.FileDescriptor
---@return ljos.SerialPort
function M.new(fd)
    local self = setmetatable(io_object.new { cancellations = 0 }, metatable)
    if fd ~= nil then self:assign(fd, 1) end
    return self
end

local UNLOCKED = ffi.new("int[1]", 0)

-- The slave of a master, without its path: it may be mounted elsewhere, or nowhere. Source: ioctl_tty(2), TIOCGPTPEER.
local function open_slave(master)
    if C.libc_terminal_set(master, IOCTL.TIOCSPTLCK, UNLOCKED) < 0 then return -ffi.errno() end
    local slave = C.libc_terminal_ioctl(master, IOCTL.TIOCGPTPEER, bit.bor(c.O_RDWR, c.O_NOCTTY, c.O_CLOEXEC))
    return slave < 0 and -ffi.errno() or slave
end

--- Makes a pseudoterminal: its master, and its slave for a child's `set_ctty` and standard streams. Source: pty(7).
---@return ljos.SerialPort
---@return ljos.FileDescriptor
function M.ptypair()
    local master = open "/dev/ptmx"
    local slave = open_slave(master)
    if slave < 0 then
        C.libc_terminal_close(master)
        error_.check(slave, { detail = "ptypair" })
    end
    local self = M.new()
    adopt(self, master, false)
    return self, file_descriptor.new(slave)
end

return M
