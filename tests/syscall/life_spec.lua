-- Processes: who they are, what they become, what they may use, how they end.
local lacks = require "lacks"
local S = require "ljos.syscall"
local fails = require "fails"
local ffi = require "ffi"
local in_child = require "in_child"
local text_file = require "text_file"
local waiting_child = require "waiting_child"
local c, t = S.c, S.t

describe("a process", function()
    it("knows itself and its relatives", function()
        assert.equal(S.getpid(), tonumber(S.readlink "/proc/self"))
        assert.is_true(S.getppid() >= 0 and S.gettid() > 0) -- 0: the parent lies outside of the namespace
        assert.equal(S.getpgrp(), S.getpgid())
        assert.equal(S.getpgid(0), S.getpgid(S.getpid()))
        assert.equal(S.getsid(), S.getsid(S.getpid()))
        assert.equal("number", type(S.getuid() + S.geteuid() + S.getgid() + S.getegid()))
        local parent = S.getpid()
        in_child(function()
            assert(S.getppid() == parent and S.getpid() ~= parent)
            assert(S.setpgid(0, 0))
            assert(S.getpgrp() == S.getpid())
            local ok, err = S.setsid()
            assert(not ok and err.PERM)
            local pid = S.fork()
            if pid == 0 then
                local sid = S.setsid()
                S._exit(sid == S.getpid() and S.getsid() == sid and 0 or 1)
            end
            local _, _, status = S.waitpid(pid)
            assert(status.EXITSTATUS == 0)
        end)
    end)

    it("is waited for in each of the ways", function()
        local function child(code)
            local pid = assert(S.fork())
            if pid == 0 then S._exit(code) end
            return pid
        end
        local pid = child(1)
        local got, err, status = S.wait()
        assert.same({ pid, 1 }, { got, status.EXITSTATUS })
        assert.is_nil(err)
        pid = child(2)
        got, err, status = S.waitpid("any", 0)
        assert.same({ pid, 2 }, { got, status.EXITSTATUS })
        assert.is_nil(err)
        pid = child(3)
        local usage
        got, err, status, usage = S.wait3(0)
        assert.same({ pid, 3 }, { got, status.EXITSTATUS })
        assert.is_nil(err)
        assert.is_true(usage.utime.time >= 0)
        pid = child "success"
        got, err, status, usage = S.wait4(pid)
        assert.same({ pid, 0 }, { got, status.EXITSTATUS })
        assert.is_nil(err)
        assert.equal("number", type(usage.maxrss))
        pid = child "failure"
        local info, _, used = assert(S.waitid("all", 0, "exited"))
        assert.same({ pid, 1, "CHLD", c.SIGCLD.EXITED }, { info.pid, info.status, info.signame, info.code })
        assert.equal("number", type(used.minflt))
        _, _, status = S.waitpid(child(255))
        assert.equal(255, status.EXITSTATUS)
        pid = child(0)
        assert(S.waitid("pid", pid, "exited, nowait"))
        assert.equal(pid, (S.waitpid(-1, "nohang")))
        fails("CHILD", S.wait())
        fails("CHILD", S.waitpid(pid))
        fails("CHILD", S.waitid("all", 0, "exited"))
    end)

    it("stops, goes on and dies of signals", function()
        local pid = waiting_child()
        assert.equal(0, (S.waitpid(pid, "nohang")))
        assert.is_true(S.kill(pid, "stop"))
        local _, _, status = S.waitpid(pid, "untraced")
        assert.is_true(status.WIFSTOPPED)
        assert.equal(c.SIG.STOP, status.WSTOPSIG)
        assert.is_true(S.kill(pid, "SIGCONT"))
        _, _, status = S.waitpid(pid, "continued")
        assert.is_true(status.WIFCONTINUED)
        assert.is_true(S.kill(pid, 0))
        assert.is_true(S.tgkill(pid, pid, "kill"))
        _, _, status = S.waitpid(pid)
        assert.is_true(status.WIFSIGNALED)
        assert.equal(c.SIG.KILL, status.WTERMSIG)
        fails("SRCH", S.kill(pid, "term"))
        in_child(function()
            S.setpgid(0, 0)
            assert(S.signal("term", "ign"))
            assert(S.killpg(S.getpgrp(), "term"))
            assert(S.kill(0, "term") and S.tkill(S.gettid(), "term"))
        end)
    end)

    it("is cloned, also into namespaces", function()
        local pid = assert(S.clone(0, "chld"))
        if pid == 0 then S._exit(S.getpid() > 0 and 4 or 5) end
        local _, _, status = S.waitpid(pid)
        assert.equal(4, status.EXITSTATUS)
        for _, signal in ipairs { "chld", 0 } do
            pid = assert(S.clone(nil, signal))
            if pid == 0 then S._exit(5) end
            _, _, status = S.waitpid(-1, "clone")
            assert.equal(5, status.EXITSTATUS)
        end
        local err
        pid, err = S.clone "newuser, newpid, newuts"
        if not pid then return pending(tostring(err)) end
        if pid == 0 then S._exit(S.getpid() == 1 and 6 or 7) end
        _, _, status = S.waitpid(pid)
        assert.equal(6, status.EXITSTATUS)
        local pidfd
        pid, _, pidfd = assert(S.clone3 { flags = "pidfd, newuser", exit_signal = "chld" })
        if pid == 0 then S._exit(8) end
        assert.equal(pid, assert(S.waitid("pidfd", pidfd, "exited")).pid)
        assert.equal(c.FD.CLOEXEC, pidfd:fcntl "getfd")
        pidfd:close()
    end)

    it("executes", function()
        local function run(f)
            local _, _, r, w = assert(S.pipe())
            local pid = assert(S.fork())
            if pid == 0 then
                S.dup2(w, 1)
                pcall(f)
                S._exit(99)
            end
            w:close()
            local text = r:read()
            r:close()
            local _, _, status = S.waitpid(pid)
            return text, status.EXITSTATUS
        end
        local text, code = run(function() S.execve("/bin/echo", { "echo", "one", "two" }, {}) end)
        assert.same({ "one two\n", 0 }, { text, code })
        text = run(function() S.execve("/usr/bin/env", { "env" }, { "PATH=/bin", "FOO=BAR" }) end)
        assert.equal("PATH=/bin\nFOO=BAR\n", text)
        text = run(function()
            local fd = assert(S.open("/bin/echo", "path"))
            S.execveat(fd, "", { "echo", "at" }, {}, "empty_path")
        end)
        assert.equal("at\n", text)
        text, code = run(function()
            local ok, err = S.execve("/no/such", { "x" }, {})
            assert(not ok and err.NOENT)
            S._exit(7)
        end)
        assert.same({ "", 7 }, { text, code })
        assert.is_false(pcall(S.execve, "/bin/true", { 1, {} }, {}))
    end)

    it("exits with what atexit collected", function()
        local _, _, r, w = assert(S.pipe())
        local pid = assert(S.fork())
        if pid == 0 then
            S.atexit(function() w:write "first " end)
            S.atexit(function() w:write "last " end)
            S.exit "failure"
        end
        w:close()
        local _, _, status = S.waitpid(pid)
        assert.equal("last first ", r:read())
        r:close()
        assert.equal(1, status.EXITSTATUS)
        assert.is_false(pcall(S.atexit, "no function"))
    end)

    it("has users and groups", function()
        local ok, none, real, effective, saved = S.getresuid()
        assert.is_true(ok)
        assert.is_nil(none)
        assert.same({ S.getuid(), S.geteuid(), S.geteuid() }, { real, effective, saved })
        ok, none, real, effective = S.getresgid()
        assert.is_true(ok)
        assert.is_nil(none)
        assert.same({ S.getgid(), S.getegid() }, { real, effective })
        local lacking = lacks("setgid", "setuid")
        if lacking then return pending(lacking) end
        in_child(function()
            assert(S.setgroups { 5, 6, 7 })
            local groups = assert(S.getgroups())
            assert(#groups == 3 and groups[1] == 5 and groups[3] == 7)
            assert(S.setregid(1, 2) and S.getgid() == 1 and S.getegid() == 2)
            assert(S.setegid(1) and S.getegid() == 1)
            assert(S.setresgid(3, 4, 5))
            local _, _, r, e, s = S.getresgid()
            assert(r == 3 and e == 4 and s == 5)
            assert(S.setgid(9) and S.getegid() == 9)
            assert(S.setresuid(nil, 10, nil) and S.geteuid() == 10 and S.getuid() == 0)
            assert(S.seteuid(0) and S.geteuid() == 0)
            assert(S.setreuid(0, 11) and S.geteuid() == 11)
            assert(S.seteuid(0) and S.setfsuid(12) == 0 and S.setfsuid(0) == 12 and S.setfsgid(1) == 9)
            assert(S.setuid(55) and S.getuid() == 55)
            local failed, err = S.setuid(0)
            assert(not failed and err.PERM)
            failed, err = S.setgroups {}
            assert(not failed and err.PERM)
        end)
    end)

    it("has limits, usage and priority", function()
        local limit = assert(S.getrlimit "nofile")
        assert.is_true(limit.cur > 0 and limit.max >= limit.cur or limit.max == -1)
        local old = assert(S.prlimit(0, "RLIMIT_NOFILE", limit))
        assert.equal(limit.cur, old.cur)
        in_child(function()
            local new = { cur = 10, max = limit.max }
            assert(S.setrlimit("nofile", new))
            assert(S.getrlimit("nofile").cur == 10)
            local list, err = {}, nil
            while not err do
                list[#list + 1], err = S.open "/dev/null"
            end
            assert(err.MFILE)
            assert(S.setrlimit("core", { 0, "infinity" }) or S.geteuid() ~= 0)
            assert(t.rlimit({ 0, -1 }).rlim_max == bit.bnot(0ULL))
        end)
        assert.equal("number", type(S.getrusage("self").maxrss))
        assert.is_true(S.getrusage("children").utime.sec >= 0)
        local ticks, _, tms = S.times()
        assert.is_true(ticks ~= 0 and tonumber(tms.tms_utime) >= 0)
        in_child(function()
            local nice = S.getpriority("process", 0)
            assert(S.getpriority "pgrp" <= nice)
            assert(S.nice(3) == math.min(nice + 3, 19) and S.nice(2) == math.min(nice + 5, 19))
            assert(S.setpriority("process", 0, 19) and S.getpriority "process" == 19)
            assert(S.nice(0) == 19)
        end)
    end)

    it("is scheduled", function()
        local fields = {}
        for field in text_file.read("/proc/self/stat"):match("%) (.*)"):gmatch "%S+" do
            fields[#fields + 1] = tonumber(field) or field
        end
        local REALTIME_PRIORITY, POLICY = 40 - 2, 41 - 2 -- proc_pid_stat(5); two were before the bracket
        assert.equal(fields[POLICY], S.sched_getscheduler())
        assert.equal(fields[REALTIME_PRIORITY], S.sched_getparam())
        assert.equal(99, S.sched_get_priority_max "fifo")
        assert.equal(1, S.sched_get_priority_min "rr")
        assert.is_true(S.sched_yield())
        assert.is_truthy(S.sched_rr_get_interval().time >= 0)
        local set = assert(S.sched_getaffinity())
        assert.is_true(S.sched_setaffinity(0, set))
        fails("INVAL", S.sched_setaffinity(0, {}))
        local cpu = assert(S.getcpu())
        assert.is_true(set[cpu.cpu])
        assert.equal("number", type(cpu.node))
        in_child(function()
            assert(S.sched_setscheduler(0, "batch") and S.sched_getscheduler() == c.SCHED.BATCH)
            assert(S.sched_setscheduler(0, "other"))
            local attr = assert(S.sched_getattr())
            attr.sched_nice = 5
            assert(S.sched_setattr(0, attr) and S.getpriority "process" == 5)
            assert(S.sched_setparam(0, 0))
            local ok, err = S.sched_setscheduler(0, "fifo", 1)
            if not ok then
                assert(err.PERM)
                return tostring(err)
            end
            assert(S.sched_getparam() == 1 and S.sched_setparam(0, 2) and S.sched_getparam() == 2)
            assert(S.sched_setscheduler(0, "other"))
        end)
        assert.equal("number", type(S.ioprio_get "process"))
        assert.is_true(S.ioprio_set("process", 0, 2 * 8192 + 4))
        assert.equal(2 * 8192 + 4, S.ioprio_get "process")
    end)

    it("has an environment", function()
        in_child(function()
            assert(S.setenv("XXXYYYZZZ", "test"))
            assert(S.getenv "XXXYYYZZZ" == "test" and S.environ().XXXYYYZZZ == "test")
            assert(S.setenv("XXXYYYZZZ", "other", false) and S.getenv "XXXYYYZZZ" == "test")
            assert(S.setenv("XXXYYYZZZ", "other", true) and S.getenv "XXXYYYZZZ" == "other")
            assert(S.unsetenv "XXXYYYZZZ" and S.getenv "XXXYYYZZZ" == nil)
            local ok, err = S.setenv("A=B", "x")
            assert(not ok and err.INVAL)
            assert(S.clearenv() and next(S.environ()) == nil)
        end)
    end)

    it("has attributes of prctl", function()
        in_child(function()
            assert(S.prctl("set_name", "spec") and S.prctl "get_name" == "spec")
            assert(S.prctl("set_pdeathsig", "winch") and S.prctl "get_pdeathsig" == c.SIG.WINCH)
            assert(S.prctl("set_dumpable", 0) and S.prctl "get_dumpable" == 0)
            assert(S.prctl("PR_SET_KEEPCAPS", true) and S.prctl "get_keepcaps" == 1)
            assert(bit.band(S.prctl "get_securebits", 16) == 16)
            assert(S.prctl "get_timerslack" >= 0) -- 0: a realtime policy
            assert(S.prctl("set_child_subreaper", true))
            assert(S.prctl("get_child_subreaper") == 1)
            assert(S.prctl "get_seccomp" == 0 or S.prctl "get_seccomp" == 2) -- 2: the host has a filter
            assert(type(S.prctl("capbset_read", "kill")) == "number")
            assert(S.prctl("set_no_new_privs", true) and S.prctl "get_no_new_privs" == 1)
            assert(S.prctl "get_timing" == 0)
            assert(S.prctl("cap_ambient", "clear_all"))
            local tsc, err = S.prctl "get_tsc"
            assert(tsc or err.INVAL)
        end)
        assert.is_false(pcall(S.prctl, "nosuch"))
    end)

    it("has capabilities", function()
        local caps = assert(S.capget())
        assert.equal(c.LINUX_CAPABILITY_VERSION[3], caps.version)
        assert.equal("boolean", type(caps.effective.chown))
        local lacking = lacks("fowner", "chown", "kill")
        if lacking then return pending(lacking) end
        in_child(function()
            local mine = assert(S.capget())
            mine.effective.fowner = false
            assert(S.capset(mine))
            assert(S.capget().effective.fowner == false and S.capget().permitted.fowner)
            assert(S.capset { permitted = "chown, kill", effective = "chown" })
            assert(tostring(S.capget().permitted) == "CHOWN,KILL" and tostring(S.capget().effective) == "CHOWN")
            assert(S.prctl("cap_ambient", "is_set", "chown") ~= nil)
        end)
    end)

    it("watches others through a pidfd", function()
        local pid = waiting_child()
        local pidfd = assert(S.pidfd_open(pid))
        assert.equal(c.FD.CLOEXEC, pidfd:fcntl "getfd")
        local got, err = S.pidfd_getfd(pidfd, 1)
        if got then
            local order, denied = S.kcmp(S.getpid(), pid, "file", got:getfd(), 1)
            assert.is_true(order == 0 or denied.PERM)
            got:close()
        else
            assert.is_true(err.PERM)
        end
        assert.is_true(S.pidfd_send_signal(pidfd, 0))
        assert.is_true(S.pidfd_send_signal(pidfd, "kill"))
        assert.equal(c.SIG.KILL, assert(S.waitid("P_PIDFD", pidfd, "exited")).status)
        fails("SRCH", S.pidfd_send_signal(pidfd, "term"))
        pidfd:close()
    end)

    it("reads and writes the memory of another", function()
        local memory = ffi.new("char[16]", "original")
        local pid = waiting_child()
        local here = t.iovecs { t.buffer(16) }
        local n, err = S.process_vm_readv(pid, here, { { memory, 16 } })
        if n then
            assert.equal(16, n)
            assert.equal("original", ffi.string(here[1].iov_base))
            assert.equal(7, S.process_vm_writev(pid, { "changed" }, { { memory, 7 } }))
            assert.equal(16, S.process_vm_readv(pid, here, { { memory, 16 } }))
            assert.equal("changedl", ffi.string(here[1].iov_base))
        else
            assert.is_true(err.PERM or err.NOSYS)
        end
        S.kill(pid, "kill")
        S.waitpid(pid)
    end)

    it("is traced", function()
        local pid = assert(S.fork())
        if pid == 0 then
            S.ptrace "traceme"
            S.kill(S.getpid(), "stop")
            S._exit(3)
        end
        local _, _, status = S.waitpid(pid, "untraced")
        assert.is_true(status.WIFSTOPPED)
        local data = ffi.new("long[1]", 0x1234)
        local word, denied = S.ptrace("peekdata", pid, data)
        if not word then
            S.kill(pid, "kill")
            S.waitpid(pid)
            return pending(tostring(denied))
        end
        assert.equal("number", type(word))
        assert.is_true(S.ptrace("pokedata", pid, data, 42) ~= nil)
        assert.equal(42, S.ptrace("peekdata", pid, data))
        assert.is_truthy(S.ptrace("cont", pid, nil, 0))
        _, _, status = S.waitpid(pid)
        assert.equal(3, status.EXITSTATUS)
        fails("SRCH", S.ptrace("cont", pid))
    end)
end)
