--- The process and its surroundings. The fields load when first used.
---
--- Errors:   raises ljos.Error
--- Suspends: as each function says
--- Needs:    nothing beyond Linux 5.15

local error_ = require "ljos.error"
local loading = require "ljos.error.loading"
require "ljos.system.lowfd" -- looks at once at what was inherited

---@class ljos.system
---@field in_ ljos.StandardInput
---@field out ljos.StandardOutput
---@field err ljos.StandardOutput
---@field arguments string[]
---@field environment table<string, string>
---@field [string] any
local M = {}

-- name -> the module that has it as a field, or is it (a name without a field of it)
local fields = { exit = "exit", in_ = "standard_stream", out = "standard_stream", err = "standard_stream" }
for name in
    ([[getpid getppid kill getpgrp getpgid setpgid getsid setsid getresuid getresgid setresuid setresgid getgroups
    setgroups set_no_new_privs]]):gmatch "%S+"
do
    fields[name] = "identity"
end
fields.seccomp_set_mode_filter = "seccomp"
for name in ("landlock_create_ruleset landlock_add_rule landlock_restrict_self"):gmatch "%S+" do
    fields[name] = "landlock"
end
local modules = {
    arguments = "arguments",
    environment = "environment",
    signal = "signal",
    linux_capabilities = "linux_capabilities",
    spawn = "spawn",
    run = "run",
    get_lowfd = "lowfd",
    get_ld_library_directories = "library_directories",
}
local on_freebsd = {
    caph_limit_stdio = true,
    jail_set = true,
    jail_get = true,
    jail_remove = true,
    jailparam_all = true,
}

local function find(name)
    if fields[name] then return loading.load("ljos.system." .. fields[name])[name] end
    if modules[name] then return loading.load("ljos.system." .. modules[name]) end
    if on_freebsd[name] then
        return function() error_.not_on_linux("system." .. name, "FreeBSD") end
    end
    -- cap_get_proc and its like, SECBIT_*.
    if name:find "^cap_" or name:find "^SECBIT_" then return loading.load("ljos.system.linux_capabilities")[name] end
end

return setmetatable(M, {
    __index = function(self, name)
        local value = find(tostring(name))
        if value == nil then error_.bad_index("system", name) end
        rawset(self, name, value)
        return value
    end,
})
