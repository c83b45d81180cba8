--- Landlock for init scripts: rulesets and rules by the names of their rights.
---
--- Errors:   EINVAL for a name that does not exist
--- Suspends: never
--- Needs:    Landlock
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local SYS = native.constant_table "SYS"
local rights = native.constant_table "LANDLOCK_ACCESS_FS"

native.declare [[
long syscall(long number, ...);
struct ljos_init_ruleset { uint64_t handled_access_fs; };
struct __attribute__((packed)) ljos_init_path_beneath { uint64_t allowed_access; int32_t parent_fd; };
]]

local M = {}

local function answer(result)
    result = tonumber(result) --[[@as integer]]
    return result, result < 0 and ffi.errno() or 0
end

-- ("execute", "read_file") -> bits
local function bits_of(names)
    local bits = 0
    for _, name in ipairs(names) do
        local value = rights["LANDLOCK_ACCESS_FS_" .. tostring(name):upper()]
        if not value then error_.argument("attr", "no Landlock right is named " .. tostring(name)) end
        bits = bits + value
    end
    return bits
end

--- landlock_create_ruleset({ handled_access_fs = {...} }), or (nil, { "version" })
function M.landlock_create_ruleset(attr, flags)
    local zero = ffi.cast("long", 0)
    if not attr then
        local bits = ffi.cast("long", flags and flags[1] == "version" and 1 or 0)
        return answer(ffi.C.syscall(SYS.__NR_landlock_create_ruleset, zero, zero, bits))
    end
    local ruleset = ffi.new("struct ljos_init_ruleset", bits_of(attr.handled_access_fs))
    local size = ffi.cast("size_t", ffi.sizeof(ruleset))
    return answer(ffi.C.syscall(SYS.__NR_landlock_create_ruleset, ruleset, size, zero))
end

--- landlock_add_rule(ruleset_fd, "path_beneath", { allowed_access = {...}, parent_fd = fd })
function M.landlock_add_rule(ruleset_fd, rule_type, attr)
    if rule_type ~= "path_beneath" then error_.argument(2, '"path_beneath" expected') end
    local rule = ffi.new("struct ljos_init_path_beneath", bits_of(attr.allowed_access), attr.parent_fd)
    local fd, kind, zero = ffi.cast("long", ruleset_fd), ffi.cast("long", 1), ffi.cast("long", 0)
    return answer(ffi.C.syscall(SYS.__NR_landlock_add_rule, fd, kind, rule, zero))
end

function M.landlock_restrict_self(ruleset_fd)
    local fd, zero = ffi.cast("long", ruleset_fd), ffi.cast("long", 0)
    return answer(ffi.C.syscall(SYS.__NR_landlock_restrict_self, fd, zero))
end

return M
