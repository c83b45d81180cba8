--- Who this process is: calls that cannot fail. Never cached, so they are right after fork.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local kernel = require "ljos.syscall.kernel"

---@class ljos.syscall.call.identity
local M = {}

local getpid, getppid = kernel.libc("getpid", "int (void)"), kernel.libc("getppid", "int (void)")
function M.getpid() return getpid() end
function M.getppid() return getppid() end

local getuid, geteuid = kernel.libc("getuid", "uint32_t (void)"), kernel.libc("geteuid", "uint32_t (void)")
function M.getuid() return getuid() end
function M.geteuid() return geteuid() end

local getgid, getegid = kernel.libc("getgid", "uint32_t (void)"), kernel.libc("getegid", "uint32_t (void)")
function M.getgid() return getgid() end
function M.getegid() return getegid() end

return M
