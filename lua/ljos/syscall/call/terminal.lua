--- Terminals, pseudo terminals, ioctl.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local number, flag, integer = fd.number, argument.flag, argument.integer
local t = types.t

---@class ljos.syscall.call.terminal
local M = {}

local READ = bit.tobit(2 ^ 31)
local ioctl_pointer, ioctl_number = kernel.call("ioctl", "iip"), kernel.call("ioctl", "iii")

-- The argument of a request whose type is known.
local function argument_of(request, arg)
    local make, singleton = request.type, request.type_name:match "1$"
    if type(arg) == "cdata" and not tonumber(arg) then
        return argument.memory(arg, 3, types.s[request.type_name] --[[@as integer]])
    end
    if arg == nil and not request.read then argument.wrong(3, request.type_name, arg) end
    if arg == nil then return make() end
    if singleton then return make(integer(arg, 3)) end
    return argument.struct(make, arg, 3)
end

-- What the kernel fills, as far as the number of a request says so (asm-generic/ioctl.h). Those of file systems say
-- long where they mean int (ioctl_iflags(2)).
local function size_of(code)
    code = tonumber(code)
    local letter = string.char(bit.band(bit.rshift(code, 8), 0xff))
    if letter == "f" or letter == "v" then return 0 end
    return bit.band(code, READ) ~= 0 and bit.band(bit.rshift(code, 16), 0x3fff) --[[@as integer]] or 0
end

-- By request: what a call that failed had made for its result. Nobody has seen it; the next call takes it.
local spare = {}

--- ioctl(2): requests whose argument has a known type build it and give the result (a number where that is all);
--- others take a pointer or a number.
---@param file any
---@param request string|integer|table  a name or an entry of c.IOCTL, or a number
---@param arg any
function M.ioctl(file, request, arg)
    local n, code = number(file, 1), request
    if type(code) ~= "table" then code = flag(c.IOCTL, request, 2) end
    if type(code) == "table" and not code.type_name then argument.wrong(2, "request", request) end
    local res ---@type integer
    if type(code) == "table" then
        local value = arg == nil and spare[code] or argument_of(code, arg)
        res = ioctl_pointer(n, code.number, value)
        if arg == nil then spare[code] = res < 0 and value or nil end
        if res < 0 then return kernel.failed(res) end
        if code.singleton then return tonumber(value[0]) end
        return code.read and value or true
    elseif type(arg) == "number" or type(arg) == "boolean" then
        res = ioctl_number(n, code, integer(arg, 3))
    else
        if type(arg) == "cdata" then argument.memory(arg, 3, size_of(code)) end
        res = ioctl_pointer(n, code, argument.pointer(arg, 3))
    end
    if res < 0 then return kernel.failed(res) end
    return res == 0 or res
end

--- isatty(3): a boolean.
function M.isatty(file)
    local res = ioctl_pointer(number(file, 1), c.IOCTL.TCGETS.number, ffi.new "char[64]")
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
    tio = argument.struct(t.termios, tio, 3)
    -- The C library reads it before it asks the kernel.
    if tio == nil then argument.wrong(3, "termios", tio) end
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
function M.posix_openpt(flags) return require("ljos.syscall.call.open").open("/dev/ptmx", flags) end
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

local function termios(tio) return ffi.istype(t.termios, tio) and tio or argument.wrong(1, "termios", tio) end
function M.cfgetispeed(tio) return termios(tio).ispeed end
function M.cfgetospeed(tio) return termios(tio).ospeed end
for name, field in pairs { cfsetispeed = "ispeed", cfsetospeed = "ospeed", cfsetspeed = "speed" } do
    M[name] = function(tio, speed)
        termios(tio)[field] = speed
        return true
    end
end

return M
