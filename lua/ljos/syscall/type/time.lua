--- Times: timespec and timeval from numbers, pairs, tables and one another; timers.
---
--- Errors:   raises for a value that is no time
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail

local floor, tonumber, type = math.floor, tonumber, type

local M = {}
local t = struct.t

local function sec(self) return tonumber(self.tv_sec) end

-- Splits seconds into whole ones and a fraction of `unit` per second, rounded.
local function split(seconds, unit)
    local whole = floor(seconds)
    local part = floor((seconds - whole) * unit + 0.5)
    if part >= unit then return whole + 1, part - unit end
    return whole, part
end

-- What a time may be written as, filled into the struct: `fraction` is the field for the part below a second.
local function fill(self, value, part, fraction, unit)
    if value == nil then return self end
    if type(value) == "number" then
        if part then
            self.tv_sec, self[fraction] = value, part
        else
            self.tv_sec, self[fraction] = split(value, unit)
        end
    elseif type(value) == "table" then
        if value[1] then
            self.tv_sec, self[fraction] = value[1], value[2] or 0
        else
            self.tv_sec = value.tv_sec or 0
            self[fraction] = value[fraction] or 0
        end
    elseif type(value) == "cdata" then
        self.tv_sec, self[fraction] = split(value.time, unit)
    elseif type(value) == "string" and fraction == "tv_nsec" then
        local special = c.UTIME[value]
        if not special then fail("time expected, got " .. value) end
        self.tv_nsec = special
    else
        fail("time expected, got " .. type(value))
    end
    return self
end

local function define_time(name, fraction, short, unit)
    local function time(self) return tonumber(self.tv_sec) + tonumber(self[fraction]) / unit end
    struct.define(name, {
        get = { time = time, sec = sec, [short] = function(self) return tonumber(self[fraction]) end },
        set = {
            time = function(self, value)
                self.tv_sec, self[fraction] = split(value, unit)
            end,
            sec = function(self, value) self.tv_sec = value end,
            [short] = function(self, value) self[fraction] = value end,
        },
        new = function(self, value, part) return fill(self, value, part, fraction, unit) end,
        tostring = function(self) return tostring(time(self)) end,
    })
end

-- Two times, as utimensat(2) and utimes(2) take them: {access, modification}.
local function define_pair(name, base)
    local _ = t[base]
    local ct = ffi.typeof(("struct ljos_%s[2]"):format(base))
    struct.register(name, ct, function(first, second)
        local pair = ffi.new(ct)
        if type(first) == "table" and first[1] ~= nil and second == nil then
            first, second = first[1], first[2]
        end
        local values = { first, second }
        for i = 0, 1 do
            local value = values[i + 1]
            ffi.copy(pair + i, t[base](value == nil and base == "timespec" and "now" or value), ffi.sizeof(t[base]))
        end
        return pair
    end)
    struct.register(name .. "_raw", ct)
end

local function define_timer(name, base)
    local _ = t[base]
    local function setter(field)
        return function(self, value) ffi.copy(self[field], t[base](value), ffi.sizeof(self[field])) end
    end
    struct.define(name, {
        get = {
            interval = function(self) return self.it_interval end,
            value = function(self) return self.it_value end,
        },
        set = { interval = setter "it_interval", value = setter "it_value" },
        order = { "interval", "value" },
        new = function(self, first, second)
            if first == nil then return self end
            if type(first) == "table" then return struct.assign(self, first, { "interval", "value" }) end
            if type(first) == "cdata" and second == nil and ffi.istype(t[name], first) then
                ffi.copy(self, first, ffi.sizeof(self))
                return self
            end
            if second == nil then fail(name .. ": a table {interval, value} expected") end
            self.interval, self.value = first, second
            return self
        end,
        tostring = function(self)
            return ("{interval = %s, value = %s}"):format(tostring(self.it_interval), tostring(self.it_value))
        end,
    })
end

local definitions = {
    timespec = function() define_time("timespec", "tv_nsec", "nsec", 1e9) end,
    timeval = function() define_time("timeval", "tv_usec", "usec", 1e6) end,
    timespec2 = function() define_pair("timespec2", "timespec") end,
    timeval2 = function() define_pair("timeval2", "timeval") end,
    itimerspec = function() define_timer("itimerspec", "timespec") end,
    itimerval = function() define_timer("itimerval", "timeval") end,
    timex = function()
        struct.define("timex", {
            short = "offset freq maxerror esterror constant precision tolerance tick ppsfreq jitter shift stabil "
                .. "jitcnt calcnt errcnt stbcnt tai",
            get = { modes = function(self) return self.modes end },
            set = {
                modes = function(self, value) self.modes = c.ADJ[value] end,
                status = function(self, value) self.status = c.STA[value] end,
            },
            new = function(self, init)
                if init == nil then return self end
                for key, value in pairs(init) do
                    if key == "modes" then
                        self.modes = c.ADJ[value]
                    elseif key == "status" then
                        self.status = c.STA[value]
                    else
                        self[key] = value
                    end
                end
                return self
            end,
        })
    end,
    scm_timestamping = function() struct.define "scm_timestamping" end,
    -- {state, timex}: `result.state`, `result.timex`, and `result.OK`, `result.error` ... as tests of the state.
    adjtimex = function()
        local mt = {
            __index = function(self, key)
                local state = c.TIME[key]
                if state ~= nil then return rawget(self, "state") == state end
                local ok, value = pcall(function() return rawget(self, "timex")[key] end)
                return ok and value or nil
            end,
        }
        t.adjtimex = function(state, timex) return setmetatable({ state = state, timex = timex }, mt) end
    end,
}
definitions.timespec2_raw, definitions.timeval2_raw = definitions.timespec2, definitions.timeval2

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
