-- What a program written for ljsyscall relies on: run as it would be, through the names in lua/compat.
package.path = "lua/compat/?.lua;" .. package.path

local S = require "syscall"
local collect = require "collect"
local ffi = require "ffi"
local bit = require "syscall.bit"
local nr = require "syscall.linux.nr"
local text_file = require "text_file"
local c, t, pt, s = S.c, S.t, S.types.pt, S.types.s

local function octal(text) return tonumber(text, 8) end

describe("a program for ljsyscall", function()
    local path = "/tmp/ljos-ljsyscall-spec-" .. S.getpid()
    after_each(function() S.unlink(path) end)

    it("finds the modules and the tables of the main one", function()
        assert.equal(S.t, S.types.t)
        assert.equal(S.c, require "syscall.linux.constants")
        assert.equal(S.abi, require "syscall.abi")
        assert.equal(S.util, require "syscall.util")
        assert.equal(S.nl, require "syscall.linux.nl")
        assert.equal("linux", S.abi.os)
        assert.equal("linux", S.abi.host)
        assert.equal(ffi.arch, S.abi.arch)
        assert.is_true(S.abi.le ~= S.abi.be and S.abi.abi64 ~= S.abi.abi32)
        assert.is_nil(S.abi.bsd)
        assert.is_nil(S.abi.xen)
        assert.is_nil(S.__rump)
        assert.is_nil(S.nosuchfunction)
        assert.equal("table", type(S.types.ctypes))
        assert.equal("Lua", debug.getinfo(S.open).what)
        assert.equal("string", type(S._VERSION))
        for name, number in pairs { stdin = 0, stdout = 1, stderr = 2 } do
            assert.equal(number, S[name]:getfd())
        end
        local names = { "getpid", "exit_group", "mprotect", "mmap", "brk", "open", "openat", "write", "seccomp" }
        for _, name in ipairs(names) do
            if not (S.abi.arch == "arm64" and name == "open") then assert.equal("number", type(nr.SYS[name]), name) end
        end
    end)

    it("has operations on 64-bit words", function()
        assert.is_true(bit.bor64(1, 2, 4) == 7)
        assert.is_true(bit.band64(0xff, 0x0f, 0x03) == 3)
        assert.is_true(bit.lshift64(1, 40) == 2LL ^ 40)
        assert.is_true(bit.rshift64(bit.lshift64(1, 40), 39) == 2)
        assert.is_true(bit.bor64(bit.lshift64(1, 32), 1) == 0x100000001LL)
        assert.same({ 1, 2 }, { bit.i6432(0x100000002LL) })
        assert.same({ -1, -1 }, { bit.i6432(-1) })
        assert.same({ 0xffffffff, 0xffffffff }, { bit.u6432(-1) })
        assert.equal(3, bit.bor(1, 2))
    end)

    it("gets errors with names and texts", function()
        local ok, err = S.open("/no/such/file", "rdonly")
        assert.is_nil(ok)
        assert.equal(2, err.errno)
        assert.equal("NOENT", err.sym)
        assert.equal("noent", err.lsym)
        assert.is_true(err.NOENT and err.noent and err.NoEnt)
        assert.is_false(err.BADF)
        assert.is_false(err.nodata or err.NOATTR)
        local found, message = pcall(function() return err.nosucherror end)
        assert.is_false(found)
        assert.matches("invalid error", tostring(message))
        assert.matches("nosucherror", tostring(message))
        assert.equal("No such file or directory", tostring(err))
        assert.equal("AGAIN", t.error(c.E.WOULDBLOCK).sym)
        assert.is_true(t.error(c.E.AGAIN).WOULDBLOCK)
        assert.is_true(t.error(c.E.DEADLK).DEADLOCK)
        assert.is_true(t.error(c.E.NODATA).NOATTR)
        assert.equal("OPNOTSUPP", t.error(c.E.NOTSUP).sym)
        assert.equal(c.E.NOENT, t.error("NOENT").errno)
        assert.is_falsy(tostring(t.error(0)))
        assert.is_falsy(tostring(t.error(4095)))
        assert.equal(0, t.error(0).errno)
        assert.equal(4095, t.error(4095).errno)
        S.errno(c.E.PERM)
        assert.is_true(t.error().PERM)
        local count = 0
        for name, text in pairs(c.errornames) do
            count = count + 1
            assert.equal("string", type(text), name)
        end
        assert.is_true(count >= 130)
    end)

    it("has descriptors that are given out in order and closed when collected", function()
        local pid = assert(S.fork())
        if pid == 0 then
            S.close_range(3)
            local first, second = S.open("/dev/zero", "rdonly"), S.open("/dev/zero", "rdonly")
            S._exit(first:getfd() + 1 == second:getfd() and 0 or 1)
        end
        local _, _, status = S.waitpid(pid)
        assert.equal(0, status.EXITSTATUS)
        local a = assert(S.open("/dev/zero", "rdonly"))
        local b = assert(S.open("/dev/zero", "rdonly"))
        assert.equal(a.filenum, a:getfd())
        assert.equal(a, a:nogc())
        assert.is_true(a:close() and a:close())
        assert.equal(-1, a:getfd())
        local ok, err = a:read(nil, 1)
        assert.is_nil(ok)
        assert.is_true(err.BADF)
        assert.is_true(S.close(b:getfd()))
        b:nogc()
        ok, err = S.close(b:getfd())
        assert.is_nil(ok)
        assert.is_true(err.badf)
        assert.equal(-1, t.fd():getfd())
        assert.equal(77, t.fd(77):nogc():getfd())
        assert.is_true(ffi.istype(t.fd, b))
        assert.is_nil(b.nosuchmethod)
    end)

    it("has the methods of descriptors under their long and short names", function()
        local names =
            [[ dup dup2 dup3 read write pread pwrite lseek fchdir fsync fdatasync fstat fcntl fchmod bind listen
            connect accept accept4 getsockname getpeername send sendto recv recvfrom readv writev preadv pwritev sendmsg
            recvmsg sendmmsg recvmmsg setsockopt getsockopt shutdown epoll_ctl epoll_wait epoll_pwait sendfile getdents
            ftruncate inotify_add_watch inotify_rm_watch inotify_read flistxattr fsetxattr fgetxattr fremovexattr fxattr
            splice vmsplice tee timerfd_gettime timerfd_settime fadvise fallocate posix_fallocate readahead
            sync_file_range syncfs fstatfs futimens futimes fstatat unlinkat mkdirat mknodat faccessat fchmodat fchown
            fchownat readlinkat setns openat ioctl flock fpathconf grantpt unlockpt ptsname isatty tcgetattr tcsetattr
            tcsendbreak tcdrain tcflush tcflow tcgetsid block nonblock tell lockf mmap nogc getfd close seq
            stat chdir sync datasync chmod setxattr getxattr truncate statfs utimens utimes seek chown lock pathconf ]]
        local fd = t.fd()
        for name in names:gmatch "%S+" do
            assert.equal("function", type(fd[name]), name)
        end
    end)

    it("names flags as strings", function()
        assert.equal(c.O.CREAT, rawget(c.O, "CREAT"))
        assert.is_nil(rawget(c.O, "creat"))
        assert.equal(c.O.CREAT, c.O.creat)
        assert.equal(c.O.CREAT, rawget(getmetatable(c.O).__index, "creat"))
        assert.equal(0, c.O[""])
        assert.equal(0, c.O(nil))
        assert.equal(0, c.O())
        assert.equal(77, c.O[77])
        assert.equal(bit.bor(c.O.CREAT, c.O.RDWR), c.O["creat, rdwr"])
        assert.equal(bit.bor(c.O.CREAT, c.O.RDWR), c.O[" CREAT ,RDWR"])
        assert.equal(bit.bor(c.O.CREAT, c.O.RDWR), c.O("rdwr", "creat"))
        assert.equal(c.O.RDWR, c.O(bit.bor(c.O.RDWR, c.O.NONBLOCK), "~nonblock"))
        assert.is_nil(c.O.NOSUCHFLAG)
        for _, text in ipairs { "nosuchflag", "creat|rdwr", "creat, nosuch" } do
            local ok, message = pcall(function() return c.O[text] end)
            assert.is_false(ok, text)
            assert.matches("invalid flag", message)
        end
        local ok, message = pcall(function() return c.O["creat,,rdwr"] end)
        assert.is_false(ok)
        assert.matches("empty flag", message)
        assert.is_nil(c.SEEK.nosuch)
        assert.equal(2, c.SEEK["end"])
        assert.equal(0, c.SEEK[""])
        assert.equal(9, c.SIG[9])
        assert.equal(octal "644", c.MODE["0644"])
        assert.equal(octal "700", c.MODE.rwxu)
        assert.equal(octal "620", c.MODE["rusr,wusr,0020"])
        assert.equal(bit.bor(c.S_I.FIFO, octal "700"), c.S_I["fifo,rwxu"])
        assert.equal(bit.bor(c.S_I.FCHR, octal "666"), c.S_I["fchr,0666"])
        assert.is_nil(c.MODE["644"])
        assert.is_false(pcall(function() return c.MODE["rw-r--r--"] end))
        assert.equal(4, c.OK.r)
        assert.equal(6, c.OK.rw)
        assert.equal(7, c.OK.RWX)
        assert.equal(0, c.OK.f)
        assert.equal(0, c.OK())
        assert.equal(bit.bor(0x8000, 23, 0x10000), c.SWAP_FLAG["23, discard"])
        assert.equal(-100, c.AT_FDCWD.fdcwd)
        assert.equal(-100, c.AT_FDCWD[nil])
        assert.equal(5, c.AT_FDCWD[5])
        assert.equal(2, c.AT_FDCWD[S.stderr])
        assert.equal(4096, c.PATH_MAX)
        assert.equal(16, c.IFNAMSIZ)
        assert.equal(64, c.HOST_NAME_MAX)
        assert.is_nil(c.NOSUCHGROUP)
    end)

    it("makes scalars, arrays and buffers", function()
        assert.equal(4, s.int)
        assert.equal(8, s.int64)
        assert.equal(1, s.char)
        assert.equal(7, t.int1(7)[0])
        assert.equal(7, t.int1({ 7 })[0])
        assert.is_true(t.uint64_1(7)[0] == 7)
        local two = t.int2(3, 4)
        assert.equal(3, two[0])
        assert.equal(4, two[1])
        assert.equal(10, ffi.sizeof(t.buffer(10)))
        local buffer = t.buffer(4, "abc")
        assert.equal("abc", ffi.string(buffer))
        assert.equal(3, ffi.sizeof(t.buffer "abc"))
        assert.equal("abc", ffi.string(t.buffer(3, "abc"), 3))
        assert.is_false(pcall(t.buffer, 2, "abc"))
        assert.is_false(pcall(t.buffer, -1))
        assert.equal("abc", ffi.string(pt.char(buffer)))
        assert.equal(ffi.cast("void *", buffer), pt.void(buffer))
        local st = t.stat()
        assert.equal(s.stat, #st)
        assert.equal(s.stat, ffi.sizeof(t.stat))
        assert.is_false(pcall(function() return st.nosuchfield end))
        assert.is_false(pcall(function() st.nosuchfield = 1 end))
    end)

    it("makes every type of nothing, and raises for fields that it has not", function()
        for _, name in ipairs(S.types.names()) do
            local make = t[name]
            if type(make) == "cdata" then
                local ok, size = pcall(ffi.sizeof, make)
                local value = ok and size and make() or make(1)
                local text = tostring(ffi.typeof(value))
                if text:match "^ctype<struct [%w_]+>$" and name ~= "fd" then
                    assert.is_false(pcall(function() return value.nosuchfield end), name)
                    assert.is_true(#value == ffi.sizeof(value) or #value == 1, name)
                    assert.is_true(ffi.istype(make, value), name)
                end
                tostring(value)
            end
        end
        assert.equal(t.timespec, S.types.ctypes["struct timespec"])
        assert.equal(t.sigset, S.types.ctypes.sigset_t)
        assert.is_nil(S.types.ctypes["struct nosuch"])
    end)

    it("prints structs", function()
        local lock = t.flock { type = "rdlck", whence = "set", start = 3, len = 4 }
        assert.equal("flock {len = 4, pid = 0, start = 3, type = 0, whence = 0}", tostring(lock))
        assert.matches("size = 0", tostring(t.stat()))
        assert.equal("sockaddr_un {family = 1, path = /tmp/x}", tostring(t.sockaddr_un "/tmp/x"))
    end)

    it("makes vectors of buffers", function()
        local iov = t.iovecs { "one", 10, t.buffer(5), { t.buffer(20), 7 } }
        assert.equal(4, #iov)
        assert.equal(3, tonumber(iov[1].iov_len))
        assert.equal(10, iov[2].len)
        assert.equal(5, iov[3].len)
        assert.equal(7, iov[4].len)
        assert.equal("onetwo", tostring(t.iovecs { "one", "two" }))
    end)

    it("makes times of numbers, arrays, tables and each other", function()
        assert.equal(0, t.timespec().time)
        assert.equal(1.5, t.timespec(1.5).time)
        assert.equal(1, t.timespec(1.5).sec)
        assert.equal(5e8, t.timespec(1.5).nsec)
        assert.equal(5e5, t.timeval(1.5).usec)
        assert.equal(1.5, t.timespec({ 1, 5e8 }).time)
        assert.equal(1.5, t.timeval({ tv_sec = 1, tv_usec = 5e5 }).time)
        assert.equal(1.5, t.timespec({ tv_sec = 1, tv_nsec = 5e8 }).time)
        assert.equal(1.5, t.timespec(t.timeval(1.5)).time)
        assert.equal(1.5, t.timeval(t.timespec(1.5)).time)
        assert.equal("1.5", tostring(t.timespec(1.5)))
        local pair = t.timespec2 { "now", "omit" }
        assert.is_true(pair[0].tv_nsec == c.UTIME.NOW)
        assert.is_true(pair[1].tv_nsec == c.UTIME.OMIT)
        pair = t.timespec2 { 1.5, 2 }
        assert.equal(1.5, pair[0].time)
        assert.equal(2, pair[1].time)
        assert.equal(2.5, t.timeval2({ 1, 2.5 })[1].time)
        local it = t.itimerspec { 1, 2.5 }
        assert.equal(1, it.interval.time)
        assert.equal(2.5, it.value.time)
        it = t.itimerval { interval = 3, value = { 4, 0 } }
        assert.equal(3, it.interval.time)
        assert.equal(4, it.value.sec)
        it.value = 9
        assert.equal(9, it.value.time)
        assert.is_false(pcall(t.itimerspec, 5))
    end)

    it("makes devices, limits, sets of signals and processors", function()
        local device = t.device(1, 5)
        assert.equal(1, device.major)
        assert.equal(5, device.minor)
        assert.equal(device, t.device { 1, 5 })
        assert.equal(device, t.device(device.device))
        assert.equal(device, S.stat("/dev/zero").rdev)
        assert.equal(1, S.major(device))
        assert.equal(5, S.minor(device))
        assert.equal(device, S.makedev(1, 5))
        assert.equal(-1, t.rlimit({ cur = "infinity", max = -1 }).cur)
        assert.equal(20, t.rlimit({ cur = 10, max = 20 }).max)
        local set = t.sigset "int, term"
        assert.is_true(set.int and set.INT and set.term)
        assert.is_false(set.hup)
        assert.is_false(set.isemptyset)
        assert.is_true(t.sigset().isemptyset)
        assert.equal(set, set:add "hup")
        assert.is_true(set.hup)
        assert.is_false(set:del("hup, int").hup)
        assert.is_true(set:add(9).kill)
        assert.is_true(t.sigset(set).kill)
        assert.is_false(pcall(t.sigset, "nosuch"))
        assert.is_false(pcall(t.sigset, t.timespec(1)))
        assert.is_false(pcall(function() return set.nosuch end))
        local cpus = t.cpu_set { 0, 1 }
        assert.equal("{0,1}", tostring(cpus))
        assert.is_true(cpus[0] and cpus[1])
        assert.is_false(cpus[2])
        cpus[2] = true
        cpus:clear(0)
        cpus:set(5)
        assert.equal("{1,2,5}", tostring(cpus))
        assert.is_true(cpus:get(5))
        cpus:zero()
        assert.equal("{}", tostring(cpus))
        local groups = t.groups { 1, 2, 3 }
        assert.equal(3, #groups)
        assert.equal(2, groups[2])
    end)

    it("reads the status of a process by any of its names", function()
        local exited, killed, stopped = t.waitstatus(23 * 256), t.waitstatus(9), t.waitstatus(19 * 256 + 0x7f)
        assert.is_true(exited.WIFEXITED and exited.IFEXITED and exited.ifexited)
        assert.equal(23, exited.EXITSTATUS)
        assert.equal(23, exited.WEXITSTATUS)
        assert.is_nil(exited.WTERMSIG)
        assert.is_nil(exited.WIFSIGNALED)
        assert.is_true(killed.WIFSIGNALED)
        assert.equal(9, killed.TERMSIG)
        assert.is_nil(killed.WIFEXITED)
        assert.is_true(stopped.WIFSTOPPED)
        assert.equal(19, stopped.STOPSIG)
        assert.equal(9, killed.status)
        assert.is_false(pcall(function() return killed.NOSUCH end))
    end)

    it("makes capabilities", function()
        local caps = t.capabilities { permitted = "chown,mknod", effective = { sys_admin = true } }
        assert.is_true(caps.permitted.CHOWN and caps.permitted.mknod and caps.effective.sys_admin)
        assert.is_false(caps.permitted.kill)
        caps.permitted.chown = false
        caps.permitted.AUDIT_READ = true
        assert.is_false(caps.permitted.chown)
        assert.is_true(caps.permitted.audit_read)
        assert.equal("AUDIT_READ,MKNOD", tostring(caps.permitted))
        assert.equal(c.LINUX_CAPABILITY_VERSION[3], caps.version)
        assert.equal(0, caps.pid)
        local header, data = caps:hdrdata()
        assert.equal(caps.version, tonumber(header.version))
        assert.is_true(data ~= nil)
        assert.is_false(pcall(function() return caps.permitted.nosuch end))
        assert.matches("SYS_ADMIN", tostring(caps))
    end)

    it("makes addresses", function()
        local sa = t.sockaddr_in(1234, "127.0.0.1")
        assert.equal(1234, sa.port)
        assert.equal(c.AF.INET, sa.family)
        assert.equal("127.0.0.1", tostring(sa.addr))
        assert.equal(s.sockaddr_in, #sa)
        assert.equal("127.0.0.1:1234", tostring(t.sockaddr_in(sa)))
        assert.equal(80, t.sockaddr_in(ffi.new("int64_t", 80)).port)
        assert.equal(1234, t.sockaddr_in6(t.sockaddr_in6(1234, "loopback")).port)
        assert.equal("127.0.0.1", tostring(t.sockaddr_in(1, "loopback").addr))
        assert.equal("0.0.0.0", tostring(t.sockaddr_in(1, "any").addr))
        assert.equal("255.255.255.255", tostring(t.sockaddr_in(1, "broadcast").addr))
        assert.equal("1.2.3.4", tostring(t.sockaddr_in(1, t.in_addr "1.2.3.4").addr))
        assert.equal(80, t.sockaddr_in({ port = 80, addr = "1.1.1.1" }).port)
        sa.port = 77
        sa.addr = "10.0.0.1"
        assert.equal("10.0.0.1", tostring(sa.sin_addr))
        assert.equal(bit.bswap(77 * 65536), sa.sin_port)
        assert.is_false(pcall(t.sockaddr_in, 1, "not.an.address"))
        local sa6 = t.sockaddr_in6(1234, "2002::4:4", 7, 3)
        assert.equal("2002::4:4", tostring(sa6.addr))
        assert.equal(7, sa6.flowinfo)
        assert.equal(3, sa6.scope_id)
        assert.equal("::1", tostring(t.sockaddr_in6(1, "loopback").addr))
        assert.equal("::", tostring(t.sockaddr_in6(1, "any").addr))
        assert.equal("1:2:3:4:5:6:7:8", tostring(t.in6_addr "1:2:3:4:5:6:7:8"))
        assert.equal("::ffff:1.2.3.4", tostring(t.in6_addr "::ffff:1.2.3.4"))
        assert.equal("1.2.3.4", tostring(t.in_addr(0x01020304)))
        assert.is_false(pcall(t.in_addr, "1.2.3.4.5"))
        local mask, broadcast = t.in_addr("10.20.30.40"):get_mask_bcast(8)
        assert.equal("255.0.0.0", tostring(mask))
        assert.equal("10.255.255.255", tostring(broadcast))
        assert.equal("/tmp/x", t.sockaddr_un("/tmp/x").path)
        assert.equal(c.AF.UNIX, t.sockaddr_un().family)
        assert.equal(c.AF.NETLINK, t.sockaddr_nl().family)
        assert.equal(1, t.sockaddr_nl({ groups = "link" }).groups)
        local storage = t.sockaddr_storage { family = "inet6", port = 3, addr = "::1" }
        assert.equal(3, storage.port)
        assert.equal("::1", tostring(storage.addr))
        assert.equal(c.AF.INET6, storage.family)
        assert.equal(s.sockaddr_in6, #storage)
        storage.port = 4
        assert.equal(4, storage.port)
        assert.equal("aa:bb:cc:00:11:22", tostring(t.macaddr "aa:bb:cc:00:11:22"))
        assert.is_false(pcall(t.macaddr, "aa:bb"))
    end)

    it("takes strings in the fields of an event's attributes, and lists as control data", function()
        local event = t.perf_event_attr1()
        event[0].type = "software"
        event[0].config = "sw_task_clock"
        event[0].sample_type = "ip, read"
        assert.equal(c.PERF_TYPE.SOFTWARE, event[0].type)
        assert.equal(c.PERF_COUNT.SW_TASK_CLOCK, event[0].config)
        assert.equal(c.PERF_SAMPLE("ip", "read"), event[0].sample_type)
        assert.equal(1, t.in6_addr("::1").s6_addr[15])
        assert.equal("ucred {gid = 3, pid = 1, uid = 2}", tostring(t.ucred(1, 2, 3)))
        local _, _, a, b = assert(S.socketpair("unix", "dgram"))
        assert(a:sendmsg { iov = { "x" }, control = t.cmsghdr("socket", "rights", { 0, S.stdout }) })
        local msg = t.msghdr { iov = { 1 }, controllen = 64, control = t.buffer(64) }
        assert.equal(64, msg.controllen)
        assert(b:recvmsg(msg))
        local count = 0
        for _, header in msg:cmsgs() do
            for fd in header:fds() do
                count = count + 1
                assert(fd:close())
            end
        end
        assert.equal(2, count)
        assert(a:close() and b:close())
    end)

    it("reads and writes", function()
        local fd = assert(S.creat(path, "rwxu"))
        assert.equal(octal "700", bit.band(fd:stat().mode, octal "777"))
        fd = assert(S.open(path, "rdwr"))
        assert.equal(4, fd:write "test")
        assert.equal(2, fd:write("test", 2))
        local out = t.buffer(4, "abc")
        assert.equal(3, fd:write(out, 3))
        assert.is_false(pcall(fd.write, fd, out))
        assert.equal(0, fd:lseek(0))
        assert.equal("testteabc", fd:read())
        assert.equal("", fd:read())
        assert.equal(0, fd:read(out, 4))
        assert.is_false(pcall(fd.read, fd, out))
        assert.equal(2, fd:lseek(2, "set"))
        assert.equal(4, fd:lseek(2, "cur"))
        assert.equal(9, fd:lseek(0, "end"))
        assert.equal(9, fd:tell())
        assert.equal(4, fd:pread(out, 4, 2))
        assert.equal("stte", ffi.string(out, 4))
        assert.equal(2, fd:pwrite("XX", nil, 0))
        assert.equal("XXst", S.util.readfile(path):sub(1, 4))
        assert.is_true(fd:close())
    end)

    it("does what the README says", function()
        local L = S
        -- Every function gives a value and an error, so that assert takes it.
        local fd, err = L.open(path, "creat, rdwr", "rwxu")
        assert.is_nil(err)
        assert.equal(5, (assert(fd:write "hello")))
        -- A descriptor is an object, whose number is in a field.
        assert.equal(fd:getfd(), fd.fd)
        assert.equal(fd.fd, fd.fileno)
        -- Constants add up, and are strings in any case, with or without their prefix.
        assert.equal(bit.bor(L.O_RDWR, L.O_CREAT), L.O_RDWR + L.O_CREAT)
        for _, whence in ipairs { "SEEK_SET", "seek_set", "SET", "set", L.SEEK_SET, L.c.SEEK.SET } do
            assert.equal(2, fd:lseek(2, whence))
        end
        local map = assert(L.mmap(nil, 4096, "read", "private, anonymous", -1, 0))
        assert(L.munmap(map, 4096))
        -- dup does what dup2 and dup3 do, with more arguments.
        local copy = assert(L.dup(fd))
        assert.equal(copy.fd, assert(L.dup(fd, copy)):nogc().fd)
        assert.equal(copy.fd, assert(L.dup(fd, copy, "cloexec")):nogc().fd)
        assert(copy:close())
        -- A descriptor may be a number or the name of a stream.
        assert(L.fstat(fd.fd) and L.fstat "stderr" and L.fcntl("stdout", "getfl"))
        -- getcwd gives a string, or fills a buffer.
        local buffer = t.buffer(4096)
        assert.equal(L.getcwd(), ffi.string(L.getcwd(buffer, 4096)))
        -- The macros, and their methods.
        local zero = assert(L.stat "/dev/zero")
        assert.equal(1, L.major(zero.rdev))
        assert.equal(5, zero:minor())
        assert.equal(1, zero:major())
        -- bind finds the length of the address, uname gives a table of strings.
        local socket = assert(L.socket("inet", "dgram"))
        assert(socket:bind(t.sockaddr_in(0, "loopback")))
        assert.equal("string", type(L.uname().release))
        assert(fd:close() and socket:close())
        -- An error is a text, a number and a test.
        fd, err = L.open("/no/such/file", "rdonly")
        assert.is_nil(fd)
        assert.is_true(err.NOENT and err.errno == L.ENOENT and tostring(err) == "No such file or directory")
        -- nogc leaves the descriptor open.
        local open = assert(L.open("/dev/null")):nogc()
        local number = open:getfd()
        open = nil -- luacheck: ignore
        collect()
        assert(L.fstat(number) and L.close(number))
    end)

    it("has the constants under their C names", function()
        local names = [[ SEEK_SET O_CREAT SIGTERM SIG_BLOCK SIG_IGN EAGAIN S_IRUSR AF_INET EPOLLIN POLLIN WNOHANG B9600
            TCSANOW TCIFLUSH TCOON ICANON ECHO VMIN OPOST CS8 IFF_UP R_OK STDERR_FILENO F_RDLCK MNT_DETACH PATH_MAX
            CLD_EXITED BPF_MAP_TYPE_HASH ]]
        for name in names:gmatch "%S+" do
            assert.equal("number", type(S[name]), name)
        end
        assert.same({ 2, 6, 0x4 }, { S.STDERR_FILENO, S.VMIN, S.R_OK })
        assert.is_nil(S.NO_SUCH_CONSTANT)
    end)

    it("takes friendly permissions", function()
        assert.equal(octal "666", c.MODE.rw)
        assert.equal(octal "640", c.MODE["u=rw,g=r"])
        assert.equal(octal "4711", c.MODE["suid, u=rwx, go=x"])
        assert.equal(0, c.MODE["o="])
        for _, wrong in ipairs { "rw-r--r--", "u+x", "z=r", "u=z", "rwz" } do
            assert.is_false(pcall(function() return c.MODE[wrong] end), wrong)
        end
    end)

    it("runs where undeclared globals are an error, and leaves none behind", function()
        local program = [[
            package.path = "lua/?.lua;lua/?/init.lua;lua/compat/?.lua"
            local before = {}
            for name in pairs(_G) do before[name] = true end
            setmetatable(_G, {
                __index = function(_, name) error("undeclared global " .. tostring(name), 2) end,
                __newindex = function(_, name) error("assigned global " .. tostring(name), 2) end,
            })
            local S = require "syscall"
            for _, name in ipairs {
                "abi", "bit", "helpers", "lfs", "linux.nr", "linux.constants", "linux.netfilter", "linux.nl",
                "linux.util", "types", "util",
            } do
                assert(require("syscall." .. name), name)
            end
            require("ljos.syscall.directory").load_all()
            for _, name in ipairs(S.types.names()) do
                local _ = S.t[name]
            end
            for name in pairs(require("syscall.linux.nr").SYS) do
                local _ = S[name]
            end
            assert(S.nl.interfaces() and S.util.ps() and S.util.mounts() and S.getrusage "self")
            assert(S.open("/nosuch", "rdonly") == nil and S.sigaction("usr1", function() end))
            for name in pairs(_G) do assert(before[name], name) end
        ]]
        text_file.write(path, program)
        assert.equal(0, os.execute("luajit " .. path))
    end)
end)
