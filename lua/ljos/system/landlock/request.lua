--- What Landlock is asked, out of the attributes that programs write: rights by name into the kernel's structs.
---
--- Shared by `system.landlock_*` and the init scripts of actors. Beyond the seed's rights of files: the kernel's for
--- TCP ports, the scopes of abstract sockets and signals, and the flags that say what is logged.
---
--- Errors:   raises EINVAL; `arg` names the attribute
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local check_list = require "ljos.error.list"
local error_ = require "ljos.error"
local native = require "ljos.native"

local bor, type = bit.bor, type
local check_type, fail = error_.check_type, error_.argument

---@class ljos.system.landlock.request
local M = {}

---@class ljos.LandlockRuleset
---@field handled_access_fs? string[]   as `landlock_create_ruleset` lists them
---@field handled_access_net? string[]  "bind_tcp", "connect_tcp"
---@field scoped? string[]              "abstract_unix_socket", "signal": no such outside of the domain

---@class ljos.LandlockRule
---@field allowed_access string[]
---@field parent_fd? ljos.FileDescriptor|integer  of "path_beneath"
---@field port? integer                           of "net_port"

local ACCESS_FS, ACCESS_NET = "LANDLOCK_ACCESS_FS", "LANDLOCK_ACCESS_NET"
local ATTRIBUTES = { handled_access_fs = ACCESS_FS, handled_access_net = ACCESS_NET, scoped = "LANDLOCK_SCOPE" }

-- The version of Landlock (landlock(7)) that brought a right, where that was not the group's first.
local SINCE = {
    [ACCESS_FS] = { 1, REFER = 2, TRUNCATE = 3, IOCTL_DEV = 5, RESOLVE_UNIX = 9 },
    [ACCESS_NET] = { 4 },
    LANDLOCK_SCOPE = { 6 },
    LANDLOCK_RESTRICT_SELF = { 7, TSYNC = 8 },
}

-- {"read_file", "execute"} -> bits
local function bits_of(group, names, arg)
    check_list(names, arg)
    local values, bits = native.constant_table(group), 0
    for i = 1, #names do
        local name = names[i]
        local value = type(name) == "string" and name == name:lower() and values[group .. "_" .. name:upper()]
        if not value then fail(("%s/%d"):format(arg, i), ("nothing of Landlock is named %q"):format(tostring(name))) end
        bits = bor(bits, value)
    end
    return bits
end

local function check_keys(attr, known, arg)
    check_type(attr, "table", arg)
    for key in pairs(attr) do
        if not known[key] then fail(("%s/%s"):format(arg, tostring(key)), "Landlock has no such attribute") end
    end
end

--- Makes a ruleset's attributes.
---@param attr ljos.LandlockRuleset?
---@return ffi.cdata* # struct landlock_ruleset_attr
function M.ruleset(attr)
    check_keys(attr, ATTRIBUTES, "attr")
    ---@cast attr ljos.LandlockRuleset
    local request, all = ffi.new(native.struct "landlock_ruleset_attr"), 0
    for name, group in pairs(ATTRIBUTES) do
        local bits = attr[name] == nil and 0 or bits_of(group, attr[name], "attr/" .. name)
        request[name], all = bits, bor(all, bits)
    end
    if all == 0 then fail("attr", "a ruleset handles one right at least") end
    return request
end

local BENEATH = { allowed_access = true, parent_fd = true }
local PORT = { allowed_access = true, port = true }

--- Makes a rule.
---@param kind "path_beneath"|"net_port"
---@param attr ljos.LandlockRule
---@param number_of fun(fd: any, arg: string): integer  what a descriptor is
---@return integer, ffi.cdata* # LANDLOCK_RULE_*, and its struct
function M.rule(kind, attr, number_of)
    local types = native.constant_table "LANDLOCK_RULE"
    if kind == "path_beneath" then
        check_keys(attr, BENEATH, "attr")
        local rule = ffi.new(native.struct "landlock_path_beneath_attr")
        rule.allowed_access = bits_of(ACCESS_FS, attr.allowed_access, "attr/allowed_access")
        rule.parent_fd = number_of(attr.parent_fd, "attr/parent_fd")
        return types.LANDLOCK_RULE_PATH_BENEATH, rule
    end
    if kind ~= "net_port" then fail(2, '"path_beneath" or "net_port" expected') end
    check_keys(attr, PORT, "attr")
    local rule, port = ffi.new(native.struct "landlock_net_port_attr"), attr.port
    if type(port) ~= "number" or port % 1 ~= 0 or port < 0 or port > 65535 then
        fail("attr/port", "an integer from 0 to 65535 expected")
    end
    rule.allowed_access, rule.port = bits_of(ACCESS_NET, attr.allowed_access, "attr/allowed_access"), port
    return types.LANDLOCK_RULE_NET_PORT, rule
end

--- Makes flags.
---@param group "LANDLOCK_CREATE_RULESET"|"LANDLOCK_RESTRICT_SELF"
---@param flags string[]?
---@return integer
function M.flags(group, flags) return flags == nil and 0 or bits_of(group, flags, "flags") end

--- Finds a right that a version of Landlock does not have.
---@param group string
---@param names string[]?
---@param version integer
---@return string? name, integer? since
local function missing(group, names, version)
    for _, name in ipairs(names or {}) do
        local since = SINCE[group][name:upper()] or SINCE[group][1]
        if since > version then return name, since end
    end
end

--- Raises ENOTSUP for the first thing that was asked of a kernel whose Landlock is older.
---@param attr ljos.LandlockRuleset?
---@param flags string[]?
---@param version integer  of the kernel
function M.blame(attr, flags, version)
    local wanted = { flags = { "LANDLOCK_RESTRICT_SELF", flags } }
    for name, group in pairs(ATTRIBUTES) do
        wanted["attr/" .. name] = { group, attr and attr[name] }
    end
    for arg, what in pairs(wanted) do
        local name, since = missing(what[1], what[2], version)
        if name then
            local detail = ("%q came with version %d of Landlock; this kernel has %d"):format(name, since, version)
            error(error_.generic("ENOTSUP", { arg = arg, detail = detail }), 0)
        end
    end
end

return M
