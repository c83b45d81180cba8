--- Types of signals: sets, what came with a signal, actions.
---
--- Errors:   raises for an unknown signal
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     a type is one function, metatable and all, run when the type is first asked for
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"
local extent = require "ljos.syscall.extent"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail
local ONE = ffi.new("uint64_t", 1)
-- A negative double does not become an unsigned word the same way everywhere; an integer does.
local ALL = ffi.cast("uint64_t", ffi.new("int64_t", -1))

local tonumber, type = tonumber, type

local M = {}
local t = struct.t

local function number(signal)
    local n = c.SIG[signal]
    if type(n) ~= "number" or n < 1 or n > 64 then fail("invalid signal " .. tostring(signal)) end
    return n
end

local function each(signals, action)
    if type(signals) == "number" then return action(number(signals)) end
    if type(signals) ~= "string" then fail("signals expected, got " .. type(signals)) end
    for name in signals:gmatch "[^,%s]+" do
        action(number(name))
    end
end

local function define_sigset()
    local function change(on)
        return function(self, signals)
            each(signals, function(n)
                local mask = bit.lshift(ONE, n - 1)
                self.val[0] = on and bit.bor(self.val[0], mask) or bit.band(self.val[0], bit.bnot(mask))
            end)
            return self
        end
    end
    local add, del = change(true), change(false)
    local ct = ffi.metatype(native.struct "sigset", {
        __new = function(ct, init)
            local self = ffi.new(ct)
            if type(init) == "cdata" and not tonumber(init) then
                if not extent.fits(ct, init) then fail("set of signals expected, got " .. tostring(init)) end
                extent.copy(self, init, ffi.sizeof(ct))
            elseif type(init) == "table" then
                for _, signal in ipairs(init) do
                    add(self, signal)
                end
            elseif init == "all" then
                self.val[0] = ALL
            elseif init ~= nil and init ~= "" then
                add(self, init)
            end
            return self
        end,
        __index = function(self, key)
            if key == "add" then return add end
            if key == "del" then return del end
            if key == "isemptyset" then return self.val[0] == 0 end
            return bit.band(self.val[0], bit.lshift(ONE, number(key) - 1)) ~= 0
        end,
        __newindex = function(self, key, on) return (on and add or del)(self, key) end,
        __len = function(self) return ffi.sizeof(self) end,
        __tostring = function(self)
            local names = {}
            for name, n in pairs(c.SIG) do
                if type(n) == "number" and self[n] then names[#names + 1] = name end
            end
            table.sort(names)
            return table.concat(names, ",")
        end,
    })
    struct.register("sigset", ct)
end

-- The main name of a signal: of two names for a number, the one that is no alias.
local aliases = { CLD = true, POLL = true, IOT = true, UNUSED = true }
local function name_of(n)
    for name, value in pairs(c.SIG) do
        if value == n and not aliases[name] then return name end
    end
end
M.name_of = name_of

local function define_siginfo()
    local get = {
        signo = function(self) return self.si_signo end,
        errno = function(self) return self.si_errno end,
        code = function(self) return self.si_code end,
        signame = function(self) return name_of(self.si_signo) end,
        value = function(self) return tonumber(self._rt__sigval.sival_int) end,
        addr = function(self) return self._addr end,
        band = function(self) return tonumber(self._band) end,
        fd = function(self) return self._fd end,
        syscall = function(self) return self._syscall end,
        call_addr = function(self) return self._call_addr end,
        arch = function(self) return self._arch end,
        utime = function(self) return tonumber(self._utime) end,
        stime = function(self) return tonumber(self._stime) end,
        pid = function(self) return self._pid end,
        uid = function(self) return tonumber(self._uid) end,
        status = function(self) return self._status end,
        tid = function(self) return self._tid end,
        overrun = function(self) return self._overrun end,
    }
    struct.define("siginfo", { get = get })
end

local function define_signalfd()
    struct.define("signalfd_siginfo", {
        prefix = "ssi_",
        short = "signo errno code pid uid fd tid band overrun trapno status int ptr utime stime addr",
        get = {
            user = function(self) return self.ssi_code == c.SI.USER end,
            signame = function(self) return name_of(self.ssi_signo) end,
        },
        missing = function(self, key)
            local value = c.SIG[key]
            if not value then fail("siginfo has no field " .. tostring(key)) end
            return self.ssi_signo == value
        end,
    })
end

-- What a handler may be, as a number: a name of c.SIGACT, or an address.
local function handler_address(value)
    if value == nil then return 0 end
    if type(value) == "cdata" and not tonumber(value) then return tonumber(ffi.cast("intptr_t", value)) end
    local address = c.SIGACT[value]
    if type(address) ~= "number" then fail("signal handler expected, got " .. tostring(value)) end
    return address
end

local Handler = {
    __call = function(self, ...) return self.handle(...) end,
    __index = { free = function() end },
}

local function define_sigaction()
    local _ = t.sigset
    local function set_handler(self, value)
        if getmetatable(value) == Handler then value = value.handle end
        -- A Lua function has no address: S.sigaction finds it by the struct.
        local is_function = type(value) == "function"
        struct.anchor(self, "handler", is_function and value or nil)
        self.sa_sigaction = is_function and 0 or handler_address(value)
    end
    local function get_handler(self) return struct.anchored(self, "handler") or tonumber(self.sa_sigaction) end
    local ct = struct.define("sigaction", {
        set = {
            handler = set_handler,
            sigaction = set_handler,
            mask = function(self, value) self.sa_mask = t.sigset(value) end,
            flags = function(self, value) self.sa_flags = bit.tobit(c.SA[value]) end,
        },
        get = {
            handler = get_handler,
            sigaction = get_handler,
            mask = function(self) return self.sa_mask end,
            flags = function(self) return self.sa_flags % 2 ^ 32 end,
        },
        new = function(self, init)
            if type(init) == "table" and getmetatable(init) ~= Handler then
                struct.assign(self, init)
                if init.sigaction ~= nil then self.sa_flags = bit.bor(self.sa_flags, c.SA.SIGINFO) end
            elseif type(init) == "cdata" and ffi.istype(native.struct "sigaction", init) then
                ffi.copy(self, init, ffi.sizeof(self))
                struct.anchor(self, "handler", struct.anchored(init, "handler"))
            elseif init ~= nil then
                self.handler = init
            end
        end,
    })
    struct.t.sa = struct.t.sigaction
    struct.pt.sa, struct.s.sa = struct.pt.sigaction, ffi.sizeof(ct)
end

local function define_sigevent()
    struct.define("sigevent", {
        set = {
            notify = function(self, value) self.sigev_notify = c.SIGEV[value] end,
            signo = function(self, value) self.sigev_signo = c.SIG[value] end,
            value = function(self, value) self.sigev_value.sival_int = value end,
            tid = function(self, value) self._tid = value end,
        },
        get = {
            notify = function(self) return self.sigev_notify end,
            signo = function(self) return self.sigev_signo end,
        },
    })
end

local definitions = {
    -- Of a Lua function an object that is called like it, and that ljsyscall's programs free; else an address.
    sighandler = function()
        struct.register("sighandler", ffi.typeof "intptr_t", function(value)
            if type(value) == "function" then return setmetatable({ handle = value }, Handler) end
            return handler_address(value)
        end)
    end,
    sigset = define_sigset,
    siginfo = define_siginfo,
    signalfd_siginfo = define_signalfd,
    -- What a read of a signalfd fills; `count` is how many came.
    siginfos = function() struct.define_array("siginfos", "signalfd_siginfo", "sfd", { first = 1, copy = true }) end,
    sigaction = define_sigaction,
    sa = define_sigaction,
    sigevent = define_sigevent,
    sigval = function() struct.define "sigval" end,
    -- What a handler gets beside the signal is the C library's own; the size is an upper bound.
    ucontext = function()
        ffi.cdef "struct ljos_ucontext { uint64_t words[576]; };"
        struct.define_opaque("ucontext", "struct ljos_ucontext")
    end,
    mcontext = function()
        ffi.cdef "struct ljos_mcontext { uint64_t words[512]; };"
        struct.define_opaque("mcontext", "struct ljos_mcontext")
    end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
