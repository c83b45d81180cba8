-- Landlock and seccomp of the process itself: each test in a child, or in a program of its own.
local S = require "ljos.syscall"
local attacks = require "actor.attacks"
local byte_span = require "ljos.byte_span"
local ffi = require "ffi"
local filesystem = require "ljos.filesystem"
local in_child = require "in_child"
local lacks = require "lacks"
local native = require "ljos.native"
local programs = require "actor.programs"
local raised = require "raised"
local seccomp = require "ljos.seccomp"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local ABI = attacks.landlock_abi()

local function requires(version, it)
    if ABI >= version then return it end
    return function(title)
        it(title, function() pending(("Landlock of version %d; this kernel has %d"):format(version, ABI)) end)
    end
end

local has_host_filter = text_file.read("/proc/self/status"):find "Seccomp:%s*2" ~= nil

local ALL = {
    "execute",
    "write_file",
    "read_file",
    "read_dir",
    "remove_dir",
    "remove_file",
    "make_char",
    "make_dir",
    "make_reg",
    "make_sock",
    "make_fifo",
    "make_block",
    "make_sym",
    "refer",
    "truncate",
}

-- A child gives up what the ruleset handles, but for the rules, and runs `f`.
local function restricted(attr, rules, f)
    in_child(function()
        local set = system.landlock_create_ruleset(attr)
        for _, rule in ipairs(rules) do
            system.landlock_add_rule(set, rule[1], rule[2])
        end
        system.set_no_new_privs()
        system.landlock_restrict_self(set)
        set:close()
        return f()
    end)
end

local function denied(name, value, err) assert(value == nil and err.sym == name, tostring(err)) end

describe("system.landlock", function()
    teardown(temporary_directory.remove_all)

    requires(1, it)("tells its version and its mended mistakes", function()
        assert.equal(ABI, system.landlock_create_ruleset(nil, { "version" }))
        local ok, errata = pcall(system.landlock_create_ruleset, nil, { "errata" })
        assert.is_truthy(ok and errata % 1 == 0 or errata.EINVAL)
    end)

    requires(2, it)("denies each right to files, unless a rule allows it", function()
        -- right -> what it is for, below a directory
        local uses = {
            read_file = function(at) return S.open(at .. "/file", "rdonly") end,
            write_file = function(at) return S.open(at .. "/file", "wronly") end,
            read_dir = function(at) return S.open(at .. "/dir", "rdonly, directory") end,
            remove_dir = function(at) return S.rmdir(at .. "/dir") end,
            remove_file = function(at) return S.unlink(at .. "/spare") end,
            make_dir = function(at) return S.mkdir(at .. "/new", "0700") end,
            make_reg = function(at) return S.creat(at .. "/new", "0600") end,
            make_fifo = function(at) return S.mkfifo(at .. "/new", "0600") end,
            make_sym = function(at) return S.symlink("x", at .. "/new") end,
            make_sock = function(at) return S.mknod(at .. "/new", "fsock,0600") end,
            truncate = function(at) return S.truncate(at .. "/file", 1) end,
        }
        if ABI < 3 then uses.truncate = nil end
        for right, use in pairs(uses) do
            local free, other = temporary_directory.make(), temporary_directory.make()
            for _, at in ipairs { free, other } do
                text_file.write(at .. "/file", "text")
                text_file.write(at .. "/spare", "text")
                assert(S.mkdir(at .. "/dir", "0700"))
            end
            local function is_used(at)
                local ok, err = use(at)
                if not ok then assert(err.ACCES, right .. ": " .. tostring(err)) end
                return ok ~= nil
            end
            local parent = filesystem.open(free, { "path" })
            local rule = { "path_beneath", { allowed_access = { right }, parent_fd = parent } }
            restricted({ handled_access_fs = { right } }, { rule }, function()
                assert(is_used(free), right .. " was to be allowed")
                assert(not is_used(other), right .. " was to be denied")
            end)
            parent:close()
            in_child(function() assert(is_used(other), right .. " is possible without Landlock") end)
        end
    end)

    requires(2, it)("denies execution and links between directories, as the seed's example has it", function()
        local directory = temporary_directory.make()
        assert(S.mkdir(directory .. "/a", "0700") and S.mkdir(directory .. "/b", "0700"))
        text_file.write(directory .. "/a/file", "text")
        restricted({ handled_access_fs = { "refer" } }, {}, function()
            denied("XDEV", S.link(directory .. "/a/file", directory .. "/b/file"))
            assert(S.link(directory .. "/a/file", directory .. "/a/link"))
        end)
        if ABI < 3 then return end
        restricted({ handled_access_fs = ALL }, {}, function()
            denied("ACCES", S.open("/etc/passwd", "rdonly"))
            denied("ACCES", S.execve("/bin/true", { "true" }, {}))
            denied("ACCES", S.link(directory .. "/a/file", directory .. "/b/file"))
        end)
    end)

    requires(4, it)("denies ports of TCP", function()
        -- Sockets that do not listen keep the ports from others, and let us bind to them again.
        local function reserve()
            local socket = assert(S.socket("inet", "stream"))
            assert(socket:setsockopt("socket", "reuseaddr", true))
            return socket
        end
        local reserved = { reserve(), reserve() }
        for _, socket in ipairs(reserved) do
            assert(socket:bind(S.t.sockaddr_in(0, "127.0.0.1")))
        end
        local free, other = reserved[1]:getsockname().port, reserved[2]:getsockname().port
        local rule = { "net_port", { allowed_access = { "bind_tcp" }, port = free } }
        restricted({ handled_access_net = { "bind_tcp", "connect_tcp" } }, { rule }, function()
            local socket = reserve()
            denied("ACCES", socket:bind(S.t.sockaddr_in(other, "127.0.0.1")))
            assert(socket:bind(S.t.sockaddr_in(free, "127.0.0.1")))
            denied("ACCES", S.socket("inet", "stream"):connect(S.t.sockaddr_in(free, "127.0.0.1")))
        end)
        for _, socket in ipairs(reserved) do
            socket:close()
        end
    end)

    requires(6, it)("denies abstract sockets and signals outside the domain", function()
        local server = assert(S.socket("unix", "dgram"))
        local name = S.t.sockaddr_un("\0ljos-landlock-" .. S.getpid())
        assert(server:bind(name))
        restricted({ scoped = { "abstract_unix_socket", "signal" } }, {}, function()
            denied("PERM", S.socket("unix", "dgram"):connect(name))
            denied("PERM", S.kill(S.getppid(), 0))
            assert(S.kill(S.getpid(), 0))
        end)
        server:close()
    end)

    requires(1, it)("works where there is no /proc to look into", function()
        in_child(function()
            system.set_no_new_privs() -- loaded before its file is out of sight
            local set = system.landlock_create_ruleset { handled_access_fs = { "make_dir" } }
            assert(S.mount("none", "/tmp", "tmpfs") and S.chroot "/tmp" and S.chdir "/")
            system.landlock_restrict_self(set)
            denied("ACCES", S.mkdir("/dir", "0700"))
        end, "newuser, newns")
    end)

    requires(7, it)("takes flags for the audit log", function()
        in_child(function()
            local set = system.landlock_create_ruleset { handled_access_fs = { "execute" } }
            system.set_no_new_privs()
            system.landlock_restrict_self(set, { "log_same_exec_off", "log_subdomains_off" })
            denied("ACCES", S.execve("/bin/true", { "true" }, {}))
        end)
    end)

    requires(1, it)("names the right that this kernel has not", function()
        if ABI >= 9 then return pending "this kernel knows all rights that we know" end
        local attr = { handled_access_fs = { "execute", "resolve_unix" } }
        local err = raised("ENOTSUP", system.landlock_create_ruleset, attr)
        assert.equal("attr/handled_access_fs", err.arg)
        assert.matches(('"resolve_unix" came with version 9 of Landlock; this kernel has %d'):format(ABI), err.detail)
    end)

    -- Runs `f` in a child whose Landlock is played by a supervisor of its calls: one answer for each, in this
    -- order. Returns what the last call's second argument was.
    local function played(answers, f)
        if has_host_filter then return "a seccomp filter of the host stands before ours" end
        system.set_no_new_privs()
        local calls = { "landlock_create_ruleset", "landlock_restrict_self" }
        local filter = seccomp.compile { default = "allow", { "user_notif", calls } }
        local listener = assert(S.seccomp("set_mode_filter", "new_listener", filter))
        local pid = assert(S.fork())
        if pid == 0 then
            local ok, err = pcall(f)
            if not ok then io.stderr:write(tostring(err), "\n") end
            S._exit(ok and 0 or 1)
        end
        local last
        for _, answer in ipairs(answers) do
            local is_answered, err
            repeat -- a call that a stop of its process interrupts is made again
                assert(S.poll(S.t.pollfds { { fd = listener, events = "in" } }, 60000) == 1, "no call came")
                local notice
                notice, err = S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_RECV")
                if notice then
                    last = tonumber(notice.data.args[1])
                    local reply = { id = notice.id, val = math.max(answer, 0), error = math.min(answer, 0) }
                    is_answered, err = S.ioctl(listener, "SECCOMP_IOCTL_NOTIF_SEND", reply)
                end
                assert(is_answered or err.NOENT or err.INTR, err)
            until is_answered
        end
        local _, _, status = assert(S.waitpid(pid))
        assert(status.EXITSTATUS == 0, "see stderr")
        return nil, last
    end

    requires(1, it)("has kernels that can restrict all threads, and takes one thread on others", function()
        local set = system.landlock_create_ruleset { handled_access_fs = { "execute" } }
        for version, flags in pairs { [7] = 1, [8] = 8 + 1, [12] = 8 + 1 } do
            in_child(function()
                local reason, last = played(
                    { version, 0 },
                    function() system.landlock_restrict_self(set, { "log_same_exec_off" }) end
                )
                assert(reason or last == flags, last)
                return reason
            end)
        end
        set:close()
    end)

    requires(1, it)("names what an older kernel has not", function()
        local EINVAL, EOPNOTSUPP = -22, -95
        for version, attr in pairs {
            { handled_access_fs = { "refer" } },
            { handled_access_fs = { "execute", "truncate" } },
            { handled_access_net = { "connect_tcp" } },
            { handled_access_fs = { "ioctl_dev" } },
            { scoped = { "signal" } },
        } do
            in_child(function()
                return (
                    played({ EINVAL, version }, function()
                        local err = raised("ENOTSUP", system.landlock_create_ruleset, attr)
                        assert(err.arg == "attr/" .. next(attr), err.arg)
                        local name = attr[next(attr)][#attr[next(attr)]]
                        local text = ("%q came with version %d of Landlock; this kernel has %d"):format(
                            name,
                            version + 1,
                            version
                        )
                        assert(err.detail == text, err.detail)
                    end)
                )
            end)
        end
        in_child(function()
            return (
                played({ EOPNOTSUPP }, function()
                    local attr = { handled_access_fs = { "execute" } }
                    raised("EOPNOTSUPP", system.landlock_create_ruleset, attr)
                end)
            )
        end)
        local set = system.landlock_create_ruleset { handled_access_fs = { "execute" } }
        in_child(function()
            return (
                played({ 6, EINVAL, 6 }, function()
                    local err = raised("ENOTSUP", system.landlock_restrict_self, set, { "log_new_exec_on" })
                    assert(err.arg == "flags", err.arg)
                end)
            )
        end)
        set:close()
    end)

    requires(1, it)("needs no_new_privs, and says so", function()
        if S.prctl "get_no_new_privs" == 1 then return pending "the host has set no_new_privs" end
        in_child(function()
            assert(S.capset { permitted = "", effective = "", inheritable = "" })
            local set = system.landlock_create_ruleset { handled_access_fs = { "execute" } }
            local err = raised("EPERM", system.landlock_restrict_self, set)
            assert(tostring(err):find "set_no_new_privs")
            err = raised("EACCES", system.seccomp_set_mode_filter, seccomp.compile { default = "allow" })
            assert(tostring(err):find "set_no_new_privs")
        end)
    end)

    requires(1, it)("says what is wrong with an argument, and leaves nothing behind", function()
        local function create_arg(...) return raised("EINVAL", system.landlock_create_ruleset, ...).arg end
        assert.equal("attr", create_arg())
        assert.equal("attr", create_arg {})
        assert.equal("attr", create_arg { handled_access_fs = {} })
        assert.equal("attr/handled_access", create_arg { handled_access = {} })
        assert.equal("attr/handled_access_fs", create_arg { handled_access_fs = "execute" })
        assert.equal("attr/handled_access_fs/2", create_arg { handled_access_fs = { "execute", "exec" } })
        assert.equal("attr/handled_access_fs/x", create_arg { handled_access_fs = { "execute", x = "read_file" } })
        assert.equal("attr/handled_access_net/1", create_arg { handled_access_net = { "execute" } })
        assert.equal("attr/scoped/1", create_arg { scoped = { 5 } })
        assert.equal("flags/1", create_arg(nil, { "vers" }))
        assert.equal("flags", create_arg(nil, "version"))
        assert.equal("attr", create_arg({ handled_access_fs = { "execute" } }, { "version" }))

        local set = system.landlock_create_ruleset { handled_access_fs = { "execute" } }
        local function rule_arg(...) return raised("EINVAL", system.landlock_add_rule, set, ...).arg end
        assert.equal(2, rule_arg())
        assert.equal("attr", rule_arg "path_beneath")
        assert.equal("attr/allowed_access", rule_arg("path_beneath", { parent_fd = set }))
        assert.equal("attr/parent_fd", rule_arg("path_beneath", { allowed_access = { "execute" } }))
        assert.equal("attr/parent_fd", rule_arg("path_beneath", { allowed_access = { "execute" }, parent_fd = -1 }))
        assert.equal("attr/port", rule_arg("path_beneath", { port = 5 }))
        assert.equal("attr/port", rule_arg("net_port", { allowed_access = { "bind_tcp" }, port = 65536 }))
        raised(
            "EBADF",
            system.landlock_add_rule,
            set,
            "path_beneath",
            { allowed_access = { "execute" }, parent_fd = 999 }
        )
        local root = filesystem.open("/", { "path" })
        -- Not among what the ruleset handles.
        local foreign = { allowed_access = { "read_file" }, parent_fd = root:getfd() }
        assert.equal(
            "landlock_add_rule",
            raised("EINVAL", system.landlock_add_rule, set, "path_beneath", foreign).detail
        )
        system.landlock_add_rule(set, "path_beneath", { allowed_access = { "execute" }, parent_fd = root:getfd() })
        assert.equal(1, raised("EINVAL", system.landlock_add_rule, 5).arg)
        assert.equal(1, raised("EINVAL", system.landlock_restrict_self, 5).arg)
        assert.equal("flags/1", raised("EINVAL", system.landlock_restrict_self, set, { "silent" }).arg)
        root:close()
        set:close()
        assert.equal(1, raised("EBADF", system.landlock_restrict_self, set).arg)
    end)

    -- Resolves a name and writes files first, so that the engine has threads, or the kernel some for its ring.
    local PROGRAM = [[
        local ljos = require "ljos"
        local ffi, system, ip = require "ffi", ljos.system, ljos.ip
        ffi.cdef "int pthread_create(unsigned long *, void *, void *(*)(void *), void *); int pause(void);"
        local function threads()
            local count = 0
            for entry in ljos.filesystem.directory_iterator "/proc/self/task" do
                local file = io.open(tostring(entry.path) .. "/comm")
                local comm = file and file:read "*l" -- nil where the thread has ended meanwhile
                if comm and not comm:find "^iou%-" then count = count + 1 end
            end
            return count
        end
        ljos.run(function()
            ip.tcp.get_address_info("localhost", 80)
            local writers = {}
            for i = 1, 8 do
                writers[i] = ljos.fiber.spawn(function()
                    local file = ljos.file.stream.new()
                    file:open(DIRECTORY .. "/" .. i, { "create", "write_only" })
                    ljos.stream.write_all(file, ("x"):rep(100000))
                    file:close()
                end)
            end
            for i = 1, 8 do
                writers[i]:join()
            end
            io.write(threads() > 1 and "threads " or "alone ")
            system.set_no_new_privs()
            local ALLOW = ljos.seccomp.compile { default = "allow" }
            system.seccomp_set_mode_filter(ALLOW)
            local set = system.landlock_create_ruleset { handled_access_fs = { "read_file" } }
            if ANOTHER then
                local id = ffi.new "unsigned long[1]"
                local main = ffi.cast("void *(*)(void *)", ffi.C.pause)
                assert(ffi.C.pthread_create(id, nil, main, nil) == 0)
            end
            local ok, err = pcall(system.landlock_restrict_self, set)
            io.write(ok and "restricted " or err.sym .. " " .. err.detail)
            if not ok then return print(io.open "/etc/passwd" and " open") end
            -- New threads are in the domain: no hosts file to be read.
            local known, found = pcall(ip.tcp.get_address_info, "ljos-test-name", 80)
            print(known and tostring(found[1].address) or "unknown", io.open "/etc/passwd" == nil)
        end)
    ]]

    local function run(another)
        local program = programs.start(
            ("local ANOTHER, DIRECTORY = %s, %q\n"):format(another, temporary_directory.make()) .. PROGRAM
        )
        local line = program:read_line()
        program:wait()
        return line
    end

    requires(1, it)(
        "reaches the engine's threads, too",
        function() assert.equal("threads restricted unknown\ttrue", run(false)) end
    )

    requires(1, it)("refuses while a thread of the engine is stuck in a lookup", function()
        if ABI >= 8 then return pending "this kernel restricts all threads" end
        if os.execute "unshare -rmn true 2>/dev/null" ~= 0 then return pending "namespaces are forbidden here" end
        local busy = "system Device or resource busy "
            .. "(landlock_restrict_self: before its version 8 Landlock takes one thread; there are 1 more)\n"
        local command = "LUA_PATH='lua/?.lua;lua/?/init.lua;;' timeout 60 "
            .. "unshare -rmn luajit tests/programs/names.lua restricted 2>&1"
        local pipe = assert(io.popen(command))
        assert.equal(busy .. busy .. "true\n", pipe:read "*a")
        pipe:close()
    end)

    requires(1, it)("refuses where another thread would stay as it was", function()
        if ABI >= 8 then return assert.matches("^threads restricted", run(true)) end
        assert.matches("^threads BUSY .*there are 1 more open$", run(true))
    end)
end)

describe("system.seccomp_set_mode_filter", function()
    local GETPRIORITY = { default = "allow", { "errno(EXFULL)", "getpriority" } }

    it("takes strings and byte spans, for all threads", function()
        for _, of in ipairs { tostring, byte_span.append } do
            in_child(function()
                system.set_no_new_privs()
                system.seccomp_set_mode_filter(of(seccomp.compile(GETPRIORITY)))
                local _, err = S.getpriority "process"
                assert(err.XFULL)
            end)
        end
    end)

    it("reaches actors in threads, which may not install one themselves", function()
        local directory = temporary_directory.make()
        text_file.write(
            directory .. "/main.lua",
            [[
            local system, inbox, seccomp = require 'system', require 'inbox', require 'seccomp'
            local FILTER = seccomp.compile { default = 'allow', { 'errno(EXFULL)', 'getsid' } }
            local function error_of(f, ...) return tostring(select(2, pcall(f, ...))) end
            if _CONTEXT == 'worker' then
                local reply = inbox:receive().reply
                reply:send(error_of(system.seccomp_set_mode_filter, FILTER))
                inbox:receive()
                reply:send(error_of(system.getsid, 0))
            else
                local actor = spawn_vm '.'
                actor:send { reply = inbox }
                print(inbox:receive())
                system.set_no_new_privs()
                system.seccomp_set_mode_filter(FILTER)
                actor:send 'go on'
                print(inbox:receive())
                print(error_of(system.getsid, 0))
                actor:close()
            end
        ]]
        )
        local pipe = assert(io.popen(("bin/ljos %s/main.lua 2>&1"):format(directory)))
        assert.equal("Operation not permitted\nExchange full\nExchange full\n", pipe:read "*a")
        pipe:close()
    end)

    it("stacks: a further filter takes more away, and gives nothing back", function()
        in_child(function()
            system.set_no_new_privs()
            system.seccomp_set_mode_filter(seccomp.compile(GETPRIORITY))
            system.seccomp_set_mode_filter(seccomp.compile { default = "allow", { "errno(EIO)", "getppid" } })
            local _, err = S.getpriority "process"
            assert(err.XFULL)
            assert(ffi.C.syscall(native.constant_table("SYS").__NR_getppid) == -1)
        end)
    end)

    it("says what is no program", function()
        for _, bad in ipairs { "", "1234567", ("x"):rep(8 * 4097), byte_span.new(4), 5, {}, true } do
            assert.equal(1, raised("EINVAL", system.seccomp_set_mode_filter, bad).arg)
        end
        raised("EINVAL", system.seccomp_set_mode_filter)
        in_child(function()
            system.set_no_new_privs()
            assert(raised("EINVAL", system.seccomp_set_mode_filter, ("x"):rep(8)).detail == "seccomp")
        end)
    end)

    it("and landlock_restrict_self are options of system.spawn, too", function()
        local filter = seccomp.compile { default = "allow", { "errno(EXFULL)", { "mkdir?", "mkdirat" } } }
        local directory = temporary_directory.make()
        local silent = filesystem.open("/dev/null", { "write_only" })
        local child = system.spawn {
            program = "mkdir",
            arguments = { "mkdir", directory .. "/made" },
            stderr = silent,
            set_no_new_privs = true,
            seccomp_set_mode_filter = filter,
        }
        child:wait()
        assert.equal(1, child.exit_code)
        assert.is_nil(S.stat(directory .. "/made"))
        if ABI == 0 then return silent:close() end
        local set = system.landlock_create_ruleset { handled_access_fs = { "make_dir" } }
        child = system.spawn {
            program = "mkdir",
            arguments = { "mkdir", directory .. "/made" },
            stderr = silent,
            set_no_new_privs = true,
            landlock_restrict_self = set,
        }
        child:wait()
        silent:close()
        assert.equal(1, child.exit_code)
        if S.prctl "get_no_new_privs" == 0 and (S.geteuid() ~= 0 or not lacks "setuid") then
            local err = raised("EPERM", function()
                local other = S.geteuid() == 0 and 65534 or nil -- who is root needs no no_new_privs
                system.spawn { program = "mkdir", landlock_restrict_self = set, ruid = other, euid = other }
            end)
            assert.same({ "landlock_restrict_self", "landlock_restrict_self" }, { err.arg, err.step })
        end
        local file = filesystem.open("/", { "path" })
        local err = raised("EBADF", system.spawn, {
            program = "mkdir",
            set_no_new_privs = true,
            landlock_restrict_self = file,
        })
        assert.equal("landlock_restrict_self", err.arg)
        file:close()
        set:close()
    end)

    it("of system.spawn may refuse the program, and the child's own end", function()
        for _ = 1, 3 do
            local filter = seccomp.compile { default = "errno(EXFULL)" }
            local options = { program = "true", set_no_new_privs = true, seccomp_set_mode_filter = filter }
            local err = raised("EXFULL", system.spawn, options)
            assert.same({ "program", "execve" }, { err.arg, err.step })
        end
        local kills = seccomp.compile { default = "kill_process" }
        local child = system.spawn { program = "true", set_no_new_privs = true, seccomp_set_mode_filter = kills }
        child:wait()
        assert.equal(31, child.exit_signal) -- SIGSYS
    end)
end)
