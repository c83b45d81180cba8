--- Seccomp filters of the process: BPF programs, as `seccomp.compile` makes them, put before its system calls.
---
--- A filter is put on all threads at once (SECCOMP_FILTER_FLAG_TSYNC); where one of them cannot have it, none gets it.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local master = require "ljos.system.master"
local native = require "ljos.native"
local parts = require "ljos.system.parts"
local span = require "ljos.byte_span.span"

local FILTER, FPROG = native.struct "sock_filter", native.struct "sock_fprog"
local FILTER_BYTES, MAX_FILTERS = ffi.sizeof(FILTER), native.constant_table("BPF").BPF_MAXINSNS
local SET_MODE_FILTER = native.constant_table("SECCOMP").SECCOMP_SET_MODE_FILTER
local TSYNC = native.constant_table("SECCOMP_FILTER_FLAG").SECCOMP_FILTER_FLAG_TSYNC
local EACCES = error_.errno_of.EACCES

---@class ljos.system.seccomp
local M = {}

local install = kernel.call(native.constant("SYS", "__NR_seccomp"), "iip")

--- Makes what the kernel takes. It refers to `bytes`, which must outlive it.
---@param bytes string|ljos.byte_span
---@param arg integer|string  the argument's position or name, for the error
---@return ffi.cdata* # struct sock_fprog
function M.program(bytes, arg)
    local memory, size = span.bytes_of(bytes, arg)
    local count = size / FILTER_BYTES
    if count % 1 ~= 0 or count < 1 or count > MAX_FILTERS then
        error_.argument(arg, ("a BPF program expected: %d bytes for each instruction"):format(FILTER_BYTES))
    end
    local program = ffi.new(FPROG)
    program.len, program.filter = count, ffi.cast(FILTER .. " *", ffi.cast("const char *", memory))
    return program
end

--- Puts a filter before the system calls of all threads, and of all that the process starts from now on.
---
--- EACCES without `system.set_no_new_privs()` before, or the capability "cap_sys_admin"; EPERM in a state that is not
--- the master; EBUSY where a thread has filters of its own. The loop goes on to need its calls (io_uring_enter or
--- epoll_wait, read, mmap, ...). Source: seccomp(2), SECCOMP_SET_MODE_FILTER.
---@param bpf_fprogram ljos.byte_span|string
function M.seccomp_set_mode_filter(bpf_fprogram)
    master.check "seccomp_set_mode_filter"
    local program = M.program(bpf_fprogram, 1)
    parts.load()
    local res = install(SET_MODE_FILTER, TSYNC, program)
    if res > 0 then
        local detail = ("seccomp: the thread %d has filters of its own"):format(res)
        error(error_.system("EBUSY", { detail = detail }), 0)
    end
    local hint = res == -EACCES and ": set_no_new_privs comes first" or ""
    error_.check(res, { detail = "seccomp" .. hint })
end

return M
