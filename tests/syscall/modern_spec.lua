-- What the kernel has gained since 2014, and the corners that programs rarely see.
local S = require "ljos.syscall"
local fails = require "fails"
local ffi = require "ffi"
local in_child = require "in_child"
local temporary = require "temporary_directory"
local c, t, s, pt = S.c, S.t, S.types.s, S.types.pt

-- Calls that a kernel may be built without, or a container may forbid.
local function missing(value, err)
    if value == nil and (err.NOSYS or err.PERM or err.OPNOTSUPP or err.NOENT or err.ACCES) then return tostring(err) end
    assert(value, err)
end

describe("the kernel's", function()
    it("keys are made, found, read and changed", function()
        in_child(function()
            local session, err = S.keyctl "join_session_keyring"
            if not session then return tostring(err) end
            local key, why = S.add_key("user", "ljos:spec", "secret", "session_keyring")
            if not key then return tostring(why) end
            assert(S.keyctl("read", key) == "secret")
            assert(S.keyctl("get_keyring_id", "session_keyring", 0) == session)
            assert(S.keyctl("describe", key):match "^user;.*;ljos:spec$")
            assert(S.keyctl("KEYCTL_SEARCH", "session_keyring", "user", "ljos:spec") == key)
            assert(S.request_key("user", "ljos:spec", nil, nil) == key)
            assert(S.keyctl("update", key, ("x"):rep(1000)) == true)
            assert(#S.keyctl("read", key) == 1000)
            local ring = assert(S.add_key("keyring", "ljos:ring", nil, "session_keyring"))
            assert(S.keyctl("link", key, ring) and S.keyctl("unlink", key, "session_keyring"))
            assert(S.keyctl("setperm", key, 0x3f3f0000) and S.keyctl("set_timeout", key, 100))
            assert(S.keyctl("clear", ring))
            local none, notfound = S.keyctl("search", "session_keyring", "user", "nosuch")
            assert(none == nil and notfound.NOKEY)
            assert(S.keyctl("revoke", ring))
            local _, revoked = S.keyctl("read", ring)
            assert(revoked.KEYREVOKED or revoked.NOKEY)
            assert(type(S.keyctl("set_reqkey_keyring", "no_change")) == "number")
            assert(not pcall(S.keyctl, "nosuch"))
            assert(not pcall(S.add_key, "user", "x", "y", "nosuch_keyring"))
        end)
    end)

    it("memory lies on nodes", function()
        local policy, none, nodes = S.get_mempolicy(nil, "mems_allowed")
        local reason = missing(policy, none)
        if reason then return pending(reason) end
        local node = nodes[1] -- 0, unless a control group says otherwise
        assert.equal("number", type(node))
        assert.equal(c.MPOL.DEFAULT, S.get_mempolicy())
        in_child(function()
            assert(S.set_mempolicy("bind", { node }))
            local mode, _, list = S.get_mempolicy()
            assert(mode == c.MPOL.BIND and list[1] == node and #list == 1)
            assert(S.set_mempolicy "default")
            local p = assert(S.mmap(nil, 8192, "read, write", "private, anonymous"))
            assert(S.mbind(p, 8192, "bind, static_nodes", { node }, "strict"))
            ffi.fill(p, 8192, 1)
            assert(S.get_mempolicy(p, "node, addr") == node)
            local status = assert(S.move_pages(0, { p, ffi.cast("char *", p) + 4096 }))
            assert(#status == 2 and status[1] == node and status[2] == node)
            assert(S.move_pages(0, { p }, { node }, "move")[1] == node)
            assert(S.migrate_pages(0, { node }, { node }) == 0)
            local ok, err = S.set_mempolicy("bind", { 999 })
            assert(not ok and err.INVAL)
            assert(not pcall(S.set_mempolicy, "nosuch") and not pcall(S.set_mempolicy, "bind", { 5000 }))
            ok, err = S.set_mempolicy_home_node(p, 8192, node)
            assert(ok or err.NOSYS or err.NOENT or err.OPNOTSUPP)
        end)
    end)

    it("futexes wake who waits, old and new", function()
        local p = assert(S.mmap(nil, 4096, "read, write", "shared, anonymous"))
        local word = ffi.cast("uint32_t *", p)
        fails("AGAIN", S.futex(word, "wait", 1))
        fails("TIMEDOUT", S.futex(word, "wait", 0, 0.001))
        assert.equal(0, S.futex(word, "wake", 1))
        local pid = assert(S.fork())
        if pid == 0 then
            while word[0] == 0 do
                S.futex(word, "wait", 0, 5)
            end
            word[1] = 7
            S._exit(0)
        end
        word[0] = 1
        S.futex(word, "FUTEX_WAKE", 10)
        S.waitpid(pid)
        assert.equal(7, word[1])
        local ok, err = S.futex_wake(word, 0xffffffff, 1, "size_u32")
        if ok or not (err.NOSYS or err.PERM) then
            assert.equal(0, ok)
            fails("AGAIN", S.futex_wait(word, 99, 0xffffffff, "size_u32"))
            fails("TIMEDOUT", S.futex_wait(word, 1, 0xffffffff, "size_u32", S.clock_gettime "monotonic"))
        end
        S.munmap(p, 4096)
    end)

    it("message queues hold messages", function()
        local name = "/ljos-modern-" .. S.getpid()
        local attr = { maxmsg = 4, msgsize = 32 }
        local mq, err = S.mq_open(name, "rdwr, creat, excl, nonblock", "rusr, wusr", attr)
        local reason = missing(mq, err)
        if reason then return pending(reason) end
        assert.same({ maxmsg = 4, msgsize = 32 }, attr)
        assert.equal(c.FD.CLOEXEC, S.fcntl(mq, "getfd"))
        fails("EXIST", S.mq_open(name, "rdwr, creat, excl", "0600", attr))
        assert.is_true(S.mq_timedsend(mq, "low", 3, 1))
        assert.is_true(mq:timedsend(t.buffer(5, "high"), 4, 9, 1))
        assert.equal(2, S.mq_getsetattr(mq).curmsgs)
        local buffer = t.buffer(32)
        local n, none, priority = S.mq_timedreceive(mq, buffer, 32, nil, { 0, 1000 })
        assert.same({ 4, 9 }, { n, priority })
        assert.is_nil(none)
        assert.equal("high", ffi.string(buffer, 4))
        local text
        text, none, priority = mq:timedreceive()
        assert.same({ "low", 1 }, { text, priority })
        assert.is_nil(none)
        fails("AGAIN", mq:timedreceive())
        fails("MSGSIZE", mq:timedreceive(buffer, 3))
        local old = assert(mq:setattr { flags = 0 })
        assert.equal(c.OMQATTR.NONBLOCK, old.flags)
        fails("TIMEDOUT", mq:timedreceive(nil, nil, nil, S.clock_gettime "realtime"))
        assert.is_true(S.mq_unlink(name))
        fails("NOENT", S.mq_unlink(name))
        assert.is_true(mq:close() and mq:close())
        fails("BADF", mq:getattr())
    end)

    it("System V objects are shared", function()
        local id = assert(S.shmget("private", 4096, "creat, 0600"))
        local p = assert(S.shmat(id))
        local stat = assert(S.shmctl(id, "stat"))
        assert.equal(4096, tonumber(stat.shm_segsz))
        assert.is_true(S.shmctl(id, "rmid"))
        ffi.copy(p, "shared")
        local again = ffi.string(p)
        assert.equal("shared", again)
        assert.is_true(S.shmdt(p))
        local queue = assert(S.msgget("private", "0600"))
        assert.is_true(S.msgsnd(queue, { 7, "text" }))
        local message = ffi.new "struct { long kind; char text[8]; }"
        message.kind, message.text = 9, "more"
        assert.is_true(S.msgsnd(queue, message, 4))
        local text, none, kind = S.msgrcv(queue, nil, 100, 9)
        assert.same({ "more", 9 }, { text, kind })
        assert.is_nil(none)
        assert.equal(1, tonumber(S.msgctl(queue, "stat").msg_qnum))
        assert.equal(4, S.msgrcv(queue, message, 8))
        fails("NOMSG", S.msgrcv(queue, nil, 10, 0, "nowait"))
        assert.is_true(S.msgctl(queue, "rmid"))
        fails("INVAL", S.msgsnd(queue, { 1, "x" }))
        local sem = assert(S.semget("private", 2, "IPC_CREAT, 0600"))
        assert.is_true(S.semctl(sem, 0, "setval", 5))
        assert.equal(5, S.semctl(sem, 0, "getval"))
        assert.is_true(S.semop(sem, { { 0, -2 }, { num = 1, op = 3 } }))
        assert.equal(3, S.semctl(sem, 0, "getval"))
        assert.equal(3, S.semctl(sem, 1, "getval"))
        fails("AGAIN", S.semop(sem, { { 0, -9, "nowait" } }))
        fails("AGAIN", S.semtimedop(sem, { { 0, -9 } }, 0.001))
        assert.equal(2, tonumber(S.semctl(sem, 0, "stat").sem_nsems))
        assert.equal(S.getpid(), S.semctl(sem, 1, "getpid"))
        assert.is_true(S.semctl(sem, 0, "setval"))
        assert.equal(0, S.semctl(sem, 0, "getval"))
        assert.is_true(S.semctl(sem, 0, "rmid"))
        fails("INVAL", S.semop(sem, { { 0, 1 } }))
    end)

    it("asynchronous input and output completes", function()
        local ctx, err = S.io_setup(4)
        local reason = missing(ctx, err)
        if reason then return pending(reason) end
        local fd, ev = assert(S.memfd_create "aio"), assert(S.eventfd(0, "nonblock"))
        local buffer, data = t.buffer(8), t.buffer(8, "aio")
        local write = t.iocb { opcode = "pwrite", fd = fd, data = 42, buf = data, nbytes = 8, offset = 0, resfd = ev }
        assert.equal(1, S.io_submit(ctx, { write }))
        assert.is_false(pcall(S.io_submit, ctx, "nothing"))
        local seen = {}
        for i, event in S.io_getevents(ctx, 1, 4, 5) do
            seen[i] = { tonumber(event.data), tonumber(event.res), event.error }
        end
        assert.same({ [0] = { 42, 8 } }, seen)
        assert.equal(1, S.util.eventfd_read(ev))
        local array = t.iocb_array {
            { opcode = "pread", fd = fd, data = 1, buf = buffer, nbytes = 8, offset = 0 },
            { opcode = "pread", fd = ev, data = 2, buf = buffer, nbytes = 1, offset = 0 },
        }
        assert.equal(2, array.nr)
        local ptrs = t.iocb_ptrs(array)
        assert.equal(2, array.ptrs.count)
        local submitted = S.io_submit(ctx, ptrs)
        assert.is_true(submitted >= 1)
        local events = t.io_events(4)
        local iterator, list, n = S.io_pgetevents(ctx, 1, events, 5, "usr1")
        assert.equal("function", type(iterator))
        assert.equal(events, list)
        assert.is_true(n >= 1)
        assert.equal("aio", ffi.string(buffer))
        fails("INVAL", S.io_cancel(ctx, write))
        assert.is_true(S.io_destroy(ctx))
        fails("INVAL", S.io_destroy(ctx))
        fd:close()
        ev:close()
    end)

    it("rings are set up and entered", function()
        local ring, err, params = S.io_uring_setup(4, { flags = "clamp" })
        local reason = missing(ring, err)
        if reason then return pending(reason) end
        assert.equal(4, params.sq_entries)
        assert.equal(0, S.io_uring_enter(ring, 0, 0, "getevents"))
        local probe = ffi.new "uint8_t[16 + 8 * 256]"
        assert.equal(0, S.io_uring_register(ring, "probe", probe, 256))
        assert.is_true(probe[0] > 30)
        ring:close()
    end)

    it("page faults are handled by the program", function()
        local fd, err = S.userfaultfd "nonblock"
        local reason = missing(fd, err)
        if reason then return pending(reason) end
        assert.equal(c.FD.CLOEXEC, fd:fcntl "getfd")
        local api = t.uffdio_api { api = 0xAA }
        assert.is_truthy(S.ioctl(fd, "UFFDIO_API", api))
        assert.is_true(tonumber(api.ioctls) ~= 0)
        fd:close()
    end)

    it("mounts are listed and described", function()
        local list, err = S.listmount()
        local reason = missing(list, err)
        if reason then return pending(reason) end
        assert.is_true(#list >= 1)
        local info, none, strings = S.statmount(list[1])
        assert(info, none)
        assert.is_true(tonumber(info.mask) ~= 0)
        assert.matches("^/", strings.mnt_point)
        assert.is_true(#strings.fs_type > 0)
        fails("NOENT", S.statmount(2 ^ 40, "fs_type"))
    end)

    it("mounts are made in steps, moved, changed and removed", function()
        local dir = temporary.make()
        finally(temporary.remove_all)
        in_child(function()
            assert(S.mount("none", dir, "tmpfs", "rdonly, noexec", "size=1m"))
            local _, ro = S.mkdir(dir .. "/x", "0700")
            assert(ro.ROFS)
            assert(S.mount("none", dir, "tmpfs", "remount"))
            assert(S.mkdir(dir .. "/x", "0700") and S.mkdir(dir .. "/y", "0700"))
            assert(S.util.mount { source = dir .. "/x", dir = dir .. "/y", flags = "bind" })
            assert(S.mkdir(dir .. "/x/seen", "0700") and S.stat(dir .. "/y/seen"))
            local found
            for _, m in ipairs(S.util.mounts()) do
                if m.target == dir then found = m end
            end
            assert(found.type == "tmpfs" and found.source == "none" and tostring(found):match "tmpfs")
            assert(S.umount(dir .. "/y") and S.unmount(dir, "detach"))
            local fs = assert(S.fsopen("tmpfs", "cloexec"))
            assert(S.fsconfig(fs, "set_string", "size", "2m"))
            assert(S.fsconfig(fs, "cmd_create"))
            local m = assert(S.fsmount(fs, nil, "nosuid, nodev"))
            assert(S.move_mount(m, "", nil, dir, "f_empty_path"))
            assert(S.mkdir(dir .. "/z", "0700"))
            local tree = assert(S.open_tree(nil, dir, "clone, recursive"))
            assert(tree:fcntl "getfd" == c.FD.CLOEXEC)
            assert(S.move_mount(tree, "", nil, dir .. "/z", "f_empty_path"))
            assert(S.mount_setattr(nil, dir, nil, { attr_set = "rdonly" }))
            local _, err = S.mkdir(dir .. "/w", "0700")
            assert(err.ROFS)
            local pick = assert(S.fspick(nil, dir, "cloexec"))
            assert(S.fsconfig(pick, "set_string", "size", "3m") and S.fsconfig(pick, "cmd_reconfigure"))
            assert(S.mount("none", dir .. "/z", nil, "shared") == true or true)
            assert(S.umount(dir .. "/z", "detach"))
            local old = dir .. "/old"
            assert(S.mount_setattr(nil, dir, nil, { attr_clr = "rdonly" }) and S.mkdir(old, "0700"))
            assert(S.chdir(dir) and S.pivot_root(".", "old"))
            assert(S.chdir "/" and S.stat "/old/proc" and S.umount("/old", "detach"))
            assert(not S.stat "/proc")
        end, "newuser, newns, newpid")
    end)

    it("sandboxes restrict", function()
        in_child(function()
            local version = S.landlock_create_ruleset(nil, "version")
            if not version then return "no Landlock" end
            assert(type(version) == "number" and version >= 1)
            local set = assert(S.landlock_create_ruleset {
                handled_access_fs = "read_file, write_file, make_reg",
            })
            local usr = assert(S.open("/usr", "path"))
            assert(S.landlock_add_rule(set, "path_beneath", { allowed_access = "read_file", parent = usr }))
            assert(S.prctl("set_no_new_privs", true) and S.landlock_restrict_self(set))
            local fd, err = S.open "/etc/passwd"
            assert(not fd and err.ACCES)
            assert(S.open "/usr/bin/env")
            fd, err = S.creat("/tmp/ljos-landlock", "0600")
            assert(not fd and err.ACCES)
        end)
    end)

    it("filters of calls answer errors, and ask a supervisor", function()
        local function program(...)
            local list = { { "LD,W,ABS", 0 }, ... }
            list[#list + 1] = { "RET,K", c.SECCOMP_RET.ALLOW }
            return t.sock_fprog1 { { #list, t.sock_filters(#list, list) } }
        end
        in_child(function()
            assert(S.prctl("set_no_new_privs", true))
            local filter = program({ "JMP,JEQ,K", c.SYS.getpriority, 0, 1 }, { "RET,K", c.SECCOMP_RET.ERRNO + 5 })
            assert(S.seccomp("set_mode_filter", 0, filter))
            assert(S.prctl "get_seccomp" == c.SECCOMP_MODE.FILTER)
            local _, err = S.getpriority "process"
            assert(err.IO)
        end)
        in_child(function()
            assert(S.prctl("set_no_new_privs", true))
            local filter = program({ "JMP,JEQ,K", c.SYS.getpriority, 0, 1 }, { "RET,K", c.SECCOMP_RET.USER_NOTIF })
            local listener = assert(S.seccomp("set_mode_filter", "new_listener", filter))
            local pid = assert(S.fork())
            if pid == 0 then
                local value = S.getpriority "process"
                S._exit(value == 20 - 33 and 0 or 1)
            end
            local notice = assert(S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_RECV"))
            assert(notice.pid == pid and notice.data.nr == c.SYS.getpriority)
            assert(S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_SEND", { id = notice.id, val = 33 }))
            local _, _, status = S.waitpid(pid)
            assert(status.EXITSTATUS == 0)
        end)
    end)

    it("programs of BPF and their maps are loaded", function()
        local map, err = S.bpf_map_create("array", 4, 8, 10)
        local reason = missing(map, err)
        if reason then return pending(reason) end
        local key, value = t.uint32_1(3), t.uint64_1(42)
        assert.equal(0, S.bpf_map_op("map_update_elem", map, key, value, 0))
        value[0] = 0
        assert.equal(0, S.bpf_map_op("BPF_MAP_LOOKUP_ELEM", map:getfd(), key, value))
        assert.equal(42, tonumber(value[0]))
        key[0] = 99
        fails("NOENT", S.bpf_map_op("map_lookup_elem", map, key, value))
        local insns = t.bpf_insns(2, { { "ALU64,MOV,K", 0, 0, 0, 0 }, { "JMP,EXIT", 0, 0, 0, 0 } })
        local program, log = S.bpf_prog_load("socket_filter", insns, 2, "GPL")
        assert(program, log)
        assert.equal("string", type(log))
        local a, b = select(3, assert(S.socketpair("unix", "dgram")))
        assert.is_true(a:setsockopt("socket", "attach_bpf", program:getfd()))
        local bad = t.bpf_insns(1, { { "ALU64,MOV,K", 0, 0, 0, 0 } })
        local none, why, text = S.bpf_prog_load("socket_filter", bad, 1, "GPL")
        assert.is_nil(none)
        assert.is_true(why.INVAL)
        assert.equal("string", type(text))
        for _, fd in ipairs { map, program, a, b } do
            fd:close()
        end
    end)

    it("events are counted", function()
        local fd, err = S.perf_event_open({ type = "software", config = "sw_task_clock", disabled = true }, 0, -1)
        local reason = missing(fd, err)
        if reason then return pending(reason) end
        local reader = t.perf_reader(fd)
        assert.is_true(reader:start())
        for _ = 1, 1000 do
            S.getppid()
        end
        assert.is_true(reader:stop())
        assert.is_true(reader:read() > 0)
        assert.is_true(reader:reset())
        assert.equal(0, reader:read())
        assert.is_true(reader:close())
    end)

    it("security modules are listed", function()
        local list, err = S.lsm_list_modules()
        local reason = missing(list, err)
        if reason then return pending(reason) end
        assert.equal("table", type(list))
    end)

    it("barriers and restartable sequences are known", function()
        local query = assert(S.membarrier "cmd_query")
        assert.equal("number", type(query))
        fails("INVAL", S.membarrier(12345))
    end)

    it("structs have short names, which take flags", function()
        local attr = t.sched_attr { policy = "batch", nice = 3, flags = "reset_on_fork" }
        assert.equal(c.SCHED.BATCH, attr.sched_policy)
        assert.same({ 3, c.SCHED_FLAG.RESET_ON_FORK }, { attr.nice, attr.flags })
        assert.matches("nice = 3", tostring(attr), 1, true)
        assert.matches("entries = 0", tostring(t.io_uring_params()), 1, true)
        local cached = t.cachestat { dirty = 2 }
        assert.equal("number", type(cached.dirty))
        assert.is_true(cached.nr_dirty == 2)
        in_child(function()
            assert(S.sched_setattr(0, { policy = "batch", nice = 2 }))
            assert(S.sched_getattr().policy == c.SCHED.BATCH and S.sched_getattr().nice == 2)
        end)
    end)

    it("names may be as short as the call makes them", function()
        assert.equal(c.FAN.MARK_ADD, c.FAN_MARK.add)
        assert.equal(c.FAN.MARK_ADD, c.FAN_MARK.FAN_MARK_ADD)
        assert.equal(c.FAN.MARK_ADD, c.FAN_MARK.mark_add)
        assert.equal(c.KEY_SPEC.PROCESS_KEYRING, c.KEY_SPEC.process)
        assert.is_true(S.membarrier "query" > 0)
        assert.equal(S.membarrier "query", S.membarrier "cmd_query")
        assert.equal(c.IORING_REGISTER.PROBE, c.IORING_REGISTER.register_probe)
    end)

    it("calls can be made by number and by name", function()
        assert.equal(S.getpid(), S.syscall "getpid")
        assert.equal(S.getpid(), S.syscall(c.SYS.getpid))
        local fd = assert(S.memfd_create "x")
        assert.equal(3, S.syscall("write", fd, "abc", 3))
        assert.is_true(S.syscall("fsync", fd) == 0)
        fails("BADF", S.syscall("fsync", -1))
        fd:close()
        assert.is_false(pcall(S.syscall, "nosuchcall"))
        assert.is_false(pcall(S.syscall, "read", 1, 2, 3, 4, 5, 6, 7))
    end)

    it("structs have the sizes that they say", function()
        for _, name in ipairs(S.types.names()) do
            local size = s[name]
            if size and name ~= "capabilities" then assert.equal("number", type(size), name) end
        end
        assert.equal(16, s.timespec)
        assert.equal(16, s.iovec)
        assert.equal(128, s.signalfd_siginfo)
        assert.equal(ffi.cast("void *", t.buffer(1)) ~= nil, pt.void(0) == nil)
    end)
end)
