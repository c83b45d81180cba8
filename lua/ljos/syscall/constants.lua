--- Constants by group: `c.O.CREAT`, `c.SEEK["set"]`, `c.O("rdwr", "~nonblock")`.
---
--- A group is read from the native library when it is first asked for. Values come from there; this file knows which
--- kind each group is, which prefixes its C names have, and a few second names.
---
--- Errors:   raises for a flag that does not exist
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local native = require "ljos.native"
local group = require "ljos.syscall.group"

-- What differs from the default: kind multi, prefix GROUP_.
local kinds = {
    single = [[ SEEK AF SIG E CLOCK F SOL SO IPPROTO DT ITIMER P PRIO EPOLL_CTL LOCKF SCHED SHUT RLIMIT RUSAGE MADV
    POSIX_FADV PR TCSA TCFLUSH TCFLOW SIGPM SIGACT EXIT NETLINK RTM IFLA RTA RTN RTPROT RT_SCOPE RT_TABLE NDA NDTA
    NDTPA IFA IFLA_INFO IFLA_INET IFLA_INET6 IFLA_VLAN IFLA_VLAN_QOS IFLA_MACVLAN IFLA_VF IFLA_VF_INFO IFLA_VF_PORT
    IFLA_PORT IFLA_VXLAN IFLA_BR IFLA_BRPORT IFLA_BOND IFLA_VRF IFLA_IPVLAN IFLA_XDP IFLA_GENEVE VETH_INFO ARPHRD
    NLMSG RTNLGRP IP IPV6 TCP UDP SCM ETH_P ETHERTYPE IOCB_CMD BPF_CMD BPF_MAP BPF_PROG BPF_ATTACH_TYPE PERF_TYPE
    PERF_COUNT PERF_RECORD AUDIT_ARCH EM FCNTL_LOCK F_OWNER UTIME SIGEV SI SIGBUS SIGCLD SIGFPE SIGILL SIGPOLL
    SIGSEGV SIGTRAP SECCOMP_MODE SECCOMP LINUX_REBOOT LINUX_REBOOT_CMD PC RLIM STD TIME LINUX_CAPABILITY_VERSION
    LINUX_CAPABILITY_U32S CAP CC KEY BTN ABS REL EV SW MSC LED SND REP SYN FF FF_STATUS BUS ID INPUT_PROP MT_TOOL PCI
    REG NF XT IPT_SO_GET IPT_SO_SET PR_ENDIAN PR_FPEMU PR_MCE_KILL PR_MCE_KILL_OPT PR_TIMING PR_TSC WAIT TIMER
    KEYCTL KEY_SPEC PTRACE FUTEX MEMBARRIER MPOL KCMP IOPRIO_CLASS IOPRIO_WHO LANDLOCK_RULE LSM_ID LSM_ATTR FSCONFIG
    IPC SEM Q QTYPE IORING_OP IORING_REGISTER IORING_OFF MAGIC SYS IOCTL PACKET RTAX CTRL_CMD CTRL_ATTR ARCH TCA VIRTIO
    VSOCK SS ERRNO LISTMOUNT B ]],
    mode = " MODE S_I ",
    char = " OK ",
    swap = " SWAP_FLAG ",
}

local prefixes = {
    OPIPE = { "O_" },
    OMQATTR = { "O_" },
    OK = {},
    S_I = { "S_I" },
    MODE = { "S_I" },
    FCNTL_LOCK = { "F_" },
    LOCKF = { "F_" },
    STD = { "STD" },
    IN_INIT = { "IN_" },
    PC = { "_PC_" },
    E = { "E" },
    EPOLL = { "EPOLL" },
    EPOLLCREATE = { "EPOLL_" },
    POLL = { "POLL" },
    FS_FLAG = { "FS_" },
    Q = { "Q_" },
    QTYPE = { "" },
    MAGIC = { "" },
    UMOUNT = { "MNT_", "UMOUNT_" },
    SIG = { "SIG" },
    SIGACT = { "SIG_" },
    SIGPM = { "SIG_" },
    SIGBUS = { "BUS_" },
    SIGCLD = { "CLD_" },
    SIGFPE = { "FPE_" },
    SIGILL = { "ILL_" },
    SIGPOLL = { "POLL_" },
    SIGSEGV = { "SEGV_" },
    SIGTRAP = { "TRAP_" },
    W = { "__W", "W" },
    LINUX_CAPABILITY_VERSION = { "_LINUX_CAPABILITY_VERSION_" },
    LINUX_CAPABILITY_U32S = { "_LINUX_CAPABILITY_U32S_" },
    PER = { "PER_", "" },
    SECCOMP = { "SECCOMP_" },
    SECCOMP_ADDFD = { "SECCOMP_ADDFD_FLAG_" },
    SECCOMP_USER_NOTIF = { "SECCOMP_USER_NOTIF_FLAG_" },
    LANDLOCK_RULE = { "LANDLOCK_RULE_" },
    PRIO = { "PRIO_" },
    MSYNC = { "MS_" },
    SEM = { "SEM_", "" },
    SYSVMSG = { "MSG_" },
    IORING_REGISTER = { "IORING_REGISTER_", "IORING_", "REGISTER_" },
    MEMBARRIER = { "MEMBARRIER_CMD_", "CMD_" },
    FAN_MARK = { "FAN_MARK_", "MARK_" },
    SOF = { "SOF_" },
    VSOCK = { "VMADDR_", "SO_VM_SOCKETS_", "" },
    IFREQ = { "IFF_" },
    SYS = { "__NR_" },
    B = { "B" },
    CC = { "" },
    IFLAG = { "" },
    OFLAG = { "" },
    CFLAG = { "" },
    LFLAG = { "" },
    TCFLOW = { "TC" },
    TCFLUSH = { "TC" },
    TCSA = { "TCSA" },
    IOCTL = { "" },
    LO = { "LO_FLAGS_" },
    BPF_CMD = { "BPF_" },
    BPF_MAP = { "BPF_MAP_TYPE_" },
    BPF_PROG = { "BPF_PROG_TYPE_" },
    BPF_ATTACH_TYPE = { "BPF_" },
    PERF_READ_FORMAT = { "PERF_FORMAT_" },
    LIMIT = { "" },
    STATX = { "STATX_" },
    AT_FDCWD = { "AT_" },
    IPC = { "IPC_" },
    ERRNO = { "" },
}

-- The constants of a group whose names match, by what the pattern captures.
local function matching(name, pattern)
    local values = {}
    for full, value in native.constants(name) do
        local short = full:match(pattern)
        if short then values[short] = value end
    end
    return values
end

local function add(group_of, values)
    for name, value in pairs(values) do
        group_of[name] = value
    end
end

-- Second names, and what the crates lack (linux/if_tun.h of old, sys/swap.h): computed from other names where possible.
local additions = {
    SIG = function(g)
        g.CLD, g.POLL = g.CHLD, g.IO
    end,
    SIGACT = function(g) g.HOLD = 2 end,
    IOCTL = function(g) require("ljos.syscall.ioctl").describe(g) end,
    -- What open_tree(2) takes beside its own.
    OPEN_TREE = function(g)
        local at = native.constant_table "AT"
        for _, name in ipairs { "RECURSIVE", "EMPTY_PATH", "NO_AUTOMOUNT", "SYMLINK_NOFOLLOW" } do
            g[name] = at["AT_" .. name]
        end
    end,
    -- The flags of tunnels have the prefix of those of interfaces, and other meanings: they are in IFREQ.
    IFF = function(g)
        for name in
            ([[TUN TAP NAPI NAPI_FRAGS NO_CARRIER NO_PI ONE_QUEUE VNET_HDR TUN_EXCL MULTI_QUEUE ATTACH_QUEUE
            DETACH_QUEUE PERSIST NOFILTER]]):gmatch "%S+"
        do
            g[name] = nil
        end
        -- As masks of what to change. A mask of zero means all to rtnetlink; bits that no flag has mean none.
        g.ALL, g.NONE = 0xffffffff, 0xfff80000
    end,
    AF = function(g) g.DECNET = g.DECnet end,
    KEY_SPEC = function(g) add(g, matching("KEY_SPEC", "^KEY_SPEC_(.*)_KEYRING$")) end,
    -- "ro" and "rw" are what /proc/mounts says; "seclabel" there is no flag of mount(2).
    MS = function(g)
        g.RO, g.RW, g.SECLABEL = g.RDONLY, 0, 0
    end,
    -- linux/if_tun.h before 3.7; the kernel's own since.
    TUN = function(g)
        g.FASYNC, g.NOCHECKSUM, g.NO_PI, g.ONE_QUEUE = 0x10, 0x20, 0x40, 0x80
        g.PERSIST, g.VNET_HDR, g.TAP_MQ = 0x100, 0x200, 0x4000
    end,
    PCI = function(g) add(g, matching("PCI_BASE_ADDRESS", "^PCI_(BASE_ADDRESS_%d)$")) end,
    RLIMIT = function(g) g.OFILE = g.NOFILE end,
    STD = function(g)
        g.IN, g.OUT, g.ERR = g.IN_FILENO, g.OUT_FILENO, g.ERR_FILENO
    end,
    EPOLLCREATE = function(g) g.NONBLOCK = native.constant_table("EFD").EFD_NONBLOCK end,
    E = function(g) g.NOATTR = g.NODATA end,
    SCHED = function(g) g.OTHER = g.OTHER or g.NORMAL end,
    W = function(g)
        for _, name in ipairs { "ALL", "CLONE", "NOTHREAD" } do
            g[name] = g[name] or g["__W" .. name]
        end
    end,
    S_I = function(g)
        for _, name in ipairs { "FREG", "FDIR", "FCHR", "FBLK", "FLNK", "FSOCK" } do
            g[name:sub(2)] = g[name:sub(2)] or g[name]
        end
    end,
    MODE = function(g) add(g, matching("S_I", "^S_I(F.*)")) end,
    LINUX_CAPABILITY_VERSION = function(g)
        g[1], g[2], g[3] = g["1"], g["2"], g["3"]
    end,
    LINUX_CAPABILITY_U32S = function(g)
        g[1], g[2], g[3] = g["1"], g["2"], g["3"]
    end,
}

-- Groups that no header has under this name.
local made = {
    SWAP_FLAG = function() return { PREFER = 0x8000, PRIO_MASK = 0x7fff, PRIO_SHIFT = 0, DISCARD = 0x10000 } end,
    FAN_MARK = function() return matching("FAN", "^FAN_MARK_(.*)") end,
    XATTR_CAPS = function() return { SUFFIX = "capability", PREFIX = "security.", NAME = "security.capability" } end,
}

local plain = {
    SYSFS_BRIDGE_ATTR = "bridge",
    SYSFS_BRIDGE_FDB = "brforward",
    SYSFS_BRIDGE_PORT_ATTR = "brport",
    SYSFS_BRIDGE_PORT_LINK = "bridge",
    SYSFS_BRIDGE_PORT_SUBDIR = "brif",
}

-- Groups whose negative numbers are meant; elsewhere they are 32 bits that the crates happen to have signed.
local signed = {
    AT_FDCWD = true,
    SI = true,
    RSEQ = true,
    KEY_SPEC = true,
    PRIO = true,
    WAIT = true,
    PIDFD = true,
    PORT = true,
    RLIM = true,
    SIGACT = true,
    IOCTL = true,
    SCHED = true,
    VSOCK = true,
    KEYCTL = true,
    FAN = true,
    FUTEX = true,
    MPOL = true,
    KEY_REQKEY_DEFL = true,
    LIMIT = true,
    LSMT = true,
    NETLINK = true,
    SO = true,
    PTRACE = true,
}

local function kind_of(name)
    for kind, names in pairs(kinds) do
        if names:find("%f[%w_]" .. name .. "%f[^%w_]") then return kind end
    end
    return "multi"
end

local function strip(name, list)
    for i = 1, #list do
        local prefix = list[i]
        if #prefix < #name and name:sub(1, #prefix) == prefix then return name:sub(#prefix + 1) end
    end
    return name
end

local function load_group(name)
    local values, list = {}, prefixes[name] or { name .. "_" }
    if made[name] then
        values = made[name]()
    else
        for full, value in native.constants(name) do
            if value < 0 and not signed[name] then value = value % 2 ^ 32 end
            local short = name == "OK" and full:sub(1, 1) or strip(full, list)
            if values[short] == nil then values[short] = value end
        end
    end
    if additions[name] then additions[name](values) end
    if name == "XATTR_CAPS" then return values end
    return group.new(name, kind_of(name), values --[[@as table<string, integer>]], list)
end

local function error_names()
    local names = {}
    local Error = require "ljos.error"
    for full, value in native.constants "E" do
        names[full:sub(2)] = Error.system_category:message(value)
    end
    return names
end

-- AT_FDCWD reads what a directory argument may be: nothing, a name, a number, anything with `getfd`.
local function directory_group(fdcwd)
    return setmetatable({ FDCWD = fdcwd }, {
        __index = function(_, key) return require("ljos.syscall.fd").at(key, "directory") end,
        __call = function(self, key) return self[key] end,
    })
end

local exists = {} ---@type table<string, boolean>

---@class ljos.syscall.constants
---@field [string] any  groups and plain constants, loaded when first used
local c = setmetatable({}, {
    __index = function(self, name)
        if type(name) ~= "string" or exists[name] == false then return nil end
        local value = plain[name]
        if name == "errornames" then
            value = error_names()
        elseif name == "AT_FDCWD" then
            value = directory_group(native.constant_table("AT_FDCWD").AT_FDCWD)
        elseif value == nil then
            value = native.constant_table("LIMIT")[name]
        end
        if value == nil then
            if not made[name] and native.C.ljos_constants(name) == nil then
                exists[name] = false
                return nil
            end
            value = load_group(name)
        end
        rawset(self, name, value)
        return value
    end,
})

return c
