--- Processes: started by clone + exec, watched through a pidfd, reaped by the loop.
---
--- `start` fills in a native spec and returns a child. The loop watches the child's pidfd without waiting for it: as
--- soon as it turns, a child that has ended is reaped, its exit is kept in the object, and the descriptor closed. A
--- child that is held is reaped by `wait` alone, so that its pid stays its own until then; when it is let go of, the
--- loop watches it as it does the others. The host's SIGCHLD handler, if any, is left alone; nothing here waits for
--- children it did not start.
---
--- Errors:   raises ljos.Error; `detail` names the step that failed
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local submission = require "ljos.loop.submission"

ffi.cdef [[
int libc_process_poll(void *fds, unsigned long count, int timeout) __asm__("poll");
int libc_process_kill(int pid, int signal) __asm__("kill");
]]
local POLLFD = native.struct "pollfd" .. "[1]"

local C = native.C
local POLLIN = native.constant_table("socket").POLLIN

local NOTHING = {}
local new_spec, new_strings = ffi.typeof "struct ljos_process_spec", ffi.typeof "const char *[?]"
local new_bytes, new_groups = ffi.typeof "char[?]", ffi.typeof "uint32_t[?]"
local new_fds, new_limits = ffi.typeof "struct ljos_process_fd[?]", ffi.typeof "struct ljos_process_limit[?]"

---@class ljos.process
local M = {
    NEW_SESSION = tonumber(ffi.C.LJOS_PROCESS_NEW_SESSION),
    NO_NEW_PRIVS = tonumber(ffi.C.LJOS_PROCESS_NO_NEW_PRIVS),
    KEEP_CAPABILITIES = tonumber(ffi.C.LJOS_PROCESS_KEEP_CAPABILITIES),
}

---@class ljos.ProcessOptions
---@field paths? string[]                files to try in this order; absent: numbers.program_fd
---@field arguments? string[]            argv, the name first
---@field through_shell? boolean          a file that is no program is a script of /bin/sh, as with execvp(3)
---@field parting_signal? integer         the child is held, until `let_go` sends it this (0: nothing)
---@field environment? string[]          "NAME=value"; absent: empty
---@field pid_variable? string           the name of a variable that gets the child's pid as its value
---@field fds? table<integer, integer>   number in the child -> descriptor of the caller; the child gets no others
---@field groups? integer[]              supplementary groups; absent: the caller's
---@field limits? {resource: integer, soft: integer, hard: integer}[]
---@field working_directory? string
---@field numbers? table<string, integer> members of struct ljos_process_spec: namespaces, flags, ruid, pdeathsig, ...

---@class ljos.Child: ljos.IoObject  its descriptor is the pidfd; closed once it was reaped
---@field pid integer
---@field code? integer    exit code, once it has ended
---@field signal? integer  the signal that ended it, 0 for none
---@field lost? boolean    somebody else has reaped it, or SIGCHLD is ignored: nobody knows how it ended
---@field parting_signal integer|false  of a child that is held
---@field sender? ljos.IoObject  of an actor that was killed: closed once it was reaped
---@field ended? fun(child: ljos.Child)  called once, when it was reaped; may neither suspend nor raise

-- Starting ------------------------------------------------------------------------------------------------------

-- A null-terminated array of C strings, `last` behind the others. The Lua strings must be kept by the caller.
local function string_array(strings, last)
    local count = #strings
    local array = new_strings(count + 2)
    for i = 1, count do
        array[i - 1] = strings[i]
    end
    array[count] = last
    return array
end

-- The environment, and the pid's variable: the child writes its pid at the end of "NAME=" in a buffer.
local function environment_array(options, spec)
    local strings = options.environment or NOTHING
    if not options.pid_variable then return string_array(strings) end
    local prefix = options.pid_variable .. "="
    local buffer = new_bytes(#prefix + 12)
    ffi.copy(buffer, prefix)
    spec.pid_text = buffer + #prefix
    return string_array(strings, buffer), buffer
end

local function fd_array(fds)
    local count = 0
    for _ in pairs(fds) do
        count = count + 1
    end
    local array, i = new_fds(count), 0
    for target, source in pairs(fds) do
        array[i].source, array[i].target = source, target
        i = i + 1
    end
    return array, count
end

local function limit_array(limits)
    local array = new_limits(#limits)
    for i, limit in ipairs(limits) do
        array[i - 1].resource, array[i - 1].soft, array[i - 1].hard = limit.resource, limit.soft, limit.hard
    end
    return array
end

-- "sh", room for the path of the script, and the arguments after the first.
local function shell_array(arguments)
    local array = new_strings(math.max(#arguments, 1) + 2)
    array[0] = "sh"
    for i = 2, #arguments do
        array[i] = arguments[i]
    end
    return array
end

-- What few starts need; returns what else the spec points to.
local function add_rare(options, spec)
    local groups, limits
    if options.groups then
        groups = new_groups(#options.groups, options.groups)
        spec.groups, spec.group_count = groups, #options.groups
    end
    if options.limits then
        limits = limit_array(options.limits)
        spec.limits, spec.limit_count = limits, #options.limits
    end
    spec.working_directory = options.working_directory
    return groups, limits
end

-- Returns the spec and what it points to, which must live as long.
local function spec_of(options)
    local spec = new_spec()
    C.ljos_process_spec_init(spec)
    local arguments = options.arguments or NOTHING
    local paths, argv, shell_argv = options.paths and string_array(options.paths), string_array(arguments), nil
    if paths then spec.paths = paths end
    if options.through_shell then
        shell_argv = shell_array(arguments)
        spec.shell_argv = shell_argv
    end
    local environment, pid_buffer = environment_array(options, spec)
    local fds, count = fd_array(options.fds or NOTHING)
    spec.argv, spec.envp, spec.fds, spec.fd_count = argv, environment, fds, count
    local groups, limits = add_rare(options, spec)
    for name, value in pairs(options.numbers or NOTHING) do
        spec[name] = value
    end
    return spec, { options, paths, argv, shell_argv, environment, pid_buffer, fds, groups, limits }
end

local started = ffi.new "struct ljos_process_child"

-- Tries a start: the errno and the step that failed, or nothing, with the child in `started`.
---@param options ljos.ProcessOptions
---@return integer? errno, string? step
local function try(options)
    local spec, anchors = spec_of(options)
    local res = C.ljos_process_spawn(spec, started)
    if anchors[1] and res < 0 then return -res, ffi.string(started.failed_step) end
end

--- Says why this process may not create these namespaces: the errno of clone(2), or nil where it may.
---@param namespaces integer  CLONE_NEW*
---@return integer? errno
function M.probe_namespaces(namespaces)
    -- There is no program to run, so the child ends by itself once it was cloned.
    local errno, step = try { numbers = { namespaces = namespaces } }
    return step == "clone" and errno or nil
end

-- Watching ------------------------------------------------------------------------------------------------------

-- Children that have not been reaped, by pid; what keeps their objects alive.
local children = {} ---@type table<integer, ljos.Child>
local exit = ffi.new "struct ljos_process_exit"

-- Reaps the child if it has ended.
local function reap(child)
    if child.fd < 0 then return true end
    local res = C.ljos_process_reap(child.fd, exit)
    if res == 0 then return false end
    -- ECHILD: somebody else reaped it.
    child.lost = res < 0
    child.code, child.signal = res > 0 and exit.code or 0, res > 0 and exit.signal or 0
    children[child.pid] = nil
    io_object.close(child)
    if child.ended then child.ended(child) end
    return true
end

local function watch(child)
    submission.watch(child, POLLIN, "child", function()
        if not reap(child) then watch(child) end
    end)
end

--- Starts a process. Returns the child, or nil, the errno and the step that failed.
---@param options ljos.ProcessOptions
---@return ljos.Child? child
---@return integer? errno
---@return string? step
function M.try_start(options)
    local errno, step = try(options)
    if errno then return nil, errno, step end
    local child = io_object.new { pid = started.pid, parting_signal = options.parting_signal or false }
    io_object.adopt(child, started.pidfd)
    children[child.pid] = child
    if not child.parting_signal then watch(child) end
    return child
end

--- Starts a process.
---@param options ljos.ProcessOptions
---@return ljos.Child
function M.start(options)
    local child, errno, step = M.try_start(options)
    if not child then
        error(error_.system(errno --[[@as integer]], { detail = step, step = step }), 0)
    end
    return child --[[@as ljos.Child]]
end

--- Lets go of a held child: sends it its signal unless it has ended, and leaves it to the loop to reap it. May be
--- called by a finaliser.
---@param child ljos.Child
function M.let_go(child)
    local signal = child.parting_signal
    if child.fd < 0 or not signal then return end
    child.parting_signal = false
    if signal > 0 and C.ljos_process_kill(child.fd, signal) == -error_.errno_of.EBADF then
        -- The Lua state ends, and the pidfd was closed before. The pid is still the child's: nobody has reaped it.
        ffi.C.libc_process_kill(child.pid, signal)
    end
    submission.post(function()
        if not reap(child) then watch(child) end
    end)
end

--- Lets go of all children that are held, because the program ends, and, if it is asked to, blocks until they have
--- ended.
---@param waits boolean
function M.finish(waits)
    local held = {}
    for _, child in pairs(children) do
        if child.parting_signal then held[#held + 1] = child end
    end
    for _, child in ipairs(held) do
        M.let_go(child)
    end
    for _, child in ipairs(waits and held or {}) do
        local ended = ffi.new(POLLFD, { { child.fd, POLLIN, 0 } })
        while not reap(child) do
            ffi.C.libc_process_poll(ended, 1, -1)
        end
    end
end

--- Reaps every child that has ended already; without it, that happens when the loop next turns.
function M.reap_ended()
    for _, child in pairs(children) do
        if not child.parting_signal then reap(child) end
    end
end

--- Waits until the child has ended and is reaped.
---@param child ljos.Child
function M.wait(child)
    while child.fd >= 0 do
        local res = operation.poll(child, POLLIN, "wait")
        if res < 0 and child.fd >= 0 then error_.check(res) end
        reap(child)
    end
end

--- Sends a signal; 0 only asks whether that would be allowed. Raises ESRCH when the child has ended.
---@param child ljos.Child
---@param signal integer
function M.kill(child, signal)
    if child.fd < 0 then error(error_.system("ESRCH", { detail = "the process has ended" }), 0) end
    error_.check(C.ljos_process_kill(child.fd, signal))
end

return M
