--- Where each function of `ljos.syscall` is written: a module of its own, or a line of ljos.syscall.spec.
---
--- Errors:   none of its own
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local loading = require "ljos.error.loading"

---@class ljos.syscall.directory
local M = {}

-- Module (under ljos.syscall.call) and the functions in it. The spec "syscall/directory" checks both ways.
local modules = {
    identity = " getpid getppid getuid geteuid getgid getegid ",
    open = " open openat openat2 creat close dup dup2 dup3 fcntl pipe pipe2 shm_open shm_unlink name_to_handle_at ",
    transfer = [[ read write pread pwrite readv writev preadv pwritev preadv2 pwritev2 sendfile splice vmsplice
    copy_file_range ]],
    stat = [[ stat lstat fstat fstatat statx statfs fstatfs readlink readlinkat mknod mknodat mkfifo mkfifoat chown
    lchown
    fchown fchownat faccessat faccessat2 utimensat futimens utimes futimes lutimes utime futimesat getcwd getdents
    pathconf fpathconf major minor makedev cachestat file_getattr ]],
    xattr = [[ getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr xattr lxattr
    fxattr setxattrat getxattrat listxattrat removexattrat ]],
    socket = [[ socket socketpair bind connect accept accept4 getsockname getpeername send sendto
    recv recvfrom sendmsg recvmsg sendmmsg recvmmsg inet_aton inet_ntoa inet_pton inet_ntop ]],
    option = " getsockopt setsockopt ",
    process = [[ fork clone clone3 execve execveat exit atexit wait waitpid wait3 wait4 waitid nice getpriority
    setpriority getrlimit setrlimit prlimit getrusage getcpu sched_getaffinity sched_setaffinity sched_getparam
    sched_rr_get_interval
    sched_getattr getgroups setgroups getresuid getresgid vfork ]],
    environment = " environ getenv setenv unsetenv clearenv ",
    signal = [[ signal sigaction sigprocmask sigpending sigsuspend sigqueue signalfd sigtimedwait on_signal
    dispatch_signals ]],
    memory = [[ mmap mremap getpagesize getrandom mincore ]],
    time = [[ gettimeofday settimeofday time clock_getres clock_gettime clock_nanosleep nanosleep sleep getitimer
    setitimer
    timer_create timer_delete timer_gettime timer_settime timer_getoverrun timerfd_gettime timerfd_settime adjtimex
    clock_adjtime times ]],
    event = [[ poll ppoll select pselect epoll_ctl epoll_wait epoll_pwait epoll_pwait2 inotify_read io_setup io_submit
    io_cancel io_getevents io_pgetevents futex futex_waitv futex_requeue
    io_uring_setup fanotify_read ]],
    terminal = [[ ioctl isatty tcgetattr tcsetattr tcsendbreak tcdrain tcflush tcflow tcgetsid posix_openpt openpt
    grantpt
    unlockpt ptsname cfgetispeed cfgetospeed cfsetispeed cfsetospeed cfsetspeed ]],
    system = [[ uname gethostname sethostname getdomainname setdomainname sysinfo syslog ksyslogctl sysctl reboot mount
    unmount errno syscall posix_fadvise statmount listmount quotactl quotactl_fd ]],
    lsm = " lsm_list_modules lsm_get_self_attr lsm_set_self_attr ",
    image = " init_module kexec_load kexec_file_load ",
    security = [[ capget capset prctl bpf bpf_prog_load bpf_map_create bpf_map_op seccomp landlock_create_ruleset
    landlock_add_rule perf_event_open
    perf_attach_tracepoint perf_probe perf_tracepoint ]],
    sysv = " shmget shmat shmdt shmctl msgget msgsnd msgrcv msgctl semget semop semtimedop semctl ",
    trace = " ptrace process_vm_readv process_vm_writev process_madvise ",
    key = " add_key request_key keyctl ",
    numa = [[ mbind set_mempolicy get_mempolicy migrate_pages move_pages set_mempolicy_home_node ]],
    queue = [[ mq_open mq_unlink mq_getsetattr mq_timedsend mq_timedreceive mq_notify ]],
}

--- Returns the functions written out, by module.
---@return table<string, string>
function M.modules() return modules end

-- Groups whose C names do not begin with the group's.
local others_names = [[ OK CC IFLAG OFLAG CFLAG LFLAG TCSA TCFLOW TCFLUSH SIGPM SIGACT STD LIMIT UMOUNT FCNTL_LOCK LOCKF
    SIGBUS SIGCLD SIGFPE SIGILL SIGPOLL SIGSEGV SIGTRAP BPF_MAP BPF_PROG PERF_READ_FORMAT MAGIC ]]

local function in_constants(name)
    -- Seed 000: `S.SEEK_SET` beside `S.c.SEEK.SET`.
    if not name:match "^[A-Z_][A-Z0-9_]+$" then return nil end
    local c = require "ljos.syscall.constants"
    local at = #name
    while at do
        local group = c[name:sub(1, at)]
        if type(group) == "table" then
            local value = rawget(group, name:sub(at + 2))
            if value ~= nil then return value end
        end
        at = name:sub(1, at - 1):match ".*()_"
        at = at and at - 1
    end
    for _, group in ipairs { "SIG", "E", "S_I", "EPOLL", "POLL", "W", "B" } do
        local value = name:sub(1, #group) == group and rawget(c[group], name:sub(#group + 1))
        if value then return value end
    end
    if name:sub(1, 4) == "IFF_" then return rawget(c.IFREQ, name:sub(5)) end
    local native = require "ljos.native"
    for group in others_names:gmatch "%S+" do
        local value = native.constant_table(group)[name]
        if value then return value end
    end
    local value = c[name]
    return type(value) == "number" and value or nil
end

-- Modules that are loaded when they are needed, beside those in `modules`.
local others =
    [[ abi bit blame cgroup constants extent fd group handler helpers inherit ioctl kernel lfs method netfilter nl
    nl.interface nl.message nl.route number spec struct types util utility.bridge utility.message utility.privilege
    table.event table.file table.identity table.memory table.modern table.path table.process table.security
    table.socket table.system table.time type.address type.bpf type.event type.file type.link type.packet type.process
    type.scalar type.signal type.socket type.terminal type.time ]]

local all_loaded = false

--- Loads every module of `ljos.syscall`: called before what may put their files out of reach.
function M.load_all()
    if all_loaded then return end
    for module in pairs(modules) do
        loading.load("ljos.syscall.call." .. module)
    end
    for name in others:gmatch "%S+" do
        loading.load("ljos.syscall." .. name)
    end
    all_loaded = true
    -- What loading left behind is not freed by calls that a filter may forbid.
    collectgarbage()
end

-- Calls after which files cannot be opened any more, or not those.
local confining = [[ chroot pivot_root setns unshare seccomp landlock_restrict_self setuid seteuid setreuid setresuid
    setfsuid capset setrlimit prlimit clone3 ]]
-- The tree was found by a relative path: it is lost with the working directory.
local relative = (debug.getinfo(1, "S") --[[@as debuglib.DebugInfo]]).source:sub(1, 2) ~= "@/"
if relative then confining = confining .. " chdir fchdir " end
confining = confining:gsub("%s+", " ")

local function after_loading(f)
    return function(...)
        M.load_all()
        return f(...)
    end
end

local function find(name)
    local word = " " .. name .. " "
    for module, names in pairs(modules) do
        if names:gsub("%s+", " "):find(word, 1, true) then return require("ljos.syscall.call." .. module)[name] end
    end
    return require("ljos.syscall.spec").get(name) or in_constants(name)
end

--- Finds a function or flat constant.
---@param name string
---@return any
function M.find(name)
    local found = find(name)
    if confining:find(" " .. name .. " ", 1, true) then return after_loading(found) end
    if found ~= nil then return found end
    -- Any other number of the kernel's table, as it is: integers and pointers in, a number out.
    if rawget(require("ljos.syscall.constants").SYS, name) then
        local syscall = require("ljos.syscall.call.system").syscall
        return function(...) return syscall(name, ...) end
    end
end

--- Tells whether a function of that name has checks and types of its own.
---@param name string
---@return boolean
function M.is_typed(name)
    for _, names in pairs(modules) do
        if names:gsub("%s+", " "):find(" " .. name .. " ", 1, true) then return true end
    end
    return require("ljos.syscall.spec").line(name) ~= nil
end

return M
