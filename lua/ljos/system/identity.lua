--- Identity: the numbers that the kernel knows this process by: pids, sessions, groups, users.
---
--- Calls that change something go through the C library, which carries them out in every thread of the process.
--- `set_no_new_privs` has no such help from it: threads other than the caller's are reached by a seccomp filter that
--- allows everything, because its installation can be synchronized (seccomp(2), SECCOMP_FILTER_FLAG_TSYNC).
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local master = require "ljos.system.master"
local native = require "ljos.native"
local seccomp = require "ljos.system.seccomp"
local threads = require "ljos.system.threads"

local libc = ffi.C

ffi.cdef [[
int libc_getpid(void) __asm__("getpid");
int libc_getppid(void) __asm__("getppid");
int libc_kill(int pid, int signal) __asm__("kill");
int libc_getpgid(int pid) __asm__("getpgid");
int libc_setpgid(int pid, int group) __asm__("setpgid");
int libc_getsid(int pid) __asm__("getsid");
int libc_setsid(void) __asm__("setsid");
int libc_getresuid(uint32_t *, uint32_t *, uint32_t *) __asm__("getresuid");
int libc_getresgid(uint32_t *, uint32_t *, uint32_t *) __asm__("getresgid");
int libc_setresuid(uint32_t, uint32_t, uint32_t) __asm__("setresuid");
int libc_setresgid(uint32_t, uint32_t, uint32_t) __asm__("setresgid");
int libc_getgroups(int count, uint32_t *groups) __asm__("getgroups");
int libc_setgroups(size_t count, const uint32_t *groups) __asm__("setgroups");
int libc_prctl(int, unsigned long, unsigned long, unsigned long, unsigned long) __asm__("prctl");
]]

---@class ljos.system.identity
local M = {}

local function check(res, what)
    if res >= 0 then return res end
    return error_.check(-ffi.errno(), { detail = what })
end

local function check_integer(value, low, high, arg)
    if type(value) == "number" and value % 1 == 0 and value >= low and value <= high then return value end
    return error_.argument(arg, ("an integer from %d to %d expected, got %s"):format(low, high, tostring(value)))
end

local MAX_PID, MAX_ID, MAX_SIGNAL = 2 ^ 31 - 1, 2 ^ 32 - 2, 64

-- Processes -----------------------------------------------------------------------------------------------------

--- Returns the process ID of the calling process.
---@return integer
function M.getpid() return libc.libc_getpid() end

--- Returns the process ID of the parent.
---@return integer
function M.getppid() return libc.libc_getppid() end

--- Sends a signal. Source: kill(2).
---@param pid integer  0: the own process group; -1: everybody; -N: process group N
---@param sig integer  0 only asks whether it would be allowed
function M.kill(pid, sig)
    master.check "kill"
    check_integer(pid, -MAX_PID, MAX_PID, 1)
    check(libc.libc_kill(pid, check_integer(sig, 0, MAX_SIGNAL, 2)), "kill")
end

--- Returns the process group of the calling process.
---@return integer
function M.getpgrp() return check(libc.libc_getpgid(0), "getpgrp") end

--- Returns the process group of a process.
---@param pid integer  0: the calling one
---@return integer
function M.getpgid(pid) return check(libc.libc_getpgid(check_integer(pid, 0, MAX_PID, 1)), "getpgid") end

--- Puts a process into a process group. Source: setpgid(2).
---@param pid integer   0: the calling one
---@param pgid integer  0: one of its own
function M.setpgid(pid, pgid)
    master.check "setpgid"
    check_integer(pid, 0, MAX_PID, 1)
    check(libc.libc_setpgid(pid, check_integer(pgid, 0, MAX_PID, 2)), "setpgid")
end

--- Returns the session of a process.
---@param pid integer  0: the calling one
---@return integer
function M.getsid(pid) return check(libc.libc_getsid(check_integer(pid, 0, MAX_PID, 1)), "getsid") end

--- Makes a session and becomes its leader; returns its ID. Source: setsid(2).
---@return integer
function M.setsid()
    master.check "setsid"
    return check(libc.libc_setsid(), "setsid")
end

-- Users and groups ----------------------------------------------------------------------------------------------

local ids = ffi.new "uint32_t[3]"

--- Returns the real, the effective and the saved user ID.
---@return integer real, integer effective, integer saved
function M.getresuid()
    check(libc.libc_getresuid(ids, ids + 1, ids + 2), "getresuid")
    return ids[0], ids[1], ids[2]
end

--- Returns the real, the effective and the saved group ID.
---@return integer real, integer effective, integer saved
function M.getresgid()
    check(libc.libc_getresgid(ids, ids + 1, ids + 2), "getresgid")
    return ids[0], ids[1], ids[2]
end

-- Checks all before anything is changed. -1, which stays, is 2^32 - 1 to the kernel.
local function check_ids(real, effective, saved)
    check_integer(real, -1, MAX_ID, 1)
    check_integer(effective, -1, MAX_ID, 2)
    check_integer(saved, -1, MAX_ID, 3)
    return real % 2 ^ 32, effective % 2 ^ 32, saved % 2 ^ 32
end

--- Sets the user IDs, in all threads. Source: setresuid(2).
---@param ruid integer  -1: stays
---@param euid integer
---@param suid integer
function M.setresuid(ruid, euid, suid)
    master.check "setresuid"
    check(libc.libc_setresuid(check_ids(ruid, euid, suid)), "setresuid")
end

--- Sets the group IDs, in all threads. Source: setresgid(2).
---@param rgid integer  -1: stays
---@param egid integer
---@param sgid integer
function M.setresgid(rgid, egid, sgid)
    master.check "setresgid"
    check(libc.libc_setresgid(check_ids(rgid, egid, sgid)), "setresgid")
end

--- Returns the supplementary group IDs.
---@return integer[]
function M.getgroups()
    local count = check(libc.libc_getgroups(0, nil), "getgroups")
    local array, groups = ffi.new("uint32_t[?]", count), {}
    count = check(libc.libc_getgroups(count, array), "getgroups")
    for i = 1, count do
        groups[i] = array[i - 1]
    end
    return groups
end

--- Sets the supplementary group IDs, in all threads. Source: setgroups(2).
---@param groups integer[]
function M.setgroups(groups)
    master.check "setgroups"
    error_.check_type(groups, "table", 1)
    local array = ffi.new("uint32_t[?]", #groups)
    for i = 1, #groups do
        array[i - 1] = check_integer(groups[i], 0, MAX_ID, "groups/" .. i)
    end
    check(libc.libc_setgroups(#groups, array), "setgroups")
end

-- No new privileges ---------------------------------------------------------------------------------------------

local PR = native.constant_table "PR"
local ALLOW = "\6\0\0\0\0\0\255\127" -- one instruction: BPF_RET | BPF_K, SECCOMP_RET_ALLOW

--- Sets no_new_privs for all threads of the process: exec gives nobody more privileges from now on. Source:
--- PR_SET_NO_NEW_PRIVS(2const).
function M.set_no_new_privs()
    master.check "set_no_new_privs"
    check(libc.libc_prctl(PR.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    if threads.count_others() > 0 then seccomp.seccomp_set_mode_filter(ALLOW) end
end

return M
