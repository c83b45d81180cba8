--- Processes: made, waited for, limited, scheduled.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    clone3: Linux 5.3
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer = argument.flag, argument.integer
local t = types.t
local type, tonumber = type, tonumber

---@class ljos.syscall.call.process
local M = {}

-- A child must not touch its parent's ring or epoll instance: where there is a loop, it gets an engine of its own.
local function forked(pid, err)
    local engine = pid == 0 and package.loaded["ljos.loop.engine"] --[[@as any]]
    if engine then engine.abandon() end
    return pid, err
end

local fork = kernel.libc("fork", "int (void)")
--- fork(2): 0 in the child. Through the C library, so that its own state follows. The child has copies of the fibers,
--- too, which go on there when its loop runs; what their operations wait for comes to the parent alone.
function M.fork()
    local pid = fork()
    if pid == -1 then return kernel.fail() end
    return forked(pid)
end
-- vfork would share this Lua state with the child; fork is what a caller can use.
M.vfork = M.fork

local clone_call = kernel.call("clone", "ipppp")
--- clone(2): 0 in the child. The exit signal defaults to "chld".
function M.clone(flags, signal, stack, ptid, tls, ctid)
    local bits = flag(c.CLONE, flags, 1)
    if bits ~= 0 then require("ljos.syscall.directory").load_all() end
    local sig = signal == nil and c.SIG.CHLD or flag(c.SIG, signal, 2)
    local a, b = ctid, tls
    if ffi.arch ~= "x64" then
        a, b = tls, ctid
    end
    return forked(kernel.number(clone_call(bits + sig, stack, ptid, a, b)))
end

local clone3 = kernel.call("clone3", "pi")
--- clone3(2) without a stack of its own: a fork with options. 0 in the child; with the flag "pidfd" the third result is
--- the child's descriptor.
function M.clone3(args)
    local given, pidfd = args, nil
    if type(args) == "table" then
        given = t.clone_args()
        given.flags = flag(c.CLONE, args.flags, "flags")
        given.exit_signal = args.exit_signal == nil and c.SIG.CHLD or flag(c.SIG, args.exit_signal, "exit_signal")
        if args.cgroup ~= nil then given.cgroup = fd.number(args.cgroup, "cgroup") end
        pidfd = ffi.new "int[1]"
        pidfd[0] = -1
        given.pidfd = ffi.cast("uintptr_t", pidfd)
    elseif type(args) ~= "cdata" or tonumber(args) then
        argument.wrong(1, "{flags =, exit_signal =, cgroup =}", args)
    end
    local res = clone3(given, ffi.sizeof(given))
    if res < 0 then return kernel.failed(res) end
    if res > 0 and pidfd and pidfd[0] >= 0 then return res, nil, fd.new(pidfd[0]) end
    return forked(res)
end

local function strings(list, position)
    if list == nil then return ffi.new("const char *[1]"), list end
    if type(list) == "cdata" then return argument.buffer(list, position) end
    if type(list) ~= "table" then argument.wrong(position, "list of strings", list) end
    local array = ffi.new("const char *[?]", #list + 1)
    for i = 1, #list do
        array[i - 1] = argument.path(list[i], position)
    end
    return array, list
end

local execve = kernel.call("execve", "ppp")
--- execve(2): returns only when it fails.
function M.execve(path, argv, envp)
    local args, keep = strings(argv, 2)
    local env, keep_env = strings(envp, 3)
    local res = execve(argument.path(path, 1), args, env)
    local _ = { keep, keep_env }
    return kernel.done(res)
end

local execveat = kernel.call("execveat", "ipppi")
--- execveat(2): relative to a directory, or with an empty path and "empty_path" the file that is open.
function M.execveat(dir, path, argv, envp, flags)
    local args, keep = strings(argv, 3)
    local env, keep_env = strings(envp, 4)
    local res = execveat(fd.at(dir, 1), argument.path(path, 2), args, env, flag(c.AT, flags, 5))
    local _ = { keep, keep_env }
    return kernel.done(res)
end

local exit = kernel.libc("exit", "void (int)")
--- exit(3): runs what atexit collected, then the C library's.
function M.exit(status)
    for i = #M.at_exit, 1, -1 do
        M.at_exit[i]()
    end
    exit(status == nil and 0 or flag(c.EXIT, status, 1))
end

M.at_exit = {}
--- Registers a function for `S.exit`. It is Lua's own list: the C library never calls back into Lua.
function M.atexit(f)
    if type(f) ~= "function" then argument.wrong(1, "function", f) end
    table.insert(M.at_exit, f)
    return true
end

local wait4 = kernel.retry(kernel.call("wait4", "ipip"))
local status = ffi.new "int[1]"

local function pid_of(pid, position)
    if pid == nil then return -1 end
    if type(pid) == "string" then return flag(c.WAIT, pid, position) end
    return integer(pid, position)
end

local ECHILD = require("ljos.error").errno_of.ECHILD
local WCLONE, WALL = c.W.CLONE, c.W.ALL

--- wait4(2): pid, nil, status, usage. The status is a t.waitstatus. "clone" takes children made by `S.clone` without an
--- exit signal; where there is none, it takes the others too, as `S.clone` by itself makes children like fork's.
function M.wait4(pid, options, usage)
    if usage ~= false then usage = argument.room(t.rusage, usage, 3) end
    local target, bits, room = pid_of(pid, 1), flag(c.W, options, 2), usage or nil
    local res = wait4(target, status, bits, room)
    if res == -ECHILD and bit.band(bits, WCLONE) ~= 0 then
        res = wait4(target, status, bit.bor(bit.band(bits, bit.bnot(WCLONE)), WALL), room)
    end
    if res < 0 then return kernel.failed(res) end
    return res, nil, t.waitstatus(status[0]), room
end
function M.wait3(options, usage)
    if usage ~= false then usage = argument.room(t.rusage, usage, 2) end
    return M.wait4(-1, flag(c.W, options, 1), usage)
end
function M.waitpid(pid, options) return M.wait4(pid, options, false) end
function M.wait() return M.wait4(-1, nil, false) end

local waitid = kernel.retry(kernel.call("waitid", "iipip"))
--- waitid(2): siginfo, nil, usage. The type "pidfd" takes a descriptor.
function M.waitid(kind, id, options, info, usage)
    info, usage = argument.room(t.siginfo, info, 4), argument.room(t.rusage, usage, 5)
    local idtype = flag(c.P, kind, 1)
    local target = idtype == c.P.PIDFD and fd.number(id, 2) or integer(id or 0, 2)
    local res = waitid(idtype, target, info, flag(c.W, options, 3), usage)
    if res < 0 then return kernel.failed(res) end
    return info, nil, usage
end

local getpriority = kernel.call("getpriority", "ii")
local setpriority = kernel.call("setpriority", "iii")
--- getpriority(2): -20..19, where the kernel says 40..1.
function M.getpriority(which, who)
    local res = getpriority(flag(c.PRIO, which, 1), integer(who or 0, 2))
    if res < 0 then return kernel.failed(res) end
    return 20 - res
end
function M.setpriority(which, who, priority)
    return kernel.done(setpriority(flag(c.PRIO, which, 1), integer(who or 0, 2), integer(priority, 3)))
end

--- nice(3): the new value.
function M.nice(increment)
    local now, err = M.getpriority("process", 0)
    if not now then return nil, err end
    local ok, why = M.setpriority("process", 0, now + integer(increment, 1))
    if not ok then return nil, why.ACCES and t.error "PERM" or why end
    return M.getpriority("process", 0)
end

local prlimit = kernel.call("prlimit64", "iipp")
--- prlimit(2): the old limits.
function M.prlimit(pid, resource, new, old)
    old = argument.room(t.rlimit, old, 4)
    local limit = argument.struct(t.rlimit, new, 3)
    local res = prlimit(integer(pid or 0, 1), flag(c.RLIMIT, resource, 2), limit, old)
    if res < 0 then return kernel.failed(res) end
    return old
end
function M.getrlimit(resource) return M.prlimit(0, flag(c.RLIMIT, resource, 1)) end
function M.setrlimit(resource, new)
    local ok, err = M.prlimit(0, flag(c.RLIMIT, resource, 1), argument.struct(t.rlimit, new, 2))
    if not ok then return nil, err end
    return true
end

local getrusage = kernel.call("getrusage", "ip")
function M.getrusage(who, usage)
    usage = argument.room(t.rusage, usage, 2)
    local res = getrusage(flag(c.RUSAGE, who, 1), usage)
    if res < 0 then return kernel.failed(res) end
    return usage
end

local getcpu = kernel.call("getcpu", "ppp")
--- getcpu(2): {cpu =, node =}.
function M.getcpu()
    local cpu, node = t.uint1(), t.uint1()
    local res = getcpu(cpu, node, nil)
    if res < 0 then return kernel.failed(res) end
    return { cpu = cpu[0], node = node[0] }
end

local getaffinity = kernel.call("sched_getaffinity", "iip")
local setaffinity = kernel.call("sched_setaffinity", "iip")
function M.sched_getaffinity(pid, mask)
    mask = argument.room(t.cpu_set, mask, 2)
    local res = getaffinity(integer(pid or 0, 1), ffi.sizeof(mask), mask)
    if res < 0 then return kernel.failed(res) end
    return mask
end
function M.sched_setaffinity(pid, mask)
    if mask == nil then argument.wrong(2, "set of processors", mask) end
    mask = argument.struct(t.cpu_set, mask, 2)
    return kernel.done(setaffinity(integer(pid or 0, 1), ffi.sizeof(mask), mask))
end

local getparam, interval = kernel.call("sched_getparam", "ip"), kernel.call("sched_rr_get_interval", "ip")
function M.sched_getparam(pid)
    local param = t.sched_param()
    local res = getparam(integer(pid or 0, 1), param)
    if res < 0 then return kernel.failed(res) end
    return param.sched_priority
end
function M.sched_rr_get_interval(pid, time)
    time = argument.room(t.timespec, time, 2)
    local res = interval(integer(pid or 0, 1), time)
    if res < 0 then return kernel.failed(res) end
    return time
end

local getattr = kernel.call("sched_getattr", "ipii")
function M.sched_getattr(pid, flags)
    local attr = t.sched_attr()
    local res = getattr(integer(pid or 0, 1), attr, ffi.sizeof(attr), integer(flags or 0, 2))
    if res < 0 then return kernel.failed(res) end
    return attr
end

local getgroups = kernel.call("getgroups", "ip")
local setgroups = kernel.libc("setgroups", "int (size_t, const void *)")
function M.getgroups()
    local count = getgroups(0, nil)
    if count < 0 then return kernel.failed(count) end
    local groups = t.groups(count)
    local res = getgroups(count, groups.list)
    if res < 0 then return kernel.failed(res) end
    groups.count = res
    return groups
end
function M.setgroups(list)
    if list == nil then argument.wrong(1, "list of groups", list) end
    local groups = argument.struct(t.groups, list, 1)
    if setgroups(groups.count, groups.list) == -1 then return kernel.fail() end
    return true
end

for _, name in ipairs { "getresuid", "getresgid" } do
    local f = kernel.call(name, "ppp")
    --- true, nil, real, effective, saved.
    M[name] = function()
        local real, effective, saved = t.uid1(), t.uid1(), t.uid1()
        local res = f(real, effective, saved)
        if res < 0 then return kernel.failed(res) end
        return true, nil, tonumber(real[0]), tonumber(effective[0]), tonumber(saved[0])
    end
end

return M
