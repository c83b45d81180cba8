--- Generates doc/syscalls.md: every number of the kernel's tables and what ljos.syscall makes of it.
---
--- Run by tests/syscall/coverage_spec.lua, which compares; LJOS_WRITE_DOC=1 rewrites the page.
local directory = require "ljos.syscall.directory"
local native = require "ljos.native"
local ffi = require "ffi"
local spec = require "ljos.syscall.spec"

local M = {}

-- The kernel's name -> ours, where the function has the C library's name.
M.renamed = {
    pread64 = "pread",
    pwrite64 = "pwrite",
    newfstatat = "fstatat",
    fadvise64 = "fadvise",
    getdents64 = "getdents",
    rt_sigaction = "sigaction",
    rt_sigprocmask = "sigprocmask",
    rt_sigpending = "sigpending",
    rt_sigsuspend = "sigsuspend",
    rt_sigtimedwait = "sigtimedwait",
    rt_sigqueueinfo = "sigqueue",
    prlimit64 = "prlimit",
    pselect6 = "pselect",
    umount2 = "umount",
    eventfd2 = "eventfd",
    signalfd4 = "signalfd",
    epoll_create1 = "epoll_create",
    inotify_init1 = "inotify_init",
    exit_group = "_exit",
    fstatat = "fstatat",
    nfsservctl = nil,
}

-- Numbers that no kernel since 5.15 answers to with anything but ENOSYS.
M.gone = {
    _sysctl = true,
    afs_syscall = true,
    create_module = true,
    epoll_ctl_old = true,
    epoll_wait_old = true,
    get_kernel_syms = true,
    getpmsg = true,
    nfsservctl = true,
    putpmsg = true,
    query_module = true,
    security = true,
    tuxcall = true,
    vserver = true,
}

-- Numbers that are no call for a program: the kernel or the C library's start-up code uses them.
M.internal = { rt_sigreturn = true, restart_syscall = true, uretprobe = true, uprobe = true }

--- Returns "typed", "by name", "gone" or "internal", and the function's name in `ljos.syscall`.
---@param name string
function M.state(name)
    if M.gone[name] then return "gone", name end
    if M.internal[name] then return "internal", name end
    local ours = M.renamed[name] or name
    if directory.is_typed(ours) then return "typed", ours end
    return "by name", name
end

--- The names of all numbers of this architecture. Every name of aarch64's table is in x86-64's, too.
---@return string[]
function M.names()
    local list, seen = {}, {}
    for full in ffi.string(native.C.ljos_constants "SYS"):gmatch "__NR_([%w_]+)=" do
        if not seen[full] then
            seen[full] = true
            list[#list + 1] = full
        end
    end
    table.sort(list)
    return list
end

local sources = {}
local function source_of(module)
    if not sources[module] then
        local file = assert(io.open(("lua/ljos/syscall/call/%s.lua"):format(module)))
        sources[module] = "\n" .. file:read "*a"
        file:close()
    end
    return sources[module]
end

local function module_of(name)
    for module, names in pairs(directory.modules()) do
        if (" " .. names:gsub("%s+", " ") .. " "):find(" " .. name .. " ", 1, true) then return module end
    end
end

-- The comment above a line of a source, without its annotations and without the call's own name.
local function comment_above(source, at)
    local lines, start = {}, at
    while true do
        local before = source:sub(1, start - 1):match ".*()\n[^\n]*$"
        local line = source:sub(before and before + 1 or start, start - 1)
        local text = line:match "^%-%-%- ?(.*)$"
        if not before or not text then break end
        if not text:match "^@" then table.insert(lines, 1, text) end
        start = before
    end
    return (table.concat(lines, " "):gsub("^[%w_]+%([23]%)[:.;,]? ?", ""):gsub("^%s+", ""):gsub("|", "\\|"))
end

-- Which group the flags of a function are of, by the parameter's name.
local function groups_in(body)
    local groups = {}
    for group, parameter in body:gmatch "%(c?%.?([A-Z][%w_]*), ([%w_]+)[,)]" do
        groups[parameter] = groups[parameter] or group
    end
    return groups
end

-- A function that is written out: its parameters, and what its comment says.
local function written_out(name, module)
    local source = source_of(module)
    local at, parameters, stop = source:match("\n()function M%." .. name .. "%(([^)]*)%)()")
    if not at then
        local list, f = {}, require("ljos.syscall.call." .. module)[name]
        for i = 1, debug.getinfo(f, "u").nparams do
            list[i] = debug.getlocal(f, i)
        end
        return table.concat(list, ", "), ""
    end
    local groups = groups_in(source:sub(stop):match "^(.-\n?)end\n" or "")
    parameters = parameters:gsub(
        "[%w_]+",
        function(parameter) return groups[parameter] and parameter .. ": " .. groups[parameter] end
    )
    return parameters, comment_above(source, at - 1)
end

-- A function of one line: its parameters, with the groups of its flags.
local function compiled(line)
    local list = {}
    for i, parameter in ipairs(spec.parameters(line:match "^([^|]*)")) do
        local group = parameter.type:match "^([A-Z][%w_]*)%+?$"
        list[i] = group and parameter.name .. ": " .. group or parameter.name
    end
    return table.concat(list, ", "), ""
end

--- Returns how a function is called, and what there is to say about it.
---@param name string
---@return string
---@return string
local function call_of(name)
    local line, module = spec.line(name), module_of(name)
    if not line and not module then return name, "" end
    local parameters, comment
    if line then
        parameters, comment = compiled(line)
    else
        parameters, comment = written_out(name, module)
    end
    return ("`%s(%s)`"):format(name, parameters), comment
end

-- Functions that have no number of their own.
local function others(shown)
    local list = {}
    for _, names in pairs(directory.modules()) do
        for name in names:gmatch "%S+" do
            if not shown[name] then list[#list + 1] = name end
        end
    end
    for name in spec.lines() do
        if not shown[name] then list[#list + 1] = name end
    end
    table.sort(list)
    return list
end

local HEAD = [[
# System calls

Generated by `LJOS_WRITE_DOC=1 busted tests/syscall/coverage_spec.lua`. Every number of the kernel's table is callable
as `S.<name>`. *typed*: arguments are checked, flags are strings, results are Lua values. *by name*: integers and
pointers go to the kernel as they are, a number comes back. *internal*: no call for a program. *gone*: no kernel since
5.15 has it.

Arguments stand in the order of the call; what is left out at the end is the kernel's default, or 0. Behind a colon
stands the group of `S.c` whose names a string may have. A function whose first argument is a descriptor (`file`, `fd`)
is a method of descriptors, too. Where nothing else is said, the result is a number, a descriptor or `true`; how
failures are reported is said in [system calls](syscall.md).

| kernel | ljos.syscall | state | |
|---|---|---|---|
]]

--- Returns the page.
---@return string
function M.page()
    local lines, shown = {}, {}
    for _, name in ipairs(M.names()) do
        local state, ours = M.state(name)
        shown[ours] = true
        local call, comment = ours, ""
        if state == "typed" then
            call, comment = call_of(ours)
        end
        lines[#lines + 1] = ("| %s | %s | %s | %s |"):format(name, call, state, comment):gsub("|  |$", "| |")
    end
    lines[#lines + 1] = "\n## Beside the kernel's table\n\n| ljos.syscall | |\n|---|---|"
    for _, name in ipairs(others(shown)) do
        local call, comment = call_of(name)
        lines[#lines + 1] = ("| %s | %s |"):format(call, comment):gsub("|  |$", "| |")
    end
    return HEAD .. table.concat(lines, "\n") .. "\n"
end

return M
