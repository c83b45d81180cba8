--- Types: `t.x(...)` makes a value, `pt.x(p)` casts to a pointer, `s.x` is the size in bytes.
---
--- A type is made when it is first asked for, in the file under ljos.syscall.type that owns it. Structs of the kernel
--- that no file has anything to add to are defined with their C names as they are.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local native = require "ljos.native"
local struct = require "ljos.syscall.struct"

---@class ljos.syscall.types
local M = {}

local files = {
    scalar = [[ buffer char char1 char2 clock clockid daddr dev gid gid1 id in_port ino int int1 int16 int16_1 int2
    int32
    int32_1 int64 int64_1 int8 intptr intptr1 ints long long1 mode nfds nlink off off1 pid sa_family
    size size1
    socklen socklen1 ssize time timer uchar uchar1 uid uid1 uint uint1 uint16 uint16_1 uint2 uint32 uint32_1 uint64
    uint64_1 uint8 uintptr ulong ulong1 void aio_context aio_context1 string_array cap pointer fd error ]],
    time = [[ timespec timeval timespec2 timespec2_raw timeval2 timeval2_raw itimerspec itimerval timex adjtimex
    scm_timestamping ]],
    file = [[ stat statfs device dirent dirents flock iovec iovecs inotify_event inotify_events fanotify_events
    statx fdset ]],
    socket = [[ sockaddr sockaddr_in sockaddr_in6 sockaddr_un sockaddr_nl sockaddr_ll sockaddr_storage in_addr in6_addr
    macaddr msghdr mmsghdr mmsghdrs cmsghdr ucred sock_filter sock_filters sock_fprog sock_fprog1
    xt_get_revision ]],
    packet = " ethhdr iphdr udphdr ",
    process = [[ rlimit rusage cpu_set groups waitstatus utsname sysinfo sched_param capabilities user_cap_data
    user_cap_data2 user_cap_header vfs_cap_data ]],
    signal = [[ sigset siginfo siginfos signalfd_siginfo sigaction sa sighandler sigevent sigval ucontext mcontext ]],
    event = [[ pollfd pollfds epoll_event epoll_events iocb iocbs iocb_array iocb_ptrs io_event io_events mqd
    mq_attr ]],
    terminal = [[ winsize termios termios2 ifreq tun_filter tun_pi ]],
    bpf = [[ bpf_insn bpf_insns bpf_attr bpf_attr1 perf_event_attr perf_event_attr1 perf_event_header perf_reader
    seccomp_data ]],
    link = [[ nlmsghdr nlmsgerr ifinfomsg ifaddrmsg ifa_cacheinfo rtmsg rtgenmsg rtattr rta_cacheinfo ndmsg ndtmsg
    nda_cacheinfo ndt_config ndt_stats rtnl_link_stats fdb_entry ]],
}

-- Structs of the kernel as they are, whose fields take flags.
local flags = {
    landlock_ruleset_attr = {
        handled_access_fs = "LANDLOCK_ACCESS_FS",
        handled_access_net = "LANDLOCK_ACCESS_NET",
        scoped = "LANDLOCK_SCOPE",
    },
    mount_attr = { attr_set = "MOUNT_ATTR", attr_clr = "MOUNT_ATTR", propagation = "MS" },
    sched_attr = { policy = "SCHED", sched_policy = "SCHED", flags = "SCHED_FLAG", sched_flags = "SCHED_FLAG" },
    file_attr = { xflags = "FS_XFLAG", fa_xflags = "FS_XFLAG" },
    io_uring_params = { flags = "IORING_SETUP" },
}

local function owner(name)
    local word = " " .. name .. " "
    for file, names in pairs(files) do
        if names:gsub("%s+", " "):find(word, 1, true) then return file end
    end
end

local function ensure(name)
    if type(name) ~= "string" then return end
    local file = owner(name)
    if file then
        require("ljos.syscall.type." .. file).define(name)
    elseif native.C.ljos_layout(name) ~= nil and name ~= "" then
        struct.define(name, { is_plain = true, flags = flags[name] })
    end
end

local function lazy(values)
    return setmetatable(values, {
        __index = function(self, name)
            ensure(name)
            return rawget(self, name)
        end,
    })
end

M.t = lazy(struct.t)
M.pt = lazy(struct.pt)
M.s = lazy(struct.s)

-- C types by their C names: "struct timespec", "sigset_t".
M.ctypes = setmetatable({}, {
    __index = function(_, name)
        local short = type(name) == "string" and (name:match "^struct (.*)$" or name:match "^(.*)_t$" or name)
        local registered = struct.registered[short and M.t[short]]
        return registered and registered.ctype
    end,
})

--- Lists the names that `t` has.
---@return string[]
function M.names()
    local list = {}
    for _, names in pairs(files) do
        for name in names:gmatch "%S+" do
            list[#list + 1] = name
        end
    end
    table.sort(list)
    return list
end

return M
