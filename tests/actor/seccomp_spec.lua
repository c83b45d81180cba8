-- The seccomp filter of a sandbox: every denial beside its control, the same code run outside of it.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local needs = require "needs"
local sandbox = require "ljos.sandbox"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local E = error_.errno_of
local inside, outside, ending, number_of = attacks.inside, attacks.outside, attacks.ending, attacks.number_of

local SIGSYS_STATUS = 128 + 31
local is_x86 = jit.arch == "x64"

-- Machine code that is called without arguments, on x86-64.
local MACHINE = [[
ffi.cdef "void *mmap(void *, size_t, int, int, int, int64_t);"
local function run(bytes)
    local page = ffi.cast("uint8_t *", C.mmap(nil, 4096, 7, 0x22, -1, 0))
    ffi.copy(page, bytes, #bytes)
    return ffi.cast("int (*)(void)", page)()
end
]]

describe("a sandbox's seccomp filter", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    -- Outside, the kernel looks at the arguments, which are nonsense, so that nothing happens.
    local NONSENSE = {
        acct = "1",
        add_key = "1, 1, 1, 1, 1",
        bpf = "999, 1, 1",
        chroot = "1",
        delete_module = "1, 0",
        execve = "1, 1, 1",
        execveat = "-1, 1, 1, 1, 0",
        fanotify_init = "-1, -1",
        fchmod = "-1, 0",
        fchmodat = "-1, 1, 0",
        fchown = "-1, 0, 0",
        finit_module = "-1, 1, 0",
        fsconfig = "-1, -1, 0, 0, 0",
        fsetxattr = "-1, 1, 1, 1, -1",
        fsmount = "-1, -1, -1",
        fsopen = "1, -1",
        init_module = "1, 1, 1",
        inotify_init1 = "-1",
        kcmp = "1, 1, 99, 0, 0",
        kexec_load = "0, 0, 0, -1",
        keyctl = "-1, 0, 0, 0, 0",
        landlock_restrict_self = "-1, -1",
        mincore = "1, 1, 1",
        mount = "1, 1, 1, 0, 0",
        mount_setattr = "-1, 1, -1, 1, 0",
        move_mount = "-1, 1, -1, 1, -1",
        move_pages = "1, 1, -1, -1, 1, -1",
        name_to_handle_at = "-1, 1, 1, 1, -1",
        open_by_handle_at = "-1, 1, -1",
        open_tree = "-1, 1, -1",
        perf_event_open = "1, 0, 0, -1, -1",
        personality = "4294967295",
        pidfd_getfd = "-1, 0, -1",
        pivot_root = "1, 1",
        process_madvise = "-1, 1, 1, 1, -1",
        process_vm_readv = "1, 1, -1, 1, -1, -1",
        process_vm_writev = "1, 1, -1, 1, -1, -1",
        ptrace = "-1, -1, 0, 0",
        quotactl = "-1, 1, 0, 0",
        reboot = "0, 0, 0, 0",
        remap_file_pages = "1, 1, 1, 1, 1",
        request_key = "1, 1, 1, 1",
        setns = "-1, -1",
        setxattr = "1, 1, 1, 1, -1",
        shmget = "1, -1, 0",
        splice = "-1, 0, -1, 0, 1, -1",
        swapon = "1, -1",
        syslog = "-1, 0, 0",
        umount2 = "1, -1",
        unshare = "1",
        userfaultfd = "-1",
        utimensat = "-1, 1, 1, -1",
        vmsplice = "-1, 1, 1, -1",
    }
    if is_x86 then
        NONSENSE.chmod, NONSENSE.ioperm, NONSENSE.iopl, NONSENSE.modify_ldt = "1, 0", "-1, -1, 1", "99", "99, 1, 1"
    end

    it("denies what it does not list", function()
        local names, calls = {}, {}
        for name, arguments in pairs(NONSENSE) do
            names[#names + 1] = name
            calls[#calls + 1] = ("results[#results + 1] = raw(%d, %s)"):format(number_of(name), arguments)
        end
        local code = "local results = {} " .. table.concat(calls, "\n") .. ' return table.concat(results, " ")'
        local unfiltered = {}
        for result in outside(code):gmatch "%S+" do
            unfiltered[#unfiltered + 1] = tonumber(result)
        end
        local controls, index = 0, 0
        for result in inside(code):gmatch "%S+" do
            index = index + 1
            assert.equal(names[index] .. " " .. -E.EPERM, names[index] .. " " .. result)
            if unfiltered[index] ~= -E.EPERM then controls = controls + 1 end
        end
        assert.equal(#names, index)
        -- The kernel itself forbids some of them to some users, and most of them to nobody.
        assert.is_true(controls > #names / 2, controls .. " controls")
    end)

    it("answers for calls that it does not know, and for clone3, as an older kernel would", function()
        local code = ("return raw(%%d, 0, 0) .. ' ' .. raw(%d, 0, 0)"):format(number_of "clone3")
        assert.matches("^" .. -E.ENOSYS .. " ", outside(code:format(4000)))
        assert.equal(-E.ENOSYS .. " " .. -E.ENOSYS, inside(code:format(4000)))
    end)

    it("is there for PID 1 too", function()
        local channel = sandbox.spawn { source = "require('inbox'):receive()" }
        local status = text_file.read(("/proc/%d/status"):format(channel.child_pid))
        channel:kill()
        attacks.finish(channel)
        assert.equal("2", status:match "Seccomp:%s*(%d)")
        assert.equal("1", status:match "NoNewPrivs:%s*(%d)")
    end)

    it("cannot be taken off, nor hand its decisions to a listener", function()
        -- A filter that allows everything, and the same with SECCOMP_FILTER_FLAG_NEW_LISTENER.
        local code = ([[
            ffi.cdef "struct attack_filter { uint16_t code; uint8_t jt, jf; uint32_t k; };"
            ffi.cdef "struct attack_program { uint16_t length; struct attack_filter *filter; };"
            local allow = ffi.new("struct attack_filter[1]", { { 6, 0, 0, 0x7fff0000 } })
            local program = ffi.new("struct attack_program", 1, allow)
            assert(C.prctl(38, 1, 0, 0, 0) == 0)
            local listener = raw(%d, 1, 8, program)
            if listener >= 0 then C.close(listener) end
            local stacked = raw(%d, 1, 0, program)
            return listener .. " " .. stacked .. " " .. raw(%d, 1)
        ]]):format(number_of "seccomp", number_of "seccomp", number_of "acct")
        assert.equal(("%d 0 %d"):format(-E.EPERM, -E.EPERM), inside(code))
        local listener = inside(code, { without = { "seccomp" } }):match "^%S+"
        assert.is_true(tonumber(listener) >= 0)
        assert.equal(-E.EPERM, inside "return call(C.prctl(22, 2, 0, 0, 0))") -- PR_SET_SECCOMP
    end)

    it("lets nobody undo what was decided about the process", function()
        local code = [[
            local answers = {}
            for i, option in ipairs { 4, 8, 24, 28 } do -- dumpable, kept capabilities, bounding set, securebits
                answers[i] = call(C.prctl(option, 0, 0, 0, 0))
            end
            return table.concat(answers, " ")
        ]]
        local eperm = tostring(-E.EPERM)
        assert.equal(table.concat({ eperm, eperm, eperm, eperm }, " "), inside(code))
    end)

    it("ends a process that enters the kernel as another architecture does", function()
        if not is_x86 then return pending "only x86-64 has other ways in" end
        local i386 = MACHINE .. [[ return run "\xb8\x14\0\0\0\xcd\x80\xc3" ]] -- getpid by int 0x80
        local x32 = "return raw(0x40000027)"
        -- A kernel without the emulation answers by a signal; the control is a process of its own.
        local emulates = os.execute("grep -q ' ia32_sys_call\\| entry_INT80' /proc/kallsyms 2>/dev/null") == 0
        if emulates then assert.is_true(outside(i386) > 0) end
        assert.equal(SIGSYS_STATUS, ending(i386))
        assert.equal(-E.ENOSYS, outside(x32))
        assert.equal(SIGSYS_STATUS, ending(x32))
    end)

    it("is asked whoever makes the call, also where that is no C library", function()
        if not is_x86 then return pending "machine code of x86-64" end
        local code = MACHINE .. [[ return run "\xb8\xa3\0\0\0\xbf\1\0\0\0\x0f\5\xc3" ]] -- acct((char *)1)
        assert.equal(163, number_of "acct")
        if not lacks("sys_pacct", "setuid") then assert.equal(-E.EFAULT, outside(code)) end
        assert.equal(-E.EPERM, inside(code))
    end)

    it("allows sockets of the UNIX family alone", function()
        local families = { unix = 1, inet = 2, inet6 = 10, netlink = 16, packet = 17, alg = 38, vsock = 40 }
        for name, family in pairs(families) do
            local code = ("return closing(C.socket(%d, %d, 0))"):format(family, name == "alg" and 5 or 2)
            local expected = name == "unix" and 0 or -E.EPERM
            assert.equal(name .. " " .. expected, name .. " " .. inside(code))
        end
        for _, family in ipairs { families.unix, families.inet, families.netlink } do
            assert.equal(0, outside(("return closing(C.socket(%d, 2, 0))"):format(family)))
        end
    end)

    it("allows TCP and UDP where the actor is to have the host's network, and nothing else", function()
        local options = { without = { "net", "landlock" } }
        local IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_MPTCP = 1, 132, 262
        for _, socket in ipairs { "2, 1, 0", "2, 2, 17", "10, 1, 6" } do
            local code = ("return closing(C.socket(%s))"):format(socket)
            assert.equal(outside(code), inside(code, options)) -- a kernel may have no IPv6
        end
        for _, protocol in ipairs { IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_MPTCP } do
            local code = ("return closing(C.socket(2, %d, %d))"):format(protocol == IPPROTO_ICMP and 2 or 1, protocol)
            assert.equal(-E.EPERM, inside(code, options))
        end
        assert.equal(-E.EPERM, inside("return closing(C.socket(16, 2, 0))", options))
    end)

    it("lets no socket run a program, and no lock lend a priority", function()
        local program = [[
            local code = ffi.new("uint64_t[1]", 6) -- BPF_RET, 0
            local filter = ffi.new("struct { uint16_t length; void *code; }", { 1, code })
        ]]
        local socket = program
            .. [[
            local fd = C.socket(1, 2, 0)
            local result = raw(%d, fd, 1, %d, filter, 16) .. " " .. raw(%d, fd, 1, 7, ffi.new("int[1]", 8192), 4)
            C.close(fd)
            return result
        ]]
        local SO_ATTACH_FILTER, setsockopt = 26, number_of "setsockopt"
        local attach = socket:format(setsockopt, SO_ATTACH_FILTER, setsockopt)
        assert.equal("0 0", outside(attach))
        assert.equal(-E.EPERM .. " 0", inside(attach))
        local FUTEX_WAKE, FUTEX_TRYLOCK_PI, PRIVATE = 1, 8, 128
        local futex = "return raw(%d, ffi.new 'int[1]', %d, 1, 0, 0, 0)"
        for operation, denial in pairs { [FUTEX_WAKE] = 0, [FUTEX_TRYLOCK_PI] = -E.EPERM } do
            for _, flag in ipairs { 0, PRIVATE } do
                local code = futex:format(number_of "futex", operation + flag)
                assert.equal(0, outside(code))
                assert.equal(denial, inside(code))
            end
        end
    end)

    it("allows threads, but no process of its own memory and no namespace", function()
        local SIGCHLD, CLONE_VM, CLONE_NEWUSER, CLONE_NEWNS = 17, 0x100, 0x10000000, 0x20000
        local clone = [[
            local child = raw(%d, %d, 0, 0, 0, 0)
            if child == 0 then C.syscall(%d, ffi.cast("long", 0)) end
            if child > 0 then raw(%d, child, 0, 0, 0) return 0 end
            return child
        ]]
        local calls = { number_of "exit", number_of "wait4" }
        local function code(flags) return clone:format(number_of "clone", flags, unpack(calls)) end
        assert.equal(0, outside(code(SIGCHLD)))
        assert.equal(-E.EPERM, inside(code(SIGCHLD)))
        assert.equal(0, inside(code(SIGCHLD), { syscalls = { "clone" } }))
        for _, flag in ipairs { CLONE_NEWUSER, CLONE_NEWNS } do
            assert.equal(-E.EPERM, inside(code(SIGCHLD + CLONE_VM + flag)))
        end
        local pool = [[
            local ok, err = pcall(require("ip").tcp.get_address_info, "127.0.0.1", "80")
            return ok and "resolved" or tostring(err)
        ]]
        assert.equal("resolved", inside(pool))
    end)

    it("allows a second process in the same memory to who may start programs alone", function()
        if not is_x86 then return pending "machine code of x86-64" end
        local SIGCHLD, CLONE_VM, CLONE_PARENT = 17, 0x100, 0x8000
        -- clone(flags, 0, 0, 0, 0), and exit(0) in the child, which has no stack of its own.
        local function code(flags)
            return MACHINE
                .. ([[
                local flags = ffi.string(ffi.new("int[1]", %d), 4)
                local clone = "\x31\xf6\x31\xd2\x4d\x31\xd2\x4d\x31\xc0\xb8\56\0\0\0\xbf" .. flags .. "\x0f\5"
                local child = run(clone .. "\x85\xc0\x75\9\xb8\60\0\0\0\x31\xff\x0f\5\xc3")
                if child > 0 then raw(%d, child, 0, 0, 0) return 0 end
                return child
            ]]):format(flags, number_of "wait4")
        end
        assert.equal(0, outside(code(SIGCHLD + CLONE_VM)))
        assert.equal(-E.EPERM, inside(code(SIGCHLD + CLONE_VM)))
        assert.equal(0, inside(code(SIGCHLD + CLONE_VM), { syscalls = { "execve" } }))
        local options = { syscalls = { "execve" }, without = { "pid", "landlock" } }
        assert.equal(-E.EPERM, inside(code(SIGCHLD + CLONE_VM + CLONE_PARENT), options))
    end)

    it("types into no terminal, however the request is written", function()
        local reading = fs.open("/dev/ptmx", { "read_write" })
        for _, request in ipairs { "0x5412", "0x100005412", "0x541c", "0x10000541c" } do -- TIOCSTI, TIOCLINUX
            local code = ([[
                ffi.cdef "int ioctl(int, unsigned long, ...);"
                return call(C.ioctl(%%s, %sULL, ffi.new("char[1]", 3)))
            ]]):format(request)
            if not lacks("sys_admin", "setuid") then
                assert.are_not.equal(-E.EPERM, outside(code:format(tostring(reading:getfd()))))
            end
            local options = { fds = { terminal = reading }, allow = { "terminal" } }
            assert.equal(-E.EPERM, inside(code:format "(...).terminal:getfd()", options))
        end
        reading:close()
    end)

    describe("keeps of a descriptor that it shares with others", function()
        local path, log
        before_each(function()
            path = temporary_directory.make() .. "/log"
            text_file.write(path, "first\n")
            log = fs.open(path, { "write_only", "append" })
        end)
        after_each(function() log:close() end)

        -- Outside it is a duplicate's turn.
        local function attack(code)
            return inside(("local fd = (...).log:getfd() %s"):format(code), { fds = { log = log } }),
                outside(("local fd = ... %s"):format(code), log:getfd())
        end

        it("that it only appends", function()
            local within, without = attack "return call(C.fcntl(fd, 4, ffi.cast('int', 1)))" -- F_SETFL, O_WRONLY
            assert.equal(-E.EPERM, within)
            assert.equal(0, without)
        end)

        it("who gets its signals", function()
            local within, without = attack "return call(C.fcntl(fd, 8, ffi.cast('int', 0)))" -- F_SETOWN
            assert.equal(-E.EPERM, within)
            assert.equal(0, without)
        end)

        it("the mode and the times of its file", function()
            local code = ("return raw(%d, fd, %%s)"):format(number_of "fchmod")
            local within, without = attack(code:format "420")
            assert.equal(-E.EPERM, within)
            assert.equal(0, without)
            within, without = attack(("return raw(%d, fd, 0, 0, 0)"):format(number_of "utimensat"))
            assert.equal(-E.EPERM, within)
            assert.equal(0, without)
        end)
    end)

    it("makes no ring, no file in memory, and no list of the pages that others use", function()
        for name, arguments in pairs {
            io_uring_setup = "8, ffi.new 'char[120]'",
            memfd_create = "ffi.new('char[2]', 'x'), 0",
            userfaultfd = "1",
        } do
            local code = ("return closing(raw(%d, %s))"):format(number_of(name), arguments)
            if name == "memfd_create" then assert.equal(0, outside(code)) end
            assert.equal(name .. " " .. -E.EPERM, name .. " " .. inside(code))
            if outside(code) ~= -E.EPERM then
                local granted = inside(code, { syscalls = { name } })
                assert.are_not.equal(name .. " " .. -E.EPERM, name .. " " .. granted)
            end
        end
        local mergeable = [[
            ffi.cdef "void *mmap(void *, size_t, int, int, int, int64_t); int madvise(void *, size_t, int);"
            return call(C.madvise(C.mmap(nil, 4096, 3, 0x22, -1, 0), 4096, 12))
        ]]
        assert.equal(-E.EPERM, inside(mergeable))
    end)

    it("can be done without", function()
        local code = "return call(C.prctl(21, 0, 0, 0, 0))" -- PR_GET_SECCOMP
        assert.equal(2, inside(code))
        assert.equal(outside(code), inside(code, { without = { "seccomp" } }))
        assert.equal(2, inside(code, { without = { "no_new_privs", "landlock" } }))
    end)
end)
