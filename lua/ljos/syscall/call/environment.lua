--- The environment that the C library keeps, and programs are started with.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local kernel = require "ljos.syscall.kernel"

---@class ljos.syscall.call.environment
local M = {}

ffi.cdef 'extern char **ljos_environ __asm__("environ");'
--- The environment as a table.
function M.environ()
    local list, i = {}, 0
    local env = ffi.C.ljos_environ
    while env ~= nil and env[i] ~= nil do
        local name, value = ffi.string(env[i]):match "^([^=]*)=(.*)$"
        if name then list[name] = value end
        i = i + 1
    end
    return list
end

local getenv = kernel.libc("getenv", "const char *(const char *)")
local setenv = kernel.libc("setenv", "int (const char *, const char *, int)")
local unsetenv, clearenv = kernel.libc("unsetenv", "int (const char *)"), kernel.libc("clearenv", "int (void)")
function M.getenv(name)
    local value = getenv(argument.path(name, 1))
    return value ~= nil and ffi.string(value) or nil
end
function M.setenv(name, value, overwrite)
    local over = overwrite and overwrite ~= 0 and 1 or 0
    if setenv(argument.path(name, 1), argument.path(value, 2), over) == -1 then return kernel.fail() end
    return true
end
function M.unsetenv(name)
    if unsetenv(argument.path(name, 1)) == -1 then return kernel.fail() end
    return true
end
function M.clearenv()
    if clearenv() ~= 0 then return kernel.fail() end
    return true
end

return M
