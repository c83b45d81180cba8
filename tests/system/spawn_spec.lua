-- system.spawn: every option of the seed as the program sees it, errors that name the option, and the subprocess.
local ffi = require "ffi"
local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local descriptors = require "ljos.process.descriptors"
local fiber = require "ljos.fiber"
local file_descriptor = require "ljos.file_descriptor"
local filesystem = require "ljos.filesystem"
local native = require "ljos.native"
local process = require "ljos.process"
local raised = require "raised"
local raises = require "raises"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"

local signal = system.signal
local path = filesystem.path.new

-- A pipe as two file_descriptor objects.
local function pipe()
    local reading, writing = descriptors.pipe()
    return file_descriptor.new(reading), file_descriptor.new(writing)
end

-- What is there until the last writer has closed it. Closes the object.
local function read_all(reading)
    local text = {}
    local number = file_descriptor.number_of(reading, 1)
    repeat
        local part = assert(S.read(number, nil, 65536))
        text[#text + 1] = part
    until part == ""
    reading:close()
    return table.concat(text)
end

-- Runs a program with the given options to its end; returns what it wrote to stdout, and its object.
local function output_of(options)
    local reading, writing = pipe()
    options.stdout = writing
    local ok, child = pcall(system.spawn, options)
    writing:close()
    if not ok then
        reading:close()
        error(child, 0)
    end
    local output = read_all(reading)
    child:wait()
    return output, child
end

local function shell(command, options)
    options = options or {}
    options.program, options.arguments = "sh", { "sh", "-c", command }
    return output_of(options)
end

-- A child that lives until its standard input ends, and the descriptor that ends it. Its program runs already: exec
-- lets the parent go on before it is quite done.
local function waiting_child(options)
    options = options or {}
    local reading, writing = pipe()
    local output, output_writing = pipe()
    options.program, options.arguments, options.stdin, options.stdout = "cat", { "cat" }, reading, output_writing
    local child = system.spawn(options)
    reading:close()
    output_writing:close()
    assert(S.write(file_descriptor.number_of(writing, 1), "x"))
    assert.equal("x", S.read(file_descriptor.number_of(output, 1), nil, 1))
    output:close()
    return child, writing
end

local function is_root() return S.geteuid() == 0 end

local function descriptor_count()
    local count = 0
    for _ in filesystem.directory_iterator(path "/proc/self/fd") do
        count = count + 1
    end
    return count
end

describe("system.spawn", function()
    teardown(temporary_directory.remove_all)

    describe("program", function()
        it("is a name that is searched for in PATH", function()
            local output, child = output_of { program = "echo", arguments = { "echo", "hello" } }
            assert.equal("hello\n", output)
            assert.equal(0, child.exit_code)
        end)

        it(
            "is a path",
            function()
                assert.equal("hello\n", (output_of { program = path "/bin/echo", arguments = { "echo", "hello" } }))
            end
        )

        it("is a descriptor", function()
            local program = filesystem.open(path "/bin/echo", { "path" })
            assert.equal("hello\n", (output_of { program = program, arguments = { "echo", "hello" } }))
            program:close()
        end)

        it("by name may be a script without an interpreter line, as with execvp(3)", function()
            local script = temporary_directory.make() .. "/script"
            local file = assert(io.open(script, "w"))
            file:write 'echo "$0 $1 $2"\n'
            file:close()
            assert(S.chmod(script, "0755"))
            local output = output_of { program = script, arguments = { "name", "one", "two" } }
            assert.equal(script .. " one two\n", output)
            raised("ENOEXEC", system.spawn, { program = path(script), arguments = { "name" } })
        end)

        it("gets an empty argv and an empty environment when none is given", function()
            local luajit =
                "local n = 0 for _ in io.open('/proc/self/environ'):read('*a'):gmatch '%z' do n = n + 1 end print(n)"
            assert.equal("0\n", (output_of { program = "luajit", arguments = { "luajit", "-e", luajit } }))
            local _, child = output_of { program = "true" }
            assert.equal(0, child.exit_code)
        end)

        it("that is missing, no program, or a directory is an error that names the option", function()
            local missing = raised("ENOENT", system.spawn, { program = "ljos-no-such-program" })
            assert.same({ "program", "execve" }, { missing.arg, missing.step })
            raised("ENOENT", system.spawn, { program = "" })
            raised("EACCES", system.spawn, { program = path "/etc/passwd" })
            raised("EACCES", system.spawn, { program = path "/etc" })
            local directory = filesystem.open(path "/etc", { "path" })
            assert.equal("execveat", raised("EACCES", system.spawn, { program = directory }).step)
            directory:close()
        end)
    end)

    describe("environment", function()
        it("is what is given", function()
            local output = output_of { program = "env", environment = { A = "1 2", B = "" } }
            local lines = {}
            for line in output:gmatch "[^\n]+" do
                lines[#lines + 1] = line
            end
            table.sort(lines)
            assert.same({ "A=1 2", "B=" }, lines)
        end)

        it('has the pid of the child for "\\0pid"', function()
            local output = shell("echo $LISTEN_PID $$", { environment = { LISTEN_PID = "\0pid" } })
            local variable, pid = output:match "^(%d+) (%d+)\n$"
            assert.equal(pid, variable)
        end)

        it("may have it once, and no other NUL, and no strange names", function()
            for _, environment in ipairs {
                { A = "\0pid", B = "\0pid" },
                { A = "x\0" },
                { ["A=B"] = "" },
                { [""] = "" },
                { "x" },
            } do
                local err = raised("EINVAL", system.spawn, { program = "true", environment = environment })
                assert.equal("environment", err.arg)
            end
        end)

        it("that is too large is E2BIG", function()
            local environment = { A = ("x"):rep(200 * 1024) } -- one string: 32 pages at the most, execve(2)
            local err = raised("E2BIG", system.spawn, { program = "true", environment = environment })
            assert.equal("arguments, environment", err.arg)
        end)
    end)

    describe("the standard streams", function()
        it("are closed pipes by default", function()
            local _, child = shell [[read x && exit 1; [ -p /proc/self/fd/0 ] && [ -p /proc/self/fd/2 ] || exit 2]]
            assert.equal(0, child.exit_code)
            local reading, writing = pipe()
            -- Nobody reads the child's stdout: EPIPE, or SIGPIPE.
            child = system.spawn { program = "sh", arguments = { "sh", "-c", "exec echo x" }, stderr = writing }
            writing:close()
            read_all(reading)
            child:wait()
            assert.is_true(child.exit_code ~= 0)
        end)

        it('are the caller\'s with "share"', function()
            local own = filesystem.read_symlink(path "/proc/self/fd/0")
            assert.equal(tostring(own) .. "\n", (shell("readlink /proc/self/fd/0", { stdin = "share" })))
        end)

        it("are the descriptors that are given, one of them for two streams, too", function()
            local reading, writing = pipe()
            local child = system.spawn {
                program = "sh",
                arguments = { "sh", "-c", "echo out; echo err >&2" },
                stdout = writing,
                stderr = writing,
            }
            writing:close()
            child:wait()
            assert.equal("out\nerr\n", read_all(reading))
        end)
    end)

    describe("extra_fds", function()
        it("get the numbers they are given, and nothing else is there", function()
            local file = filesystem.open(path "/etc/passwd", { "read_only" })
            local output = shell("ls /proc/$$/fd; readlink /proc/$$/fd/9", { extra_fds = { [9] = file, [3] = file } })
            assert.equal("0\n1\n2\n3\n9\n/etc/passwd\n", output)
            file:close()
        end)

        it("have the numbers 3 to 9", function()
            local file = filesystem.open(path "/etc/passwd", { "read_only" })
            for _, number in ipairs { 2, 10, 3.5, -1 } do
                local err = raised("EINVAL", system.spawn, { program = "true", extra_fds = { [number] = file } })
                assert.equal("extra_fds/" .. number, err.arg)
            end
            file:close()
            local err = raised("EBADF", system.spawn, { program = "true", extra_fds = { [3] = file } })
            assert.equal("extra_fds/3", err.arg)
        end)
    end)

    -- Starts a child with the options, and returns f(its pid) after it has ended.
    local function with_child(options, f)
        local child, writing = waiting_child(options)
        local ok, result = pcall(f, child.pid)
        writing:close()
        child:wait()
        if not ok then error(result, 0) end
        return result
    end

    -- A line of /proc/PID/status.
    local function status(pid, name)
        local file = assert(io.open(("/proc/%d/status"):format(pid)))
        local text = file:read "*a"
        file:close()
        return text:match("\n" .. name .. ":[ \t]*([^\n]-)[ \t]*\n")
    end

    local function link(pid, name) return tostring(filesystem.read_symlink(path(("/proc/%d/%s"):format(pid, name)))) end

    it("sets the scheduling policy", function()
        local SCHED = native.constant_table "SCHED"
        assert.equal(SCHED.SCHED_BATCH, with_child({ scheduler = { policy = "batch" } }, S.sched_getscheduler))
        local idle = { policy = "idle", reset_on_fork = true }
        assert.equal(
            SCHED.SCHED_IDLE + SCHED.SCHED_RESET_ON_FORK,
            with_child({ scheduler = idle }, S.sched_getscheduler)
        )
        for arg, bad in pairs {
            ["scheduler/policy"] = { policy = "fast" },
            ["scheduler/priority"] = { policy = "rr" },
            ["scheduler/reset_on_fork"] = { policy = "idle", reset_on_fork = 1 },
            ["scheduler/prio"] = { policy = "idle", prio = 1 },
        } do
            assert.equal(arg, raised("EINVAL", system.spawn, { program = "true", scheduler = bad }).arg)
        end
        local bad = { policy = "batch", priority = 5 }
        local err = raised("EINVAL", system.spawn, { program = "true", scheduler = bad })
        assert.same({ "scheduler", "sched_setscheduler" }, { err.arg, err.step })
    end)

    it("makes sessions and process groups", function()
        with_child({ start_new_session = true }, function(pid)
            assert.equal(pid, S.getsid(pid))
            assert.equal(pid, S.getpgid(pid))
        end)
        with_child({ process_group = 0 }, function(pid)
            assert.equal(S.getsid(0), S.getsid(pid))
            assert.equal(pid, S.getpgid(pid))
            with_child({ process_group = pid }, function(other) assert.equal(pid, S.getpgid(other)) end)
        end)
        local err = raised("EPERM", system.spawn, { program = "true", process_group = 1 })
        assert.same({ "process_group", "setpgid" }, { err.arg, err.step })
    end)

    describe("the terminal", function()
        -- A pseudoterminal: its master as a descriptor of S, its slave as a file_descriptor.
        local function terminal()
            local master = assert(S.posix_openpt "rdwr, noctty")
            assert(master:grantpt())
            assert(master:unlockpt())
            local slave = filesystem.open(path(assert(master:ptsname())), { "read_write" })
            return master, slave
        end

        it("becomes the controlling one with set_ctty", function()
            local master, slave = terminal()
            local _, child = shell('[ "$(tty </dev/tty)" = /dev/tty ]', {
                start_new_session = true,
                set_ctty = slave,
                stdin = slave,
            })
            assert.equal(0, child.exit_code)
            slave:close()
            master:close()
        end)

        it("has the child's group in the foreground with foreground", function()
            local master, slave = terminal()
            -- Only a process of the terminal's session may say so: one starts the other.
            local code = [[
                package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
                local system = require "ljos.system"
                local child = system.spawn {
                    program = "cat", arguments = { "cat" }, stdin = "share", process_group = 0, foreground = "stdin",
                }
                print(system.in_:tcgetpgrp() == child.pid, system.getpgrp() == child.pid)
                child:kill(9)
                child:wait()
            ]]
            local output = output_of {
                program = "luajit",
                arguments = { "luajit", "-e", code },
                environment = { LJOS_ENGINE = os.getenv "LJOS_ENGINE", PATH = os.getenv "PATH" },
                stdin = slave,
                stderr = "share",
                start_new_session = true,
                set_ctty = slave,
            }
            assert.equal("true\tfalse\n", output)
            slave:close()
            master:close()
        end)

        it("needs what goes with it", function()
            local master, slave = terminal()
            for arg, options in pairs {
                set_ctty = { set_ctty = slave },
                foreground = { foreground = slave },
            } do
                options.program = "true"
                assert.equal(arg, raised("EINVAL", system.spawn, options).arg)
            end
            local both =
                { program = "true", foreground = slave, process_group = 0, start_new_session = true, set_ctty = slave }
            assert.equal("foreground", raised("EINVAL", system.spawn, both).arg)
            local unshared = { program = "true", foreground = "stdin", process_group = 0 }
            assert.equal("foreground", raised("EINVAL", system.spawn, unshared).arg)
            local no_terminal = filesystem.open(path "/dev/null", { "read_only" })
            local err =
                raised("ENOTTY", system.spawn, { program = "true", start_new_session = true, set_ctty = no_terminal })
            assert.same({ "set_ctty", "ioctl(TIOCSCTTY)" }, { err.arg, err.step })
            no_terminal:close()
            slave:close()
            master:close()
        end)
    end)

    it("changes ids and groups", function()
        if not is_root() then return pending "needs root" end
        local options = { ruid = 1234, euid = 1235, rgid = 4321, egid = 4322, extra_groups = { 12, 34 } }
        with_child(options, function(pid)
            assert.equal("1234\t1235\t1235\t1235", status(pid, "Uid")) -- exec saves the effective one
            assert.equal("4321\t4322\t4322\t4322", status(pid, "Gid"))
            assert.equal("12 34", status(pid, "Groups"))
        end)
        with_child({ extra_groups = {} }, function(pid) assert.equal("", status(pid, "Groups")) end)
    end)

    it("names the option when ids may not be changed", function()
        if not is_root() then return pending "needs root, to be somebody else first" end
        local code = [[
            package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
            local system = require "ljos.system"
            for _, options in ipairs { { ruid = 0 }, { egid = 0 }, { extra_groups = { 0 } } } do
                options.program = "true"
                local _, err = pcall(system.spawn, options)
                print(err.sym, err.arg, err.step)
            end
        ]]
        local output = output_of {
            program = "luajit",
            arguments = { "luajit", "-e", code },
            environment = { PATH = os.getenv "PATH", LJOS_ENGINE = os.getenv "LJOS_ENGINE" },
            stderr = "share",
            ruid = 1234,
            euid = 1234,
            rgid = 1234,
            egid = 1234,
            extra_groups = {},
        }
        assert.equal(
            "PERM\truid, euid\tsetresuid\nPERM\trgid, egid\tsetresgid\nPERM\textra_groups\tsetgroups\n",
            output
        )
    end)

    it("sets no_new_privs, umask and working directory", function()
        with_child({ set_no_new_privs = true, umask = 63, working_directory = path "/usr" }, function(pid)
            assert.equal("1", status(pid, "NoNewPrivs"))
            assert.equal("0077", status(pid, "Umask"))
            assert.equal("/usr", link(pid, "cwd"))
        end)
        local directory = filesystem.open(path "/usr/lib", { "path" })
        with_child({ working_directory = directory }, function(pid) assert.equal("/usr/lib", link(pid, "cwd")) end)
        directory:close()
        local err = raised("ENOENT", system.spawn, { program = "true", working_directory = path "/ljos/none" })
        assert.same({ "working_directory", "chdir" }, { err.arg, err.step })
        local file = filesystem.open(path "/etc/passwd", { "read_only" })
        err = raised("ENOTDIR", system.spawn, { program = "true", working_directory = file })
        assert.same({ "working_directory", "fchdir" }, { err.arg, err.step })
        file:close()
    end)

    it("has the child die with its parent when it is told to", function()
        local reading, writing = pipe()
        local code = [[
            package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
            local system = require "ljos.system"
            local options = { program = "sleep", arguments = { "sleep", "1000" }, stdout = "share", pdeathsig = 9 }
            local child = system.spawn(options)
            system.kill(system.getpid(), 9)
        ]]
        local parent = system.spawn {
            program = "luajit",
            arguments = { "luajit", "-e", code },
            environment = { PATH = os.getenv "PATH" },
            stdout = writing,
            stderr = "share",
        }
        writing:close()
        assert.equal("", read_all(reading)) -- ends when nobody has the writing end any more
        parent:wait()
        assert.equal(9, parent.exit_signal)
    end)

    it("enters namespaces", function()
        local CLONE = native.constant_table "namespace"
        local namespaces = CLONE.CLONE_NEWUSER
            + CLONE.CLONE_NEWUTS
            + CLONE.CLONE_NEWIPC
            + CLONE.CLONE_NEWNET
            + CLONE.CLONE_NEWNS
        if process.probe_namespaces(namespaces) then return pending "namespaces may not be made here" end
        local reading, writing = descriptors.pipe()
        local output, output_writing = pipe()
        local inside = process.start {
            paths = { "/bin/cat" },
            arguments = { "cat" },
            fds = { [0] = reading, [1] = file_descriptor.number_of(output_writing, 1) },
            numbers = { namespaces = namespaces },
        }
        ffi.C.close(reading)
        output_writing:close()
        assert(S.write(writing, "x"))
        assert.equal("x", S.read(file_descriptor.number_of(output, 1), nil, 1)) -- exec is done
        output:close()
        local options, expected = {}, {}
        for name, file in pairs { user = "user", mount = "mnt", uts = "uts", ipc = "ipc", net = "net" } do
            options["setns_" .. name] =
                filesystem.open(path(("/proc/%d/ns/%s"):format(inside.pid, file)), { "read_only" })
            expected[file] = link(inside.pid, "ns/" .. file)
        end
        local descriptors_used = {}
        for _, fd in pairs(options) do
            descriptors_used[#descriptors_used + 1] = fd
        end
        with_child(options, function(pid)
            for file, namespace in pairs(expected) do
                assert.equal(namespace, link(pid, "ns/" .. file))
            end
        end)
        for _, fd in ipairs(descriptors_used) do
            fd:close()
        end
        ffi.C.close(writing)
        process.wait(inside)
        local none = filesystem.open(path "/etc/passwd", { "read_only" })
        local err = raised("EINVAL", system.spawn, { program = "true", setns_net = none })
        assert.same({ "setns_net", "setns(net)" }, { err.arg, err.step })
        none:close()
    end)

    it("installs a seccomp filter", function()
        -- BPF_RET | BPF_K, SECCOMP_RET_ALLOW
        local allow = byte_span.append "\6\0\0\0\0\0\255\127"
        with_child(
            { set_no_new_privs = true, seccomp_set_mode_filter = allow },
            function(pid) assert.equal("2", status(pid, "Seccomp")) end
        )
        for _, bad in ipairs { byte_span.new(0), byte_span.new(7) } do
            local err = raised("EINVAL", system.spawn, { program = "true", seccomp_set_mode_filter = bad })
            assert.equal("seccomp_set_mode_filter", err.arg)
        end
        local err = raised(
            "EINVAL",
            system.spawn,
            { program = "true", seccomp_set_mode_filter = byte_span.new(8), set_no_new_privs = true }
        )
        assert.same({ "seccomp_set_mode_filter", "seccomp" }, { err.arg, err.step })
    end)

    it("says which system an option is of", function()
        for name, where in pairs { pd_daemon = "FreeBSD", show_window = "Windows", create_no_window = "Windows" } do
            local err = raised("ENOTSUP", system.spawn, { program = "true", [name] = true })
            assert.matches(name .. " is " .. where .. "%-only", err.detail)
        end
    end)

    it("refuses wrong types and unknown names, naming the option", function()
        for name, bad in pairs {
            program = 1,
            arguments = "x",
            environment = 1,
            stdin = "pipe",
            stdout = 1,
            stderr = {},
            extra_fds = 3,
            signal_on_gcreaper = 65,
            scheduler = "idle",
            start_new_session = 1,
            set_ctty = 0,
            process_group = -1,
            foreground = "tty",
            ruid = -1,
            euid = 1.5,
            rgid = 2 ^ 32 - 1,
            egid = "0",
            extra_groups = 1,
            set_no_new_privs = "yes",
            seccomp_set_mode_filter = "x",
            landlock_restrict_self = 3,
            umask = 512,
            working_directory = 1,
            pdeathsig = 0,
            setns_user = "x",
            setns_mount = 1,
            setns_uts = 1,
            setns_ipc = 1,
            setns_net = 1,
            argument = {},
        } do
            local options = { program = "true", process_group = 0 }
            options[name] = bad
            assert.equal(name, raised("EINVAL", system.spawn, options).arg)
        end
        assert.equal("arguments/2", raised("EINVAL", system.spawn, { program = "true", arguments = { "x", 1 } }).arg)
        assert.equal("arguments/1", raised("EINVAL", system.spawn, { program = "true", arguments = { "x\0" } }).arg)
        assert.equal("extra_groups/1", raised("EINVAL", system.spawn, { program = "true", extra_groups = { "x" } }).arg)
        assert.equal("program", raised("EINVAL", system.spawn, {}).arg)
        raised("EINVAL", system.spawn)
    end)

    it("leaves no descriptor behind when there are too few", function()
        collectgarbage()
        collectgarbage()
        local before = descriptor_count()
        local limit = assert(S.getrlimit "nofile")
        local highest = assert(S.dup(0)) -- the lowest that is free
        local number = highest:getfd()
        highest:close()
        for room = 0, 6 do
            assert(S.setrlimit("nofile", { cur = number + room, max = limit.max }))
            local ok, result = pcall(system.spawn, { program = "true" })
            assert(S.setrlimit("nofile", limit))
            if ok then
                result:wait()
            else
                assert.equal("MFILE", result.sym)
            end
            assert.equal(before, descriptor_count())
        end
    end)
end)

describe("a subprocess", function()
    it("tells its exit code, or the signal and 128 more", function()
        local _, child = shell "exit 7"
        assert.same({ 7 }, { child.exit_code, child.exit_signal })
        _, child = shell "kill -TERM $$"
        assert.same({ 128 + signal.SIGTERM, signal.SIGTERM }, { child.exit_code, child.exit_signal })
    end)

    it("has a pid until it was waited for, and exit codes only then", function()
        local child, writing = waiting_child()
        assert.equal(child.pid, assert(S.getpgid(child.pid)) and child.pid)
        raised("EINVAL", function() return child.exit_code end)
        raised("EINVAL", function() return child.exit_signal end)
        writing:close()
        child:wait()
        assert.is_nil(child.pid)
        assert.equal(0, child.exit_code)
        assert.is_nil(child.exit_signal)
        child:wait() -- again does nothing
    end)

    it("keeps its pid while nobody waits, though it has ended", function()
        local reading, writing = pipe()
        local child = system.spawn { program = "true", stdout = writing }
        writing:close()
        read_all(reading) -- it has ended, or is about to
        fiber.this_fiber.yield()
        assert.equal(child.pid, S.getsid(child.pid) and child.pid)
        child:kill(0) -- the kernel still has it
        child:wait()
    end)

    it("takes signals until it was waited for", function()
        local child, writing = waiting_child()
        child:kill(0)
        child:kill(signal.SIGKILL)
        child:wait()
        writing:close()
        assert.equal(signal.SIGKILL, child.exit_signal)
        raised("ESRCH", child.kill, child, 0)
        raised("ESRCH", child.cap_get, child)
        for _, bad in ipairs { -1, 65, 1.5, "TERM" } do
            assert.equal(2, raised("EINVAL", child.kill, child, bad).arg)
        end
    end)

    it("tells the capabilities of its process", function()
        local child, writing = waiting_child()
        assert.equal(tostring(system.cap_get_proc()), tostring(child:cap_get()))
        writing:close()
        child:wait()
    end)

    it("may be waited for by several fibers", function()
        local child, writing = waiting_child()
        local function wait()
            child:wait()
            return child.exit_code
        end
        local a, b = fiber.spawn(wait), fiber.spawn(wait)
        fiber.this_fiber.yield()
        writing:close()
        assert.same({ 0, 0 }, { a:join(), b:join() })
    end)

    it("is as it was when a wait is canceled", function()
        local child, writing = waiting_child()
        local waiting = fiber.spawn(function() child:wait() end)
        fiber.this_fiber.yield()
        waiting:cancel()
        waiting:join()
        assert.is_true(waiting.cancellation_caught)
        child:kill(0)
        assert.is_number(child.pid)
        writing:close()
        child:wait()
        assert.equal(0, child.exit_code)
    end)

    it("lets other fibers run while one waits", function()
        local child, writing = waiting_child()
        local other = fiber.spawn(function() writing:close() end)
        child:wait()
        other:join()
        assert.equal(0, child.exit_code)
    end)

    it("that closes its streams but lives is waited for until it ends", function()
        local gate_reading, gate = pipe()
        local reading, writing = pipe()
        local child = system.spawn {
            program = "sh",
            arguments = { "sh", "-c", "exec >/dev/null; read x; exit 5" },
            stdin = gate_reading,
            stdout = writing,
        }
        gate_reading:close()
        writing:close()
        assert.equal("", read_all(reading))
        child:kill(0)
        gate:close()
        child:wait()
        assert.equal(5, child.exit_code)
    end)

    it("is waited for though a daemon of it lives on and holds the pipes", function()
        local gate_reading, gate = pipe()
        local reading, writing = pipe()
        local child = system.spawn {
            program = "sh",
            -- A command in the background gets /dev/null as its input, so it is told its descriptor.
            arguments = { "sh", "-c", "(read x <&3; echo later) 3<&0 & exit 6" },
            stdin = gate_reading,
            stdout = writing,
        }
        gate_reading:close()
        writing:close()
        child:wait()
        assert.equal(6, child.exit_code)
        gate:close()
        assert.equal("later\n", read_all(reading))
    end)

    it("that is collected is sent its signal, and reaped by the loop", function()
        for _, case in ipairs { { nil, "Terminated" }, { signal.SIGKILL, "Killed" } } do
            local reading, writing = pipe()
            local child = system.spawn {
                program = "sleep",
                arguments = { "sleep", "1000" },
                stdout = writing,
                signal_on_gcreaper = case[1],
            }
            writing:close()
            local pid = child.pid
            child = nil -- luacheck: ignore
            collectgarbage()
            collectgarbage()
            assert.equal("", read_all(reading)) -- it has ended, or is about to
            repeat
                fiber.this_fiber.yield()
                process.reap_ended()
            until not S.kill(pid, 0)
        end
    end)

    it("that is collected without a signal lives on", function()
        local reading, writing = pipe()
        local output, output_writing = pipe()
        system.spawn {
            program = "cat",
            arguments = { "cat" },
            stdin = reading,
            stdout = output_writing,
            signal_on_gcreaper = 0,
        }
        reading:close()
        output_writing:close()
        collectgarbage()
        collectgarbage()
        assert(S.write(file_descriptor.number_of(writing, 1), "alive"))
        writing:close()
        assert.equal("alive", read_all(output))
        process.reap_ended()
    end)

    it("leaves the other children of the program alone", function()
        local other = assert(io.popen "cat >/dev/null")
        local _, child = shell "exit 0"
        assert.equal(0, child.exit_code)
        assert.is_true(other:close()) -- popen's own waitpid finds it
    end)

    it("says ECHILD when the kernel does not tell how it ended", function()
        local code = [[
            package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
            local system = require "ljos.system"
            system.signal.ignore(system.signal.SIGCHLD)
            local child = system.spawn { program = "true" }
            local _, err = pcall(child.wait, child)
            print(err.sym, child.pid)
        ]]
        local output = output_of {
            program = "luajit",
            arguments = { "luajit", "-e", code },
            environment = { PATH = os.getenv "PATH", LJOS_ENGINE = os.getenv "LJOS_ENGINE" },
            stderr = "share",
        }
        assert.equal("CHILD\tnil\n", output)
    end)

    it("has no other fields", function()
        local child = system.spawn { program = "true" }
        raises.core("bad_index", function() return child.nothing end)
        child:wait()
    end)
end)
