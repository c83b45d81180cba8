--- Types of terminals and network interface requests.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     a type is one function, metatable and all, run when the type is first asked for
local bit = require "bit"
local ffi = require "ffi"
local kernel = require "ljos.syscall.kernel"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail

local tonumber, type = tonumber, type

local M = {}

local function flags(field, group)
    local function get(self) return tonumber(self[field]) end
    local function set(self, value) self[field] = c[group][value] end
    return get, set
end

-- Baud rates are numbers here: 9600, "B9600" and c.B[9600] all mean 9600.
local function rate_to_code(value)
    if value == nil then return 0 end
    local code = rawget(c.B, tostring(value)) or (type(value) == "string" and c.B[value])
    return code or value
end

local function code_to_rate(code)
    for name, value in pairs(c.B) do
        if value == code and tonumber(name) then return tonumber(name) end
    end
    return code
end
M.rate_to_code, M.code_to_rate = rate_to_code, code_to_rate

-- The place of a control character by its name, "VMIN" or "min".
local function control_character(key)
    local n = type(key) == "string" and (c.CC[key] or c.CC["V" .. key])
    if not n then fail("termios has no field " .. tostring(key)) end
    return n
end

local function define_termios()
    local speed_functions = {}
    for _, name in ipairs { "cfgetispeed", "cfgetospeed" } do
        speed_functions[name] = kernel.libc(name, "unsigned int (const void *)")
    end
    for _, name in ipairs { "cfsetispeed", "cfsetospeed", "cfsetspeed" } do
        speed_functions[name] = kernel.libc(name, "int (void *, unsigned int)")
    end
    local makeraw = kernel.libc("cfmakeraw", "void (void *)")
    local get, set = {}, {}
    for name, group in pairs { iflag = "IFLAG", oflag = "OFLAG", cflag = "CFLAG", lflag = "LFLAG" } do
        get[name], set[name] = flags("c_" .. name, group)
    end
    get.ispeed = function(self) return code_to_rate(tonumber(speed_functions.cfgetispeed(self))) end
    get.ospeed = function(self) return code_to_rate(tonumber(speed_functions.cfgetospeed(self))) end
    get.speed = get.ospeed
    get.cc = function(self)
        return setmetatable({}, {
            __index = function(_, key) return tonumber(self.c_cc[control_character(key)]) end,
            __newindex = function(_, key, value) self[key] = value end,
        })
    end
    for _, field in ipairs { "ispeed", "ospeed", "speed" } do
        local set_speed = speed_functions["cfset" .. field]
        set[field] = function(self, value)
            if set_speed(self, rate_to_code(value)) == -1 then fail(tostring(value) .. " is no speed") end
        end
    end
    set.cc = function(self, values)
        for key, value in pairs(values) do
            self[key] = value
        end
    end
    struct.define("termios", {
        get = get,
        set = set,
        missing = function(self, key) return tonumber(self.c_cc[control_character(key)]) end,
        missing_set = function(self, key, value)
            self.c_cc[control_character(key)] = type(value) == "string" and value:byte() or value
        end,
        methods = {
            makeraw = function(self)
                makeraw(self)
                return true
            end,
            cfmakeraw = function(self) makeraw(self) end,
            cfgetispeed = function(self) return get.ispeed(self) end,
            cfgetospeed = function(self) return get.ospeed(self) end,
            cfsetispeed = function(self, value)
                set.ispeed(self, value)
                return true
            end,
            cfsetospeed = function(self, value)
                set.ospeed(self, value)
                return true
            end,
            cfsetspeed = function(self, value)
                set.speed(self, value)
                return true
            end,
        },
    })
end

local function checked(name)
    if type(name) ~= "string" then fail("name of an interface expected, got " .. type(name)) end
    if #name >= c.IFNAMSIZ then fail("interface name is too long") end
    return name
end

local function define_ifreq()
    local ifreq
    ifreq = struct.define("ifreq", {
        get = {
            name = function(self) return ffi.string(self.ifr_name) end,
            newname = function(self) return ffi.string(self.ifr_newname) end,
            flags = function(self) return tonumber(bit.band(self.ifr_flags, 0xffff)) end,
            ivalue = function(self) return self.ifr_ivalue end,
            mtu = function(self) return self.ifr_mtu end,
            hwaddr = function(self) return struct.t.macaddr(ffi.cast("uint8_t *", self.ifr_hwaddr) + 2) end,
            data = function(self) return self.ifr_data end,
        },
        set = {
            name = function(self, value) ffi.copy(self.ifr_name, checked(value)) end,
            newname = function(self, value) ffi.copy(self.ifr_newname, checked(value)) end,
            flags = function(self, value) self.ifr_flags = bit.tobit(c.IFREQ[value]) end,
            ivalue = function(self, value) self.ifr_ivalue = value end,
            mtu = function(self, value) self.ifr_mtu = value end,
            data = function(self, value) self.ifr_data = ffi.cast("void *", value) end,
        },
    })
    return ifreq
end

local definitions = {
    winsize = function()
        struct.define(
            "winsize",
            { prefix = "ws_", short = "row col xpixel ypixel", order = { "row", "col", "xpixel", "ypixel" } }
        )
    end,
    termios = define_termios,
    termios2 = function() struct.define "termios2" end,
    ifreq = define_ifreq,
    tun_filter = function() struct.define "tun_filter" end,
    tun_pi = function() struct.define "tun_pi" end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
