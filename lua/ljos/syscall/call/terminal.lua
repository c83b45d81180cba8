--- Terminals, pseudo terminals, ioctl.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local number, flag, integer = fd.number, argument.flag, argument.integer
local t = types.t

---@class ljos.syscall.call.terminal
local M = {}

-- What an ioctl takes and gives: the type, "r" when the kernel fills it, "w" when it reads it, "1" when the result is
-- the
-- one number in it.
local typed = {
    TIOCGWINSZ = { "winsize", "r" },
    TIOCSWINSZ = { "winsize", "w" },
    TCGETS = { "termios", "r" },
    TIOCGPTN = { "int1", "r1" },
    TIOCSPTLCK = { "int1", "w" },
    TIOCGPGRP = { "int1", "r1" },
    TIOCSPGRP = { "int1", "w" },
    TIOCGSID = { "int1", "r1" },
    TIOCOUTQ = { "int1", "r1" },
    TIOCMGET = { "int1", "r1" },
    TIOCGEXCL = { "int1", "r1" },
    TIOCGPTLCK = { "int1", "r1" },
    TIOCGPKT = { "int1", "r1" },
    TIOCINQ = { "int1", "r1" },
    SIOCGIFINDEX = { "ifreq", "rw" },
    SIOCGIFNAME = { "ifreq", "rw" },
    SIOCGIFFLAGS = { "ifreq", "rw" },
    SIOCSIFFLAGS = { "ifreq", "w" },
    SIOCGIFMTU = { "ifreq", "rw" },
    SIOCSIFMTU = { "ifreq", "w" },
    SIOCGIFHWADDR = { "ifreq", "rw" },
    SIOCSIFNAME = { "ifreq", "w" },
    TUNSETIFF = { "ifreq", "rw" },
    TUNGETIFF = { "ifreq", "r" },
    TUNGETFEATURES = { "uint1", "r1" },
    TUNGETSNDBUF = { "int1", "r1" },
    TUNSETSNDBUF = { "int1", "w" },
    TUNGETVNETHDRSZ = { "int1", "r1" },
    TUNSETVNETHDRSZ = { "int1", "w" },
    BLKGETSIZE64 = { "uint64_1", "r1" },
    BLKSSZGET = { "int1", "r1" },
    BLKROGET = { "int1", "r1" },
    FS_IOC_GETFLAGS = { "int1", "r1" },
    FS_IOC_SETFLAGS = { "int1", "w" },
    EVIOCGVERSION = { "int1", "r1" },
    EVIOCGID = { "input_id", "r" },
    RNDGETENTCNT = { "int1", "r1" },
    VHOST_GET_FEATURES = { "uint64_1", "r1" },
    VHOST_SET_FEATURES = { "uint64_1", "w" },
}

local ioctl_pointer, ioctl_number = kernel.call("ioctl", "iip"), kernel.call("ioctl", "iii")

local function typed_ioctl(file, request, kind, arg)
    local ctype, mode = kind[1], kind[2]
    local value = arg
    if arg == nil then
        value = t[ctype]()
    elseif type(arg) ~= "cdata" then
        value = ctype:match "1$" and t[ctype] { type(arg) == "boolean" and (arg and 1 or 0) or arg } or t[ctype](arg)
    end
    local res = ioctl_pointer(file, request, value)
    if res < 0 then return kernel.failed(res) end
    if mode:find("1", 1, true) then return tonumber(value[0]) end
    if mode:find("r", 1, true) then return value end
    return true
end

--- ioctl(2): names whose argument has a known type build it and give the result; others take a pointer or a number.
function M.ioctl(file, request, arg)
    local n = number(file, 1)
    local kind = type(request) == "string" and typed[request:upper()]
    local code = flag(c.IOCTL, request, 2)
    if kind then return typed_ioctl(n, code, kind, arg) end
    local res ---@type integer
    if type(arg) == "number" or type(arg) == "boolean" then
        res = ioctl_number(n, code, integer(arg, 3))
    else
        res = ioctl_pointer(n, code, argument.pointer(arg, 3))
    end
    if res < 0 then return kernel.failed(res) end
    return res == 0 or res
end

--- isatty(3): a boolean.
function M.isatty(file)
    local res = ioctl_pointer(number(file, 1), c.IOCTL.TCGETS, ffi.new "char[64]")
    if res >= 0 then return true end
    return kernel.failed(res)
end

local tcgetattr = kernel.libc("tcgetattr", "int (int, void *)")
local tcsetattr = kernel.libc("tcsetattr", "int (int, int, const void *)")
function M.tcgetattr(file)
    local tio = t.termios()
    if tcgetattr(number(file, 1), tio) == -1 then return kernel.fail() end
    return tio
end
function M.tcsetattr(file, when, tio)
    if tcsetattr(number(file, 1), flag(c.TCSA, when, 2), tio) == -1 then return kernel.fail() end
    return true
end

local function wrap(name, prototype, group)
    local f = kernel.libc(name, prototype)
    M[name] = function(file, arg)
        local value = group and flag(c[group], arg, 2) or integer(arg or 0, 2)
        local res = f(number(file, 1), value)
        if res == -1 then return kernel.fail() end
        return name == "tcgetsid" and res or true
    end
end
wrap("tcsendbreak", "int (int, int)")
wrap("tcdrain", "int (int, int)")
wrap("tcflush", "int (int, int)", "TCFLUSH")
wrap("tcflow", "int (int, int)", "TCFLOW")
wrap("tcgetsid", "int (int, int)")

--- posix_openpt(3). Close-on-exec unless "nocloexec".
function M.posix_openpt(flags)
    if type(flags) == "number" then flags = bit.bor(flags, c.O.CLOEXEC) end
    return require("ljos.syscall.call.open").open("/dev/ptmx", flags)
end
M.openpt = M.posix_openpt
--- grantpt(3): devpts has set owner and mode already.
function M.grantpt(file)
    local ok, err = M.ptsname(file)
    if not ok then return nil, err end
    return true
end
function M.unlockpt(file) return M.ioctl(file, "TIOCSPTLCK", 0) end
function M.ptsname(file)
    local n, err = M.ioctl(file, "TIOCGPTN")
    if not n then return nil, err end
    return "/dev/pts/" .. n
end

function M.cfgetispeed(tio) return tio.ispeed end
function M.cfgetospeed(tio) return tio.ospeed end
for name, field in pairs { cfsetispeed = "ispeed", cfsetospeed = "ospeed", cfsetspeed = "speed" } do
    M[name] = function(tio, speed)
        tio[field] = speed
        return true
    end
end

return M
