-- The sandbox: every denial beside its positive control, the same code run outside of it.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local ffi = require "ffi"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local native = require "ljos.native"
local needs = require "needs"
local plain_pipe = require "plain_pipe"
local process = require "ljos.process"
local programs = require "actor.programs"
local sandbox = require "ljos.sandbox"
local shows_its_fibers = require "actor.shows_its_fibers"
local S = require "ljos.syscall"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local pipe, read_all = plain_pipe.pair, plain_pipe.read_all

local inside, outside = attacks.inside, attacks.outside
local E = error_.errno_of

ffi.cdef [[
int socket(int domain, int type, int protocol);
int bind(int fd, const void *address, unsigned int length);
int listen(int fd, int backlog);
int getsockname(int fd, void *address, uint32_t *length);
int close(int fd);
int getpid(void);
]]

-- Asserts that code answers `control` outside and one of `denials` inside.
local function denied(code, control, ...)
    assert.equal(control, outside(code))
    local result = inside(code)
    for _, errno in ipairs { ... } do
        if result == -errno then return end
    end
    assert.equal(-(...), result)
end

describe("a sandboxed actor", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    -- All senders have ended: the next receive lets go of their sockets.
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    it("runs a module beside the program, wherever that has gone since", function()
        local dir = temporary_directory.make()
        local function write(name, text) text_file.write(dir .. "/" .. name, text) end
        write("worker.lua", "require('inbox'):receive():send 'ran'")
        local program = [[
            local fs = require "ljos.filesystem"
            fs.current_working_directory(fs.path.new "/")
            local inbox = require "ljos.inbox"
            local actor = require("ljos.sandbox").spawn { module = "./worker", stderr = "share" }
            actor:send(inbox)
            print(inbox:receive())
        ]]
        -- In library mode the library is there before the program goes.
        write("main.lua", program)
        write("library.lua", 'require "ljos.sandbox" ' .. program)
        local here = tostring(require("ljos.filesystem").current_working_directory())
        local function output_of(command)
            local lines = assert(io.popen(("cd '%s' && HERE='%s' && %s 2>&1"):format(dir, here, command)))
            local output = lines:read "*a"
            lines:close()
            return output
        end
        assert.equal("ran\n", output_of '"$HERE/bin/ljos" main.lua')
        assert.equal("ran\n", output_of 'LUA_PATH="$HERE/lua/?.lua;$HERE/lua/?/init.lua;;" luajit library.lua')
    end)

    describe("and files:", function()
        it("opens none", function()
            denied('return closing(C.open("/etc/passwd", 0))', 0, E.ENOENT)
            denied('return closing(C.open("/proc/self/status", 0))', 0, E.ENOENT)
            denied('return closing(C.open("/dev/null", 2))', 0, E.ENOENT)
        end)

        it("does not list its root, which is empty", function()
            local O_DIRECTORY = native.constant_table("file").O_DIRECTORY
            denied(('return closing(C.open("/", %d))'):format(O_DIRECTORY), 0, E.EACCES)
        end)

        it("makes none", function()
            local path = temporary_directory.make()
            local code = 'local made = call(C.mkdir("%s/x", 448)) C.rmdir("%s/x") return made'
            denied(code:format(path, path), 0, E.ENOENT)
            code = 'local made = call(C.mkdir("/ljos-sandbox-spec", 448)) C.rmdir("/ljos-sandbox-spec") return made'
            -- The control: nothing but the sandbox forbids it.
            if ffi.C.getuid() == 0 and S.access("/", "w") then denied(code, 0, E.EACCES, E.EROFS) end
        end)

        it(
            "cannot leave its root by the working directory",
            function() denied('return closing(C.open("../../../../../../etc/passwd", 0))', 0, E.ENOENT) end
        )
    end)

    describe("and sockets:", function()
        it("connects to no TCP port", function()
            outside "" -- declares the structs
            local listener, address = ffi.C.socket(2, 1, 0), ffi.new "struct attack_sockaddr_in"
            address.family, address.address = 2, 0x0100007f
            assert(ffi.C.bind(listener, address, 16) == 0 and ffi.C.listen(listener, 5) == 0)
            local length = ffi.new("uint32_t[1]", 16)
            ffi.C.getsockname(listener, address, length)
            local code = ([[
                local address = ffi.new "struct attack_sockaddr_in"
                address.family, address.address, address.port[0], address.port[1] = 2, 0x0100007f, %d, %d
                local fd = C.socket(2, 1, 0)
                local result = call(C.connect(fd, address, 16))
                C.close(fd)
                return result
            ]]):format(address.port[0], address.port[1])
            assert.equal(0, outside(code))
            local unfiltered = inside(code, { without = { "seccomp" } })
            assert.equal(attacks.landlock_abi() >= 4 and -E.EACCES or -E.ENETUNREACH, unfiltered)
            assert.equal(-E.EBADF, inside(code)) -- there is no such socket in the first place
            ffi.C.close(listener)
        end)

        it("connects to no abstract socket", function()
            outside ""
            local name = "\0ljos-sandbox-spec-" .. ffi.C.getpid()
            local listener, address = ffi.C.socket(1, 1, 0), ffi.new "struct attack_sockaddr_un"
            address.family = 1
            ffi.copy(address.path, name, #name)
            assert(ffi.C.bind(listener, address, 2 + #name) == 0 and ffi.C.listen(listener, 5) == 0)
            local code = ([[
                local name = "\0%s"
                local address = ffi.new "struct attack_sockaddr_un"
                address.family = 1
                ffi.copy(address.path, name, #name)
                local fd = C.socket(1, 1, 0)
                local result = call(C.connect(fd, address, 2 + #name))
                C.close(fd)
                return result
            ]]):format(name:sub(2))
            denied(code, 0, E.ECONNREFUSED, E.EPERM)
            ffi.C.close(listener)
        end)

        it("connects to no socket in the file system", function()
            outside ""
            local path = temporary_directory.make() .. "/socket"
            local listener, address = ffi.C.socket(1, 1, 0), ffi.new "struct attack_sockaddr_un"
            address.family = 1
            ffi.copy(address.path, path)
            assert(ffi.C.bind(listener, address, 110) == 0 and ffi.C.listen(listener, 5) == 0)
            local code = ([[
                local address = ffi.new "struct attack_sockaddr_un"
                address.family = 1
                ffi.copy(address.path, "%s")
                local fd = C.socket(1, 1, 0)
                local result = call(C.connect(fd, address, 110))
                C.close(fd)
                return result
            ]]):format(path)
            denied(code, 0, E.ENOENT)
            ffi.C.close(listener)
        end)
    end)

    describe("inherits", function()
        local LIST = [[
            local fds = {}
            for fd = 0, 1023 do
                if C.fcntl(fd, 1) >= 0 then fds[#fds + 1] = fd end
            end
            return table.concat(fds, " ")
        ]]

        it("no descriptor but the standard streams and its inbox", function()
            assert.matches("^0 1 2 3 .", outside(LIST))
            assert.equal("0 1 2 3", inside(LIST))
        end)

        it("the descriptors it is granted, by name", function()
            local reading, writing = pipe()
            local code = [[
                local fds, count = ..., 0
                for _ in pairs(fds) do count = count + 1 end
                return count .. " " .. getmetatable(fds.log)
            ]]
            assert.equal("1 file_descriptor", inside(code, { fds = { log = reading } }))
            local listed = inside(LIST, { fds = { log = reading, other = writing } })
            assert.equal("0 1 2 3 6 7", listed)
            reading:close()
            writing:close()
        end)

        it("no environment", function()
            local code = "return C.environ == nil or C.environ[0] == nil"
            assert.is_false(outside(code))
            assert.is_true(inside(code))
            assert.is_true(os.getenv "PATH" ~= nil)
            code = "return C.environ[0] ~= nil and C.environ[1] == nil and ffi.string(C.environ[0])"
            assert.equal("A=b", inside(code, { environment = { A = "b" } }))
        end)

        it("standard streams that are closed pipes", function()
            local code = [[
                local buffer = ffi.new "char[1]"
                ffi.cdef "int64_t read(int, void *, size_t); int64_t write(int, const void *, size_t);"
                return call(C.read(0, buffer, 1)) .. " " .. call(C.write(1, "x", 1))
            ]]
            assert.equal("0 " .. -E.EPIPE, inside(code))
        end)
    end)

    describe("and other processes:", function()
        it("sees none", function()
            local parent = ffi.C.getpid()
            denied(("return call(C.kill(%d, 0))"):format(parent), 0, E.EPERM, E.ESRCH)
            assert.equal(2, inside "return C.getpid()")
        end)

        it("cannot signal or trace its PID 1", function()
            -- Before its version 6 Landlock knows no signals; then PID 1 is sent it, and does not mind.
            assert.equal(attacks.landlock_abi() >= 6 and -E.EPERM or 0, inside "return call(C.kill(1, 9))")
            local PTRACE_SEIZE = 0x4206
            assert.equal(-E.EPERM, inside(("return call(C.ptrace(%d, 1, 0, 0))"):format(PTRACE_SEIZE)))
        end)
    end)

    describe("and privileges:", function()
        it("has no_new_privs", function()
            local code = ("return C.prctl(%d, 0, 0, 0, 0)"):format(39) -- PR_GET_NO_NEW_PRIVS
            if S.prctl "get_no_new_privs" == 0 then assert.equal(0, outside(code)) end -- the host may have set it
            assert.equal(1, inside(code))
        end)

        it("has no capability, and can gain none", function()
            local code = ([[
                local header, sets = ffi.new("uint32_t[2]", 0x20080522, 0), ffi.new "uint32_t[6]"
                assert(C.syscall(%d, header, sets) == 0)
                local total = 0
                for i = 0, 5 do total = total + sets[i] end
                local bounding = 0
                for i = 0, 63 do
                    if C.prctl(23, i, 0, 0, 0) == 1 then bounding = bounding + 1 end
                end
                return total .. " " .. bounding
            ]]):format(attacks.number_of "capget")
            if not lacks "setpcap" then assert.are_not.equal("0 0", outside(code)) end
            assert.equal("0 0", inside(code))
        end)

        it("is nobody, and nobody else", function()
            assert.equal(65534, inside "return C.getuid()")
            local result = inside "return call(C.setuid(0))"
            assert.is_true(result == -E.EINVAL or result == -E.EPERM)
            assert.equal(-E.EPERM, inside "return call(C.setgroups(0, nil))")
        end)

        it("makes no namespace", function()
            local namespace = native.constant_table "namespace"
            for _, name in ipairs { "CLONE_NEWUSER", "CLONE_NEWNS", "CLONE_NEWNET", "CLONE_NEWPID" } do
                local flag = namespace[name]
                assert.is_nil(process.probe_namespaces(bit.bor(flag, namespace.CLONE_NEWUSER)))
                assert.equal(-E.EPERM, inside(("return call(C.unshare(%d))"):format(flag)))
            end
        end)

        it("mounts nothing", function()
            assert.equal(-E.EPERM, inside 'return call(C.mount(nil, "/", "tmpfs", 0, nil))')
            assert.equal(-E.EPERM, inside 'return call(C.chroot("/"))')
            assert.equal(-E.EPERM, inside 'return call(C.sethostname("x", 1))')
        end)

        it("leaves no core and cannot be looked into", function()
            local code = "return C.prctl(3, 0, 0, 0, 0)" -- PR_GET_DUMPABLE
            -- The control is a process of its own: a spec that changed its ids has made this one undumpable.
            local control =
                [[local C = require("ffi").C; require("ffi").cdef "int prctl(int, ...);" print(C.prctl(3, 0, 0, 0, 0))]]
            local output = assert(io.popen(("luajit -e '%s'"):format(control)))
            assert.equal(1, output:read "*n")
            output:close()
            assert.equal(0, inside(code))
        end)
    end)

    it("takes a descriptor in a message, works on it, and replies", function()
        local reading, writing = pipe()
        local channel = sandbox.spawn {
            source = [[
                local ffi = require "ffi"
                ffi.cdef "int64_t write(int, const void *, size_t);"
                local file_descriptor = require "file_descriptor"
                local message = require("inbox"):receive()
                local text = "from the sandbox"
                ffi.C.write(file_descriptor.number_of(message.out, 1), text, #text)
                message.reply:send { written = #text, out = message.out }
            ]],
            stderr = "share",
        }
        channel:send { out = writing, reply = inbox }
        writing:close()
        local reply = inbox:receive()
        assert.equal(16, reply.written)
        reply.out:close()
        attacks.finish(channel)
        assert.equal("from the sandbox", read_all(reading))
    end)

    it("uses the modules that came with it, and those of ljos", function()
        local channel = sandbox.spawn {
            source = [[
                local own, deep = require "./own", require "./folder"
                local text = tostring(byte_span.append("span ", own.value, " ", deep.value))
                require("inbox"):receive():send(text .. " " .. _CONTEXT)
            ]],
            source_tree_cache = { ["own.lua"] = "value = 'own'", folder = { ["init.lua"] = "value = 'deep'" } },
            stderr = "share",
        }
        channel:send(inbox)
        assert.equal("span own deep worker", inbox:receive())
        attacks.finish(channel)
    end)

    it("reports an uncaught error on its stderr and ends with status 1", function()
        local reading, writing = pipe()
        local channel = sandbox.spawn { source = "\nerror 'oh no'", name = "failing", stderr = writing }
        writing:close()
        assert.matches("Main fiber from VM .* panicked: 'failing:2: oh no'", read_all(reading))
        attacks.finish(channel)
        assert.equal(1, channel.child.code)
    end)

    describe("ends with its parent", function()
        local SPAWN = [[
            local sandbox = require "ljos.sandbox"
            local channel = sandbox.spawn { source = %q, without = { %s } }
            %s
            print(channel.child_pid)
            io.stdout:flush()
            io.read()
        ]]

        -- Starts a program that starts an actor, kills the program, and returns the actor's pidfd.
        local function orphan(code, without, more)
            local program = programs.start(SPAWN:format(code, without, more or ""))
            local pid = tonumber(program:read_line())
            local pidfd = programs.pidfd_open(pid)
            program:kill()
            return pidfd
        end

        it("however it ends", function()
            local pidfd = orphan('require "inbox":receive()', "")
            assert.is_true(programs.has_ended(pidfd))
        end)

        it("while it computes", function()
            local pidfd = orphan("while true do end", "")
            assert.is_true(programs.has_ended(pidfd))
        end)

        it("without a PID namespace too", function()
            local pidfd = orphan("while true do end", "'pid', 'landlock'")
            assert.is_true(programs.has_ended(pidfd))
        end)

        it("unless it was detached", function()
            for _, without in ipairs { "", "'pid', 'landlock'" } do
                local pidfd = orphan("while true do end", without, "channel:detach()")
                assert.is_false(programs.has_ended(pidfd, 0.2))
                native.C.ljos_process_kill(pidfd, 9)
                assert.is_true(programs.has_ended(pidfd))
            end
        end)
    end)

    it("is killed with all its processes", function()
        local reading, writing = pipe()
        local channel = sandbox.spawn {
            source = 'local ffi = require "ffi" ffi.cdef "int fork(void);" ffi.C.fork() ffi.C.fork() while true do end',
            syscalls = { "clone" },
            stdout = writing,
        }
        writing:close()
        channel:kill()
        process.wait(channel.child)
        assert.equal(9, channel.child.signal)
        assert.equal("", read_all(reading)) -- all copies of the writing end are gone
        local ok, err = pcall(channel.send, channel, 1)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "channel_closed"))
    end)

    it("that is killed does not hear first that nobody sends to it", function()
        local channel = sandbox.spawn { source = "while true do end" }
        local directory = "/proc/self/fd/"
        local socket = assert(S.readlink(directory .. channel.fd))
        local function is_open()
            for number in require("ljos.syscall.util").ls(directory) do
                if S.readlink(directory .. number) == socket then return true end
            end
            return false
        end
        channel:kill()
        assert.is_true(is_open())
        process.wait(channel.child)
        assert.is_false(is_open())
    end)

    it("gets the signals that its PID 1 is sent", function()
        local channel = sandbox.spawn {
            source = [[
                local signal = require("system").signal
                local set = signal.set.new(signal.SIGUSR1)
                local reply = require("inbox"):receive()
                reply:send "ready"
                set:wait()
                reply:send "signaled"
            ]],
            stderr = "share",
        }
        channel:send(inbox)
        assert.equal("ready", inbox:receive())
        channel:kill(10)
        assert.equal("signaled", inbox:receive())
        attacks.finish(channel)
    end)
end)

describe("sandbox.spawn", function()
    local it = needs.namespaces(needs.sandboxes(it))
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    local function failure(options)
        local ok, err = pcall(sandbox.spawn, options)
        assert.is_false(ok)
        return err
    end

    it("does without exactly the protection it is told", function()
        assert.are_not.equal(2, inside("return C.getpid()", { without = { "pid", "landlock" } }))
        assert.equal(-E.ENOENT, inside('return closing(C.open("/etc/passwd", 0))', { without = { "landlock" } }))
        assert.equal(-E.EACCES, inside('return closing(C.open("/etc/passwd", 0))', { without = { "mount" } }))
        assert.equal(1, inside("return C.prctl(39, 0, 0, 0, 0)", { without = { "capabilities" } }))
    end)

    it("does without any one protection, and without all", function()
        local all = { "user", "mount", "net", "pid", "ipc", "uts", "session", "memory", "mdwe", "limits" }
        for _, name in ipairs { "capabilities", "no_new_privs", "landlock", "seccomp" } do
            all[#all + 1] = name
        end
        for _, name in ipairs(all) do
            if name == "user" and lacks "sys_admin" then -- who may make the others only in one of those
                assert.equal("mount", failure({ source = "", without = { "user" } }).protection)
            elseif (name == "pid" or name == "net") and attacks.landlock_abi() < 6 then
                assert.equal("landlock", failure({ source = "", without = { name } }).protection)
            else
                assert.equal(name, inside(("return %q"):format(name), { without = { name } }))
            end
        end
        assert.equal(0, inside('return closing(C.open("/etc/passwd", 0))', { without = all }))
    end)

    it("refuses wrong arguments by their names", function()
        assert.equal("without", failure({ source = "", without = { "pids" } }).arg)
        assert.equal("fds/x", failure({ source = "", fds = { x = 1 } }).arg)
        assert.equal("source", failure({ source = 1 }).arg)
        assert.equal("module", failure({}).arg)
        assert.equal("limit", failure({ source = "", limit = { memory = 1 } }).arg)
        assert.equal("syscalls", failure({ source = "", syscalls = { "no_such_call" } }).arg)
        assert.equal("syscalls", failure({ source = "", syscalls = "clone" }).arg)
        assert.equal("stdout", failure({ source = "", stdout = "shared" }).arg)
        assert.equal("module", failure({ source = "", module = "./worker" }).arg)
        assert.equal("name", failure({ source = "", name = 5 }).arg)
    end)

    it("passes over nothing that was asked for under a name, or behind a gap", function()
        assert.equal("without/pid", failure({ source = "", without = { pid = true } }).arg)
        assert.equal("without/1", failure({ source = "", without = { nil, "pid" } }).arg)
        assert.equal("allow/directory", failure({ source = "", allow = { directory = true } }).arg)
        assert.equal("syscalls/execve", failure({ source = "", syscalls = { execve = true } }).arg)
    end)

    -- Runs sandbox.spawn, after the Lua `preparation`, in a program started with `prefix`; returns what it prints.
    -- `options` are further ones, as source.
    local function strict(prefix, preparation, options)
        local program = programs.start(preparation .. ([[
            local sandbox = require "ljos.sandbox"
            local ok, err = pcall(sandbox.spawn, { source = "", %s })
            if ok then print "spawned" else print(tostring(err.protection) .. " " .. tostring(err.sym or err)) end
        ]]):format(options or ""), prefix)
        local line = program:read_line()
        program:wait()
        return line
    end

    it("works for a user who is not root", function()
        if ffi.C.getuid() ~= 0 then
            pending "it is no root that runs this spec: the others cover it"
            return
        end
        local prefix = { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups" }
        if not programs.can_read_checkout(prefix) then
            pending "nobody may not read this checkout"
            return
        end
        assert.equal("spawned", strict(prefix, ""))
    end)

    it("names the user namespace where it is forbidden", function()
        local prefix = { "unshare", "--user", "--map-root-user" }
        local forbid = [[
            local file = assert(io.open("/proc/sys/user/max_user_namespaces", "w"))
            file:write "0"
            file:close()
        ]]
        assert.equal("spawned", strict(prefix, ""))
        local is_writable = os.execute(table.concat(prefix, " ") .. " test -w /proc/sys/user/max_user_namespaces")
        if is_writable ~= 0 then return pending "/proc/sys cannot be written to here" end
        assert.equal("user NOSPC", strict(prefix, forbid))
        -- The same without any privilege of the caller's own.
        local drop = ([[
            local ffi = require "ffi"
            ffi.cdef "long syscall(long, ...);"
            local header, none = ffi.new("uint32_t[2]", 0x20080522, 0), ffi.new "uint32_t[6]"
            assert(ffi.C.syscall(%d, header, none) == 0)
        ]]):format(attacks.number_of "capset")
        assert.equal("spawned", strict(prefix, drop))
        assert.equal("user NOSPC", strict(prefix, forbid .. drop))
    end)

    -- A filter before the calls of the program: a list of BPF instructions, and seccomp(2)'s flags.
    local FILTER = [[
        local ffi = require "ffi"
        ffi.cdef "struct sock_filter { uint16_t code; uint8_t jt, jf; uint32_t k; };"
        ffi.cdef "struct sock_fprog { uint16_t len; struct sock_filter *filter; };"
        ffi.cdef "int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);"
        ffi.cdef "long syscall(long, ...);"
        local instructions = { { 0x20, 0, 0, 0 }, %s, { 0x06, 0, 0, 0x7fff0000 } }
        local filter = ffi.new("struct sock_filter[?]", #instructions, instructions)
        local program = ffi.new("struct sock_fprog", #instructions, filter)
        assert(ffi.C.prctl(38, 1, 0, 0, 0) == 0)
        local listener = ffi.C.syscall(%d, ffi.cast("long", 1), ffi.cast("long", %d), program)
        assert(listener >= 0)
    ]]

    -- A seccomp filter stands for a kernel in which this call, or the call with this argument, has another verdict.
    local function filter(call, verdict, argument, value, flags)
        local test = "{ 0x15, 0, 1, %d }"
        if argument then
            local compare = "{ 0x15, 0, 3, %%d }, { 0x20, 0, 0, %d }, { 0x15, 0, 1, %d }"
            test = compare:format(8 + 8 * argument, value)
        end
        local instructions = (test .. ", { 0x06, 0, 0, %d }"):format(attacks.number_of(call), verdict)
        return FILTER:format(instructions, attacks.number_of "seccomp", flags or 0)
    end

    local function kernel_without(call, errno, first_argument)
        return filter(call, 0x00050000 + errno, first_argument and 1, first_argument)
    end

    for _, case in ipairs {
        { "names Landlock where the kernel has none", "landlock NOSYS", "landlock_create_ruleset", "ENOSYS" },
        { "names seccomp where the kernel has none", "seccomp NOSYS", "seccomp", "ENOSYS" },
        { "names MDWE where the kernel has none", "mdwe INVAL", "prctl", "EINVAL", 65, "jit = false" },
        { "names what stands for a session of its own where that fails", "session PERM", "setsid", "EPERM" },
        { "names what stands for keys of its own where that fails", "session DQUOT", "keyctl", "EDQUOT" },
        { "names what stands for a root of its own where that fails", "mount NOSYS", "fsopen", "ENOSYS" },
        { "names what stands for locked securebits where that fails", "capabilities INVAL", "prctl", "EINVAL", 28 },
        { "names what switches core files off where that fails", "memory PERM", "prlimit64", "EPERM" },
        { "names PID 1 where that cannot work", "pid MFILE", "signalfd4", "EMFILE" },
    } do
        local title, expected, call, errno, argument, options = unpack(case, 1, 6)
        it(title, function() assert.equal(expected, strict({}, kernel_without(call, E[errno], argument), options)) end)
    end

    it(
        "blames no namespace where there is no process to be had",
        function() assert.equal("nil AGAIN", strict({}, kernel_without("clone", E.EAGAIN))) end
    )

    -- A program in whose eyes Landlock has this version: a supervisor answers the question for it.
    local function kernel_with_landlock(version)
        local USER_NOTIF, NEW_LISTENER, ASKS_VERSION = 0x7fc00000, 8, 1
        return filter("landlock_create_ruleset", USER_NOTIF, 3, ASKS_VERSION, NEW_LISTENER)
            .. ([[
            ffi.cdef "int fork(void); int getpid(void); int getppid(void);"
            ffi.cdef "int ioctl(int, unsigned long, ...); int close(int);"
            local program = ffi.C.getpid()
            if ffi.C.fork() == 0 then
                ffi.C.prctl(1, 9, 0, 0, 0) -- PR_SET_PDEATHSIG; the program may have ended before
                while ffi.C.getppid() == program do
                    local question, answer = ffi.new "uint64_t[10]", ffi.new "int64_t[3]"
                    ffi.C.ioctl(listener, 0xc0502100, question) -- SECCOMP_IOCTL_NOTIF_RECV, and _SEND
                    answer[0], answer[1] = question[0], %d
                    ffi.C.ioctl(listener, 0xc0182101, answer)
                end
                os.exit(0)
            end
            ffi.C.close(listener)
        ]]):format(version)
    end

    it("names Landlock where it is too old to stand in for what is done without", function()
        local function with(version, without)
            return strict({}, kernel_with_landlock(version), ("without = { %s }"):format(without))
        end
        assert.equal("spawned", with(1, ""))
        assert.equal("spawned", with(1, "'mount'"))
        assert.equal("landlock OPNOTSUPP", with(2, "'mount', 'seccomp'"))
        assert.equal("landlock OPNOTSUPP", with(5, "'pid'"))
        assert.equal("landlock OPNOTSUPP", with(5, "'net'"))
        assert.equal("spawned", with(5, "'net', 'pid', 'landlock'"))
        if attacks.landlock_abi() >= 6 then assert.equal("spawned", with(6, "'net', 'pid', 'mount', 'seccomp'")) end
    end)

    it("shows its fibers on SIGQUIT, and goes on", function()
        attacks.finish(
            shows_its_fibers(function(code, stderr) return sandbox.spawn { source = code, stderr = stderr } end)
        )
    end)
end)
