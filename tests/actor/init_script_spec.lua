-- What init scripts can call, each asked for its effect: in children with namespaces of their own, whose init script
-- asserts. (tests/spawn_vm_spec.lua has them in actors.)
local S = require "ljos.syscall"
local ffi = require "ffi"
local file_descriptor = require "ljos.file_descriptor"
local in_child = require "in_child"
local native = require "ljos.native"
local plain_pipe = require "plain_pipe"

-- As a program may have declared it before; the first declaration holds.
ffi.cdef "int execve(const char *path, char *const *arguments, char *const *environment);"

local run = require "ljos.actor.init_script"

local t = S.t

-- The script fails with `errno`: assert(fails("EPERM", C.chroot, "/")).
local HELPERS = [[
    local function fails(name, call, ...)
        errexit = false
        local result, second, third = call(...)
        errexit = true
        return (third or second) == assert(C[name], name) and (result == -1 or result == nil)
    end
    local function slurp(path)
        local fd = C.open(path, C.O_RDONLY)
        local text = C.read(fd, 4096)
        C.close(fd)
        return text
    end
]]

local function script_in(namespaces, script, arg)
    in_child(function() run(HELPERS .. script, arg) end, namespaces)
end

describe("an init script", function()
    it(
        "makes files, and says why it cannot",
        function()
            script_in(
                "newuser, newns",
                [[
            C.mount("none", "/tmp", "tmpfs", 0)
            C.chdir "/tmp"
            C.umask(0)
            C.mkdir("dir", mode(7, 5, 1))
            assert(fails("EEXIST", C.mkdir, "dir", mode(7, 0, 0)))
            local fd = C.open("dir/file", C.O_WRONLY + C.O_CREAT, mode(6, 0, 0))
            assert(C.write(fd, "abc") == 3)
            assert(write_all(fd, "def") == 6 - 3)
            local other = C.dup(fd)
            C.write(other, "ghi")
            C.close(other)
            assert(C.dup2(fd, 100) == 100)
            C.write(100, "!")
            C.closefrom(100)
            assert(fails("EBADF", C.write, 100, "x"))
            C.close(fd)
            assert(fails("EBADF", C.close, fd))
            C.symlink("dir/file", "soft")
            C.link("dir/file", "hard")
            C.linkat(C.AT_FDCWD, "soft", C.AT_FDCWD, "followed", C.AT_SYMLINK_FOLLOW)
            assert(slurp "soft" == "abcdefghi!" and slurp "hard" == slurp "followed")
            C.mkfifo("fifo", mode(6, 0, 0))
            assert(fails("ENXIO", C.open, "fifo", C.O_WRONLY + C.O_NONBLOCK))
            C.mknod("plain", C.S_IFREG + mode(6, 4, 0), 0)
            assert(fails("EPERM", C.mknod, "null", C.S_IFCHR, C.makedev(1, 3)))
            C.chmod("plain", mode(0, 0, 0))
            C.chown("plain", 0, 0)
            assert(fails("EINVAL", C.chown, "plain", 7, 7)) -- no such id here
            assert(C.access("plain", C.F_OK) == 0 and C.eaccess("plain", C.R_OK) == 0)
            assert(fails("EACCES", C.access, "plain", C.X_OK) and fails("EACCES", C.eaccess, "plain", C.X_OK))
        ]]
            )
        end
    )

    it(
        "mounts, by the calls of today and of old",
        function()
            script_in(
                "newuser, newns",
                [[
            C.mount("none", "/tmp", "tmpfs", 0)
            for _, name in ipairs { "old", "new", "moved", "tree" } do C.mkdir("/tmp/" .. name, mode(7, 0, 0)) end
            C.mount("none", "/tmp/old", "tmpfs", C.MS_NOEXEC)
            C.mkdir("/tmp/old/inside", mode(7, 0, 0))
            C.umount "/tmp/old"
            assert(fails("ENOENT", C.access, "/tmp/old/inside", C.F_OK))
            assert(fails("EINVAL", C.unmount, "/tmp/old", 0))

            local fs = C.fsopen("tmpfs", C.FSOPEN_CLOEXEC)
            C.fsconfig(fs, C.FSCONFIG_SET_STRING, "size", "64k", 0)
            C.fsconfig(fs, C.FSCONFIG_CMD_CREATE, nil, nil, 0)
            local mount = C.fsmount(fs, C.FSMOUNT_CLOEXEC, 0)
            C.move_mount(mount, "", C.AT_FDCWD, "/tmp/new", C.MOVE_MOUNT_F_EMPTY_PATH)
            C.mkdir("/tmp/new/inside", mode(7, 0, 0))
            C.close(C.fspick(C.AT_FDCWD, "/tmp/new", C.FSPICK_CLOEXEC))

            local tree = C.open_tree(C.AT_FDCWD, "/tmp/new", C.OPEN_TREE_CLONE + C.OPEN_TREE_CLOEXEC)
            C.mount_setattr(tree, "", C.AT_EMPTY_PATH, { attr_set = C.MOUNT_ATTR_RDONLY })
            C.move_mount(tree, "", C.AT_FDCWD, "/tmp/tree", C.MOVE_MOUNT_F_EMPTY_PATH)
            assert(C.access("/tmp/tree/inside", C.F_OK) == 0)
            assert(fails("EROFS", C.mkdir, "/tmp/tree/more", mode(7, 0, 0)))
            C.mount_setattr(C.AT_FDCWD, "/tmp/tree", 0, { attr_clr = C.MOUNT_ATTR_RDONLY })
            C.mkdir("/tmp/tree/more", mode(7, 0, 0))

            C.mkdir("/tmp/new/old", mode(7, 0, 0))
            C.chdir "/tmp/new"
            C.pivot_root(".", "old")
            C.chroot "."
            C.umount2("/old", C.MNT_DETACH)
            assert(C.access("/inside", C.F_OK) == 0)
        ]]
            )
        end
    )

    it("sends and receives descriptors, and binds UNIX sockets", function()
        local mirror = assert(S.socket("unix", "dgram")) -- what is sent to it is received from it
        local name = t.sockaddr_un("\0ljos-mirror-" .. S.getpid())
        assert(mirror:bind(name) and mirror:connect(name))
        script_in(
            "newuser, newns, newnet",
            [[
            assert(send_with_fd(arg, "text", 1) == 4)
            local text, fd, errno = receive_with_fd(arg, 100)
            assert(text == "text" and fd > 2 and errno == 0)
            C.close(fd)
            send_with_fd(arg, "x", C.open("/proc/self/comm", C.O_RDONLY))
            text, fd = receive_with_fd(arg, 1)
            assert(text == "x" and C.read(fd, 100) == slurp "/proc/self/comm")
            assert(fails("EBADF", receive_with_fd, -1, 1) and fails("EBADF", send_with_fd, -1, "x", 1))

            C.mount("none", "/tmp", "tmpfs", 0)
            local server = C.socket(C.AF_UNIX, C.SOCK_STREAM + C.SOCK_CLOEXEC, 0)
            bind_unix(server, "/tmp/socket")
            C.listen(server, 5)
            assert(C.access("/tmp/socket", C.F_OK) == 0)
            local function bind_another(path) return bind_unix(C.socket(C.AF_UNIX, C.SOCK_DGRAM, 0), path) end
            assert(fails("EADDRINUSE", bind_another, "/tmp/socket"))
            bind_another "\0ljos-init-script"
            assert(slurp "/proc/self/net/unix":find "@ljos%-init%-script\n")
        ]],
            mirror:getfd()
        )
        mirror:close()
    end)

    it(
        "names devices by their two numbers",
        function()
            script_in(
                "newuser",
                [[
            local device = C.makedev(5, 300)
            assert(dev_major(device) == 5 and dev_minor(device) == 300 and mode(6, 4, 0) == 416)
        ]]
            )
        end
    )

    it("changes names, sessions, groups and ids", function()
        script_in(
            "newuser, newuts",
            [[
            C.sethostname "first"
            C.setdomainname "domain"
            assert(slurp "/proc/sys/kernel/hostname" == "first\n" and slurp "/proc/sys/kernel/domainname" == "domain\n")
            local uts = C.open("/proc/self/ns/uts", C.O_RDONLY)
            C.unshare(C.CLONE_NEWUTS)
            C.sethostname "second"
            C.setns(uts, C.CLONE_NEWUTS)
            assert(slurp "/proc/sys/kernel/hostname" == "first\n")

            local function field(name) return slurp("/proc/self/status"):match("\n" .. name .. ":%s*([^\n]*)") end
            C.setpgid(0, 0)
            assert(fails("EPERM", C.setsid)) -- a group's leader may not
            assert(fails("EPERM", C.setgroups, { 0 })) -- denied before the groups were mapped
            C.setresgid(0, 0, 0)
            C.setresuid(-1, 0, -1)
            assert(field "Uid" == "0\t0\t0\t0")
            assert(fails("EINVAL", C.setresuid, 5, 5, 5))
        ]]
        )
        script_in("newuser", 'assert(C.setsid() > 0 and fails("EPERM", C.setsid))')
    end)

    it(
        "gives up capabilities, and keeps some for what it executes",
        function()
            script_in(
                "newuser",
                [[
            local function set(name)
                return tonumber(slurp("/proc/self/status"):match("Cap" .. name .. ":%s*(%x+)"), 16)
            end
            C.cap_drop_bound "cap_net_raw"
            assert(math.floor(set "Bnd" / 2 ^ 13) % 2 == 0 and math.floor(set "Bnd" / 2 ^ 12) % 2 == 1)
            C.cap_set_secbits(C.SECBIT_KEEP_CAPS)
            C.cap_set_proc "= cap_chown,cap_kill=eip cap_chown-e"
            assert(set "Prm" == 2 ^ 0 + 2 ^ 5 and set "Eff" == 2 ^ 5 and set "Inh" == set "Prm")
            C.cap_set_ambient("cap_kill", true)
            C.cap_set_ambient("cap_chown", true)
            C.cap_set_ambient("cap_chown", false)
            assert(set "Amb" == 2 ^ 5)
            C.cap_reset_ambient()
            assert(set "Amb" == 0)
            assert(fails("EPERM", C.cap_drop_bound, "cap_kill")) -- it gave cap_setpcap away
            assert(fails("EPERM", C.cap_set_proc, "=ep"))
            C.cap_set_proc "="
            assert(set "Prm" == 0)
            assert(not pcall(C.cap_set_proc, "cap_nonsense=e") and not pcall(C.cap_set_proc, "cap_kill=x"))
        ]]
            )
        end
    )

    it("restricts itself with Landlock", function()
        if not S.landlock_create_ruleset(nil, "version") then return pending "this kernel has no Landlock" end
        script_in(
            "newuser, newns",
            [[
            assert(C.landlock_create_ruleset(nil, { "version" }) >= 1)
            C.mount("none", "/tmp", "tmpfs", 0)
            C.mkdir("/tmp/free", mode(7, 0, 0))
            local rules = C.landlock_create_ruleset { handled_access_fs = { "make_dir", "make_sym" } }
            local free = C.open("/tmp/free", C.O_RDONLY + C.O_CLOEXEC)
            C.landlock_add_rule(rules, "path_beneath", { allowed_access = { "make_dir" }, parent_fd = free })
            set_no_new_privs()
            C.landlock_restrict_self(rules)
            C.mkdir("/tmp/free/dir", mode(7, 0, 0))
            assert(fails("EACCES", C.mkdir, "/tmp/dir", mode(7, 0, 0)))
            assert(fails("EACCES", C.symlink, "x", "/tmp/free/link"))
            C.close(C.open("/tmp/file", C.O_WRONLY + C.O_CREAT, mode(6, 0, 0))) -- not handled
        ]]
        )
    end)

    it("installs a seccomp filter", function()
        local BPF_LOAD, BPF_JUMP_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06
        local ALLOW, FAIL_WITH_EPERM = 0x7fff0000, 0x00050001
        local instructions = {
            { BPF_LOAD, 0, 0, 0 }, -- the call's number
            { BPF_JUMP_EQUAL, 0, 1, native.constant_table("SYS").__NR_chdir },
            { BPF_RETURN, 0, 0, FAIL_WITH_EPERM },
            { BPF_RETURN, 0, 0, ALLOW },
        }
        local program = ffi.new("struct { uint16_t code; uint8_t jt, jf; uint32_t k; } [4]", instructions)
        script_in(
            nil,
            [[
            C.chdir "/"
            set_no_new_privs()
            C.seccomp_set_mode_filter(arg)
            assert(fails("EPERM", C.chdir, "/"))
        ]],
            ffi.string(program, ffi.sizeof(program))
        )
    end)

    it("executes programs in its place, whoever declares their functions otherwise", function()
        for _, call in ipairs { 'C.execve("/bin/sh"', 'C.fexecve(C.open("/bin/sh", C.O_RDONLY)' } do
            local reading, writing = plain_pipe.pair()
            local pid = assert(S.fork())
            if pid == 0 then
                local script = ('C.dup2(arg, 1) %s, { "sh", "-c", "echo $A $B" }, { A = "one", "B=two" })'):format(call)
                pcall(run, script, file_descriptor.number_of(writing, 1))
                S._exit(1)
            end
            writing:close()
            assert.equal("one two\n", plain_pipe.read_all(reading))
            local _, _, status = assert(S.waitpid(pid))
            assert.equal(0, status.EXITSTATUS)
        end
    end)
end)
