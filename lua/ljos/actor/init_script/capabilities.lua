--- Capabilities for init scripts: sets from text as in cap_from_text(3), the bounding and the ambient set.
---
--- Errors:   EINVAL for text that makes no sense
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local native = require "ljos.native"
local outcome = require "ljos.actor.init_script.outcome"
local set_ = require "ljos.system.linux_capabilities.set"
local text_ = require "ljos.system.linux_capabilities.text"

local check_type, of_kernel = error_.check_type, outcome.of_kernel
local PR, SYS = native.constant_table "PR", native.constant_table "SYS"
local VERSION = native.constant_table("LINUX_CAPABILITY_VERSION")._LINUX_CAPABILITY_VERSION_3

---@type table<string, fun(...: any): integer, integer>
local M = {}

local capset = kernel.call(SYS.__NR_capset, "pp")

--- cap_set_proc(text)
function M.cap_set_proc(text)
    check_type(text, "string", 1)
    local set = text_.read(text)
    if not set then error_.argument(1, ("not a set of capabilities: %q"):format(text)) end
    ---@cast set ljos.system.CapabilitySet
    local header = ffi.new(native.struct "user_cap_header", { VERSION, 0 })
    local data = ffi.new(native.struct "user_cap_data" .. "[2]")
    for _, flag in ipairs(set_.flags) do
        data[0][flag], data[1][flag] = set[flag][1] % 2 ^ 32, set[flag][2] % 2 ^ 32
    end
    return of_kernel(capset(header, data))
end

local call = kernel.call(SYS.__NR_prctl, "iiiii")
local function prctl(option, a, b) return of_kernel(call(option, a, b or 0, 0, 0)) end

--- cap_drop_bound(name)
function M.cap_drop_bound(name) return prctl(PR.PR_CAPBSET_DROP, set_.check_name(name, 1)) end

--- cap_set_ambient(name, present)
function M.cap_set_ambient(name, present)
    local number = set_.check_name(name, 1)
    check_type(present, "boolean", 2)
    local action = present and PR.PR_CAP_AMBIENT_RAISE or PR.PR_CAP_AMBIENT_LOWER
    return prctl(PR.PR_CAP_AMBIENT, action, number)
end

function M.cap_reset_ambient() return prctl(PR.PR_CAP_AMBIENT, PR.PR_CAP_AMBIENT_CLEAR_ALL) end

function M.cap_set_secbits(bits)
    check_type(bits, "number", 1)
    return prctl(PR.PR_SET_SECUREBITS, bits)
end

return M
