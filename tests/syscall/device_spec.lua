local S = require "ljos.syscall"
local ffi = require "ffi"
local c, t, s = S.c, S.t, S.types.s

describe("kernel objects", function()
    it("are pseudo terminals", function()
        local ptm = assert(S.posix_openpt "rdwr, noctty")
        assert(ptm:grantpt())
        assert(ptm:unlockpt())
        local name = assert(ptm:ptsname())
        local pts = assert(S.open(name, "rdwr, noctty"))
        assert.is_true(pts:isatty())
        local tio = assert(pts:tcgetattr())
        tio:makeraw()
        tio.speed = 115200
        assert(pts:tcsetattr("now", tio))
        tio = assert(pts:tcgetattr())
        assert.equal(115200, tio.ospeed)
        assert.equal(0, bit.band(tio.lflag, c.LFLAG.ICANON))
        assert(ptm:ioctl("TIOCSWINSZ", { row = 44, col = 55 }))
        assert.equal(44, pts:ioctl("TIOCGWINSZ").row)
        assert.equal(3, ptm:write "abc")
        assert.equal("abc", pts:read())
        assert(pts:tcflush "ioflush")
        local ok, err = S.isatty(S.open "/dev/null")
        assert.is_nil(ok)
        assert.is_true(err.NOTTY)
        pts:close()
        ptm:close()
        collectgarbage()
    end)

    it("are asynchronous reads and writes", function()
        local ctx = assert(S.io_setup(8))
        local fd = assert(S.memfd_create "aio")
        local data = ffi.new("char[512]", "aio data")
        local one = t.iocb { opcode = "pwrite", fd = fd, data = 42, buf = data, nbytes = 512, offset = 0 }
        assert.equal(1, S.io_submit(ctx, { one }))
        local n = 0
        for _, event in S.io_getevents(ctx, 1, 4) do
            n = n + 1
            assert.equal(42, tonumber(event.data))
            assert.equal(512, tonumber(event.res))
        end
        assert.equal(1, n)
        assert.equal("aio data", ffi.string(fd:read(nil, 512):sub(1, 8)))
        for _, list in ipairs {
            t.iocb_array { { opcode = "pread", fd = fd, buf = data, nbytes = 4, offset = 0 } },
            { { opcode = "pread", fd = fd, buf = data, nbytes = 4, offset = 0 } },
        } do
            assert.equal(1, S.io_submit(ctx, list))
            local _, _, count = S.io_getevents(ctx, 1, t.io_events(2))
            assert.equal(1, count)
        end
        assert.is_true(S.io_destroy(ctx))
        fd:close()
    end)

    it("are message queues", function()
        local name = "/ljos-spec-" .. S.getpid()
        local mq, err = S.mq_open(name, "rdwr, creat", "0600", { maxmsg = 4, msgsize = 64 })
        if not mq then return pending(tostring(err)) end
        assert.is_true(S.mq_unlink(name))
        assert.equal(64, mq:getattr().msgsize)
        assert.is_true(mq:timedsend("hello", 5, 3, 1))
        local text, none, priority = mq:timedreceive()
        assert.equal("hello", text)
        assert.is_nil(none)
        assert.equal(3, priority)
        assert.is_true(mq:close())
    end)

    it("are seccomp filters", function()
        local pid = assert(S.fork())
        if pid == 0 then
            local ok = pcall(function()
                assert(S.prctl("set_no_new_privs", true))
                local nr = c.SYS.getpriority
                local filters = t.sock_filters(4, {
                    { "LD,W,ABS", 0 },
                    { "JMP,JEQ,K", nr, 0, 1 },
                    { "RET,K", c.SECCOMP_RET.ERRNO + c.E.PERM },
                    { "RET,K", c.SECCOMP_RET.ALLOW },
                })
                local program = t.sock_fprog1 { { 4, filters } }
                assert(S.prctl("set_seccomp", "filter", program))
                local value, err = S.getpriority "process"
                assert(value == nil and err.PERM)
            end)
            S._exit(ok and 0 or 1)
        end
        local _, _, status = S.waitpid(pid)
        assert.equal(0, status.EXITSTATUS)
    end)

    it("are Landlock rulesets", function()
        local pid = assert(S.fork())
        if pid == 0 then
            local ok, why = pcall(function()
                local set, err = S.landlock_create_ruleset({ handled_access_fs = c.LANDLOCK_ACCESS_FS.READ_FILE }, 0)
                if not set and (err.OPNOTSUPP or err.NOSYS) then return end
                assert(set, err)
                assert(S.prctl("set_no_new_privs", true))
                assert(S.landlock_restrict_self(set))
                local fd, denied = S.open("/etc/passwd", "rdonly")
                assert(fd == nil and denied.ACCES)
            end)
            if not ok then io.stderr:write(tostring(why), "\n") end
            S._exit(ok and 0 or 1)
        end
        local _, _, status = S.waitpid(pid)
        assert.equal(0, status.EXITSTATUS)
    end)

    it("are shared memory, semaphores and queues of System V", function()
        local id = assert(S.shmget(c.IPC.PRIVATE, 4096, tonumber("1600", 8)))
        local p = assert(S.shmat(id))
        assert(S.shmctl(id, c.IPC.RMID, nil))
        ffi.copy(p, "shared")
        assert.equal("shared", ffi.string(p))
        assert(S.shmdt(p))
        local queue = assert(S.msgget(c.IPC.PRIVATE, tonumber("1600", 8)))
        local message = ffi.new "struct { long kind; char text[8]; }"
        message.kind, message.text = 7, "text"
        assert(S.msgsnd(queue, message, 8))
        assert.equal(8, S.msgrcv(queue, message, 8, 7))
        assert(S.msgctl(queue, c.IPC.RMID))
        local sem = assert(S.semget(c.IPC.PRIVATE, 1, tonumber("1600", 8)))
        assert.is_true(S.semctl(sem, 0, "SETVAL", 5))
        assert.equal(5, S.semctl(sem, 0, "GETVAL"))
        assert.is_true(S.semctl(sem, 0, "RMID"))
    end)

    it("are mounts in a namespace", function()
        local pid = assert(S.fork())
        if pid == 0 then
            local ok, why = pcall(function()
                assert(S.unshare "newns")
                assert(S.mount("none", "/", nil, "rec, private"))
                assert(S.util.mount { source = "none", target = "/mnt", type = "tmpfs", flags = "nodev" })
                local found
                for _, m in ipairs(S.util.mounts()) do
                    if m.target == "/mnt" then found = m.type end
                end
                assert(found == "tmpfs")
                assert(S.umount("/mnt", "detach"))
                local fs = assert(S.fsopen("tmpfs", "cloexec"))
                assert(S.fsconfig(fs, "cmd_create"))
                local m = assert(S.fsmount(fs, "cloexec", "nosuid"))
                assert(S.move_mount(m, "", nil, "/mnt", "f_empty_path"))
                assert(S.mount_setattr(nil, "/mnt", 0, { attr_set = c.MOUNT_ATTR.RDONLY }))
                local fd, err = S.creat("/mnt/x", "0600")
                assert(fd == nil and err.ROFS)
            end)
            if not ok and not tostring(why):match "not permitted" then io.stderr:write(tostring(why), "\n") end
            S._exit((ok or tostring(why):match "not permitted") and 0 or 1)
        end
        local _, _, status = S.waitpid(pid)
        assert.equal(0, status.EXITSTATUS)
    end)

    it("are constants by string, prefix and flat name", function()
        assert.equal(c.O.CREAT, S.O_CREAT)
        assert.equal(2, S.SEEK_END)
        assert.equal(c.O.RDWR, c.O["O_RDWR"])
        assert.equal(bit.bor(c.O.CREAT, c.O.EXCL), c.O "creat, excl")
        assert.equal(0, c.O("nonblock", "~nonblock"))
        assert.equal(c.O.CREAT, rawget(c.O, "CREAT"))
        assert.is_nil(rawget(c.O, "creat"))
        local _ = c.O.creat
        assert.equal(c.O.CREAT, rawget(getmetatable(c.O).__index, "creat"))
        assert.is_nil(c.O.NOSUCH)
        assert.is_false(pcall(function() return c.O.nosuch end))
        assert.is_nil(c.SEEK.nosuch)
        assert.equal(tonumber("755", 8), c.MODE["0755"])
        assert.equal(tonumber("620", 8), c.MODE["rusr,wusr,0020"])
        assert.is_nil(c.MODE["644"])
        assert.equal(6, c.OK.rw)
        assert.equal(4, s.int)
        assert.equal(144, s.stat)
        assert.equal("Operation not permitted", c.errornames.PERM)
    end)
end)
