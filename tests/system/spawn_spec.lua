-- system.spawn: the program, its arguments, environment and streams; errors that name the option.
local S = require "ljos.syscall"
local children = require "children"
local collect = require "collect"
local filesystem = require "ljos.filesystem"
local raised = require "raised"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"

local path = filesystem.path.new
local pipe, read_all, output_of, shell, descriptor_count =
    children.pipe, children.read_all, children.output_of, children.shell, children.descriptor_count

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
        collect()
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
            assert.is_true(descriptor_count() <= before) -- fewer where some garbage was still there
        end
    end)
end)
