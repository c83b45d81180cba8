--- The system calls under `filesystem`, with results in one form: >= 0, or -errno.
---
--- Calls with plain arguments go to the C library, those with structs to the native library. Each has its kernel
--- name; EINTR is retried where a call can be interrupted. `check` turns a failure into a raised Error that
--- names the call and the path.
---
--- Errors:   `check` raises ljos.Error, nothing else does
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C, libc = native.C, ffi.C
local errno = ffi.errno

---@class ljos.filesystem.calls
local M = {}

-- Under own names, so that no other declaration of these functions changes them. Counts are int: no call here
-- moves more than 1 GiB at once. A trailing fixed argument stands for a variadic one: Linux's conventions pass
-- both alike.
ffi.cdef [[
int libc_openat(int, const char *, int, unsigned) __asm__("openat");
int libc_close(int) __asm__("close");
int libc_read(int, void *, size_t) __asm__("read");
int libc_write(int, const void *, size_t) __asm__("write");
int64_t libc_lseek(int, int64_t, int) __asm__("lseek");
int libc_ftruncate(int, int64_t) __asm__("ftruncate");
int libc_truncate(const char *, int64_t) __asm__("truncate");
int libc_copy_file_range(int, int64_t *, int, int64_t *, size_t, unsigned) __asm__("copy_file_range");
int libc_ioctl(int, unsigned long, int) __asm__("ioctl");
int libc_fcntl(int, int, int) __asm__("fcntl");
int libc_unlinkat(int, const char *, int) __asm__("unlinkat");
int libc_mkdirat(int, const char *, unsigned) __asm__("mkdirat");
int libc_linkat(int, const char *, int, const char *, int) __asm__("linkat");
int libc_symlinkat(const char *, int, const char *) __asm__("symlinkat");
int libc_renameat(int, const char *, int, const char *) __asm__("renameat");
int libc_readlinkat(int, const char *, char *, size_t) __asm__("readlinkat");
int libc_fchmod(int, unsigned) __asm__("fchmod");
int libc_fchmodat(int, const char *, unsigned, int) __asm__("fchmodat");
int libc_fchownat(int, const char *, unsigned, unsigned, int) __asm__("fchownat");
int libc_chdir(const char *) __asm__("chdir");
int libc_fchdir(int) __asm__("fchdir");
int libc_chroot(const char *) __asm__("chroot");
unsigned libc_umask(unsigned) __asm__("umask");
char *libc_getcwd(char *, size_t) __asm__("getcwd");
char *libc_realpath(const char *, char *) __asm__("realpath");
void libc_free(void *) __asm__("free");
]]

local constants = native.constant_table "path"
M.constants = constants

local AT_FDCWD = constants.AT_FDCWD
local EINTR, ENOSYS, EPERM = -error_.errno_of.EINTR, -error_.errno_of.ENOSYS, -error_.errno_of.EPERM
local fchmodat2 = native.constant("SYS", "__NR_fchmodat2")

local function result(value)
    if value >= 0 then return value end
    return -errno()
end

--- Returns `res`, or raises the system error -res with what was tried and on which path.
---@param res integer
---@param call string
---@param path string
---@param other? string  the second path of calls that have two
---@return integer
function M.check(res, call, path, other)
    if res >= 0 then return res end
    local detail = other and ("%s: %s, %s"):format(call, path, other) or call .. ": " .. path
    return error_.check(res, { path = path, other_path = other, detail = detail })
end

---@return integer # a descriptor, O_CLOEXEC set
function M.openat(dirfd, path, flags, mode)
    local res = EINTR
    while res == EINTR do
        res = result(libc.libc_openat(dirfd, path, bit.bor(flags, constants.O_CLOEXEC), mode))
    end
    return res
end

---@return integer # a descriptor, O_CLOEXEC set
function M.openat2(dirfd, path, flags, mode, resolve)
    flags = bit.bor(flags, constants.O_CLOEXEC)
    local res = EINTR
    while res == EINTR do
        res = C.ljos_file_openat2(dirfd, path, flags, mode, resolve)
    end
    return res
end

-- The descriptor is gone even when close(2) says EINTR.
function M.close(fd) return result(libc.libc_close(fd)) end

function M.read(fd, buffer, length)
    local res = EINTR
    while res == EINTR do
        res = result(libc.libc_read(fd, buffer, length))
    end
    return res
end

function M.write(fd, buffer, length)
    local res = EINTR
    while res == EINTR do
        res = result(libc.libc_write(fd, buffer, length))
    end
    return res
end

--- Moves the offset; unlike the others, a double, for offsets beyond an int.
function M.lseek(fd, offset, whence)
    local position = tonumber(libc.libc_lseek(fd, offset, whence))
    if position >= 0 then return position end
    return -errno()
end

function M.ftruncate(fd, length) return result(libc.libc_ftruncate(fd, length)) end
function M.truncate(path, length) return result(libc.libc_truncate(path, length)) end

--- copy_file_range(2) from and to the descriptors' own offsets.
function M.copy_file_range(from, to, length)
    local res = EINTR
    while res == EINTR do
        res = result(libc.libc_copy_file_range(from, nil, to, nil, length, 0))
    end
    return res
end

--- ioctl(2) with FICLONE: makes `to` share all extents of `from`.
function M.clone(to, from) return result(libc.libc_ioctl(to, constants.FICLONE, from)) end

function M.fcntl(fd, command, argument) return result(libc.libc_fcntl(fd, command, argument)) end
function M.unlinkat(dirfd, path, flags) return result(libc.libc_unlinkat(dirfd, path, flags)) end
function M.mkdirat(dirfd, path, mode) return result(libc.libc_mkdirat(dirfd, path, mode)) end
function M.linkat(target, link) return result(libc.libc_linkat(AT_FDCWD, target, AT_FDCWD, link, 0)) end
function M.linkat_from(fd, target, dirfd, link) return result(libc.libc_linkat(fd, target, dirfd, link, 0)) end
function M.symlinkat(target, dirfd, link) return result(libc.libc_symlinkat(target, dirfd, link)) end
function M.rename(from, to) return result(libc.libc_renameat(AT_FDCWD, from, AT_FDCWD, to)) end
function M.mknodat(dirfd, path, mode, device) return C.ljos_file_mknod(dirfd, path, mode, device) end
function M.fchmod(fd, mode) return result(libc.libc_fchmod(fd, mode)) end

-- glibc knows AT_SYMLINK_NOFOLLOW by way of /proc only; Linux 6.6 has a call of its own. EPERM may be a filter's.
function M.fchmodat(dirfd, path, mode, flags)
    if flags ~= 0 then
        local res = C.ljos_call5(fchmodat2, dirfd, ffi.cast("intptr_t", ffi.cast("const char *", path)), mode, flags, 0)
        if res ~= ENOSYS and res ~= EPERM then return res end
    end
    return result(libc.libc_fchmodat(dirfd, path, mode, flags))
end

-- -1, "leave it as it is", is the largest unsigned number.
function M.fchownat(path, owner, group, flags)
    return result(libc.libc_fchownat(AT_FDCWD, path, owner % 2 ^ 32, group % 2 ^ 32, flags))
end

function M.chdir(path) return result(libc.libc_chdir(path)) end
function M.fchdir(fd) return result(libc.libc_fchdir(fd)) end
function M.chroot(path) return result(libc.libc_chroot(path)) end
function M.umask(mask) return libc.libc_umask(mask) end

--- Reads a symbolic link.
---@return string?, integer # the target, or nil and -errno
function M.readlinkat(dirfd, path)
    local size = 256
    while true do
        local buffer = ffi.new("char[?]", size)
        local length = result(libc.libc_readlinkat(dirfd, path, buffer, size))
        if length < 0 then return nil, length end
        if length < size then return ffi.string(buffer, length), length end
        size = size * 2
    end
end

---@return string?, integer # the working directory, or nil and -errno
function M.getcwd()
    local size = 256
    while true do
        local buffer = ffi.new("char[?]", size)
        if libc.libc_getcwd(buffer, size) ~= nil then return ffi.string(buffer), 0 end
        local code = errno()
        if code ~= error_.errno_of.ERANGE then return nil, -code end
        size = size * 2
    end
end

---@return string?, integer # the absolute path without symbolic links, or nil and -errno
function M.realpath(path)
    local text = libc.libc_realpath(path, nil)
    if text == nil then return nil, -errno() end
    local resolved = ffi.string(text)
    libc.libc_free(text)
    return resolved, 0
end

--- Fills `out` (a `status_type`) with what statx(2) says.
function M.statx(dirfd, path, flags, out) return C.ljos_file_status(dirfd, path, flags, out) end

M.status_type = ffi.typeof "struct ljos_file_status_fields"
M.space_type = ffi.typeof "struct ljos_file_space_fields"

function M.statvfs(path, out) return C.ljos_file_space(path, out) end
function M.utimens(path, seconds, nanoseconds) return C.ljos_file_set_mtime(path, seconds, nanoseconds) end
function M.getdents64(fd, buffer, length) return C.ljos_file_read_directory(fd, buffer, length) end

return M
