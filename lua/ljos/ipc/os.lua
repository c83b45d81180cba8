--- The operating system as LuaIPC's modules see it: calls of the C library, failures as `nil, message, code`.
---
--- Every module of `ljos.ipc` comes to the kernel through here.
---
--- Errors:   returns nil, message, code
--- Suspends: never
--- Needs:    glibc
local ffi = require "ffi"
local native = require "ljos.native"

local C = ffi.C
local tonumber = tonumber

-- Functions that are variadic in C are declared with the arguments used here, under names of our own.
ffi.cdef [[
typedef struct ljos_ipc_sem ljos_ipc_sem;
struct ljos_ipc_flock { short type; short whence; int64_t start; int64_t len; int pid; };
struct ljos_ipc_timespec { long sec; long nsec; };
struct ljos_ipc_pollfd { int fd; short events; short revents; };
// Of struct statx(2), which is the same everywhere, what is read here.
struct ljos_ipc_statx { uint32_t mask; uint32_t blksize; uint64_t attributes; uint32_t nlink, uid, gid;
                        uint16_t mode, spare; uint64_t ino, size; uint8_t rest[208]; };

char *strerror(int);
int ljos_ipc_open(const char *path, int flags, unsigned int mode) __asm__("open");
int ljos_ipc_fcntl_lock(int fd, int command, struct ljos_ipc_flock *lock) __asm__("fcntl");
int ljos_ipc_fcntl(int fd, int command, int argument) __asm__("fcntl");
int ljos_ipc_statx(int dirfd, const char *path, int flags, unsigned int mask, struct ljos_ipc_statx *out)
    __asm__("statx");
ljos_ipc_sem *ljos_ipc_sem_open(const char *name, int flags, unsigned int mode, unsigned int value)
    __asm__("sem_open");
int ljos_ipc_sem_close(ljos_ipc_sem *sem) __asm__("sem_close");
int ljos_ipc_sem_post(ljos_ipc_sem *sem) __asm__("sem_post");
int ljos_ipc_sem_wait(ljos_ipc_sem *sem) __asm__("sem_wait");
int ljos_ipc_sem_trywait(ljos_ipc_sem *sem) __asm__("sem_trywait");
int ljos_ipc_sem_clockwait(ljos_ipc_sem *sem, int clock, const struct ljos_ipc_timespec *deadline)
    __asm__("sem_clockwait");
int sem_unlink(const char *name);
int ljos_ipc_close(int fd) __asm__("close");
int ljos_ipc_fallocate(int fd, int mode, int64_t offset, int64_t len) __asm__("fallocate");
int ljos_ipc_ftruncate(int fd, int64_t len) __asm__("ftruncate");
int ljos_ipc_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) __asm__("linkat");
int ljos_ipc_unlink(const char *path) __asm__("unlink");
void *ljos_ipc_mmap(void *address, size_t len, int protection, int flags, int fd, int64_t offset) __asm__("mmap");
int ljos_ipc_munmap(void *address, size_t len) __asm__("munmap");
int ljos_ipc_msync(void *address, size_t len, int flags) __asm__("msync");
int ljos_ipc_fileno(void *file) __asm__("fileno");
int ljos_ipc_fflush(void *file) __asm__("fflush");
int ljos_ipc_getpagesize(void) __asm__("getpagesize");
int ljos_ipc_pipe2(int *fds, int flags) __asm__("pipe2");
int64_t ljos_ipc_read(int fd, void *buffer, size_t len) __asm__("read");
int ljos_ipc_poll(struct ljos_ipc_pollfd *fds, unsigned long count, int timeout) __asm__("poll");
int ljos_ipc_ioctl_int(int fd, unsigned long request, int *value) __asm__("ioctl");
int ljos_ipc_epoll_create1(int flags) __asm__("epoll_create1");
int ljos_ipc_epoll_ctl(int set, int operation, int fd, uint32_t *event) __asm__("epoll_ctl");
extern char **environ;
]]

---@class ljos.ipc.os
local M = {}

local constants = native.constant_table "ipc"
M.constants = constants

--- Returns what a failed function of `ljos.ipc` returns.
---@param errno integer?  never nil; optional because it is the second result of what failed
---@return nil, string message, integer code
function M.failure(errno)
    ---@cast errno integer
    return nil, ffi.string(C.strerror(errno)), errno
end

--- The failure of the C function that was called last.
---@return nil, string message, integer code
function M.last_failure() return M.failure(ffi.errno()) end

local statx = ffi.new "struct ljos_ipc_statx"

--- The length of the file behind `fd`, and whether it is a regular one.
---@param fd integer
---@return number? length  nil: errno is set
---@return boolean is_regular
function M.length(fd)
    local mask = constants.STATX_SIZE + constants.STATX_TYPE
    if C.ljos_ipc_statx(fd, "", constants.AT_EMPTY_PATH, mask, statx) < 0 then return nil, false end
    return tonumber(statx.size), bit.band(statx.mode, constants.S_IFMT) == constants.S_IFREG
end

--- Maps `len` bytes of `fd`, shared.
---@param fd integer
---@param len number
---@param protection integer  PROT_*
---@param offset number
---@return ffi.cdata*? address  a uint8_t *; nil: errno is set
function M.map(fd, len, protection, offset)
    local address = C.ljos_ipc_mmap(nil, len, protection, constants.MAP_SHARED, fd, offset)
    if ffi.cast("intptr_t", address) == -1 then return nil end
    return ffi.cast("uint8_t *", address)
end

--- The C stream behind an open Lua file.
---@param file file
---@return ffi.cdata*
function M.stream(file) return ffi.cast("void *", file) end

return M
