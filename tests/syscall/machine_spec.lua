-- The machine: names, settings, logs; terminals; and the modules beside the calls.
package.path = "lua/compat/?.lua;" .. package.path

local S = require "ljos.syscall"
local fails = require "fails"
local ffi = require "ffi"
local in_child = require "in_child"
local temporary = require "temporary_directory"
local c, t, util = S.c, S.t, S.util

describe("the machine", function()
    it("has names", function()
        local u = assert(S.uname())
        assert.equal("Linux", u.sysname)
        assert.equal(u.nodename, S.gethostname())
        assert.equal(u.domainname, S.getdomainname())
        assert.equal("string", type(u.machine .. u.release .. u.version))
        in_child(function()
            assert(S.sethostname "ljos-host" and S.gethostname() == "ljos-host")
            assert(S.setdomainname "ljos-domain" and S.uname().domainname == "ljos-domain")
            local old, denied = S.sysctl("kernel.hostname", "other")
            assert(old == "ljos-host" and S.gethostname() == "other" or denied.ACCES or denied.PERM)
            local ok, err = S.sethostname(("x"):rep(100))
            assert(not ok and err.INVAL)
        end, "newuser, newuts")
    end)

    it("has settings, memory and a log", function()
        assert.equal("Linux", S.sysctl "kernel.ostype")
        fails("NOENT", S.sysctl "no.such.setting")
        local info = assert(S.sysinfo())
        assert.is_true(tonumber(info.totalram) > 0)
        assert.is_true(tonumber(info.loads[0]) >= 0)
        assert.is_true(S.getpagesize() >= 4096)
        local size, err = S.syslog(10)
        assert.is_true(size and size > 0 or err.PERM)
        local buffer = t.buffer(8)
        assert.equal(8, S.getrandom(buffer, 8, "nonblock"))
        assert.equal(8, S.getrandom(buffer))
        assert.equal(5, #S.getrandom(5))
        assert.is_false(pcall(S.getrandom))
    end)

    it("refuses what only its owner may do", function()
        in_child(function()
            local function refused(ok, err) assert(not ok and (err.PERM or err.INVAL or err.NOSYS), tostring(err)) end
            refused(S.reboot "restart")
            refused(S.swapon("/nosuch", "23, discard"))
            refused(S.swapoff "/nosuch")
            refused(S.acct())
            refused(S.syslog(5))
            refused(S.kexec_load(0, nil, 0))
            refused(S.init_module("x", 1))
            refused(S.delete_module "nosuch")
            refused(S.iopl(3))
            refused(S.ioperm(0, 1, 1))
            assert(not pcall(S.reboot, "nosuch"))
        end, "newuser")
    end)
end)

describe("a terminal", function()
    it("has two ends, settings and a size", function()
        local ptm = assert(S.posix_openpt "rdwr, noctty")
        assert.is_true(S.grantpt(ptm) and S.unlockpt(ptm))
        local name = assert(S.ptsname(ptm))
        assert.matches("^/dev/pts/%d+$", name)
        local pts = assert(S.open(name, "rdwr, noctty"))
        finally(function()
            ptm:close()
            pts:close()
        end)
        assert.is_true(S.isatty(pts) and ptm:isatty())
        local tio = assert(S.tcgetattr(pts))
        assert.is_true(bit.band(tio.c_lflag, c.LFLAG.ICANON) ~= 0)
        tio.lflag = bit.band(tio.lflag, bit.bnot(c.LFLAG "echo, icanon"))
        tio.ospeed, tio.ispeed = 9600, "B9600"
        tio.VMIN = 3
        assert.is_true(pts:tcsetattr("now", tio))
        local plain = assert(S.memfd_create "no terminal")
        fails("NOTTY", S.tcsetattr(plain, "now", tio))
        fails("NOTTY", S.tcgetattr(plain))
        plain:close()
        local now = pts:tcgetattr()
        assert.equal(9600, now.ospeed)
        assert.equal(9600, now.ispeed)
        assert.equal(3, now.VMIN)
        assert.equal(3, now.cc.min)
        now.cc = { VEOF = "x" }
        assert.equal(120, now.veof)
        assert.equal(0, bit.band(now.lflag, c.LFLAG.ECHO))
        assert.equal(9600, S.cfgetospeed(now))
        assert.is_true(S.cfsetospeed(now, 19200))
        assert.equal(19200, now.ospeed)
        assert.is_true(S.cfsetispeed(now, c.B[38400]))
        assert.equal(38400, S.cfgetispeed(now))
        assert.is_true(now:cfsetospeed(4800))
        assert.equal(4800, now:cfgetospeed())
        assert.is_true(now:cfsetispeed(2400))
        assert.equal(2400, now:cfgetispeed())
        assert.is_true(S.cfsetspeed(now, "B1200"))
        assert.equal(1200, now.speed)
        now:makeraw()
        assert.equal(0, bit.band(now.c_lflag, c.LFLAG.ISIG))
        assert.is_true(S.tcsetattr(pts, "TCSADRAIN", now))
        local size = pts:ioctl "TIOCGWINSZ"
        assert.equal(0, size.row)
        assert.is_true(pts:ioctl("TIOCSWINSZ", t.winsize { row = 10, col = 20 }))
        assert.equal(20, ptm:ioctl(c.IOCTL.TIOCGWINSZ).col)
        assert.equal(tonumber(name:match "%d+$"), ptm:ioctl "TIOCGPTN")
        assert.equal(0, pts:ioctl "TIOCINQ")
        assert.equal(5, pts:write "hello")
        assert.equal("hello", ptm:read())
        assert.is_true(pts:tcflush "iflush" and S.tcflush(pts, "TCOFLUSH"))
        assert.is_true(S.tcflow(pts, "ooff") and pts:tcflow "oon")
        assert.is_true(pts:tcsendbreak(0) and S.tcsendbreak(pts))
        assert.is_true(pts:tcdrain())
        local _, err = S.tcgetsid(pts)
        assert.is_true(err.NOTTY)
        in_child(function()
            assert(S.setsid())
            assert(pts:ioctl("TIOCSCTTY", 0))
            assert(pts:tcgetsid() == S.getpid() and pts:ioctl "TIOCGPGRP" == S.getpid())
        end)
        fails("NOTTY", S.isatty(assert(S.memfd_create "x")))
        fails("NOTTY", S.ptsname(pts))
        assert.is_false(pcall(S.tcsetattr, pts, "now"))
        assert.is_false(pcall(pts.ioctl, pts, "nosuch"))
        assert.is_false(pcall(pts.ioctl, pts, "TIOCSWINSZ"))
        collectgarbage()
    end)
end)

describe("the helpers for files", function()
    local dir
    before_each(function() dir = temporary.make() end)
    after_each(temporary.remove_all)

    it("read, write, copy and remove whole ones", function()
        local file = dir .. "/f"
        fails("NOENT", util.writefile(file, "text"))
        assert.is_true(util.writefile(file, "text", "rusr,wusr"))
        assert.is_true(util.writefile(file, "TE"))
        assert.equal("TExt", util.readfile(file))
        assert.equal("TE", util.readfile(file, nil, 2))
        local buffer = t.buffer(10)
        assert.equal(4, util.readfile(file, buffer, 10))
        assert.equal("TExt", util.mapfile(file))
        assert.is_true(util.cp(file, dir .. "/g", "rusr,wusr"))
        assert.equal("TExt", util.mapfile(dir .. "/g"))
        assert.is_true(util.touch(dir .. "/h") and util.createfile(dir .. "/i"))
        assert.equal(0, S.stat(dir .. "/h").size)
        assert.equal("", util.mapfile(dir .. "/h"))
        assert.is_true(S.mkdir(dir .. "/d", "rwxu") and util.touch(dir .. "/d/x"))
        assert.equal("d\nf\ng\nh\ni\n", tostring(util.dirtable(dir, true)))
        local all = util.dirtable(dir)
        assert.equal(7, #all)
        assert.is_true(util.rm(dir .. "/d", dir .. "/f"))
        fails("NOENT", S.stat(dir .. "/d"))
        fails("NOENT", util.rm(dir .. "/nosuch"))
        fails("NOENT", util.readfile(dir .. "/nosuch"))
        fails("NOENT", util.mapfile(dir .. "/nosuch"))
        fails("NOENT", util.cp(dir .. "/nosuch", dir .. "/x", "rwxu"))
    end)

    it("know names", function()
        for path, want in pairs {
            ["/a/b"] = { "b", "/a" },
            ["/a/"] = { "a", "/" },
            ["a"] = { "a", "." },
            ["/"] = { "/", "/" },
            [""] = { ".", "." },
            ["a//b//"] = { "b", "a" },
        } do
            assert.same(want, { util.basename(path), util.dirname(path) }, path)
        end
    end)

    it("iterate processes and mounts", function()
        local me = util.proc(S.getpid())
        assert.matches("busted", me.cmdline)
        assert.equal(S.readlink "/proc/self/exe", me.exe)
        assert.is_nil(me.nosuch)
        local found = false
        local list = util.ps()
        for _, process in ipairs(list) do
            found = found or process.pid == S.getpid()
        end
        assert.is_true(found)
        assert.matches("busted", tostring(list))
        assert.is_true(#util.mounts() > 0)
        assert.matches("/proc", tostring(util.mounts()))
        assert.equal("proc", util.mounts()[1].type and "proc")
    end)

    it("keep the capabilities of files", function()
        if S.geteuid() ~= 0 then return pending "setting capabilities is for root" end
        local file = dir .. "/f"
        assert(util.touch(file))
        fails("NODATA", util.capget(file))
        local ok, err = util.capset(file, { permitted = "kill, chown", inheritable = "sys_admin" })
        if not ok then return pending(tostring(err)) end
        local caps = assert(util.capget(file))
        assert.is_true(caps.permitted.kill and caps.permitted.CHOWN)
        assert.is_false(caps.permitted.sys_admin)
        assert.is_true(caps.inheritable.sys_admin)
        assert.is_false(caps.effective)
        assert.is_true(util.capset(file, { permitted = "kill", effective = true }, "replace"))
        local fd = assert(S.open(file))
        assert.is_true(util.capget(fd).effective)
        fd:close()
        assert.equal("number", type(util.auditarch()))
    end)

    it("have LuaFileSystem's interface", function()
        local lfs = require "syscall.lfs"
        assert.equal(S.getcwd(), lfs.currentdir())
        assert.is_true(lfs.mkdir(dir .. "/d"))
        local ok, message = lfs.mkdir(dir .. "/d")
        assert.is_nil(ok)
        assert.equal("File exists", message)
        assert.is_true(util.touch(dir .. "/f"))
        assert.is_true(lfs.touch(dir .. "/f", 10, 20))
        local attributes = assert(lfs.attributes(dir .. "/f"))
        assert.same({ "file", 10, 20, 0 }, {
            attributes.mode,
            attributes.access,
            attributes.modification,
            attributes.size,
        })
        assert.equal("directory", lfs.attributes(dir .. "/d", "mode"))
        assert.is_true(lfs.link(dir .. "/f", dir .. "/l", true))
        assert.equal("link", lfs.symlinkattributes(dir .. "/l", "mode"))
        assert.equal("file", lfs.attributes(dir .. "/l", "mode"))
        local names = {}
        for name in lfs.dir(dir) do
            names[#names + 1] = name
        end
        table.sort(names)
        assert.same({ ".", "..", "d", "f", "l" }, names)
        local iterator, object = lfs.dir(dir)
        assert.equal("string", type(iterator(object)))
        assert.equal("string", type(object:next()))
        object:close()
        assert.is_false(pcall(object.next, object))
        assert.is_false(pcall(lfs.dir, dir .. "/nosuch"))
        assert.is_true(lfs.rmdir(dir .. "/d"))
        assert.same({ nil, "No such file or directory" }, { lfs.attributes(dir .. "/nosuch") })
        assert.is_true(lfs.setmode(io.stdout, "binary"))
        in_child(function() assert(lfs.chdir(dir) and lfs.currentdir() == dir) end)
    end)

    it("ask the firewall and the control groups", function()
        local netfilter = require "syscall.linux.netfilter"
        in_child(function()
            local version, err = netfilter.version()
            assert(version == nil and err or type(version) == "number")
        end, "newuser, newnet")
        local groups = assert(S.cgroup.cgroups())
        local any = next(groups)
        assert.equal("string", type(groups[any].path))
        in_child(function()
            local ok, err = S.cgroup.mount { target = dir, type = "cgroup2" }
            if not ok then return tostring(err) end
            assert(util.readfile(dir .. "/cgroup.controllers"))
            assert(S.umount(dir))
        end, "newns")
    end)

    it("have small functions of their own", function()
        local h = require "syscall.helpers"
        assert.equal(0x0100, h.htons(1))
        assert.equal(1, h.ntohs(0x0100))
        assert.equal(0x01000000, h.htonl(1))
        assert.equal(12, h.align(9, 4))
        assert.same({ "a", "b" }, h.split(",", "a,b"))
        assert.equal("x", h.trim "  x ")
        assert.equal(8, h.octal "10")
        assert.equal(ffi.sizeof "int", 4)
    end)
end)
