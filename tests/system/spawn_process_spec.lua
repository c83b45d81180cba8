-- system.spawn: what the process is like: scheduling, sessions, terminals, ids, namespaces.
local ffi = require "ffi"
local lacks = require "lacks"
local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local children = require "children"
local descriptors = require "ljos.process.descriptors"
local file_descriptor = require "ljos.file_descriptor"
local filesystem = require "ljos.filesystem"
local native = require "ljos.native"
local process = require "ljos.process"
local raised = require "raised"
local system = require "ljos.system"

local path = filesystem.path.new
local pipe, read_all, output_of, shell, with_child, status, link =
    children.pipe,
    children.read_all,
    children.output_of,
    children.shell,
    children.with_child,
    children.status,
    children.link

describe("system.spawn", function()
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
            local err = raised("EPERM", system.spawn, { program = "true", process_group = pid }) -- of another session
            assert.same({ "process_group", "setpgid" }, { err.arg, err.step })
        end)
        with_child({ process_group = 0 }, function(pid)
            assert.equal(S.getsid(0), S.getsid(pid))
            assert.equal(pid, S.getpgid(pid))
            with_child({ process_group = pid }, function(other) assert.equal(pid, S.getpgid(other)) end)
        end)
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
        local lacking = lacks("setgid", "setuid")
        if lacking then return pending(lacking) end
        local options = { ruid = 1234, euid = 1235, rgid = 4321, egid = 4322, extra_groups = { 12, 34 } }
        with_child(options, function(pid)
            assert.equal("1234\t1235\t1235\t1235", status(pid, "Uid")) -- exec saves the effective one
            assert.equal("4321\t4322\t4322\t4322", status(pid, "Gid"))
            assert.equal("12 34", status(pid, "Groups"))
        end)
        with_child({ extra_groups = {} }, function(pid) assert.equal("", status(pid, "Groups")) end)
    end)

    it("names the option when ids may not be changed", function()
        local lacking = lacks("setgid", "setuid") -- to be somebody else first
        if lacking then return pending(lacking) end
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
end)
