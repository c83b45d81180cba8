-- Every name of the seed's page "init.script": each call for its success, for its error with and without errexit, and
-- for a wrong argument; each constant beside the C compiler's.
local S = require "ljos.syscall"
local ffi = require "ffi"
local in_child = require "in_child"
local lacks = require "lacks"
local native = require "ljos.native"
local needs = require "needs"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local run = require "ljos.actor.init_script"

ffi.cdef "char *strerror(int);"

-- Where most of it happens: a child that is root of its own namespaces, in a directory that nobody else sees.
local NAMESPACES = "newuser, newns, newuts"
local START = [[
    C.mount("none", "/tmp", "tmpfs", 0)
    C.chdir "/tmp"
    C.close(C.open("file", C.O_WRONLY + C.O_CREAT, mode(6, 0, 0)))
    C.mkdir("dir", mode(7, 0, 0))
    local function file() return C.open("file", C.O_RDWR) end
    local function tmpfs()
        local fs = C.fsopen("tmpfs", C.FSOPEN_CLOEXEC)
        C.fsconfig(fs, C.FSCONFIG_CMD_CREATE, nil, nil, 0)
        return fs
    end
    local function mounted() return C.fsmount(tmpfs(), C.FSMOUNT_CLOEXEC, 0) end
]]

-- What a call does where all is well, how it fails (the last expression) with which errno, and a wrong argument with
-- what is said of it: a number for Lua's own "bad argument".
local CALLS = {
    read = { "C.read(C.open('/proc/self/comm', C.O_RDONLY), 2)", "C.read(-1, 1)", "EBADF", "C.read(0)", "2: number" },
    write = { "C.write(file(), 'x')", "C.write(-1, 'x')", "EBADF", "C.write(1, 5)", "2: string" },
    sethostname = { "C.sethostname 'name'", "C.sethostname(('x'):rep(99))", "EINVAL", "C.sethostname(5)", "1: string" },
    setdomainname = {
        "C.setdomainname 'name'",
        "C.setdomainname(('x'):rep(100))",
        "EINVAL",
        "C.setdomainname {}",
        "1: string",
    },
    setgroups = { nil, "C.setgroups { 0 }", "EPERM", "C.setgroups { 'x' }", "1/1: number" },
    cap_set_proc = {
        "C.cap_set_proc '=p cap_kill+e'",
        "C.cap_set_proc '='; C.cap_set_proc '=ep'",
        "EPERM",
        "C.cap_set_proc 'cap_none=e'",
        "1: not a set",
    },
    cap_drop_bound = {
        "C.cap_drop_bound 'cap_kill'",
        "C.cap_set_proc '='; C.cap_drop_bound 'cap_kill'",
        "EPERM",
        "C.cap_drop_bound 'kill'",
        "1: name",
    },
    cap_set_ambient = {
        "C.cap_set_proc 'cap_kill=eip'; C.cap_set_ambient('cap_kill', true)",
        "C.cap_set_proc '='; C.cap_set_ambient('cap_kill', true)",
        "EPERM",
        "C.cap_set_ambient('cap_kill', 1)",
        "2: boolean",
    },
    cap_reset_ambient = { "C.cap_reset_ambient()" },
    cap_set_secbits = {
        "C.cap_set_secbits(C.SECBIT_NOROOT + C.SECBIT_NOROOT_LOCKED)",
        "C.cap_set_secbits(2 ^ 20)",
        "EPERM",
        "C.cap_set_secbits {}",
        "1: number",
    },
    execve = { nil, "C.execve('/none', {}, {})", "ENOENT", "C.execve('/none', { 5 }, {})", "2/1: string" },
    fexecve = { nil, "C.fexecve(999, { 'x' }, {})", "EBADF", "C.fexecve(0, {}, 5)", "3: table" },
    dup = { "C.dup(1)", "C.dup(-1)", "EBADF", "C.dup 'x'", 1 },
    dup2 = { "C.dup2(1, 50)", "C.dup2(-1, 50)", "EBADF", "C.dup2(1, {})", 2 },
    close = { "C.close(C.dup(1))", "C.close(-1)", "EBADF", "C.close(nil)", 1 },
    closefrom = { nil, nil, nil, "C.closefrom 'x'", 1 },
    open = { "C.open('/', C.O_RDONLY)", "C.open('/none', 0)", "ENOENT", "C.open({}, 0)", 1 },
    access = { "C.access('/', C.R_OK)", "C.access('/none', 0)", "ENOENT", "C.access('/', {})", 2 },
    eaccess = { "C.eaccess('/', C.X_OK)", "C.eaccess('/none', 0)", "ENOENT", "C.eaccess(1, 0)", 1 },
    mkdir = { "C.mkdir('new', 448)", "C.mkdir('dir', 448)", "EEXIST", "C.mkdir('a\\0b', 448)", "1: a NUL" },
    chdir = { "C.chdir 'dir'", "C.chdir 'file'", "ENOTDIR", "C.chdir(true)", 1 },
    mkfifo = { "C.mkfifo('new', 384)", "C.mkfifo('file', 384)", "EEXIST", "C.mkfifo('new', 'x')", 2 },
    socket = {
        "C.socket(C.AF_UNIX, C.SOCK_SEQPACKET, 0)",
        "C.socket(-1, 0, 0)",
        "EAFNOSUPPORT",
        "C.socket(1, 1, 'tcp')",
        3,
    },
    listen = {
        "C.listen(C.socket(C.AF_INET, C.SOCK_STREAM, C.IPPROTO_TCP), C.SOMAXCONN)",
        "C.listen(file(), 5)",
        "ENOTSOCK",
        "C.listen(1, {})",
        2,
    },
    mknod = {
        "C.mknod('new', C.S_IFREG + mode(6, 0, 0), 0)",
        "C.mknod('new', C.S_IFCHR, C.makedev(1, 3))",
        "EPERM",
        "C.mknod('new', 0, 'x')",
        3,
    },
    makedev = { "C.makedev(1, 3)", nil, nil, "C.makedev(1, {})", 2 },
    link = { "C.link('file', 'new')", "C.link('none', 'new')", "ENOENT", "C.link('file', 5)", 2 },
    linkat = {
        "C.linkat(C.AT_FDCWD, 'file', C.AT_FDCWD, 'new', 0)",
        "C.linkat(-1, 'file', C.AT_FDCWD, 'new', 0)",
        "EBADF",
        "C.linkat(0, 'file', 0, 'new', {})",
        5,
    },
    symlink = { "C.symlink('x', 'new')", "C.symlink('x', 'file')", "EEXIST", "C.symlink('x', 5)", 2 },
    chown = { "C.chown('file', 0, 0)", "C.chown('file', 7, 7)", "EINVAL", "C.chown('file', 0, {})", 3 },
    chmod = { "C.chmod('file', 0)", "C.chmod('none', 0)", "ENOENT", "C.chmod('file', {})", 2 },
    umask = { "C.umask(18)", nil, nil, "C.umask {}", 1 },
    mount = {
        "C.mount('none', 'dir', 'tmpfs', C.MS_NOSUID + C.MS_NODEV, 'size=64k')",
        "C.mount('none', 'dir', 'nonsense', 0)",
        "ENODEV",
        "C.mount('none', 'dir', 'tmpfs', C.MS_NONSENSE)",
        4,
    },
    umount = { "C.chdir '/'; C.umount '/tmp'", "C.umount 'dir'", "EINVAL", "C.umount(5)", 1 },
    umount2 = { "C.umount2('/tmp', C.MNT_DETACH)", "C.umount2('none', 0)", "ENOENT", "C.umount2('x')", "2: a value" },
    unmount = { "C.unmount('/tmp', C.MNT_DETACH)", "C.unmount('none', 0)", "ENOENT", "C.unmount({}, 0)", 1 },
    fsopen = { "C.fsopen('tmpfs', 0)", "C.fsopen('nonsense', 0)", "ENODEV", "C.fsopen('tmpfs')", "2: number" },
    fsconfig = {
        "C.fsconfig(C.fsopen('tmpfs', 0), C.FSCONFIG_SET_STRING, 'size', '64k', 0)",
        "C.fsconfig(-1, C.FSCONFIG_CMD_CREATE, nil, nil, 0)",
        "EINVAL",
        "C.fsconfig(0, C.FSCONFIG_CMD_CREATE, nil, nil, C.NONSENSE)",
        "5: number",
    },
    fsmount = { "mounted()", "C.fsmount(-1, 0, 0)", "EBADF", "C.fsmount(0, 0, C.MOUNT_ATTR_NONSENSE)", "3: number" },
    move_mount = {
        "C.move_mount(mounted(), '', C.AT_FDCWD, 'dir', C.MOVE_MOUNT_F_EMPTY_PATH)",
        "C.move_mount(-1, 'file', C.AT_FDCWD, 'dir', 0)",
        "EBADF",
        "C.move_mount(0, '', 0, 'dir')",
        "5: number",
    },
    fspick = {
        "C.fspick(C.AT_FDCWD, '/tmp', C.FSPICK_CLOEXEC)",
        "C.fspick(C.AT_FDCWD, 'none', 0)",
        "ENOENT",
        "C.fspick(0, 5, 0)",
        "2: string",
    },
    open_tree = {
        "C.open_tree(C.AT_FDCWD, '/tmp', C.OPEN_TREE_CLONE + C.OPEN_TREE_CLOEXEC)",
        "C.open_tree(C.AT_FDCWD, 'none', 0)",
        "ENOENT",
        "C.open_tree('x', 'y', 0)",
        "1: number",
    },
    pivot_root = {
        "C.mount('none', 'dir', 'tmpfs', 0); C.mkdir('dir/old', 448); C.pivot_root('dir', 'dir/old')",
        "C.pivot_root('none', 'none')",
        "ENOENT",
        "C.pivot_root('a', 'b\\0')",
        "2: a NUL",
    },
    chroot = { "C.chroot 'dir'", "C.chroot 'file'", "ENOTDIR", "C.chroot(5)", 1 },
    setsid = { "C.setsid()", "C.setsid(); C.setsid()", "EPERM" },
    setpgid = { "C.setpgid(0, 0)", "C.setpgid(0, -1)", "EINVAL", "C.setpgid(0, 'x')", 2 },
    setresuid = { "C.setresuid(0, 0, 0)", "C.setresuid(7, 7, 7)", "EINVAL", "C.setresuid(0, 0, {})", 3 },
    setresgid = { "C.setresgid(0, 0, 0)", "C.setresgid(7, 7, 7)", "EINVAL", "C.setresgid({}, 0, 0)", 1 },
    unshare = {
        "C.unshare(C.CLONE_NEWUTS + C.CLONE_NEWCGROUP)",
        "C.unshare(1)",
        "EINVAL",
        "C.unshare(C.CLONE_NONSENSE)",
        1,
    },
    setns = {
        "C.setns(C.open('/proc/self/ns/uts', C.O_RDONLY), C.CLONE_NEWUTS)",
        "C.setns(-1, 0)",
        "EBADF",
        "C.setns(0, {})",
        2,
    },
    mount_setattr = {
        "C.mount_setattr(C.AT_FDCWD, '/tmp', C.AT_RECURSIVE, { attr_set = C.MOUNT_ATTR_RDONLY })",
        "C.mount_setattr(C.AT_FDCWD, 'none', 0, { attr_set = C.MOUNT_ATTR_NOEXEC })",
        "ENOENT",
        "C.mount_setattr(C.AT_FDCWD, '/tmp', 0, { set = 1 })",
        "4/set: mount_setattr",
    },
    seccomp_set_mode_filter = {
        "set_no_new_privs(); C.seccomp_set_mode_filter '\\6\\0\\0\\0\\0\\0\\255\\127'",
        "set_no_new_privs(); C.seccomp_set_mode_filter 'xxxxxxxx'",
        "EINVAL",
        "C.seccomp_set_mode_filter 'xxx'",
        "1: a BPF program",
    },
    landlock_create_ruleset = {
        "C.landlock_create_ruleset { handled_access_fs = { 'execute' } }",
        "C.landlock_create_ruleset({ handled_access_fs = { 'execute' } }, { 'version' })",
        "EINVAL",
        "C.landlock_create_ruleset { handled_access_fs = { 'exec' } }",
        "attr/handled_access_fs/1: nothing",
    },
    landlock_add_rule = {
        "C.landlock_add_rule(C.landlock_create_ruleset { handled_access_fs = { 'execute' } }, 'path_beneath', "
            .. "{ allowed_access = { 'execute' }, parent_fd = file() })",
        "C.landlock_add_rule(-1, 'path_beneath', { allowed_access = { 'execute' }, parent_fd = 0 })",
        "EBADF",
        "C.landlock_add_rule(0, 'path_beneath', { allowed_access = { 'execute' } })",
        "attr/parent_fd: number",
    },
    landlock_restrict_self = {
        "local set = C.landlock_create_ruleset { handled_access_fs = { 'execute' } }; set_no_new_privs(); "
            .. "C.landlock_restrict_self(set)",
        "set_no_new_privs(); C.landlock_restrict_self(-1)",
        "EBADF",
        "C.landlock_restrict_self {}",
        "1: number",
    },
    -- The helpers.
    write_all = { "write_all(file(), 'text')", "write_all(-1, 'x')", "EBADF", "write_all(1, 5)", "2: string" },
    send_with_fd = {
        nil, -- beside receive_with_fd, in tests/actor/init_script_spec.lua
        "send_with_fd(file(), 'x', 1)",
        "ENOTSOCK",
        "send_with_fd(1, 5, 1)",
        "2: string",
    },
    receive_with_fd = { nil, "receive_with_fd(file(), 1)", "ENOTSOCK", "receive_with_fd(1, 'x')", "2: number" },
    set_no_new_privs = { "set_no_new_privs()" },
    bind_unix = {
        "bind_unix(C.socket(C.AF_UNIX, C.SOCK_DGRAM, 0), 'socket')",
        "bind_unix(C.socket(C.AF_UNIX, C.SOCK_DGRAM, 0), 'file')",
        "EADDRINUSE",
        "bind_unix(1, 'a\\0b')",
        "2: a path",
    },
    mode = { nil, nil, nil, "mode(7, nil, 5)", "2: number" },
    dev_major = { nil, nil, nil, "dev_major {}", 1 },
    dev_minor = { nil, nil, nil, "dev_minor 'x'", 1 },
}

local NEEDS_LANDLOCK = { landlock_create_ruleset = true, landlock_add_rule = true, landlock_restrict_self = true }

local ON_FREEBSD = {
    calls = [[cap_enter caph_limit_stdio caph_cache_tzdata jail_attach jail_set]],
    constants = [[
    O_EXEC O_SEARCH O_RESOLVE_BENEATH O_EMPTY_PATH MNT_RDONLY MNT_NOEXEC MNT_NOSUID MNT_NOATIME MNT_SNAPSHOT
    MNT_SUIDDIR MNT_SYNCHRONOUS MNT_ASYNC MNT_NOCLUSTERR MNT_NOCLUSTERW MNT_NOCOVER MNT_EMPTYDIR MNT_UPDATE
    MNT_RELOAD MNT_BYFSID
    ]],
}

local CONSTANTS = [[
    EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL EISCONN E2BIG EDOM EFAULT EBADF EBADMSG EPIPE ECONNABORTED EALREADY
    ECONNREFUSED ECONNRESET EXDEV EDESTADDRREQ EBUSY ENOTEMPTY ENOEXEC EEXIST EFBIG ENAMETOOLONG ENOSYS
    EHOSTUNREACH EIDRM EILSEQ ENOTTY EINTR EINVAL ESPIPE EIO EISDIR EMSGSIZE ENETDOWN ENETRESET ENETUNREACH
    ENOBUFS ECHILD ENOLINK ENOLCK ENOMSG ENOPROTOPT ENOSPC ENXIO ENODEV ENOENT ESRCH ENOTDIR ENOTSOCK ENOTCONN
    ENOMEM ENOTSUP ECANCELED EINPROGRESS EPERM EOPNOTSUPP EWOULDBLOCK EOWNERDEAD EACCES EPROTO EPROTONOSUPPORT
    EROFS EDEADLK EAGAIN ERANGE ENOTRECOVERABLE ETXTBSY ETIMEDOUT ENFILE EMFILE EMLINK ELOOP EOVERFLOW
    EPROTOTYPE O_CLOEXEC O_CREAT O_RDONLY O_WRONLY O_RDWR O_DIRECTORY O_EXCL O_NOCTTY O_NOFOLLOW O_TMPFILE
    O_TRUNC O_APPEND O_ASYNC O_DIRECT O_DSYNC O_LARGEFILE O_NOATIME O_NONBLOCK O_PATH O_SYNC S_IRWXU S_IRUSR
    S_IWUSR S_IXUSR S_IRWXG S_IRGRP S_IWGRP S_IXGRP S_IRWXO S_IROTH S_IWOTH S_IXOTH S_ISUID S_ISGID S_ISVTX F_OK
    R_OK W_OK X_OK AT_FDCWD AT_EMPTY_PATH AT_SYMLINK_FOLLOW AT_SYMLINK_NOFOLLOW AF_UNIX AF_LOCAL AF_INET
    AF_INET6 AF_UNSPEC SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET IPPROTO_TCP IPPROTO_UDP IPPROTO_SCTP SOMAXCONN
    S_IFCHR S_IFBLK MS_REMOUNT MS_BIND MS_SHARED MS_PRIVATE MS_SLAVE MS_UNBINDABLE MS_MOVE MS_DIRSYNC
    MS_LAZYTIME MS_MANDLOCK MS_NOATIME MS_NODEV MS_NODIRATIME MS_NOEXEC MS_NOSUID MS_RDONLY MS_REC MS_RELATIME
    MS_SILENT MS_STRICTATIME MS_SYNCHRONOUS MS_NOSYMFOLLOW MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW
    FSOPEN_CLOEXEC FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH
    FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE
    FSCONFIG_CMD_CREATE_EXCL FSMOUNT_CLOEXEC MOVE_MOUNT_F_SYMLINKS MOVE_MOUNT_F_AUTOMOUNTS
    MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_T_SYMLINKS MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH
    MOVE_MOUNT_SET_GROUP MOVE_MOUNT_BENEATH OPEN_TREE_CLONE OPEN_TREE_CLOEXEC FSPICK_CLOEXEC
    FSPICK_SYMLINK_NOFOLLOW FSPICK_NO_AUTOMOUNT FSPICK_EMPTY_PATH AT_RECURSIVE AT_NO_AUTOMOUNT MOUNT_ATTR_RDONLY
    MOUNT_ATTR_NOSUID MOUNT_ATTR_NODEV MOUNT_ATTR_NOEXEC MOUNT_ATTR_NOSYMFOLLOW MOUNT_ATTR_NODIRATIME
    MOUNT_ATTR__ATIME MOUNT_ATTR_RELATIME MOUNT_ATTR_NOATIME MOUNT_ATTR_STRICTATIME MOUNT_ATTR_IDMAP
    CLONE_NEWCGROUP CLONE_NEWIPC CLONE_NEWNET CLONE_NEWNS CLONE_NEWPID CLONE_NEWTIME CLONE_NEWUSER CLONE_NEWUTS
    SECBIT_NOROOT SECBIT_NOROOT_LOCKED SECBIT_NO_SETUID_FIXUP SECBIT_NO_SETUID_FIXUP_LOCKED SECBIT_KEEP_CAPS
    SECBIT_KEEP_CAPS_LOCKED SECBIT_NO_CAP_AMBIENT_RAISE SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED
]]

-- The last statement with `words` and `return` before it.
local function returning(code, words)
    local before, last = code:match "^(.*; )(.*)$"
    return (before or "") .. (words or "") .. "return " .. (last or code)
end

local CHECKED = [[
    local function pack(...) return { n = select("#", ...), ... } end
    local function checked(f) return pack(f()) end
]]

local function script_in(script)
    in_child(function() run(START .. CHECKED .. script) end, NAMESPACES)
end

local function run_alone(script, arg)
    in_child(function() run(script, arg) end)
end

-- In a child of the child: what it wrote to stderr, and the signal that ended it.
local function end_of(code)
    local reading, writing = select(3, assert(S.pipe()))
    local pid = assert(S.fork())
    if pid == 0 then
        S.setrlimit("core", { cur = 0, max = 0 })
        S.dup2(writing, 2)
        pcall(run, START .. code)
        S._exit(0)
    end
    writing:close()
    local text = reading:read(nil, 1000)
    reading:close()
    local _, _, status = assert(S.waitpid(pid))
    return text, status.WTERMSIG
end

local function each(index, visit)
    for name, case in pairs(CALLS) do
        if case[index] then visit(name, case) end
    end
end

local function it_for(name)
    local has_landlock = not NEEDS_LANDLOCK[name] or S.landlock_create_ruleset(nil, "version")
    if has_landlock then return needs.namespaces(it) end
    return function(title)
        it(title, function() pending "this kernel has no Landlock" end)
    end
end

describe("an init script's", function()
    teardown(temporary_directory.remove_all)

    each(1, function(name, case)
        it_for(name)(
            name .. " answers its result and 0",
            function()
                script_in(([[
                local got = checked(function() %s end)
                assert(got.n == 2 and got[2] == 0 and got[1] ~= nil and got[1] ~= -1, tostring(got[1]))
            ]]):format(returning(case[1])))
            end
        )
    end)

    each(2, function(name, case)
        it_for(name)(name .. " fails with an errno, or aborts while errexit is true", function()
            in_child(function()
                local text, signal = end_of(case[2])
                local errno = native.constant_table("E")[case[3]]
                local expected = ("init.script: %s: %s\n"):format(name, ffi.string(ffi.C.strerror(errno)))
                assert(text == expected, text)
                assert(signal == 6)
                run(START .. CHECKED .. ([[
                    local got = checked(function() %s end)
                    assert(got[got.n] == C.%s, got[got.n])
                    assert(got[1] == -1 and got.n == 2 or got[1] == nil and got.n >= 2)
                ]]):format(returning(case[2], "errexit = false; "), case[3]))
            end, NAMESPACES)
        end)
    end)

    needs.namespaces(it)("calls say what is wrong with an argument", function()
        local script = {}
        each(4, function(name, case)
            local what = type(case[5]) == "number" and "bad argument #" .. case[5] or case[5]
            local try = ("try(%q, %q, function() local _ = %s end)\n"):format(name, what, case[4])
            script[#script + 1] = try
        end)
        script_in([[
            errexit = false -- a wrong argument has nothing to do with it
            local function try(name, what, f)
                local ok, err = pcall(f)
                assert(not ok, name)
                assert(err:find("init.script:%d+: " .. name .. ": ") and err:find(what, 1, true), err)
            end
        ]] .. table.concat(script))
    end)

    it("abort leaves no core, which would hold what the script knows", function()
        -- In a directory that is removed, should there be one.
        local directory = temporary_directory.make()
        local function dumps(f)
            local pid = assert(S.fork())
            if pid == 0 then
                local core = S.getrlimit "core"
                S.setrlimit("core", { cur = core.max, max = core.max })
                S.chdir(directory)
                S.prctl("set_dumpable", 1) -- other files of this process may have ended that
                S.close(2)
                f()
            end
            local _, _, status = assert(S.waitpid(pid))
            assert.equal(6, status.WTERMSIG)
            return status.COREDUMP or false
        end
        if not dumps(function() S.kill(S.getpid(), "abrt") end) then return pending "there are no cores here" end
        assert.is_false(dumps(function() run "C.chdir '/none'" end))
    end)

    it("closefrom answers nothing", function() run_alone 'assert(select("#", C.closefrom(200)) == 0)' end)

    it(
        "mode and device numbers are numbers",
        function()
            run_alone [[
            assert(mode(7, 5, 1) == C.S_IRWXU + C.S_IRGRP + C.S_IXGRP + C.S_IXOTH)
            local device = C.makedev(4094, 70000)
            assert(dev_major(device) == 4094 and dev_minor(device) == 70000)
            assert(select("#", dev_major(device)) == 1 and select("#", mode(0, 0, 0)) == 1)
        ]]
        end
    )

    it("setgroups sets the groups, where that is allowed", function()
        if lacks "setgid" then return pending(lacks "setgid") end
        in_child(function()
            run "assert(C.setgroups { 7, 8 } == 0) assert(C.setgroups {} == 0) C.setgroups { 7, 8 }"
            local groups = S.getgroups()
            assert(#groups == 2)
        end)
    end)

    it("receive_with_fd takes a message with a descriptor, or without", function()
        local own, theirs = select(3, assert(S.socketpair("unix", "seqpacket")))
        run_alone('send_with_fd(arg, "ab", 1) C.write(arg, "plain")', theirs:getfd())
        run_alone(
            [[
            local text, fd, errno = receive_with_fd(arg, 1)
            assert(text == "a" and fd > 2 and errno == 0)
            text, fd, errno = receive_with_fd(arg, 10)
            assert(text == "plain" and fd == -1 and errno == 0)
        ]],
            own:getfd()
        )
        own:close()
        theirs:close()
    end)

    it("calls of FreeBSD say so, whatever errexit is", function()
        local function says_so(expression, name)
            run_alone(([[
                errexit = false
                local ok, err = pcall(function() local _ = %s end)
                assert(not ok and err:find "^init%%.script:2: .*C%%.%s is FreeBSD%%-only; this is Linux", err)
            ]]):format(expression, name))
        end
        for name in ON_FREEBSD.calls:gmatch "%S+" do
            says_so(("C.%s()"):format(name), name)
        end
        for name in ON_FREEBSD.constants:gmatch "%S+" do
            says_so("C." .. name, name)
        end
    end)

    -- What the C compiler says of the names, in the headers that go together.
    local function compiled()
        local known = {}
        for _, headers in ipairs {
            "errno.h fcntl.h unistd.h sched.h sys/stat.h sys/socket.h sys/mount.h netinet/in.h linux/securebits.h",
            "linux/mount.h linux/fcntl.h",
        } do
            local lines = { "#define _GNU_SOURCE" }
            for header in headers:gmatch "%S+" do
                lines[#lines + 1] = ("#include <%s>"):format(header)
            end
            lines[#lines + 1] = "#include <stdio.h>\nint main(void) {"
            for name in CONSTANTS:gmatch "%S+" do
                local line = ('#ifdef %s\nprintf("%s=%%lld\\n", (long long)%s);\n#endif'):format(name, name, name)
                lines[#lines + 1] = line
            end
            lines[#lines + 1] = "return 0; }\n"
            local folder = temporary_directory.make()
            text_file.write(folder .. "/names.c", table.concat(lines, "\n"))
            local command = ("cd %s && cc -w -o names names.c 2>/dev/null && ./names"):format(folder)
            local output = io.popen(command)
            for line in output:lines() do
                local name, value = line:match "^([%w_]+)=(-?%d+)$"
                known[name] = known[name] or tonumber(value)
            end
            output:close()
        end
        return known
    end

    it("constants are the C compiler's", function()
        local known, compared, wrong, absent = compiled(), 0, {}, {}
        local constants = require "ljos.actor.init_script.constants"
        for name in CONSTANTS:gmatch "%S+" do
            local value = constants.find(nil, name)
            if type(value) ~= "number" then absent[#absent + 1] = name end
            if known[name] then compared = compared + 1 end
            if known[name] and known[name] ~= value then
                wrong[#wrong + 1] = ("%s: %s, C says %d"):format(name, tostring(value), known[name])
            end
        end
        assert.same({}, absent)
        assert.same({}, wrong)
        if os.execute "cc --version >/dev/null 2>&1" ~= 0 then return pending "no C compiler" end
        assert.is_true(compared > 180, compared)
    end)
end)
