--- system.spawn: starts a program, from named parameters.
---
--- The options are checked in `spawn.options`, turned into what `ljos.process` understands, and followed by the child
--- between clone and exec. What fails there comes back as an error that names the option (`arg`) and the call
--- (`step`), and no process is left. The child gets the descriptors it was given and no others, no environment but
--- the one given, and every signal at its default.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local descriptors = require "ljos.process.descriptors"
local error_ = require "ljos.error"
local options_ = require "ljos.system.spawn.options"
local process = require "ljos.process"
local subprocess = require "ljos.system.subprocess"

---@class ljos.SpawnProgramOptions
---@field program string|ljos.filesystem.Path|ljos.FileDescriptor  a string is searched for in PATH, as by execvp(3)
---@field arguments? string[]                argv, the program's name first; empty by default
---@field environment? table<string, string> empty by default; one value may be "\0pid"
---@field stdin? "share"|ljos.FileDescriptor   a closed pipe by default
---@field stdout? "share"|ljos.FileDescriptor
---@field stderr? "share"|ljos.FileDescriptor
---@field extra_fds? table<integer, ljos.FileDescriptor>  numbers 3 to 9
---@field signal_on_gcreaper? integer        SIGTERM by default, 0 for none
---@field scheduler? {policy: "other"|"batch"|"idle"|"fifo"|"rr", priority: integer?, reset_on_fork: boolean?}
---@field start_new_session? boolean
---@field set_ctty? ljos.FileDescriptor      with start_new_session
---@field process_group? integer             0: one of its own
---@field foreground? "stdin"|"stdout"|"stderr"|ljos.FileDescriptor  with process_group
---@field ruid? integer
---@field euid? integer
---@field rgid? integer
---@field egid? integer
---@field extra_groups? integer[]
---@field set_no_new_privs? boolean
---@field seccomp_set_mode_filter? ljos.byte_span|string  a BPF program, as of ljos.seccomp
---@field landlock_restrict_self? ljos.FileDescriptor
---@field umask? integer
---@field working_directory? ljos.filesystem.Path|ljos.FileDescriptor|string
---@field pdeathsig? integer
---@field setns_user? ljos.FileDescriptor
---@field setns_mount? ljos.FileDescriptor
---@field setns_uts? ljos.FileDescriptor
---@field setns_ipc? ljos.FileDescriptor
---@field setns_net? ljos.FileDescriptor

-- The option behind a step of the child (native/ljos/src/process/child.rs).
local OPTION = {
    ["setns(user)"] = "setns_user",
    ["setns(uts)"] = "setns_uts",
    ["setns(ipc)"] = "setns_ipc",
    ["setns(net)"] = "setns_net",
    ["setns(mount)"] = "setns_mount",
    setsid = "start_new_session",
    setpgid = "process_group",
    ["ioctl(TIOCSCTTY)"] = "set_ctty",
    ["ioctl(TIOCSPGRP)"] = "foreground",
    umask = "umask",
    sched_setscheduler = "scheduler",
    setgroups = "extra_groups",
    setresgid = "rgid, egid",
    setresuid = "ruid, euid",
    fchdir = "working_directory",
    chdir = "working_directory",
    ["prctl(PR_SET_PDEATHSIG)"] = "pdeathsig",
    getppid = "pdeathsig",
    ["prctl(PR_SET_NO_NEW_PRIVS)"] = "set_no_new_privs",
    landlock_restrict_self = "landlock_restrict_self",
    seccomp = "seccomp_set_mode_filter",
    execve = "program",
    execveat = "program",
}

local E2BIG = error_.errno_of.E2BIG

local function fail(options, errno, step)
    local arg, what = OPTION[step], step
    if arg == "program" then
        if errno == E2BIG then arg = "arguments, environment" end
        what = ("%s %s"):format(step, tostring(options.program))
    end
    error(error_.system(errno, { arg = arg, detail = what, step = step }), 0)
end

--- Starts a program (seed 003, "system.spawn").
---@param options ljos.SpawnProgramOptions
---@return ljos.Subprocess
return function(options)
    local request, stdio = options_.read(options)
    local made = descriptors.complete(request.fds --[[@as table]], stdio)
    local ok, child, errno, step = pcall(process.try_start, request)
    descriptors.close(made)
    if not ok then error(child, 0) end
    if not child then fail(options, errno, step) end
    return subprocess.new(child --[[@as ljos.Child]])
end
