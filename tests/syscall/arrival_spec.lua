-- Calls that no test may let the kernel carry out, or that few kernels have: a filter stops each at the kernel's door,
-- and the arguments that arrive there are compared with those of the manual page.
local S = require "ljos.syscall"
local ffi = require "ffi"
local in_child = require "in_child"
local text_file = require "text_file"
local c, t = S.c, S.t

local TIMEOUT = 10000 -- ms; what does not arrive at all
local buffer = t.buffer(64, "kernel")
local address = tonumber(ffi.cast("uintptr_t", buffer))
local restart = c.LINUX_REBOOT_CMD.RESTART

-- The calls in order: the kernel's name, what the program calls, and what arrives. A string stands for its address.
local calls = {
    { "kexec_file_load", function() return S.kexec_file_load(7, 8, "quiet", "file_unload") end, 7, 8, 6, "quiet", 1 },
    { "kexec_file_load", function() return S.kexec_file_load(7, nil, nil, "file_no_initramfs") end, 7, -1, 1, "", 4 },
    {
        "kexec_load",
        function() return S.kexec_load(4096, { { buf = buffer, mem = 1 } }, "on_crash") end,
        4096,
        1,
        nil,
        1,
    },
    { "init_module", function() return S.init_module("image", nil, "a=1") end, "image", 5, "a=1" },
    { "init_module", function() return S.init_module(buffer, 3) end, address, 3, "" },
    { "finit_module", function() return S.finit_module(5, "a=1", "ignore_vermagic") end, 5, "a=1", 2 },
    { "delete_module", function() return S.delete_module("m", "nonblock") end, "m", c.O.NONBLOCK },
    { "map_shadow_stack", function() return S.map_shadow_stack(nil, 8192, "set_token") end, 0, 8192, 1 },
    {
        "lsm_set_self_attr",
        function() return S.lsm_set_self_attr("exec", { id = "apparmor", text = "p" }) end,
        101,
        nil,
        40,
        0,
    },
    { "reboot", function() return S.reboot "restart" end, 0xfee1dead, 672274793, restart },
    { "swapon", function() return S.swapon("/s", "discard, 5") end, "/s", 0x18005 },
    { "swapoff", function() return S.swapoff "/s" end, "/s" },
    { "acct", function() return S.acct "/f" end, "/f" },
    { "acct", function() return S.acct() end, 0 },
    { "pivot_root", function() return S.pivot_root("/n", "/o") end, "/n", "/o" },
    { "settimeofday", function() return S.settimeofday { 5, 6 } end },
    { "clock_settime", function() return S.clock_settime("tai", { 5, 6 }) end, c.CLOCK.TAI },
    { "clock_adjtime", function() return S.clock_adjtime("realtime", {}) end, 0 },
    { "iopl", function() return S.iopl(3) end, 3 },
    { "ioperm", function() return S.ioperm(1, 2, true) end, 1, 2, 1 },
    { "lookup_dcookie", function() return S.lookup_dcookie(9, buffer, 64) end, 9, address, 64 },
    { "sysfs", function() return S.sysfs(1, "ext4") end, 1, "ext4" },
    { "uselib", function() return S.uselib "/l" end, "/l" },
    { "modify_ldt", function() return S.modify_ldt(1, buffer, 16) end, 1, address, 16 },
    { "ustat", function() return S.ustat(2049, buffer) end, 2049, address },
    { "quotactl", function() return S.quotactl("quotaoff, grpquota", "/d", 7) end, c.Q.QUOTAOFF * 256 + 1, "/d", 7 },
    { "quotactl_fd", function() return S.quotactl_fd(4, "sync, usrquota", 7) end, 4, c.Q.SYNC * 256, 7 },
    { "set_mempolicy_home_node", function() return S.set_mempolicy_home_node(buffer, 64, 1) end, address, 64, 1, 0 },
    { "vhangup", function() return S.vhangup() end },
    { "umount2", function() return S.umount("/m", "detach, nofollow") end, "/m", 10 },
    { "mount", function() return S.mount("d", "/m", "ext4", "ro, nosuid", "data") end, "d", "/m", "ext4", 3, "data" },
    { "sethostname", function() return S.sethostname "host" end, "host", 4 },
    { "setdomainname", function() return S.setdomainname "domain" end, "domain", 6 },
    { "syslog", function() return S.syslog(5) end, 5, 0, 0 },
    {
        "open_by_handle_at",
        function() return S.open_by_handle_at(3, buffer, "path") end,
        3,
        address,
        c.O("path", "cloexec"),
    },
    { "memfd_secret", function() return S.memfd_secret() end, c.O.CLOEXEC },
    { "process_mrelease", function() return S.process_mrelease(4) end, 4, 0 },
    { "pkey_mprotect", function() return S.pkey_mprotect(buffer, 64, "read, exec", 3) end, address, 64, 5, 3 },
    { "pkey_alloc", function() return S.pkey_alloc(0, "disable_write") end, 0, 2 },
    { "pkey_free", function() return S.pkey_free(3) end, 3 },
    { "mseal", function() return S.mseal(buffer, 64) end, address, 64, 0 },
    {
        "remap_file_pages",
        function() return S.remap_file_pages(buffer, 64, nil, 2, "nonblock") end,
        address,
        64,
        0,
        2,
        0x10000,
    },
    { "fanotify_init", function() return S.fanotify_init("class_notif, report_fid", "rdwr") end, 0x201, c.O.RDWR },
    {
        "fanotify_mark",
        function() return S.fanotify_mark(3, "add, mount", "open", nil, "/m") end,
        3,
        17,
        32,
        -100,
        "/m",
    },
    { "landlock_restrict_self", function() return S.landlock_restrict_self(3, "log_new_exec_on") end, 3, 2 },
    { "ioprio_set", function() return S.ioprio_set("process", 9, 5) end, 1, 9, 5 },
    { "move_mount", function() return S.move_mount(3, "", nil, "/t", "f_empty_path") end, 3, "", -100, "/t", 4 },
    { "fspick", function() return S.fspick(nil, "/m", "nocloexec") end, -100, "/m", 0 },
    { "rt_tgsigqueueinfo", function() return S.rt_tgsigqueueinfo(5, 6, "usr1") end, 5, 6, c.SIG.USR1, 0 },
    { "setns", function() return S.setns(3, "newnet") end, 3, c.CLONE.NEWNET },
    { "personality", function() return S.personality "addr_no_randomize" end, 0x40000 },
}

for i = #calls, 1, -1 do
    -- iopl and its like are x86-64's own
    if not rawget(c.SYS, calls[i][1]) then table.remove(calls, i) end
end

-- A filter that hands the calls of the list to a supervisor.
local function stop_at_the_door()
    local list = { { "LD,W,ABS", 0 } }
    for _, call in ipairs(calls) do
        list[#list + 1] = { "JMP,JEQ,K", c.SYS[call[1]], 0, 1 }
        list[#list + 1] = { "RET,K", c.SECCOMP_RET.USER_NOTIF }
    end
    list[#list + 1] = { "RET,K", c.SECCOMP_RET.ALLOW }
    assert(S.prctl("set_no_new_privs", true))
    return S.seccomp("set_mode_filter", "new_listener", t.sock_fprog1 { { #list, t.sock_filters(#list, list) } })
end

local function text_of(pid, at, size)
    local room = t.buffer(size)
    assert(S.process_vm_readv(pid, { room }, { { at, size } }) == size)
    return ffi.string(room, size)
end

-- Compares one argument; 32-bit ones may come with a sign or without.
local function check(name, pid, i, expected, value)
    if type(expected) == "string" then
        local text = text_of(pid, value, #expected + 1)
        if text ~= expected .. "\0" then error(("%s: argument %d is %q"):format(name, i, text)) end
    elseif tonumber(ffi.cast("uint32_t", value)) ~= expected % 2 ^ 32 then
        error(("%s: argument %d is %s, not %s"):format(name, i, tostring(value), expected))
    end
end

-- Makes all the calls; the answer to each is an error of its own.
local function make_calls()
    for i, call in ipairs(calls) do
        local ok, err = call[2]()
        if ok ~= nil or err.errno ~= 40 + i then return i end
    end
    return 0
end

local function supervise(listener, pid)
    for i, call in ipairs(calls) do
        assert(S.poll(t.pollfds { { fd = listener, events = "in" } }, TIMEOUT) == 1, call[1] .. " did not arrive")
        local notice = assert(S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_RECV"))
        assert(notice.data.nr == c.SYS[call[1]], call[1])
        for j = 3, table.maxn(call) do
            if call[j] ~= nil then check(call[1], pid, j - 2, call[j], notice.data.args[j - 3]) end
        end
        assert(S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_SEND", { id = notice.id, error = -(40 + i) }))
    end
    local _, _, status = S.waitpid(pid)
    assert(status.EXITSTATUS == 0, "the answer to call " .. tostring(status.EXITSTATUS) .. " did not come back")
end

describe("a call that is stopped at the kernel's door", function()
    it("arrives with the arguments of its manual page, and its answer comes back", function()
        -- What another filter refuses is not asked of ours: seccomp(2).
        if text_file.read("/proc/self/status"):find "Seccomp:%s*2" then
            return pending "a seccomp filter of the host stands before ours"
        end
        in_child(function()
            for _, call in ipairs(calls) do
                local _ = S[call[1]] -- loaded before the filter
            end
            local listener, err = stop_at_the_door()
            if not listener then return tostring(err) end
            local pid = assert(S.fork())
            if pid == 0 then S._exit(make_calls()) end
            local ok, why = pcall(supervise, listener, pid)
            S.kill(pid, "kill")
            assert(ok, why)
        end)
    end)
end)
