--- The operating system as LuaIPC's modules see it: calls of the C library, failures as `nil, message, code`.
---
--- Every module of `ljos.ipc` comes to the kernel through here.
---
--- Errors:   returns nil, message, code
--- Suspends: never
--- Needs:    glibc
local ffi = require "ffi"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local native = require "ljos.native"

local libc = kernel.libc
local tonumber = tonumber

---@class ljos.ipc.os
local M = {}

local constants = native.constant_table "ipc"
M.constants = constants

--- Functions of the C library, bound by `ljos.syscall`: those that keep state of their own, and calls whose errno the
--- callers here look at. What is variadic in C is bound with the arguments used here.
M.calls = {
    open = libc("open", "int (const char *, int, unsigned int)"),
    close = libc("close", "int (int)"),
    read = libc("read", "int (int, void *, size_t)"),
    poll = libc("poll", "int (void *, unsigned long, int)"),
    pipe2 = libc("pipe2", "int (int *, int)"),
    fcntl = libc("fcntl", "int (int, int, int)"),
    ioctl = libc("ioctl", "int (int, unsigned long, int *)"),
    fallocate = libc("fallocate", "int (int, int, int64_t, int64_t)"),
    ftruncate = libc("ftruncate", "int (int, int64_t)"),
    linkat = libc("linkat", "int (int, const char *, int, const char *, int)"),
    unlink = libc("unlink", "int (const char *)"),
    mmap = libc("mmap", "void *(void *, size_t, int, int, int, int64_t)"),
    munmap = libc("munmap", "int (void *, size_t)"),
    msync = libc("msync", "int (void *, size_t, int)"),
    getpagesize = libc("getpagesize", "int (void)"),
    epoll_create1 = libc("epoll_create1", "int (int)"),
    epoll_ctl = libc("epoll_ctl", "int (int, int, int, void *)"),
    fileno = libc("fileno", "int (void *)"),
    fflush = libc("fflush", "int (void *)"),
    sem_open = libc("sem_open", "void *(const char *, int, unsigned int, unsigned int)"),
    sem_close = libc("sem_close", "int (void *)"),
    sem_unlink = libc("sem_unlink", "int (const char *)"),
    sem_post = libc("sem_post", "int (void *)"),
    sem_wait = libc("sem_wait", "int (void *)"),
    sem_trywait = libc("sem_trywait", "int (void *)"),
    sem_clockwait = libc("sem_clockwait", "int (void *, int, const void *)"),
    strtod = libc("strtod", "double (const char *, char **)"),
    statx = libc("statx", "int (int, const char *, int, unsigned int, void *)"),
}
local calls = M.calls

--- fcntl(2) with a struct flock: `>= 0` or `-errno`.
M.lock = kernel.call("fcntl", "iip")

--- Returns what a failed function of `ljos.ipc` returns.
---@param errno integer?  never nil; optional because it is the second result of what failed
---@return nil, string message, integer code
function M.failure(errno)
    ---@cast errno integer
    return nil, error_.errno(errno).category:message(errno), errno
end

--- The failure of the C function that was called last.
---@return nil, string message, integer code
function M.last_failure() return M.failure(ffi.errno()) end

local statx = ffi.new(native.struct "statx")

--- The length of the file behind `fd`, and whether it is a regular one.
---@param fd integer
---@return number? length  nil: errno is set
---@return boolean is_regular
function M.length(fd)
    local mask = constants.STATX_SIZE + constants.STATX_TYPE
    if calls.statx(fd, "", constants.AT_EMPTY_PATH, mask, statx) < 0 then return nil, false end
    return tonumber(statx.stx_size), bit.band(statx.stx_mode, constants.S_IFMT) == constants.S_IFREG
end

--- Maps `len` bytes of `fd`, shared.
---@param fd integer
---@param len number
---@param protection integer  PROT_*
---@param offset number
---@return ffi.cdata*? address  a uint8_t *; nil: errno is set
function M.map(fd, len, protection, offset)
    local address = calls.mmap(nil, len, protection, constants.MAP_SHARED, fd, offset)
    if ffi.cast("intptr_t", address) == -1 then return nil end
    return ffi.cast("uint8_t *", address)
end

--- The C stream behind an open Lua file.
---@param file file
---@return ffi.cdata*
function M.stream(file) return ffi.cast("void *", file) end

return M
