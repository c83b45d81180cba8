--- `ljos.syscall` with ljsyscall's default: descriptors stay open across execve. It is what `require "syscall"` gives.
---
--- A table over `ljos.syscall`, whose functions it has, but for those of ljsyscall that make descriptors: these get
--- "nocloexec" among their flags, unless "cloexec" is there. What they return is marked, so that `fd:accept()`,
--- `fd:dup()` and `fd:openat()` keep to it, and so is what `t.fd(n)` adopts. Both tables may be used in one program;
--- `t.fd` is one for both, and marks what it adopts from when this table was asked for its types.
---
--- Errors:   as ljos.syscall
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local S = require "ljos.syscall"
local fd, group ---@type ljos.syscall.fd, ljos.syscall.group  loaded with what first makes a descriptor

-- Where each function has its flags, and their group. accept has them where accept4 does.
---@type table<string, [integer, string]>
local makers = {
    open = { 2, "O" },
    openat = { 3, "O" },
    creat = { 3, "O" },
    dup = { 3, "O" },
    pipe = { 1, "OPIPE" },
    pipe2 = { 1, "OPIPE" },
    socket = { 2, "SOCK" },
    socketpair = { 2, "SOCK" },
    accept4 = { 4, "SOCK" },
    signalfd = { 2, "SFD" },
    eventfd = { 2, "EFD" },
    timerfd_create = { 2, "TFD" },
    inotify_init = { 1, "IN_INIT" },
    epoll_create = { 1, "EPOLLCREATE" },
    memfd_create = { 2, "MFD" },
    mq_open = { 2, "O" },
    posix_openpt = { 1, "O" },
    openpt = { 1, "O" },
    perf_event_open = { 5, "PERF_FLAG" },
}

local M = {} ---@type any

local function read(constants, flags) return constants[flags] end

-- Flags that are none are left for the function to complain about.
local function inheriting(constants, flags)
    local ok, bits = pcall(read, constants, flags == nil and 0 or flags)
    if not ok or type(bits) ~= "number" or bits >= group.NOCLOEXEC then return flags end
    if bit.band(bits, constants.CLOEXEC or constants.FD_CLOEXEC) ~= 0 then return flags end
    return group.either(bits, group.NOCLOEXEC)
end

local function mark(...) return fd.mark_inherited(...) end

-- By the position of the flags: makes a function of `f` that adds to them.
---@type function[]
local adding = {
    function(f, group_of)
        return function(flags) return mark(f(inheriting(group_of, flags))) end
    end,
    function(f, group_of)
        return function(a, flags, ...) return mark(f(a, inheriting(group_of, flags), ...)) end
    end,
    function(f, group_of)
        return function(a, b, flags, ...) return mark(f(a, b, inheriting(group_of, flags), ...)) end
    end,
    function(f, group_of)
        return function(a, b, x, flags) return mark(f(a, b, x, inheriting(group_of, flags))) end
    end,
    function(f, group_of)
        return function(a, b, x, d, flags) return mark(f(a, b, x, d, inheriting(group_of, flags))) end
    end,
}

local function accept(file, flags, addr, len)
    if type(flags) == "cdata" then
        flags, addr, len = nil, flags, addr
    end
    return M.accept4(file, addr, len, flags)
end

local standard = { stdin = 0, stdout = 1, stderr = 2 }

local function find(name)
    local maker = makers[name]
    if name == "t" or name == "types" then require("ljos.syscall.fd").adopts_inherited = true end
    if name == "accept" then return accept end
    if not maker and not standard[name] then return S[name] end
    fd, group = require "ljos.syscall.fd", require "ljos.syscall.group"
    if maker then return adding[maker[1]](S[name], S.c[maker[2]]) end
    return mark(fd.new(standard[name]):nogc())
end

return setmetatable(M, {
    __index = function(self, name)
        local value = find(name)
        if value ~= nil then rawset(self, name, value) end
        return value
    end,
})
