--- Settings of serial ports: the fields of `struct termios2` under the names of programs.
---
--- Each setting is a pair of functions, `get` and `set`, over that struct. What the device does not take is set back,
--- and is EINVAL: the kernel alone would say nothing (a pseudoterminal, for one, has no parity, and 8 bits only).
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"

local band, bor, bnot, tobit = bit.band, bit.bor, bit.bnot, bit.tobit

local I, O = native.constant_table "IFLAG", native.constant_table "OFLAG"
local F, L = native.constant_table "CFLAG", native.constant_table "LFLAG"
local IOCTL, CC = native.constant_table "IOCTL", native.constant_table "CC"

ffi.cdef 'int libc_termios_ioctl(int fd, unsigned long request, void *termios) __asm__("ioctl");'

local termios_type = ffi.typeof(native.struct "termios2")

---@class ljos.serial_port.settings
local M = {}

-- Reads and writes of the whole struct

local function control(fd, request, termios)
    if ffi.C.libc_termios_ioctl(fd, request, termios) == 0 then return 0 end
    return -ffi.errno()
end

local function read(fd)
    local termios = termios_type()
    error_.check(control(fd, IOCTL.TCGETS2, termios))
    return termios
end

local function write(fd, termios) return control(fd, IOCTL.TCSETS2, termios) end

--- Makes a terminal carry bytes as they are, whatever the lines of a modem say. Source: cfmakeraw(3).
---@param fd integer
---@return integer # 0 or -errno
function M.make_raw(fd)
    local termios = termios_type()
    local res = control(fd, IOCTL.TCGETS2, termios)
    if res < 0 then return res end
    local input = bor(I.IGNBRK, I.BRKINT, I.PARMRK, I.ISTRIP, I.INLCR, I.IGNCR, I.ICRNL, I.IXON)
    termios.c_iflag = bor(band(termios.c_iflag, bnot(input)), I.IGNPAR)
    termios.c_oflag = band(termios.c_oflag, bnot(O.OPOST))
    termios.c_lflag = band(termios.c_lflag, bnot(bor(L.ECHO, L.ECHONL, L.ICANON, L.ISIG, L.IEXTEN)))
    termios.c_cflag = bor(band(termios.c_cflag, bnot(bor(F.CSIZE, F.PARENB))), F.CS8, F.CREAD, F.CLOCAL)
    termios.c_cc[CC.VMIN], termios.c_cc[CC.VTIME] = 1, 0
    return write(fd, termios)
end

-- The settings

local function change(termios, field, clear, set) termios[field] = bor(band(termios[field], bnot(clear)), set) end

local get, set = {}, {}

local BOTHER = F.CBAUDEX -- in the field CBAUD: the rate is in c_ospeed; termbits.h
local codes = {} ---@type table<integer, integer>  the rates that have a code of their own
for name, code in native.constants "B" do
    codes[
        tonumber(name:match "^B(%d+)$") --[[@as integer]]
    ] = code
end

function get.baud_rate(termios) return tonumber(termios.c_ospeed) end

function set.baud_rate(termios, rate)
    if type(rate) ~= "number" or rate < 1 or rate > 2 ^ 32 - 1 or rate % 1 ~= 0 then return false end
    change(termios, "c_cflag", bor(F.CBAUD, F.CIBAUD), codes[
        rate --[[@as integer]]
    ] or BOTHER)
    termios.c_ispeed, termios.c_ospeed = rate, rate
end

function get.flow_control(termios)
    if band(termios.c_iflag, bor(I.IXON, I.IXOFF)) ~= 0 then return "software" end
    return band(termios.c_cflag, F.CRTSCTS) ~= 0 and "hardware" or nil
end

function set.flow_control(termios, kind)
    if kind ~= nil and kind ~= "software" and kind ~= "hardware" then return false end
    change(termios, "c_iflag", bor(I.IXON, I.IXOFF), kind == "software" and bor(I.IXON, I.IXOFF) or 0)
    change(termios, "c_cflag", F.CRTSCTS, kind == "hardware" and F.CRTSCTS or 0)
end

function get.parity(termios)
    if band(termios.c_cflag, F.PARENB) == 0 then return nil end
    return band(termios.c_cflag, F.PARODD) ~= 0 and "odd" or "even"
end

function set.parity(termios, kind)
    if kind ~= nil and kind ~= "odd" and kind ~= "even" then return false end
    change(termios, "c_iflag", bor(I.IGNPAR, I.PARMRK, I.INPCK), kind and I.INPCK or I.IGNPAR)
    local bits = (kind and F.PARENB or 0) + (kind == "odd" and F.PARODD or 0)
    change(termios, "c_cflag", bor(F.PARENB, F.PARODD), bits)
end

function get.stop_bits(termios) return band(termios.c_cflag, F.CSTOPB) ~= 0 and "two" or "one" end

function set.stop_bits(termios, width)
    if width == "one_point_five" then
        error(error_.generic("ENOTSUP", { detail = "stop_bits: one_point_five is not known to Linux" }), 0)
    end
    if width ~= "one" and width ~= "two" then return false end
    change(termios, "c_cflag", F.CSTOPB, width == "two" and F.CSTOPB or 0)
end

local sizes = { [5] = F.CS5, [6] = F.CS6, [7] = F.CS7, [8] = F.CS8 }

function get.character_size(termios)
    for size, bits in pairs(sizes) do
        if band(termios.c_cflag, F.CSIZE) == bits then return size end
    end
end

function set.character_size(termios, size)
    if not sizes[size] then return false end
    change(termios, "c_cflag", F.CSIZE, sizes[size])
end

-- Over a port

local function property(name)
    return function(object)
        io_object.check_open(object)
        return get[name](read(object.fd))
    end
end

--- The properties of a port.
M.properties = {}
for name in pairs(get) do
    M.properties[name] = property(name)
end

local expected = {
    baud_rate = "a positive integer",
    flow_control = '"software", "hardware" or nil',
    parity = '"odd", "even" or nil',
    stop_bits = '"one" or "two"',
    character_size = "5, 6, 7 or 8",
}

-- Whether the device took what `wanted` says.
local function took(wanted, got)
    local control_bits = bnot(bor(F.CBAUD, F.CIBAUD))
    return tobit(band(wanted.c_cflag, control_bits)) == tobit(band(got.c_cflag, control_bits))
        and wanted.c_iflag == got.c_iflag
        and math.abs(wanted.c_ospeed - got.c_ospeed) <= 0.03 * wanted.c_ospeed -- a divisor is never exact
end

--- Changes a setting: `port[name] = value`.
---@param object ljos.IoObject
---@param name string
---@param value any
function M.set(object, name, value)
    local apply = set[name]
    if not apply then error(error_.generic("EPERM", { detail = tostring(name) }), 0) end
    io_object.check_open(object)
    local before, wanted = read(object.fd), read(object.fd)
    if apply(wanted, value) == false then
        error_.argument(name, ("%s expected, got %s"):format(expected[name], tostring(value)))
    end
    error_.check(write(object.fd, wanted))
    if took(wanted, read(object.fd)) then return end
    write(object.fd, before)
    error(error_.system("EINVAL", { arg = name, detail = "the device does not take " .. tostring(value) }), 0)
end

return M
