--- The kernel interface of Linux: every system call under its own name.
---
--- `S.open("f", "creat, wronly", "0644")` gives the value, or `true` where there is none; a failure gives `nil, err`
--- with
--- `err.NOENT`, `err.errno`, `tostring(err)`. Flags are numbers or strings of their group in `S.c`. Descriptors are
--- objects that close themselves; anywhere one is taken, a number, "stderr", or an object with `getfd` will do.
--- Descriptors are made close-on-exec; the flag "nocloexec" leaves one open across execve. Nothing but this table is
--- made at load; each function, group and type is made when it is first asked for.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local directory = require "ljos.syscall.directory"
local loading = require "ljos.error.loading"

---@class ljos.syscall
---@field [string] any  calls, types and constants, loaded when first used
local S = {
    _VERSION = "ljos 0.1",
    _DESCRIPTION = "Linux system calls for LuaJIT",
    _COPYRIGHT = "Copyright the ljos authors, MIT license",
}

local lazy = {
    abi = "ljos.syscall.abi",
    c = "ljos.syscall.constants",
    types = "ljos.syscall.types",
    util = "ljos.syscall.util",
    nl = "ljos.syscall.nl",
    cgroup = "ljos.syscall.cgroup",
}

local function standard(n)
    local fd = require "ljos.syscall.fd"
    return fd.new(n):nogc()
end

local fields = {
    t = function() return require("ljos.syscall.types").t end,
    stdin = function() return standard(0) end,
    stdout = function() return standard(1) end,
    stderr = function() return standard(2) end,
}

local function find(name)
    if lazy[name] then return require(lazy[name]) end
    if fields[name] then return fields[name]() end
    return directory.find(name)
end

setmetatable(S, {
    __index = function(self, name)
        if type(name) ~= "string" then return nil end
        local ok, value = pcall(find, name)
        if not ok then error(loading.explain("ljos.syscall", value), 0) end
        local handler = package.loaded["ljos.syscall.handler"]
        if handler and type(value) == "function" then value = handler.wrapped(value) end
        if value ~= nil then rawset(self, name, value) end
        return value
    end,
})

return S
