--- Threads of this process other than the caller's: for what the kernel does to one thread at a time.
---
--- The kernel's own workers for io_uring are not counted: they act with the rights of whoever submitted the request.
--- Where there is no /proc, unshare(2) tells: it takes CLONE_THREAD from a process of one thread, and changes nothing.
---
--- Errors:   none raised
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local directory = require "ljos.filesystem.directory"
local engine = require "ljos.loop.engine"
local native = require "ljos.native"

local C = native.C
local AT_FDCWD = native.constant_table("path").AT_FDCWD
local CLONE_THREAD, UNSHARE = native.constant_table("CLONE").CLONE_THREAD, native.constant("SYS", "__NR_unshare")

ffi.cdef [[
int close(int fd);
int libc_poll(void *, unsigned long, int) __asm__("poll");
]]

---@class ljos.system.threads
local M = {}

local function is_of_kernel(task)
    local file = io.open(("/proc/self/task/%s/comm"):format(task))
    local name = file and file:read "*l" or ""
    if file then file:close() end
    return name:find "^iou%-" ~= nil
end

--- Counts the threads beside the caller's; without /proc 1 stands for any number.
---@return integer
local function count_others()
    local fd = directory.open(AT_FDCWD, "/proc/self/task", true)
    if fd < 0 then return C.ljos_call1(UNSHARE, CLONE_THREAD) == 0 and 0 or 1 end
    local tasks, count = {}, 0
    directory.read(fd, tasks, {})
    ffi.C.close(fd)
    for _, task in ipairs(tasks) do
        if not is_of_kernel(task) then count = count + 1 end
    end
    return count - 1
end
M.count_others = count_others

local MOMENTS = 1000 -- of a millisecond each, until the kernel has forgotten threads that have ended

--- Sends home the engine's threads if they have nothing to do, and counts those that remain beside the caller's. Later
--- work starts new ones, which have what the caller's has.
---@return integer
function M.reduce()
    local others, handle = count_others(), engine.existing()
    local ended = others > 0 and handle and C.ljos_engine_dismiss(handle) or 0
    if ended <= 0 then return others end
    local remaining, moments = math.max(others - ended, 0), 0
    others = count_others()
    while others > remaining and moments < MOMENTS do
        moments = moments + 1
        ffi.C.libc_poll(nil, 0, 1)
        others = count_others()
    end
    return others
end

return M
