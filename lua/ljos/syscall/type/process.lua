--- Types of processes: limits, usage, CPU sets, groups, the status of wait, capabilities, uname and sysinfo.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     a type is one function, metatable and all, run when the type is first asked for
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail
local ONE = ffi.new("uint64_t", 1)
-- A negative double does not become an unsigned word the same way everywhere; an integer does.
local ALL = ffi.cast("uint64_t", ffi.new("int64_t", -1))

local tonumber, type = tonumber, type

local M = {}
local t = struct.t

local function define_rlimit()
    local function read(value)
        if value == ALL then return -1 end
        return tonumber(value)
    end
    local function write(value)
        if value == "infinity" or value == -1 then return ALL end
        return value
    end
    struct.define("rlimit", {
        get = {
            cur = function(self) return read(self.rlim_cur) end,
            max = function(self) return read(self.rlim_max) end,
        },
        set = {
            cur = function(self, value) self.rlim_cur = write(value) end,
            max = function(self, value) self.rlim_max = write(value) end,
        },
        order = { "cur", "max" },
    })
end

local usage = "maxrss ixrss idrss isrss minflt majflt nswap inblock oublock msgsnd msgrcv nsignals nvcsw nivcsw"

local function define_rusage()
    local _ = t.timeval
    local function plain(field)
        return function(self) return tonumber(self[field]) end
    end
    local get = {}
    for name in usage:gmatch "%S+" do
        get[name] = plain("ru_" .. name)
    end
    local function time(field)
        return function(self)
            return struct.pt.timeval(ffi.cast("char *", self) + ffi.offsetof(native.struct "rusage", field))[0]
        end
    end
    get.utime, get.stime = time "ru_utime", time "ru_stime"
    struct.define("rusage", {
        get = get,
        tostring = function(self)
            local lines = {}
            for name in ("utime stime " .. usage):gmatch "%S+" do
                lines[#lines + 1] = name .. ": " .. tostring(get[name](self))
            end
            return "{" .. table.concat(lines, ", ") .. "}"
        end,
    })
end

local function define_cpu_set()
    local words = ffi.sizeof(native.struct "cpu_set") / 8
    ---@return integer word, integer n
    local function check(cpu)
        if type(cpu) ~= "number" or cpu < 0 or cpu >= words * 64 then fail("cpu number expected") end
        return math.floor(cpu / 64), bit.band(cpu, 63)
    end
    local function get(self, cpu)
        local word, n = check(cpu)
        return bit.band(self.val[word], bit.lshift(ONE, n)) ~= 0
    end
    local function put(self, cpu, on)
        local word, n = check(cpu)
        local mask = bit.lshift(ONE, n)
        self.val[word] = on and bit.bor(self.val[word], mask) or bit.band(self.val[word], bit.bnot(mask))
        return self
    end
    local methods = {
        get = get,
        set = function(self, cpu) return put(self, cpu, true) end,
        clear = function(self, cpu) return put(self, cpu, false) end,
        zero = function(self)
            ffi.fill(self, ffi.sizeof(self))
            return self
        end,
    }
    local ct = ffi.metatype(native.struct "cpu_set", {
        __new = function(ct, list)
            local self = ffi.new(ct)
            if type(list) == "table" then
                for _, cpu in ipairs(list) do
                    put(self, cpu, true)
                end
            elseif type(list) == "number" then
                put(self, list, true)
            end
            return self
        end,
        __index = function(self, key)
            if type(key) == "number" then return get(self, key) end
            return methods[key] or fail("cpu_set has no field " .. tostring(key))
        end,
        __newindex = function(self, key, on) put(self, key, on) end,
        __len = function(self) return ffi.sizeof(self) end,
        __tostring = function(self)
            local list = {}
            for cpu = 0, words * 64 - 1 do
                if get(self, cpu) then list[#list + 1] = tostring(cpu) end
            end
            return "{" .. table.concat(list, ",") .. "}"
        end,
    })
    struct.register("cpu_set", ct)
end

local function define_groups()
    ffi.cdef "struct ljos_groups { int count; uint32_t list[?]; };"
    local function new(ct, init)
        if type(init) == "cdata" and ffi.istype(ct, init) then return init end
        local count = type(init) == "number" and init or type(init) == "table" and #init
        if not count or not (count >= 0 and count <= 65536) then fail "a list of groups or a count expected" end
        local groups = ffi.new(ct, count)
        groups.count = count
        for i = 1, type(init) == "table" and count or 0 do
            if type(init[i]) ~= "number" then fail("number of a group expected, got " .. tostring(init[i])) end
            groups.list[i - 1] = init[i]
        end
        return groups
    end
    local ct = ffi.metatype("struct ljos_groups", {
        __new = new,
        __index = function(self, key)
            if type(key) ~= "number" then fail("groups has no field " .. tostring(key)) end
            if key >= 1 and key <= self.count then return self.list[key - 1] end
        end,
        __newindex = function(self, key, value)
            if type(key) ~= "number" or key < 1 or key > self.count then fail("groups: no item " .. tostring(key)) end
            self.list[key - 1] = value
        end,
        __len = function(self) return self.count end,
    })
    struct.register("groups", ct)
end

-- wait(2)'s status word, read by the macros' names, in any case and with or without the leading W.
---@type table<string, fun(status: any): any>
local status_tests = {
    IFEXITED = function(s) return bit.band(s, 0x7f) == 0 or nil end,
    EXITSTATUS = function(s) return bit.band(s, 0x7f) == 0 and bit.rshift(bit.band(s, 0xff00), 8) or nil end,
    IFSIGNALED = function(s)
        local low = bit.band(s, 0x7f)
        return low ~= 0 and low ~= 0x7f or nil
    end,
    TERMSIG = function(s)
        local low = bit.band(s, 0x7f)
        return low ~= 0 and low ~= 0x7f and low or nil
    end,
    IFSTOPPED = function(s) return bit.band(s, 0xff) == 0x7f or nil end,
    STOPSIG = function(s) return bit.band(s, 0xff) == 0x7f and bit.rshift(bit.band(s, 0xff00), 8) or nil end,
    IFCONTINUED = function(s) return s == 0xffff or nil end,
    COREDUMP = function(s) return bit.band(s, 0x80) ~= 0 and bit.band(s, 0xff) ~= 0x7f or nil end,
}

local Status = {}
Status.__index = function(self, key)
    if type(key) ~= "string" then return nil end
    local name = key:upper()
    local test = status_tests[name] or (name:sub(1, 1) == "W" and status_tests[name:sub(2)])
    if not test then fail("waitstatus has no field " .. key) end
    return test(rawget(self, "status"))
end

-- Capabilities: two words each of effective, permitted and inheritable.
local function define_capabilities()
    local sets = { effective = true, permitted = true, inheritable = true }
    local Set = {}
    Set.__index = function(self, key)
        local cap = c.CAP[key]
        if not cap then fail("invalid capability " .. tostring(key)) end
        local data = rawget(self, "data")
        return bit.band(data[cap >= 32 and 1 or 0][rawget(self, "field")], bit.lshift(1, cap % 32)) ~= 0
    end
    Set.__newindex = function(self, key, on)
        local cap = c.CAP[key]
        if not cap then fail("invalid capability " .. tostring(key)) end
        local data, field = rawget(self, "data"), rawget(self, "field")
        local word = data[cap >= 32 and 1 or 0]
        local mask = bit.lshift(1, cap % 32)
        word[field] = (on and bit.bor(word[field], mask) or bit.band(word[field], bit.bnot(mask))) % 2 ^ 32
    end
    Set.__tostring = function(self)
        local names = {}
        for name, cap in pairs(c.CAP) do
            if self[name] and type(cap) == "number" then names[#names + 1] = name end
        end
        table.sort(names)
        return table.concat(names, ",")
    end
    local Capabilities = {}
    Capabilities.__index = function(self, key)
        if sets[key] then return setmetatable({ data = rawget(self, "data"), field = key }, Set) end
        if key == "hdrdata" then
            local header = t.user_cap_header { version = self.version, pid = self.pid }
            return function() return header, rawget(self, "data") end
        end
    end
    Capabilities.__newindex = function(self, key, names)
        if not sets[key] then fail("capabilities has no field " .. tostring(key)) end
        local data = rawget(self, "data")
        data[0][key], data[1][key] = 0, 0
        if type(names) == "string" then
            for name in names:gmatch "[^,%s]+" do
                self[key][name] = true
            end
        elseif type(names) == "table" then
            for name, on in pairs(names) do
                if type(name) == "number" then
                    name, on = on, true
                end
                self[key][name] = on
            end
        end
    end
    Capabilities.__tostring = function(self)
        return ("{permitted = %s; effective = %s; inheritable = %s}"):format(
            tostring(self.permitted),
            tostring(self.effective),
            tostring(self.inheritable)
        )
    end
    -- capabilities(hdr, data) or capabilities{permitted = "chown,mknod", version = 3, pid = 0}
    t.capabilities = function(first, data)
        local self = { version = c.LINUX_CAPABILITY_VERSION[3], pid = 0, data = data or t.user_cap_data2() }
        setmetatable(self, Capabilities)
        if type(first) == "cdata" then
            if not ffi.istype(t.user_cap_header, first) then fail("t.user_cap_header expected") end
            rawset(self, "version", tonumber(first.version))
            rawset(self, "pid", first.pid)
        elseif type(first) == "table" then
            for key, value in pairs(first) do
                if key == "version" or key == "pid" then
                    rawset(self, key, key == "version" and c.LINUX_CAPABILITY_VERSION[value] or value)
                else
                    self[key] = value
                end
            end
        end
        return self
    end
    struct.pt.capabilities = function(p) return ffi.cast(native.struct "user_cap_data" .. " *", p) end
    struct.s.capabilities = ffi.sizeof(native.struct "user_cap_data") * 2
end

local function define_header()
    struct.define("user_cap_header", {
        set = {},
        new = function(self, first, pid)
            if type(first) == "table" then
                first, pid = first.version or first[1], first.pid or first[2]
            end
            self.version = c.LINUX_CAPABILITY_VERSION[first or 3] or first
            self.pid = pid or 0
        end,
    })
end

local function string_fields(list)
    local get = {}
    for name in list:gmatch "%S+" do
        get[name] = function(self) return ffi.string(self[name]) end
    end
    return get
end

local definitions = {
    rlimit = define_rlimit,
    rusage = define_rusage,
    cpu_set = define_cpu_set,
    groups = define_groups,
    waitstatus = function()
        t.waitstatus = function(status) return setmetatable({ status = status or 0 }, Status) end
    end,
    utsname = function() struct.define("utsname", { get = string_fields "" }) end,
    sysinfo = function() struct.define "sysinfo" end,
    sched_param = function()
        struct.define("sched_param", {
            new = function(self, priority)
                if type(priority) == "table" then
                    priority = priority.priority or priority.sched_priority or priority[1]
                end
                self.sched_priority = priority or 0
            end,
            get = { priority = function(self) return self.sched_priority end },
        })
    end,
    capabilities = define_capabilities,
    user_cap_header = define_header,
    user_cap_data = function() struct.define "user_cap_data" end,
    user_cap_data2 = function()
        local ct = ffi.typeof(native.struct "user_cap_data" .. "[2]")
        struct.register("user_cap_data2", ct)
    end,
    vfs_cap_data = function() struct.define "vfs_cap_data" end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
