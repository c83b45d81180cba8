--- Sandboxes: an actor that can reach nothing but what it is granted, in one line.
---
--- `sandbox.spawn{ source = code, fds = { log = file } }` denies everything. Each protection has a name; one that this
--- kernel, or a policy on it, does not give is an error that names it, unless the caller did without exactly
--- that one (`without = { "pid" }`). All of them are in place before the module's first line; spawn waits for that.
---
--- The actor's process has no user id of its own, no capability, an empty read-only root, no network device, no
--- other process in sight, a Landlock domain that denies every file, TCP port, abstract socket and signal, and a
--- seccomp filter that denies every system call that what was granted has no use for (native/actor/src/filter.rs).
--- Under a parent that is root it becomes nobody. It uses the epoll engine: no ring is made in a sandbox.
---
--- Errors:   raises ljos.Error; `protection` names what is missing
--- Suspends: spawn, wait
--- Needs:    Landlock, seccomp, and namespaces of the user, mount, net, pid, ipc and uts kinds
local ffi = require "ffi"
local check_list = require "ljos.error.list"
local descriptors = require "ljos.process.descriptors"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local grants_ = require "ljos.sandbox.grants"
local launch = require "ljos.actor.launch"
local limits = require "ljos.sandbox.limits"
local namespaces = require "ljos.process.namespaces"
local native = require "ljos.native"
local options_ = require "ljos.error.options"
local process = require "ljos.process"
local slave = require "ljos.libc_service.slave"
local source = require "ljos.actor.source"
local surroundings = require "ljos.process.surroundings"

local bor = bit.bor
local CLONE_NEWNS = native.constant_table("namespace").CLONE_NEWNS

ffi.cdef "uint32_t geteuid(void);"

---@class ljos.sandbox
local M = {}

-- What the runner does in the process; namespaces come with it.
local STEPS = { "session", "mount", "memory", "mdwe", "limits", "capabilities", "no_new_privs", "landlock", "seccomp" }

---@class ljos.SandboxOptions
---@field source? string   the code to run; its argument is the table of granted descriptors
---@field name? string     the name of `source` in messages
---@field module? string   or the module to run, found and read here (as spawn_vm's)
---@field source_tree_cache? table                    modules that it may require
---@field fds? table<string, ljos.FileDescriptor>     what it is granted; the caller keeps his
---@field allow? ljos.SandboxGrant[]                  kinds of descriptors that are refused otherwise
---@field libc_service? ljos.libc_service.Slave       consumed by the call
---@field without? string[]                           protections to do without
---@field jit? boolean    false: no compiler, and no memory that becomes executable
---@field limits? ljos.SandboxLimits                  how much it may use
---@field syscalls? string[]                          kernel names of calls that seccomp allows beyond its list
---@field environment? table<string, string>
---@field stdin? "share"|ljos.FileDescriptor          closed by default, as the other two
---@field stdout? "share"|ljos.FileDescriptor
---@field stderr? "share"|ljos.FileDescriptor

local known = {}
for _, entry in ipairs(namespaces.KINDS) do
    known[entry[1]] = true
end
for _, name in ipairs(STEPS) do
    known[name] = true
end

-- Compiled code needs what this forbids: it is wanted where the compiler is not.
local NO_JIT = "mdwe"

-- The set of protections to apply.
local function wanted_of(without, has_jit)
    local wanted = {}
    for name in pairs(known) do
        wanted[name] = true
    end
    if has_jit then wanted[NO_JIT] = nil end
    if without == nil then return wanted end
    for _, name in ipairs(check_list(without, "without")) do
        if not known[name] then error_.argument("without", "no protection is named " .. tostring(name)) end
        wanted[name] = nil
    end
    return wanted
end

local is_privileged ---@type boolean?

-- Root with its rights needs no user namespace to make the others. It enters one later, as nobody: made by clone, it
-- would keep root's id.
local function makes_namespaces_as_root()
    if is_privileged == nil then is_privileged = ffi.C.geteuid() == 0 and not process.probe_namespaces(CLONE_NEWNS) end
    return is_privileged
end

local function fail(errno, protection, detail)
    local text = ("sandbox: %s: %s"):format(protection, detail)
    error(error_.system(errno, { detail = text, protection = protection }), 0)
end

-- The flags of clone(2), and the runner's words.
local function plan(wanted)
    local flags, words = 0, {}
    local as_root = makes_namespaces_as_root()
    for _, entry in ipairs(namespaces.KINDS) do
        local name, flag = entry[1], entry[2]
        if wanted[name] and not (as_root and name == "user") then flags = bor(flags, flag) end
    end
    for _, name in ipairs(STEPS) do
        if wanted[name] then words[#words + 1] = name end
    end
    if as_root and wanted.user then words[#words + 1] = "user" end
    return flags, table.concat(words, " ")
end

local function add_code(options, caller, boot)
    source.add_tree(options.source_tree_cache, boot, "source_tree_cache")
    if options.source ~= nil then
        if options.module ~= nil then error_.argument("module", "not together with source") end
        local name = options.name == nil and "sandbox" or options.name
        error_.check_type(options.source, "string", "source")
        error_.check_type(name, "string", "name")
        source.add_text(options.source, name, boot)
    else
        error_.check_type(options.module, "string", "module")
        source.add_module(options.module, caller, boot)
    end
end

local function grants_of(fds, allowed, boot)
    local grants = {}
    if fds == nil then return grants end
    error_.check_type(fds, "table", "fds")
    for name, fd in pairs(fds) do
        error_.check_type(name, "string", "fds")
        grants[#grants + 1] = file_descriptor.number_of(fd, "fds/" .. name)
        grants_.check(grants[#grants], "fds/" .. name, allowed)
        boot["grant/" .. name] = tostring(launch.FIRST_GRANT + #grants - 1)
    end
    return grants
end

-- The calls that the filter allows whatever their arguments, by number.
local function numbers_of(syscalls)
    local numbers, all = {}, native.constant_table "SYS"
    if syscalls == nil then return "" end
    for i, name in ipairs(check_list(syscalls, "syscalls")) do
        numbers[i] = all["__NR_" .. tostring(name)]
            or error_.argument("syscalls", "this kernel's architecture has no call named " .. tostring(name))
    end
    return table.concat(numbers, " ")
end

local has_init = setmetatable({}, { __mode = "k" }) -- children that are a PID 1

local check_names = options_(
    "sandbox.spawn",
    [[source name module source_tree_cache fds allow environment stdin stdout stderr libc_service without jit limits
    syscalls]]
)

local function start(options, caller)
    if options.jit ~= nil then error_.check_type(options.jit, "boolean", "jit") end
    local has_jit = options.jit ~= false
    local wanted = wanted_of(options.without, has_jit)
    local boot = { engine = "epoll" } ---@type table<string, string>
    if not has_jit then boot.no_jit = "1" end
    add_code(options, caller, boot)
    local allowed = grants_.allowed_of(options.allow)
    local grants = grants_of(options.fds, allowed, boot)
    slave.grant(options.libc_service, "libc_service", boot, grants)
    local flags
    flags, boot.protections = plan(wanted)
    if wanted.pid then boot.pid1 = "1" end
    if not wanted.net then boot.internet = "1" end
    boot.limits = limits.words(options.limits, wanted.user)
    boot.syscalls = numbers_of(options.syscalls)
    local environment = surroundings.environment(options.environment, "environment")
    local ok, result ---@type boolean, any
    ok, result = pcall(
        descriptors.with,
        function(open)
            return launch.launch {
                boot = boot,
                grants = grants,
                namespaces = flags,
                flags = process.KEEP_CAPABILITIES,
                stdio = grants_.streams(surroundings.stdio(options, ""), options, allowed, open),
                environment = environment,
            }
        end
    )
    if ok then
        slave.consume(options.libc_service)
        has_init[result.child] = wanted.pid
        return result
    end
    local name, errno = namespaces.refused(result, flags)
    if name then fail(errno, name, "the kernel refuses a namespace of this kind") end
    error(result, 0)
end

--- Starts a sandboxed actor and waits until its protections are in place.
--- Raises with the field `protection` when one cannot be had; then nothing of the module has run.
---@param options ljos.SandboxOptions
---@return ljos.Channel
function M.spawn(options)
    local caller = source.caller(2)
    error_.check_type(options, "table", 1)
    check_names(options)
    local channel = start(options, caller)
    local ok, err = pcall(launch.wait_until_ready, channel) ---@type boolean, any
    if ok then return channel end
    channel:kill()
    local protection = error_.is_error(err) and err.step and err.step:match "^[%w_]+"
    if known[protection] then fail(err.code, protection, err.step:match "^[%w_]+:? ?(.*)$") end
    error(err, 0)
end

local signals = native.constant_table "signal"
-- What a protection ends a process by.
local CAUSES = { [signals.SIGXCPU] = "cpu_time", [signals.SIGSYS] = "seccomp" }
-- PID 1 ends with this and the number of the signal that has ended the actor.
local SIGNALED, LAST_SIGNAL = 128, 64

--- Waits until an actor has ended. Returns its exit status, 1 after an uncaught error; or nil and what has ended it:
--- "cpu_time" (its limit), "seccomp" (a call of another architecture), or the number of a signal. Where somebody else
--- has reaped it, nobody knows: nothing.
---@param actor ljos.Channel  of one that this program has started
---@return integer? status
---@return "cpu_time"|"seccomp"|integer|nil cause
function M.wait(actor)
    if getmetatable(actor) ~= "ipc_actor_channel" then error_.argument(1, "channel expected, got " .. type(actor)) end
    local child = rawget(actor, "child") --[[@as ljos.Child]]
    if not child then error_.argument(1, "not the channel of a direct child") end
    process.wait(child)
    if child.lost then return end
    local signal = child.signal > 0 and child.signal or has_init[child] and child.code - SIGNALED or 0
    if signal <= 0 or signal > LAST_SIGNAL then return child.code end
    return nil, CAUSES[signal] or signal
end

return M
