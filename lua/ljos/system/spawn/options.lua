--- The options of system.spawn: what is legal, and what it means to `ljos.process`.
---
--- One function per option, in a table; what is in no table is an error that names it, so that a misspelt option is
--- noticed. Nothing is opened, made or changed here.
---
--- Errors:   raises EINVAL or EBADF naming the option; ENOTSUP for those of other systems
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local native = require "ljos.native"
local path = require "ljos.filesystem.path"
local process = require "ljos.process"
local seccomp = require "ljos.system.seccomp"
local surroundings = require "ljos.process.surroundings"

local SCHED, SIGTERM = native.constant_table "SCHED", native.constant_table("signal").SIGTERM
local check_type = error_.check_type

---@class ljos.system.spawn.options
local M = {}

local function check_integer(value, low, high, arg)
    local fits = type(value) == "number" and value % 1 == 0 and value >= low and value <= high
    if fits then return value end
    local got = type(value) == "number" and tostring(value) or type(value)
    return error_.argument(arg, ("an integer from %d to %d expected, got %s"):format(low, high, got))
end

-- What kind of value an option has ------------------------------------------------------------------------------

local MAX_INT, MAX_ID, MAX_SIGNAL = 2 ^ 31 - 1, 2 ^ 32 - 2, 64

-- An option that is one member of struct ljos_process_spec.
local function integer(member, low, high)
    return function(value, request, name) request.numbers[member] = check_integer(value, low, high, name) end
end

local function descriptor(member)
    return function(value, request, name) request.numbers[member] = file_descriptor.number_of(value, name) end
end

local function flag(bit_)
    return function(value, request, name)
        check_type(value, "boolean", name)
        if value then request.numbers.flags = request.numbers.flags + bit_ end
    end
end

local function elsewhere(system)
    return function(_, _, name) error_.not_on_linux("system.spawn: " .. name, system) end
end

-- Nothing to do here: read where it matters.
local function pass() end

-- The options ---------------------------------------------------------------------------------------------------

local option = {
    stdin = pass,
    stdout = pass,
    stderr = pass,
    signal_on_gcreaper = pass,
    start_new_session = flag(process.NEW_SESSION),
    set_no_new_privs = flag(process.NO_NEW_PRIVS),
    set_ctty = descriptor "ctty_fd",
    process_group = integer("process_group", 0, MAX_INT),
    ruid = integer("ruid", 0, MAX_ID),
    euid = integer("euid", 0, MAX_ID),
    rgid = integer("rgid", 0, MAX_ID),
    egid = integer("egid", 0, MAX_ID),
    umask = integer("umask", 0, 511),
    pdeathsig = integer("pdeathsig", 1, MAX_SIGNAL),
    landlock_restrict_self = descriptor "landlock_fd",
    pd_daemon = elsewhere "FreeBSD",
    show_window = elsewhere "Windows",
    create_breakaway_from_job = elsewhere "Windows",
    create_new_console = elsewhere "Windows",
    create_no_window = elsewhere "Windows",
    detached_process = elsewhere "Windows",
}

for _, kind in ipairs { "user", "mount", "uts", "ipc", "net" } do
    local set = descriptor("setns_" .. kind)
    -- The seed's examples still use the name that the option had before 0.7.
    option["setns_" .. kind], option["nsenter_" .. kind] = set, set
end

-- Where execvp(3) looks when there is no PATH.
local DEFAULT_PATH = "/bin:/usr/bin"

-- The files that a name may stand for, in the order in which they are tried.
local function search(name)
    if name == "" or name:find("/", 1, true) then return { name } end
    local paths = {}
    for directory in ((os.getenv "PATH" or DEFAULT_PATH) .. ":"):gmatch "([^:]*):" do
        paths[#paths + 1] = directory == "" and "./" .. name or directory .. "/" .. name
    end
    return paths
end

function option.program(value, request, name)
    if type(value) == "string" then
        request.paths, request.through_shell = search(surroundings.check_text(value, name)), true
    elseif path.is(value) then
        request.paths = { path.string_of(value, name) }
    elseif file_descriptor.is(value) then
        request.numbers.program_fd = file_descriptor.number_of(value, name)
    else
        error_.argument(name, "string, filesystem.path or file_descriptor expected, got " .. type(value))
    end
end

function option.arguments(value, request, name)
    check_type(value, "table", name)
    local arguments = {}
    for i = 1, #value do
        arguments[i] = surroundings.check_text(value[i], ("%s/%d"):format(name, i))
    end
    request.arguments = arguments
end

function option.environment(value, request, name)
    request.environment, request.pid_variable = surroundings.environment(value, name, true)
end

function option.extra_fds(value, request, name)
    check_type(value, "table", name)
    for number, fd in pairs(value) do
        local arg = ("%s/%s"):format(name, tostring(number))
        check_integer(number, 3, 9, arg)
        request.fds[number] = file_descriptor.number_of(fd, arg)
    end
end

function option.extra_groups(value, request, name)
    check_type(value, "table", name)
    local groups = {}
    for i = 1, #value do
        groups[i] = check_integer(value[i], 0, MAX_ID, ("%s/%d"):format(name, i))
    end
    request.groups = groups
end

function option.working_directory(value, request, name)
    if file_descriptor.is(value) then
        request.numbers.working_directory_fd = file_descriptor.number_of(value, name)
    else
        request.working_directory = path.string_of(value, name)
    end
end

local STREAMS = { stdin = 0, stdout = 1, stderr = 2 }

function option.foreground(value, request, name, options)
    local number = type(value) == "string" and STREAMS[value]
    if type(value) == "string" and not number then
        error_.argument(name, ('"stdin", "stdout", "stderr" or file_descriptor expected, got %q'):format(value))
    end
    if number and options[value] ~= "share" then
        error_.argument(name, ("%s is not shared with the child"):format(value))
    end
    request.numbers.foreground_fd = number or file_descriptor.number_of(value, name)
end

local POLICIES = {
    other = SCHED.SCHED_OTHER,
    batch = SCHED.SCHED_BATCH,
    idle = SCHED.SCHED_IDLE,
    fifo = SCHED.SCHED_FIFO,
    rr = SCHED.SCHED_RR,
}
local IS_REAL_TIME = { fifo = true, rr = true }
local SCHEDULER = { policy = true, priority = true, reset_on_fork = true }

function option.scheduler(value, request, name)
    check_type(value, "table", name)
    for key in pairs(value) do
        if not SCHEDULER[key] then error_.argument(("%s/%s"):format(name, tostring(key)), "no such option") end
    end
    local policy = POLICIES[value.policy]
    if not policy then error_.argument(name .. "/policy", '"other", "batch", "idle", "fifo" or "rr" expected') end
    if value.priority ~= nil then
        request.numbers.scheduler_priority = check_integer(value.priority, 0, 99, name .. "/priority")
    elseif IS_REAL_TIME[value.policy] then
        error_.argument(name .. "/priority", ("needed with the policy %q"):format(value.policy))
    end
    if value.reset_on_fork ~= nil then check_type(value.reset_on_fork, "boolean", name .. "/reset_on_fork") end
    request.numbers.scheduler_policy = policy + (value.reset_on_fork and SCHED.SCHED_RESET_ON_FORK or 0)
end

function option.seccomp_set_mode_filter(value, request, name)
    request.numbers.seccomp, request.filter = seccomp.program(value, name), value
end

-- All of them ---------------------------------------------------------------------------------------------------

local function check_together(options)
    if options.program == nil then error_.argument("program", "string, filesystem.path or file_descriptor expected") end
    if options.set_ctty ~= nil and not options.start_new_session then
        error_.argument("set_ctty", "needs start_new_session")
    end
    if options.foreground == nil then return end
    if options.set_ctty ~= nil then error_.argument("foreground", "not together with set_ctty") end
    if options.process_group == nil then error_.argument("foreground", "needs process_group") end
end

--- Checks and translates the options.
---@param options any
---@return ljos.ProcessOptions request  without the standard streams
---@return table<integer, integer> stdio  those that were given
function M.read(options)
    check_type(options, "table", 1)
    local request = { fds = {}, arguments = {}, numbers = { flags = 0 } }
    for name, value in pairs(options) do
        local read = option[name]
        if not read then error_.argument(tostring(name), "system.spawn has no such option") end
        read(value, request, name, options)
    end
    check_together(options)
    local signal = options.signal_on_gcreaper
    if signal ~= nil then check_integer(signal, 0, MAX_SIGNAL, "signal_on_gcreaper") end
    request.parting_signal = signal or SIGTERM
    return request, surroundings.stdio(options, "")
end

return M
