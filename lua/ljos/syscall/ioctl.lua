--- Requests of ioctl(2) whose argument has a known type: objects {number, read, write, type, singleton}.
---
--- `read` says that the kernel fills the argument, `write` that it reads it, `singleton` that the result of the call is
--- the one number in it. `type` is the constructor in `ljos.syscall.types`.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.syscall.ioctl
local M = {}

-- By mode ("r" the kernel fills it, "w" reads it, "1" one number) and type.
local typed = {
    {
        "r1",
        "int1",
        [[ TIOCGPTN TIOCGPGRP TIOCGSID TIOCOUTQ TIOCMGET TIOCGEXCL TIOCGPTLCK TIOCGPKT TIOCINQ TUNGETSNDBUF
    TUNGETVNETHDRSZ BLKSSZGET BLKBSZGET BLKROGET FS_IOC_GETFLAGS FS_IOC_GETVERSION EVIOCGVERSION RNDGETENTCNT ]],
    },
    { "r1", "uint1", [[ TUNGETFEATURES BLKPBSZGET ]] },
    { "r1", "uint64_1", [[ BLKGETSIZE64 VHOST_GET_FEATURES ]] },
    {
        "w",
        "int1",
        [[ TIOCSPTLCK TIOCSPGRP TIOCMSET TIOCMBIS TIOCMBIC TIOCPKT FIONBIO FIOASYNC TUNSETSNDBUF
    TUNSETVNETHDRSZ FS_IOC_SETFLAGS FS_IOC_SETVERSION ]],
    },
    { "w", "uint64_1", [[ VHOST_SET_FEATURES ]] },
    { "r", "winsize", [[ TIOCGWINSZ ]] },
    { "w", "winsize", [[ TIOCSWINSZ ]] },
    { "r", "termios", [[ TCGETS ]] },
    {
        "rw",
        "ifreq",
        [[ SIOCGIFINDEX SIOCGIFNAME SIOCGIFFLAGS SIOCGIFMTU SIOCGIFHWADDR SIOCGIFADDR SIOCGIFNETMASK
    SIOCGIFBRDADDR SIOCGIFTXQLEN TUNSETIFF ]],
    },
    { "w", "ifreq", [[ SIOCSIFFLAGS SIOCSIFMTU SIOCSIFNAME SIOCSIFADDR SIOCSIFNETMASK SIOCSIFHWADDR ]] },
    { "r", "ifreq", [[ TUNGETIFF ]] },
    { "r", "input_id", [[ EVIOCGID ]] },
    { "r", "seccomp_notif", [[ SECCOMP_IOCTL_NOTIF_RECV ]] },
    { "w", "seccomp_notif_resp", [[ SECCOMP_IOCTL_NOTIF_SEND ]] },
    { "w", "uint64_1", [[ SECCOMP_IOCTL_NOTIF_ID_VALID ]] },
    { "rw", "uffdio_api", [[ UFFDIO_API ]] },
    { "rw", "uffdio_register", [[ UFFDIO_REGISTER ]] },
    { "rw", "uffdio_copy", [[ UFFDIO_COPY ]] },
    { "r", "pidfd_info", [[ PIDFD_GET_INFO ]] },
    { "w", "vhost_memory", [[ VHOST_SET_MEM_TABLE ]] },
    { "w", "vhost_vring_state", [[ VHOST_SET_VRING_NUM VHOST_SET_VRING_BASE ]] },
    { "rw", "vhost_vring_state", [[ VHOST_GET_VRING_BASE ]] },
    { "w", "vhost_vring_addr", [[ VHOST_SET_VRING_ADDR ]] },
    {
        "w",
        "vhost_vring_file",
        [[ VHOST_SET_VRING_KICK VHOST_SET_VRING_CALL VHOST_SET_VRING_ERR
    VHOST_NET_SET_BACKEND ]],
    },
}

local Request = {
    __index = function(self, key)
        if key == "type" then return require("ljos.syscall.types").t[rawget(self, "type_name")] end
    end,
}

--- Replaces the numbers of a group by objects where the argument's type is known.
---@param group table<string, any>  name -> number
function M.describe(group)
    for _, row in ipairs(typed) do
        local mode, type_name, names = row[1], row[2], row[3]
        for name in names:gmatch "%S+" do
            if group[name] then
                group[name] = setmetatable({
                    number = group[name],
                    read = mode:find("r", 1, true) ~= nil,
                    write = mode:find("w", 1, true) ~= nil,
                    singleton = mode:find("1", 1, true) ~= nil,
                    type_name = type_name,
                }, Request)
            end
        end
    end
end

return M
