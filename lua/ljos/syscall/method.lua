--- The methods of descriptors: the functions of `ljos.syscall` that take a descriptor first, some under a shorter name.
---
--- Errors:   as the functions
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local fd = require "ljos.syscall.fd"
local spec = require "ljos.syscall.spec"

---@class ljos.syscall.method
local M = {}

local same =
    [[ dup dup2 dup3 read write pread pwrite lseek fchdir fsync fdatasync fstat fcntl fchmod bind listen connect
accept accept4 getsockname getpeername send sendto recv recvfrom readv writev preadv pwritev preadv2 pwritev2
sendmsg recvmsg
sendmmsg recvmmsg setsockopt getsockopt shutdown epoll_ctl epoll_wait epoll_pwait epoll_pwait2 sendfile getdents
ftruncate
inotify_add_watch inotify_rm_watch inotify_read fanotify_read flistxattr fsetxattr fgetxattr fremovexattr fxattr
    splice vmsplice tee
timerfd_gettime timerfd_settime fadvise fallocate posix_fallocate readahead sync_file_range syncfs fstatfs futimens
futimes
fstatat unlinkat mkdirat mknodat mkfifoat faccessat fchmodat fchown fchownat readlinkat setns openat openat2 ioctl flock
fpathconf grantpt unlockpt ptsname isatty tcgetattr tcsetattr tcsendbreak tcdrain tcflush tcflow tcgetsid utimensat
statx
copy_file_range posix_fadvise cachestat quotactl_fd ]]

local short = {
    stat = "fstat",
    chdir = "fchdir",
    sync = "fsync",
    datasync = "fdatasync",
    chmod = "fchmod",
    setxattr = "fsetxattr",
    getxattr = "fgetxattr",
    listxattr = "flistxattr",
    removexattr = "fremovexattr",
    xattr = "fxattr",
    truncate = "ftruncate",
    statfs = "fstatfs",
    utimens = "futimens",
    utimes = "futimes",
    seek = "lseek",
    chown = "fchown",
    lock = "flock",
    pathconf = "fpathconf",
}

local function with_flags(change)
    return function(self)
        local S = require "ljos.syscall"
        local flags, err = S.fcntl(self, "getfl")
        if not flags then return nil, err end
        return S.fcntl(self, "setfl", S.c.O(flags, change))
    end
end

local lock_commands = { lock = "SETLKW", tlock = "SETLK", ulock = "SETLK", test = "GETLK" }

local own = {
    block = with_flags "~nonblock",
    nonblock = with_flags "nonblock",
    tell = function(self) return require("ljos.syscall").lseek(self, 0, "cur") end,
    --- lockf(3): cmd is lock, tlock, ulock or test; the section starts at the current offset.
    lockf = function(self, cmd, len)
        local S = require "ljos.syscall"
        local number = S.c.LOCKF[cmd]
        local name
        for key, value in pairs { lock = "LOCK", tlock = "TLOCK", ulock = "ULOCK", test = "TEST" } do
            if S.c.LOCKF[value] == number then name = key end
        end
        if not name then require("ljos.syscall.argument").wrong(1, "lock, tlock, ulock or test", cmd) end
        local lock, err = S.fcntl(
            self,
            lock_commands[name],
            { type = name == "ulock" and "unlck" or "wrlck", whence = "cur", start = 0, len = len or 0 }
        )
        if not lock then return nil, err end
        if name == "test" and lock.type ~= S.c.FCNTL_LOCK.UNLCK then return nil, S.t.error "ACCES" end
        return true
    end,
    mmap = function(self, addr, length, prot, flags, offset)
        return require("ljos.syscall").mmap(addr, length, prot, flags, self, offset)
    end,
}

-- What makes a descriptor goes by the default of the table that the first one came from.
for _, name in ipairs { "dup", "accept", "accept4", "openat" } do
    own[name] = function(self, ...)
        local S = require(fd.is_inherited(self) and "ljos.syscall.inherit" or "ljos.syscall")
        return S[name](self, ...)
    end
end

--- Finds a method.
---@param name string
---@return function?
function M.find(name)
    if own[name] then return own[name] end
    name = short[name] or name
    local S = require "ljos.syscall"
    if same:gsub("%s+", " "):find(" " .. name .. " ", 1, true) then return S[name] end
    local line = type(name) == "string" and name:match "^[%w_]+$" and spec.line(name)
    if line and line:match "^[%w_]+:fd%f[%W]" then return S[name] end
end

return M
