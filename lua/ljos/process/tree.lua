--- Process trees: a signal to a child and to everything that came from it.
---
--- The kernel keeps no list of a process's descendants, so they are looked for in /proc: whoever has a parent in the
--- tree, and whoever belongs to a session or process group that the child leads. Each is stopped as soon as it is
--- found, by a pidfd that was checked to be still the same process, so that what has been found cannot multiply; the
--- search ends when a look at all processes shows nobody new, and everybody stopped. Then all get the signal.
---
--- What this guarantees: no process is reached that does not belong, and of those that belong every one that has an
--- unbroken line of living parents to the child, or its session or group, when the search begins. Out of reach is a
--- daemon that has left both and lost its parent before, and what /proc hides (mount option hidepid). Only a cgroup
--- or a pid namespace holds those; ljos makes neither for a plain child.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    /proc
local ffi = require "ffi"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C = native.C
local ESRCH, EPERM = error_.errno_of.ESRCH, error_.errno_of.EPERM
local signal = native.constant_table "signal"
local SIGSTOP, SIGCONT, SIGKILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
local pidfd_open = native.constant("SYS", "__NR_pidfd_open")
local AT_FDCWD = native.constant_table("path").AT_FDCWD

ffi.cdef [[
int close(int fd);
int libc_getpid(void) __asm__("getpid");
]]

---@class ljos.process.tree
local M = {}

---@class ljos.process.Entry
---@field parent integer
---@field group integer
---@field session integer
---@field stopped boolean  or dead, or in the kernel where it makes no processes
---@field started string   its start time; with the pid, its identity

-- proc_pid_stat(5): "PID (NAME) STATE PPID PGRP SESSION ...", the start time 22nd; NAME may hold anything.
---@return ljos.process.Entry?
local function entry_of(pid)
    local file = io.open(("/proc/%s/stat"):format(pid))
    local text = file and file:read "*a"
    if file then file:close() end
    local state, rest = (text or ""):match "^.*%) (%a) (.*)$"
    if not state then return nil end
    local fields = {}
    for field in rest:gmatch "%S+" do
        fields[#fields + 1] = field
    end
    return {
        parent = tonumber(fields[1]),
        group = tonumber(fields[2]),
        session = tonumber(fields[3]),
        stopped = state:find "[TtZXxD]" ~= nil,
        started = fields[19],
    }
end

---@return table<integer, ljos.process.Entry>
local function all_processes()
    local fd = error_.check(directory.open(AT_FDCWD, "/proc", true), { detail = "/proc" })
    local names, entries = {}, {}
    local count = 0
    repeat
        local more, ended = directory.read(fd, names, {}, count + 1)
        count = count + math.max(more, 0)
    until ended
    ffi.C.close(fd)
    for i = 1, count do
        local pid = tonumber(names[i])
        if pid then entries[pid] = entry_of(pid) end
    end
    return entries
end

-- Stops a process and enters it into the tree, unless its number is another's by now.
local function add(tree, pid, entry)
    local fd = C.ljos_call5(pidfd_open, pid, 0, 0, 0, 0)
    if fd == -ESRCH then return false end
    error_.check(fd, { detail = "pidfd_open" })
    local now = entry_of(pid)
    if not now or now.started ~= entry.started then
        ffi.C.close(fd)
        return false
    end
    tree[pid] = fd
    C.ljos_process_kill(fd, SIGSTOP)
    return true
end

-- One look at all processes: whether it showed somebody new, or somebody who still runs.
local function grow(tree, root)
    local entries, own = all_processes(), ffi.C.libc_getpid()
    local changed, unfinished = true, false
    while changed do
        changed = false
        for pid, entry in pairs(entries) do
            local belongs = tree[entry.parent] or entry.group == root or entry.session == root
            if belongs and not tree[pid] and pid ~= own and add(tree, pid, entry) then
                changed, unfinished = true, true
            end
        end
    end
    for pid in pairs(tree) do
        local entry = entries[pid]
        if entry and not entry.stopped then unfinished = true end
    end
    return unfinished
end

-- Sends everybody `number`, and lets them run again to see it. Returns an errno if somebody could not be reached.
local function deliver(tree, number)
    local failure
    for _, fd in pairs(tree) do
        local res = number > 0 and C.ljos_process_kill(fd, number) or 0
        if res == -EPERM then failure = failure or EPERM end
        if number ~= SIGSTOP then C.ljos_process_kill(fd, SIGCONT) end
    end
    return failure
end

-- A stop takes effect within microseconds; this many looks are for processes that the machine has no time for.
local LOOKS = 200

--- Sends a signal to a child and to all processes that came from it. Raises EPERM, when all others have got it, for
--- one that runs as another user.
---@param child ljos.Child
---@param number? integer  SIGKILL by default
function M.kill(child, number)
    number = number or SIGKILL
    local tree = { [child.pid] = child.fd }
    C.ljos_process_kill(child.fd, SIGSTOP)
    local ok, err = pcall(function()
        local looks = 0
        repeat
            looks = looks + 1
        until not grow(tree, child.pid) or looks == LOOKS
    end)
    local failure = deliver(tree, ok and number or 0)
    tree[child.pid] = nil
    for _, fd in pairs(tree) do
        ffi.C.close(fd)
    end
    if not ok then error(err, 0) end
    if failure then error(error_.system(failure, { detail = "kill_tree" }), 0) end
end

return M
