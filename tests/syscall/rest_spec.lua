-- Calls that stand alone.
local S = require "ljos.syscall"
local fails = require "fails"
local ffi = require "ffi"
local in_child = require "in_child"
local waiting_child = require "waiting_child"
local c, t = S.c, S.t

describe("a call that stands alone", function()
    it("enters the namespaces of others: setns", function()
        in_child(function()
            local own = assert(S.open("/proc/self/ns/uts", "rdonly"))
            assert(S.unshare "newuts" and S.sethostname "ljos-inner")
            local inner = assert(S.open("/proc/self/ns/uts", "rdonly"))
            assert(S.setns(own, "newuts") and S.gethostname() ~= "ljos-inner")
            assert(inner:setns() and S.gethostname() == "ljos-inner")
            local ok, err = S.setns(own, "newnet")
            assert(not ok and err.INVAL)
            ok, err = S.setns(assert(S.open "/dev/null"), 0)
            assert(not ok and err.INVAL)
        end, "newuser, newuts")
    end)

    it("waits for several words at once: futex_waitv", function()
        local words = ffi.new("uint32_t[2]", 1, 2)
        local waiters = { { words, 1 }, { uaddr = words + 1, val = 99 } }
        local ok, err = S.futex_waitv(waiters, 0, 0.001)
        if err.NOSYS or err.PERM then return pending(tostring(err)) end
        fails("AGAIN", ok, err)
        waiters[2].val = 2
        fails("TIMEDOUT", S.futex_waitv(waiters, 0, S.clock_gettime "monotonic"))
        assert.is_false(pcall(S.futex_waitv, { {} }))
        local moved, why = S.futex_requeue({ { words, 1 }, { words + 1, 2 } }, 0, 1, 1)
        assert.is_true(moved == 0 or why.NOSYS)
    end)

    it("tells of a message: mq_notify", function()
        in_child(function()
            local name = "/ljos-rest-" .. S.getpid()
            local mq, err = S.mq_open(name, "rdwr, creat", "0600", { maxmsg = 1, msgsize = 8 })
            if not mq then return tostring(err) end
            assert(S.mq_unlink(name))
            S.sigprocmask("block", "usr1")
            assert(S.mq_notify(mq, { notify = "signal", signo = "usr1" }))
            assert(mq:timedsend("x", 1))
            assert(S.sigtimedwait("usr1", 5).code == c.SI.MESGQ)
            assert(mq:notify())
        end)
    end)

    it("changes what kind of system this is: personality", function()
        in_child(function()
            local old = assert(S.personality(0xffffffff))
            assert(S.personality "addr_no_randomize" == old)
            assert(S.personality(0xffffffff) == c.PER.ADDR_NO_RANDOMIZE)
        end)
    end)

    it("locks memory with keys: pkey_alloc", function()
        local key, err = S.pkey_alloc(0, "disable_write")
        if not key then
            assert.is_true(err.NOSPC or err.NOSYS or err.INVAL)
            return pending(tostring(err))
        end
        local p = assert(S.mmap(nil, 4096, "read, write", "private, anonymous"))
        assert.is_true(S.pkey_mprotect(p, 4096, "read, write", key))
        assert.is_true(S.munmap(p, 4096) and S.pkey_free(key))
    end)

    it("advises on the memory of another: process_madvise, process_mrelease", function()
        local p = assert(S.mmap(nil, 4096, "read, write", "private, anonymous")) -- the child has it, too
        local pid = waiting_child()
        local pidfd = assert(S.pidfd_open(pid))
        local n, err = S.process_madvise(pidfd, { { p, 4096 } }, "willneed")
        assert.is_true(n == 4096 or err.NOMEM or err.PERM or err.INVAL or err.NOSYS)
        S.pidfd_send_signal(pidfd, "kill")
        local ok, why = S.process_mrelease(pidfd)
        assert.is_true(ok or why.SRCH or why.INVAL or why.AGAIN or why.NOSYS or why.PERM)
        S.waitpid(pid)
        if not (why and why.PERM) then fails("SRCH", S.process_mrelease(pidfd)) end
        pidfd:close()
        S.munmap(p, 4096)
    end)

    it("sends a signal with what the sender says: rt_tgsigqueueinfo", function()
        in_child(function()
            S.sigprocmask("block", "usr2")
            local info = t.siginfo()
            info.si_signo, info.si_code = c.SIG.USR2, c.SI.QUEUE
            assert(S.rt_tgsigqueueinfo(S.getpid(), S.gettid(), "usr2", info))
            assert(S.sigtimedwait("usr2", 1).code == c.SI.QUEUE)
            assert(S.rt_sigqueueinfo(S.getpid(), "usr2", info))
            assert(S.sigtimedwait("usr2", 1).signame == "USR2")
            local stack = ffi.new "struct { void *sp; int flags; size_t size; }"
            assert(S.sigaltstack(nil, stack))
        end)
    end)

    it("knows lists, areas and addresses of threads: set_robust_list and others", function()
        in_child(function()
            local head, size = ffi.new "void *[1]", t.size1()
            assert(S.get_robust_list(0, head, size))
            assert(S.set_robust_list(head[0], tonumber(size[0])))
            assert(S.set_tid_address(t.int1()) == S.gettid())
            local ok, err = S.rseq(nil, 32, 0, 0)
            assert(not ok and (err.INVAL or err.BUSY or err.NOSYS))
            assert(S.brk(nil) > 0)
        end)
    end)

    it("clones a tree of mounts with attributes: open_tree_attr", function()
        in_child(function()
            local fd, err = S.open_tree_attr(nil, "/", "clone", { attr_set = "rdonly" })
            if not fd then return tostring(err) end
            assert(S.mkdirat(fd, "tmp/ljos-ro", "rwxu") == nil)
        end, "newuser, newns")
    end)

    it("opens the other side of a terminal: openpt", function()
        local ptm = assert(S.openpt "rdwr, noctty")
        assert.is_true(ptm:unlockpt())
        ptm:close()
    end)

    it("finds tracepoints and probes: perf_tracepoint", function()
        local id, err = S.perf_tracepoint "sched/sched_switch"
        if not id then
            assert.is_true(err.NOENT or err.ACCES)
            fails(err.sym, S.perf_probe("kprobe", "p", "do_sys_open"))
            return pending "tracefs is not mounted"
        end
        assert.is_true(id > 0)
        local event, why = S.perf_attach_tracepoint(id)
        assert.is_true(event ~= nil or why.PERM or why.ACCES)
        if event then event:close() end
    end)

    it("asks BPF by its own attributes: bpf", function()
        local attr = t.bpf_attr()
        attr.map_type, attr.key_size, attr.value_size, attr.max_entries = c.BPF_MAP.HASH, 4, 4, 8
        local n, err = S.bpf("map_create", attr)
        if not n then return pending(tostring(err)) end
        local map = t.fd(n)
        local key, value = t.uint32_1(1), t.uint32_1(2)
        assert.equal(0, S.bpf_map_op("map_update_elem", map, key, value))
        local following = t.uint32_1()
        assert.equal(0, S.bpf_map_op("map_get_next_key", map, nil, following))
        assert.equal(1, following[0])
        assert.equal(0, S.bpf_map_op("map_delete_elem", map, key))
        fails("NOENT", S.bpf_map_op("map_lookup_elem", map, key, value))
        map:close()
    end)

    it("reads the log under its old name: ksyslogctl", function()
        local size, err = S.ksyslogctl(10)
        assert.is_true(size and size > 0 or err.PERM)
    end)

    it("ends all threads: exit_group", function()
        local pid = assert(S.vfork())
        if pid == 0 then S.exit_group(3) end
        local _, _, status = S.waitpid(pid)
        assert.equal(3, status.EXITSTATUS)
    end)

    it("asks about disks and their quotas", function()
        in_child(function()
            local ok, err = S.quotactl("getquota, usrquota", "/dev/nosuch", 0)
            assert(not ok and err)
            ok, err = S.quotactl_fd(assert(S.open "/"), "Q_SYNC, GRPQUOTA")
            assert(not pcall(S.quotactl, "nosuch", "/dev/nosuch"))
            assert(ok or err)
            ok, err = S.finit_module(assert(S.open "/dev/null"), "")
            assert(not ok and (err.PERM or err.NOSYS))
            ok, err = S.vhangup()
            assert(not ok and err.PERM)
        end, "newuser")
    end)

    it("asks the security modules: lsm_get_self_attr", function()
        local list, err = S.lsm_get_self_attr "current"
        assert.is_true(type(list) == "table" or err.NOSYS or err.OPNOTSUPP or err.PERM)
        local modules = S.lsm_list_modules()
        for _, module in ipairs(list or {}) do
            local known = false
            for _, id in ipairs(modules) do
                known = known or id == module.id
            end
            assert.is_true(known)
        end
    end)
end)
