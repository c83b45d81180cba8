--- Landlock for init scripts: rulesets and rules by the names of their rights.
---
--- Errors:   EINVAL for a name that does not exist
--- Suspends: never
--- Needs:    Landlock
local ffi = require "ffi"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local native = require "ljos.native"
local outcome = require "ljos.actor.init_script.outcome"
local request = require "ljos.system.landlock.request"

local check_type, of_kernel = error_.check_type, outcome.of_kernel
local SYS = native.constant_table "SYS"
local create = kernel.call(SYS.__NR_landlock_create_ruleset, "pii")
local add_rule = kernel.call(SYS.__NR_landlock_add_rule, "iipi")
local restrict_self = kernel.call(SYS.__NR_landlock_restrict_self, "ii")

---@type table<string, fun(...: any): integer, integer>
local M = {}

--- landlock_create_ruleset({ handled_access_fs = {...} }), or (nil, { "version" })
function M.landlock_create_ruleset(attr, flags)
    local bits = request.flags("LANDLOCK_CREATE_RULESET", flags)
    if attr == nil and bits ~= 0 then return of_kernel(create(nil, 0, bits)) end
    local ruleset = request.ruleset(attr)
    return of_kernel(create(ruleset, ffi.sizeof(ruleset), bits))
end

local function number_of(fd, arg)
    check_type(fd, "number", arg)
    return fd
end

--- landlock_add_rule(ruleset_fd, "path_beneath", { allowed_access = {...}, parent_fd = fd })
function M.landlock_add_rule(ruleset_fd, rule_type, attr)
    check_type(ruleset_fd, "number", 1)
    local kind, rule = request.rule(rule_type, attr, number_of)
    return of_kernel(add_rule(ruleset_fd, kind, rule, 0))
end

--- landlock_restrict_self(ruleset_fd, flags)
function M.landlock_restrict_self(ruleset_fd, flags)
    check_type(ruleset_fd, "number", 1)
    return of_kernel(restrict_self(ruleset_fd, request.flags("LANDLOCK_RESTRICT_SELF", flags)))
end

return M
