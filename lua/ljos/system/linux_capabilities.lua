--- Capabilities of the process, and the objects that hold capabilities of processes and files.
---
--- An object is a set (`linux_capabilities.set`) with libcap's operations on it. What the kernel is told here
--- counts for the calling thread and for the threads and processes it makes afterwards: on Linux capabilities
--- belong to threads.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local master = require "ljos.system.master"
local native = require "ljos.native"
local set_ = require "ljos.system.linux_capabilities.set"
local text_ = require "ljos.system.linux_capabilities.text"

local error, rawget, setmetatable, tostring, type = error, rawget, setmetatable, tostring, type
local check_flag, check_name = set_.check_flag, set_.check_name

---@class ljos.system.linux_capabilities
local M = {}

---@class ljos.system.LinuxCapabilities
local Capabilities = {}

local SET = {}
local metatable = { __metatable = "linux_capabilities" }

ffi.cdef [[
int libc_capget(void *, void *) __asm__("capget");
int libc_capset(void *, const void *) __asm__("capset");
int libc_prctl(int, unsigned long, unsigned long, unsigned long, unsigned long) __asm__("prctl");
]]

local PR = native.constant_table "PR"
local VERSION = native.constant_table("LINUX_CAPABILITY_VERSION")._LINUX_CAPABILITY_VERSION_3
local header = ffi.new(native.struct "user_cap_header")
local data = ffi.new(native.struct "user_cap_data" .. "[2]")

local function check(res, what)
    if res >= 0 then return res end
    return error_.check(-ffi.errno(), { detail = what })
end

local function prctl(what, option, a, b, c) return check(ffi.C.libc_prctl(option, a or 0, b or 0, c or 0, 0), what) end

--- Makes an object of a set.
---@param set ljos.system.CapabilitySet  the object's from now on
---@return ljos.system.LinuxCapabilities
function M.wrap(set) return setmetatable({ [SET] = set }, metatable) end

--- Returns the set of an object; raises EINVAL for what is none.
---@param x any
---@param arg integer|string  the argument's position or name, for the error
---@return ljos.system.CapabilitySet
local function set_of(x, arg)
    local set = type(x) == "table" and rawget(x, SET)
    return set or error_.argument(arg, "linux_capabilities expected, got " .. type(x))
end
M.set_of = set_of

local function start(pid)
    header.version, header.pid = VERSION, pid or 0
end

--- Gets the capabilities of a process.
---@param pid integer  0: the calling thread
---@return ljos.system.LinuxCapabilities
function M.of_process(pid)
    start(pid)
    check(ffi.C.libc_capget(header, data), "capget")
    local set = set_.new()
    for _, flag in ipairs(set_.flags) do
        set[flag][1], set[flag][2] = data[0][flag], data[1][flag]
    end
    return M.wrap(set)
end

--- Gets the capabilities of the calling thread. Source: cap_get_proc(3).
---@return ljos.system.LinuxCapabilities
function M.cap_get_proc() return M.of_process(0) end

--- Makes an object without any capability. Source: cap_init(3).
---@return ljos.system.LinuxCapabilities
function M.cap_init() return M.wrap(set_.new()) end

--- Reads an object from text. Source: cap_from_text(3).
---@param caps string  "cap_net_bind_service=ep", ...
---@return ljos.system.LinuxCapabilities
function M.cap_from_text(caps)
    error_.check_type(caps, "string", 1)
    local set = text_.read(caps)
    if not set then error_.argument(1, ("not a set of capabilities: %q"):format(caps)) end
    ---@cast set ljos.system.CapabilitySet
    return M.wrap(set)
end

--- Tells whether the bounding set has a capability. Source: cap_get_bound(3).
---@param cap string
---@return boolean
function M.cap_get_bound(cap) return prctl("cap_get_bound", PR.PR_CAPBSET_READ, check_name(cap, 1)) == 1 end

--- Takes a capability out of the bounding set. Source: cap_drop_bound(3).
---@param cap string
function M.cap_drop_bound(cap)
    master.check "cap_drop_bound"
    prctl("cap_drop_bound", PR.PR_CAPBSET_DROP, check_name(cap, 1))
end

--- Tells whether the ambient set has a capability. Source: cap_get_ambient(3).
---@param cap string
---@return boolean
function M.cap_get_ambient(cap)
    return prctl("cap_get_ambient", PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_IS_SET, check_name(cap, 1)) == 1
end

--- Puts a capability into the ambient set, or takes it out. Source: cap_set_ambient(3).
---@param cap string
---@param value boolean
function M.cap_set_ambient(cap, value)
    master.check "cap_set_ambient"
    local number = check_name(cap, 1)
    error_.check_type(value, "boolean", 2)
    local action = value and PR.PR_CAP_AMBIENT_RAISE or PR.PR_CAP_AMBIENT_LOWER
    prctl("cap_set_ambient", PR.PR_CAP_AMBIENT, action, number)
end

--- Empties the ambient set. Source: cap_reset_ambient(3).
function M.cap_reset_ambient()
    master.check "cap_reset_ambient"
    prctl("cap_reset_ambient", PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_CLEAR_ALL)
end

--- Gets the securebits. Source: cap_get_secbits(3).
---@return integer # SECBIT_*
function M.cap_get_secbits() return prctl("cap_get_secbits", PR.PR_GET_SECUREBITS) end

--- Sets the securebits. Source: cap_set_secbits(3).
---@param bits integer  SECBIT_*
function M.cap_set_secbits(bits)
    master.check "cap_set_secbits"
    if type(bits) ~= "number" or bits < 0 or bits > 0x7fffffff or bits % 1 ~= 0 then
        error_.argument(1, "non-negative integer expected, got " .. tostring(bits))
    end
    prctl("cap_set_secbits", PR.PR_SET_SECUREBITS, bits)
end

for name, value in native.constants "SECBIT" do
    M[name] = value
end

-- Methods

--- Makes a copy. Source: cap_dup(3).
---@return ljos.system.LinuxCapabilities
function Capabilities:dup()
    local from, to = set_of(self, 1), set_.new()
    for _, flag in ipairs(set_.flags) do
        set_.fill(to, flag, from, flag)
    end
    to.nsowner = from.nsowner
    return M.wrap(to)
end

--- Lowers everything. Source: cap_clear(3).
function Capabilities:clear()
    local set, empty = set_of(self, 1), set_.new()
    for _, flag in ipairs(set_.flags) do
        set_.fill(set, flag, empty, flag)
    end
    set.nsowner = 0
end

--- Lowers all capabilities of a flag. Source: cap_clear_flag(3).
---@param flag "effective"|"inheritable"|"permitted"
function Capabilities:clear_flag(flag) set_.fill(set_of(self, 1), check_flag(flag, 2), set_.new(), flag) end

--- Tells whether a flag has a capability. Source: cap_get_flag(3).
---@param cap string
---@param flag "effective"|"inheritable"|"permitted"
---@return boolean
function Capabilities:get_flag(cap, flag) return set_.has(set_of(self, 1), check_flag(flag, 3), check_name(cap, 2)) end

--- Raises or lowers capabilities of a flag. Source: cap_set_flag(3).
---@param flag "effective"|"inheritable"|"permitted"
---@param caps string[]
---@param value boolean
function Capabilities:set_flag(flag, caps, value)
    local set = set_of(self, 1)
    check_flag(flag, 2)
    error_.check_type(caps, "table", 3)
    error_.check_type(value, "boolean", 4)
    local numbers = {}
    for i, cap in ipairs(caps) do
        numbers[i] = check_name(cap, 3)
    end
    for _, number in ipairs(numbers) do
        set_.put(set, flag, number, value)
    end
end

--- Copies a flag of another object to one of this. Source: cap_fill_flag(3).
---@param to "effective"|"inheritable"|"permitted"
---@param ref ljos.system.LinuxCapabilities
---@param from "effective"|"inheritable"|"permitted"
function Capabilities:fill_flag(to, ref, from)
    set_.fill(set_of(self, 1), check_flag(to, 2), set_of(ref, 3), check_flag(from, 4))
end

--- Copies a flag to another one of the same object. Source: cap_fill(3).
---@param to "effective"|"inheritable"|"permitted"
---@param from "effective"|"inheritable"|"permitted"
function Capabilities:fill(to, from)
    local set = set_of(self, 1)
    set_.fill(set, check_flag(to, 2), set, check_flag(from, 3))
end

--- Gives the calling thread these capabilities. Source: cap_set_proc(3).
function Capabilities:set_proc()
    master.check "set_proc"
    local set = set_of(self, 1)
    start()
    for _, flag in ipairs(set_.flags) do
        data[0][flag], data[1][flag] = set[flag][1] % 2 ^ 32, set[flag][2] % 2 ^ 32
    end
    check(ffi.C.libc_capset(header, data), "set_proc")
end

--- Gets the user id that is root where a file's capabilities count. Source: cap_get_nsowner(3).
---@return integer
function Capabilities:get_nsowner() return set_of(self, 1).nsowner end

--- Sets the user id that is root where a file's capabilities count. Source: cap_set_nsowner(3).
---@param rootuid integer
function Capabilities:set_nsowner(rootuid)
    local set = set_of(self, 1)
    if type(rootuid) ~= "number" or rootuid < 0 or rootuid > 0xffffffff or rootuid % 1 ~= 0 then
        error_.argument(2, "a user id expected, got " .. tostring(rootuid))
    end
    set.nsowner = rootuid
end

function metatable.__index(_, key)
    local method = Capabilities[key]
    if not method then error_.bad_index("linux_capabilities", key) end
    return method
end

function metatable.__newindex(_, key) error(error_.generic("EPERM", { detail = tostring(key) }), 0) end
function metatable.__tostring(self) return text_.write(rawget(self, SET)) end

return M
