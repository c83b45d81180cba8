-- system: every row of the seed's reference is there, and those of other systems say so; the calls about the process
-- itself, which run in processes of their own where they change something.
local lacks = require "lacks"
local S = require "ljos.syscall"
local descriptors = require "ljos.process.descriptors"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local filesystem = require "ljos.filesystem"
local raised = require "raised"
local raises = require "raises"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local path = filesystem.path.new

local function read_all(number)
    local text = {}
    repeat
        local part = assert(S.read(number, nil, 65536))
        text[#text + 1] = part
    until part == ""
    return table.concat(text)
end

-- What a program wrote to its stdout and stderr, and its subprocess object.
local function output_of(options)
    local reading, writing = descriptors.pipe()
    reading, writing = file_descriptor.new(reading), file_descriptor.new(writing)
    options.stdout, options.stderr = writing, writing
    options.environment = options.environment or {}
    options.environment.PATH, options.environment.LJOS_ENGINE = os.getenv "PATH", os.getenv "LJOS_ENGINE"
    local child = system.spawn(options)
    writing:close()
    local text = read_all(file_descriptor.number_of(reading, 1))
    reading:close()
    child:wait()
    return text, child
end

-- Runs code in library mode, with `system` in a local.
local function run(code, options)
    options = options or {}
    code = 'package.path = "lua/?.lua;lua/?/init.lua;" .. package.path; local system = require "ljos.system"; ' .. code
    options.program, options.arguments = "luajit", { "luajit", "-e", code }
    return output_of(options)
end

-- Runs code in app mode.
local function run_app(code, options)
    options = options or {}
    local file = temporary_directory.make() .. "/program.lua"
    text_file.write(file, 'local system = require "system"; ' .. code)
    options.program, options.arguments = path "bin/ljos", { "ljos", file, "--", "one" }
    return output_of(options)
end

-- The rows of the seed, "system.*", without what sandboxing brings: name -> type, or the system that has it.
local ROWS = {
    arguments = "table",
    environment = "table",
    in_ = { read_some = 1, dup = 1, dup_from = 1, isatty = 1, tcgetpgrp = 1, tcsetpgrp = 1 },
    out = { write_some = 1, dup = 1, dup_from = 1, isatty = 1, tcgetpgrp = 1, tcsetpgrp = 1 },
    err = { write_some = 1, dup = 1, dup_from = 1, isatty = 1, tcgetpgrp = 1, tcsetpgrp = 1 },
    caph_limit_stdio = "FreeBSD",
    get_lowfd = "function",
    get_ld_library_directories = "function",
    exit = "function",
    spawn = "function",
    getresuid = "function",
    getresgid = "function",
    setresuid = "function",
    setresgid = "function",
    getgroups = "function",
    setgroups = "function",
    set_no_new_privs = "function",
    getpid = "function",
    getppid = "function",
    kill = "function",
    getpgrp = "function",
    getpgid = "function",
    setpgid = "function",
    getsid = "function",
    setsid = "function",
    jail_set = "FreeBSD",
    jail_get = "FreeBSD",
    jail_remove = "FreeBSD",
    jailparam_all = "FreeBSD",
    cap_get_proc = "function",
    cap_init = "function",
    cap_from_text = "function",
    cap_get_bound = "function",
    cap_drop_bound = "function",
    cap_get_ambient = "function",
    cap_set_ambient = "function",
    cap_reset_ambient = "function",
    cap_get_secbits = "function",
    cap_set_secbits = "function",
    SECBIT_NOROOT = "number",
    SECBIT_NOROOT_LOCKED = "number",
    SECBIT_NO_SETUID_FIXUP = "number",
    SECBIT_NO_SETUID_FIXUP_LOCKED = "number",
    SECBIT_KEEP_CAPS = "number",
    SECBIT_KEEP_CAPS_LOCKED = "number",
    SECBIT_NO_CAP_AMBIENT_RAISE = "number",
    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = "number",
}

local SIGNALS =
    [[SIGABRT SIGFPE SIGILL SIGINT SIGSEGV SIGTERM SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE
    SIGPROF SIGQUIT SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU
    SIGXFSZ]]

describe("system", function()
    teardown(temporary_directory.remove_all)

    it("has every row of the reference", function()
        for name, expected in pairs(ROWS) do
            local value = system[name]
            if type(expected) == "table" then
                for method in pairs(expected) do
                    assert.equal("function", type(value[method]), name .. "." .. method)
                end
            elseif expected == "FreeBSD" then
                local err = raised("ENOTSUP", value)
                assert.equal(("system.%s is FreeBSD-only; this is Linux"):format(name), err.detail)
            else
                assert.equal(expected, type(value), name)
            end
        end
        for name in SIGNALS:gmatch "%S+" do
            assert.equal("number", type(system.signal[name]), name)
        end
        for _, name in ipairs { "raise", "ignore", "default" } do
            assert.equal("function", type(system.signal[name]))
        end
        local set = system.signal.set.new()
        for _, name in ipairs { "add", "remove", "clear", "cancel", "wait" } do
            assert.equal("function", type(set[name]))
        end
        local capabilities = system.cap_init()
        for name in
            ([[dup clear clear_flag get_flag set_flag fill_flag fill set_proc get_nsowner set_nsowner]]):gmatch "%S+"
        do
            assert.equal("function", type(capabilities[name]), name)
        end
        assert.equal("=", tostring(capabilities))
        raised("ENOTSUP", function() return system.signal.SIGBREAK end)
    end)

    it("has no other field", function()
        raises.core("bad_index", function() return system.nothing end)
        raises.core("bad_index", function() return system.signal.SIGNOTHING end)
    end)

    it("has the environment", function()
        local text = run("print(system.environment.A, system.environment.B, system.environment.C)", {
            environment = { A = "x=y", B = "" },
        })
        assert.equal("x=y\t\tnil\n", text)
    end)

    it(
        "has the command line in app mode",
        function() assert.matches("/ljos\t.*/program.lua\tone\n$", (run_app "print(unpack(system.arguments))")) end
    )

    it("tells who the process is", function()
        assert.equal(S.getpid(), system.getpid())
        assert.equal(S.getppid(), system.getppid())
        assert.equal(S.getpgid(0), system.getpgrp())
        assert.equal(S.getpgid(S.getppid()), system.getpgid(S.getppid()))
        assert.equal(S.getsid(0), system.getsid(0))
        local real, effective = system.getresuid()
        assert.same({ S.getuid(), S.geteuid() }, { real, effective })
        real, effective = system.getresgid()
        assert.same({ S.getgid(), S.getegid() }, { real, effective })
        assert.equal("table", type(system.getgroups()))
    end)

    it("makes sessions and process groups", function()
        assert.equal("true\ttrue\n", (run [[
            system.setpgid(0, 0)
            local leads = system.getpgrp() == system.getpid()
            print(leads, not pcall(system.setsid))
        ]]))
        assert.equal(
            "true\ttrue\n",
            (run "local id = system.setsid(); print(id == system.getpid(), system.getsid(0) == id)")
        )
    end)

    it("changes users and groups, in all threads", function()
        local lacking = lacks("setgid", "setuid")
        if lacking then return pending(lacking) end
        assert.equal("12,34\n1\t2\t3\n4\t5\t6\ntrue\n", (run [[
            -- A blocking call in the pool starts a thread.
            local operation = require "ljos.loop.operation"
            operation.call(false, "getppid", require("ljos.native").constant_table("SYS").__NR_getppid)
            system.setgroups { 12, 34 }
            print(table.concat(system.getgroups(), ","))
            system.setresgid(1, 2, 3)
            system.setresgid(-1, -1, -1)
            print(system.getresgid())
            system.setresuid(4, 5, 6)
            print(system.getresuid())
            local same = true
            local tasks = io.popen("cat /proc/" .. system.getpid() .. "/task/*/status")
            for uid in tasks:read("*a"):gmatch "Uid:%s*(%d+)" do same = same and uid == "4" end
            print(same)
        ]]))
    end)

    it("sets no_new_privs in all threads", function()
        for _, threads in ipairs { 1, 2 } do
            local text = run(([[
                local operation = require "ljos.loop.operation"
                if %d == 2 then
                    operation.call(false, "getppid", require("ljos.native").constant_table("SYS").__NR_getppid)
                end
                system.set_no_new_privs()
                local tasks = io.popen("cat /proc/" .. system.getpid() .. "/task/*/status")
                local count = 0
                for bit in tasks:read("*a"):gmatch "NoNewPrivs:%%s*(%%d)" do count = count + tonumber(bit) end
                print(count)
            ]]):format(threads))
            assert.is_true((tonumber(text) or 0) >= threads, text)
        end
    end)

    it("sends signals", function()
        system.kill(system.getpid(), 0)
        raised("ESRCH", system.kill, 2 ^ 22 + 1, 0) -- beyond the highest pid there can be
        assert.equal("", (run "system.kill(0, 0)"))
        local _, child = run "system.kill(system.getpid(), system.signal.SIGTERM)"
        assert.equal(system.signal.SIGTERM, child.exit_signal)
    end)

    it("refuses wrong arguments", function()
        for _, case in ipairs {
            { 1, system.kill, "x", 0 },
            { 2, system.kill, 1, 65 },
            { 1, system.getpgid, -1 },
            { 2, system.setpgid, 0, 1.5 },
            { 1, system.getsid },
            { 1, system.setresuid, -2, 0, 0 },
            { 3, system.setresgid, -1, -1, 2 ^ 32 },
            { 1, system.setgroups },
            { "groups/2", system.setgroups, { 1, "x" } },
            { 1, system.get_lowfd, "3" },
            { 1, system.exit, "x" },
            { "force", system.exit, 0, { force = 3 } },
            { "forced", system.exit, 0, { forced = 2 } },
            { 2, system.out.tcsetpgrp, system.out, "x" },
            { 2, system.out.dup_from, system.out, 1 },
        } do
            assert.equal(case[1], raised("EINVAL", unpack(case, 2)).arg)
        end
    end)
end)

describe("system.exit", function()
    it("ends the program at once, with a code, from any fiber", function()
        for _, runner in ipairs { run, run_app } do
            local text, child = runner [[
                local spawn = spawn or require("ljos.fiber").spawn
                local scope_cleanup_push = scope_cleanup_push or require("ljos.fiber").scope_cleanup_push
                scope_cleanup_push(function() print "cleanup" end)
                spawn(function() print "before"; system.exit(7); print "after" end)
                local this_fiber = this_fiber or require("ljos.fiber").this_fiber
                this_fiber.yield()
                print "main"
            ]]
            assert.same({ "before\n", 7 }, { text, child.exit_code })
        end
    end)

    it("has 0 as its code, and code modulo 256", function()
        local _, child = run "system.exit()"
        assert.equal(0, child.exit_code)
        _, child = run "system.exit(258)"
        assert.equal(2, child.exit_code)
    end)

    it("flushes what was printed, unless it is forced", function()
        local text, child = run "io.stdout:setvbuf 'full'; print 'kept'; system.exit(3)"
        assert.same({ "kept\n", 3 }, { text, child.exit_code })
        text, child = run "io.stdout:setvbuf 'full'; print 'lost'; system.exit(3, { force = 2 })"
        assert.same({ "", 3 }, { text, child.exit_code })
        child = select(2, run "system.exit(3, { force = 'abort' })")
        assert.equal(system.signal.SIGABRT, child.exit_signal)
        text = run "print(select(2, pcall(system.exit, 0, { force = 1 })).sym)"
        assert.equal("OPNOTSUPP\n", text)
    end)

    it("lets go of subprocesses; app mode waits for their end", function()
        -- The subprocess has the pipe that is read here to its end, so that end comes after its own.
        local program = [[
            local started = system.signal.set.new(system.signal.SIGUSR1)
            local child = system.spawn {
                program = "sh",
                arguments = {
                    "sh", "-c",
                    "trap 'echo stopped; exit' TERM; kill -USR1 $PPID; while :; do sleep 0.01; done",
                },
                environment = system.environment,
                stdout = "share",
                stderr = "share",
            }
            started:wait()
        ]]
        assert.equal("stopped\n", (run(program)))
        assert.equal("stopped\n", (run(program .. "system.exit(1)")))
        assert.equal("stopped\n", (run_app(program)))
        assert.equal("stopped\n", (run_app(program .. "system.exit(1)")))
    end)
end)

describe("system.get_lowfd", function()
    it("hands out what was inherited, once", function()
        local file = filesystem.open(path "/etc/passwd", { "read_only" })
        for _, runner in ipairs { run, run_app } do
            local text = runner(
                [[
                print(system.get_lowfd(2), system.get_lowfd(4), system.get_lowfd(10), system.get_lowfd(3.5))
                local fd = system.get_lowfd(5)
                print(fd.type, system.get_lowfd(5))
            ]],
                { extra_fds = { [5] = file } }
            )
            assert.equal("nil\tnil\tnil\tnil\nregular\tnil\n", text)
        end
        file:close()
    end)
end)

describe("system.get_ld_library_directories", function()
    it("opens the directories of the dynamic linker", function()
        local directories = system.get_ld_library_directories()
        assert.is_true(#directories > 0)
        for _, fd in ipairs(directories) do
            assert.equal("directory", fd.type)
            fd:close()
        end
    end)
end)

describe("a standard stream", function()
    it("can be duplicated", function()
        local copy = system.in_:dup()
        local number = file_descriptor.number_of(copy, 1)
        assert.equal(S.readlink "/proc/self/fd/0", S.readlink("/proc/self/fd/" .. number))
        local order, denied = S.kcmp(S.getpid(), S.getpid(), "file", 0, number)
        assert.is_true(order == 0 or denied.PERM)
        copy:close()
    end)

    it("can be made to refer to something else", function()
        local text = run [[
            local filesystem, stream = require "ljos.filesystem", require "ljos.stream"
            local saved = system.out:dup()
            local null = filesystem.open(filesystem.path.new "/dev/null", { "write_only" })
            io.stdout:setvbuf "full"
            print "first"
            system.out:dup_from(null)
            stream.write_all(system.out, "lost\n")
            system.out:dup_from(saved)
            stream.write_all(system.out, "last\n")
            null:close()
            print(pcall(system.out.dup_from, system.out, null))
        ]]
        assert.matches("^first\nlast\nfalse\t", text)
    end)

    it("ends the read in flight when it is made to refer to something else", function()
        local reading, writing = descriptors.pipe()
        reading = file_descriptor.new(reading)
        local text = run(
            [[
            local fiber, filesystem = require "ljos.fiber", require "ljos.filesystem"
            local buffer = require("ljos.byte_span").new(8)
            local f = fiber.spawn(function() return select(2, pcall(system.in_.read_some, system.in_, buffer)) end)
            fiber.this_fiber.yield()
            local zero = filesystem.open(filesystem.path.new "/dev/zero", { "read_only" })
            system.in_:dup_from(zero)
            print(f:join().sym, system.in_:read_some(buffer))
        ]],
            { stdin = reading }
        )
        assert.equal("CANCELED\t8\n", text)
        reading:close()
        S.close(writing)
    end)

    it("knows terminals", function()
        local master = assert(S.posix_openpt "rdwr, noctty")
        assert(master:grantpt())
        assert(master:unlockpt())
        local slave = filesystem.open(path(assert(master:ptsname())), { "read_write" })
        local text = run(
            [[
            print(system.in_:isatty(), system.out:isatty(), system.in_:tcgetpgrp() == system.getpgrp())
            local child = system.spawn { program = "sleep", arguments = { "sleep", "100" }, process_group = 0 }
            system.signal.ignore(system.signal.SIGTTOU)
            system.in_:tcsetpgrp(child.pid)
            print(system.in_:tcgetpgrp() == child.pid)
            child:kill(9)
            child:wait()
            print(select(2, pcall(system.out.tcgetpgrp, system.out)).sym)
        ]],
            { stdin = slave, start_new_session = true, set_ctty = slave }
        )
        assert.equal("true\tfalse\ttrue\ntrue\nNOTTY\n", text)
        slave:close()
        master:close()
    end)
end)

describe("app mode", function()
    it("gets an error for a broken pipe, not a signal", function()
        local code = [[
            local stream = require "stream"
            local _, err = pcall(stream.write_all, system.out, ("x"):rep(100000))
            system.exit(err.EPIPE and 5 or 6)
        ]]
        local file = temporary_directory.make() .. "/program.lua"
        text_file.write(file, 'local system = require "system"; ' .. code)
        local child = system.spawn {
            program = path "bin/ljos",
            arguments = { "ljos", file },
            environment = { PATH = os.getenv "PATH", LJOS_ENGINE = os.getenv "LJOS_ENGINE" },
            stderr = "share",
        }
        child:wait()
        assert.equal(5, child.exit_code)
        assert.is_false(error_.is_error(child))
        temporary_directory.remove_all()
    end)
end)
