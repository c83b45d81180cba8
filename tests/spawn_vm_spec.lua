-- spawn_vm: actors in processes of their own, by the named parameters of seed 003.
local ffi = require "ffi"
local attacks = require "actor.attacks"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local inbox = require "ljos.inbox"
local native = require "ljos.native"
local needs = require "needs"
local path = require "ljos.filesystem.path"
local plain_pipe = require "plain_pipe"
local process = require "ljos.process"
local read_stream = require("ljos.pipe").read_stream
local signal = require "ljos.system.signal"
local programs = require "actor.programs"
local S = require "ljos.syscall"
local shows_its_fibers = require "actor.shows_its_fibers"
local spawn_vm = require "ljos.spawn_vm"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local timeout = require "ljos.timeout"

local pipe, read_all = plain_pipe.pair, plain_pipe.read_all

ffi.cdef [[
int64_t read(int fd, void *buffer, size_t size);
int64_t write(int fd, const void *buffer, size_t size);
unsigned geteuid(void);
unsigned getegid(void);
]]

local write = text_file.write

local finish = attacks.finish

-- Starts an actor that runs `code`, a function body whose result it sends back.
local function spawn_code(code, subprocess)
    subprocess.source_tree_cache = {
        ["actor.lua"] = ([[
        local inbox = require "inbox"
        local function body() %s end
        local result = body()
        inbox:receive():send(result == nil and "nil" or result)
    ]]):format(code),
    }
    subprocess.stderr = subprocess.stderr or "share"
    return spawn_vm { module = path.new "/actor.lua", subprocess = subprocess }
end

local function answer_of(code, subprocess)
    local channel = spawn_code(code, subprocess or {})
    channel:send(inbox)
    local answer = inbox:receive()
    finish(channel)
    return answer
end

describe("spawn_vm", function()
    teardown(temporary_directory.remove_all)
    -- All senders have ended: the next receive lets go of their sockets.
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    describe("finds the module", function()
        local dir, ljos

        setup(function()
            dir = temporary_directory.make()
            ljos = io.popen("pwd"):read "*l" .. "/bin/ljos"
            os.execute(("mkdir '%s/folder'"):format(dir))
            write(
                dir .. "/worker.lua",
                [[
                local inbox, sibling = require "inbox", require "../sibling"
                inbox:receive():send(_CONTEXT .. " " .. sibling.name)
            ]]
            )
            write(dir .. "/sibling.lua", "name = 'sibling' assert(_CONTEXT == '')")
            write(
                dir .. "/folder/init.lua",
                [[
                require("inbox"):receive():send(require("./child").name)
            ]]
            )
            write(dir .. "/folder/child.lua", "name = 'child'")
        end)

        local function output_of(program)
            write(dir .. "/main.lua", program)
            local lines = assert(io.popen(("cd / && '%s' '%s/main.lua' 2>&1"):format(ljos, dir)))
            local output = lines:read "*a"
            lines:close()
            return output
        end

        local MAIN = [[
            local inbox = require "inbox"
            local channel = spawn_vm { module = %q, subprocess = { stderr = "share" } }
            channel:send(inbox)
            print(inbox:receive())
        ]]

        it(
            "beside the program, in app mode",
            function() assert.equal("worker sibling\n", output_of(MAIN:format "./worker")) end
        )
        it("from the program's root", function() assert.equal("worker sibling\n", output_of(MAIN:format "/worker")) end)
        it("in a folder with an init.lua", function() assert.equal("child\n", output_of(MAIN:format "./folder")) end)

        it("in the program's own file", function()
            local program = [[
                local inbox = require "inbox"
                if _CONTEXT == "worker" then
                    inbox:receive():send "own file"
                else
                    local channel = spawn_vm { module = ".", subprocess = { stderr = "share" } }
                    channel:send(inbox)
                    print(inbox:receive())
                end
            ]]
            assert.equal("own file\n", output_of(program))
        end)

        it("beside the file of the caller, and on package.path, in library mode", function()
            write(
                dir .. "/library.lua",
                [[
                local inbox, spawn_vm = require "ljos.inbox", require "ljos.spawn_vm"
                for _, module in ipairs { "./worker", "worker" } do
                    local channel = spawn_vm { module = module, subprocess = { stderr = "share" } }
                    channel:send(inbox)
                    print(inbox:receive())
                end
            ]]
            )
            local command = "LUA_PATH='lua/?.lua;lua/?/init.lua;%s/?.lua' luajit '%s/library.lua' 2>&1"
            local lines = assert(io.popen(command:format(dir, dir)))
            local output = lines:read "*a"
            lines:close()
            assert.equal("worker sibling\nworker sibling\n", output)
        end)

        it("in the cache, before any file of its own", function()
            write(dir .. "/app.lua", "require('inbox'):receive():send(require('./sibling').name)")
            local tree = { ["sibling.lua"] = "name = 'cached'" }
            for component in dir:reverse():gmatch "[^/]+" do
                tree = { [component:reverse()] = tree }
            end
            for expected, cache in pairs { sibling = {}, cached = tree } do
                local channel = spawn_vm {
                    module = path.new(dir .. "/app.lua"),
                    subprocess = { source_tree_cache = cache, stderr = "share" },
                }
                channel:send(inbox)
                assert.equal(expected, inbox:receive())
                finish(channel)
            end
        end)

        it("or says why not, at the call", function()
            local function alias_of(module)
                local ok, err = pcall(spawn_vm, { module = module, subprocess = {} })
                assert.is_false(ok)
                return err
            end
            assert.is_true(error_.is_core(alias_of "./absent", "module_not_found"))
            assert.is_true(error_.is_core(alias_of "", "invalid_module_name"))
            assert.is_true(error_.is_core(alias_of "..", "invalid_module_name"))
            assert.is_true(error_.is_core(alias_of "absent.module", "module_not_found"))
            assert.matches(
                "./app.lua: the name of a file is given as a filesystem.path",
                alias_of("./app.lua").detail,
                1,
                true
            )
        end)
    end)

    it("refuses wrong arguments by their names", function()
        local function arg_of(options)
            local ok, err = pcall(spawn_vm, options)
            assert.is_false(ok)
            assert.is_true(error_.is_error(err))
            return err.arg
        end
        assert.equal(1, arg_of(nil))
        assert.equal("subprocess", arg_of { module = ".", subprocess = true })
        assert.equal("module", arg_of { subprocess = {} })
        assert.equal("modul", arg_of { modul = ".", subprocess = {} })
        assert.equal("subprocess/newns_pdi", arg_of { module = ".", subprocess = { newns_pdi = true } })
        assert.equal("inherit_context", arg_of { module = ".", inherit_context = true, subprocess = {} })
        assert.equal("subprocess/newns_pid", arg_of { module = ".", subprocess = { newns_pid = 1 } })
        assert.equal("subprocess/environment", arg_of { module = ".", subprocess = { environment = { 1 } } })
        assert.equal("subprocess/stdout", arg_of { module = ".", subprocess = { stdout = "shared" } })
        assert.equal("subprocess/init/script", arg_of { module = ".", subprocess = { init = {} } })
        assert.equal("subprocess/init/scipt", arg_of { module = ".", subprocess = { init = { scipt = "" } } })
        assert.equal("subprocess/init/arg", arg_of { module = ".", subprocess = { init = { script = "", arg = 1 } } })
        assert.equal(
            "subprocess/source_tree_cache",
            arg_of { module = ".", subprocess = { source_tree_cache = { a = 1 } } }
        )
    end)

    needs.namespaces(it)("names the namespace that the kernel refuses", function()
        local program = programs.start(
            [[
            local spawn_vm = require "ljos.spawn_vm"
            local file = assert(io.open("/proc/sys/user/max_net_namespaces", "w"))
            file:write "0"
            file:close()
            local subprocess = { newns_user = true, newns_mount = true, newns_net = true, newns_uts = true }
            local path = require("ljos.filesystem.path").new "/actor.lua"
            local ok, err = pcall(spawn_vm, { module = path, subprocess = subprocess })
            print(ok, err.arg, err.sym)
        ]],
            { "unshare", "--user", "--map-root-user" }
        )
        local line = program:read_line()
        program:wait()
        assert.equal("false\tsubprocess/newns_net\tNOSPC", line)
    end)

    it("leaves no descriptor behind where it cannot have enough of them", function()
        local subprocess = { source_tree_cache = { ["actor.lua"] = "" } }
        local function start() return pcall(spawn_vm, { module = path.new "/actor.lua", subprocess = subprocess }) end
        local _, first = start()
        finish(first)
        local limit, failures = S.getrlimit "nofile", 0
        local function count()
            local names = {}
            for name in S.util.ls "/proc/self/fd" do
                names[#names + 1] = name
            end
            return #names
        end
        for more = 0, 30 do
            collectgarbage()
            collectgarbage()
            local before, lowest = count(), assert(S.dup(0))
            S.setrlimit("nofile", { cur = lowest:getfd() + more, max = limit.max })
            lowest:close()
            collectgarbage "stop"
            local ok, result = start()
            S.setrlimit("nofile", limit)
            local after = count()
            collectgarbage "restart"
            if ok then
                finish(result)
                break
            end
            failures = failures + 1
            assert.equal("MFILE", result.sym)
            assert.equal(before, after)
        end
        assert.is_true(failures > 5)
    end)

    it("gives the actor the environment it is told, empty by default", function()
        local code = 'local ffi = require "ffi" ffi.cdef "char *getenv(const char *);" local v = ffi.C.getenv "%s" '
            .. "return v ~= nil and ffi.string(v)"
        assert.is_false(answer_of(code:format "PATH"))
        assert.equal("x=y", answer_of(code:format "NAME", { environment = { NAME = "x=y" } }))
    end)

    it("gives the actor the standard streams it is told", function()
        local in_reading, in_writing = pipe()
        local out_reading, out_writing = pipe()
        local code = [[
            local system = require "system"
            local buffer = byte_span.new(100)
            local n = system.in_:read_some(buffer)
            print("got " .. tostring(buffer:first(n)))
        ]]
        local channel = spawn_code(code, { stdin = in_reading, stdout = out_writing })
        ffi.C.write(file_descriptor.number_of(in_writing, 1), "words", 5)
        for _, fd in ipairs { in_reading, in_writing, out_writing } do
            fd:close()
        end
        channel:send(inbox)
        assert.equal("nil", inbox:receive())
        finish(channel)
        assert.equal("got words\n", read_all(out_reading))
    end)

    needs.namespaces(it)("makes the namespaces it is told", function()
        local code = 'local ffi = require "ffi" ffi.cdef "int getpid(void);" return ffi.C.getpid()'
        assert.equal(2, answer_of(code, { newns_user = true, newns_pid = true }))
        local link = 'local ffi = require "ffi" ffi.cdef "int64_t readlink(const char *, char *, size_t);" '
            .. 'local b = ffi.new "char[64]" return ffi.string(b, ffi.C.readlink("/proc/self/ns/%s", b, 64))'
        for option, name in pairs { newns_net = "net", newns_uts = "uts", newns_ipc = "ipc", newns_mount = "mnt" } do
            local own = answer_of(link:format(name))
            assert.matches("^" .. name .. ":%[%d+%]$", own)
            assert.are_not.equal(own, answer_of(link:format(name), { newns_user = true, [option] = true }))
        end
    end)

    it("tells a child's pid, and sends it signals", function()
        local channel = spawn_code("while true do end", {})
        assert.equal("number", type(channel.child_pid))
        channel:kill(15)
        process.wait(channel.child)
        assert.equal(15, channel.child.signal)
        channel:kill(0) -- it has ended: nothing to do
        channel:close()
    end)

    it("raises EPIPE from send once the actor is gone", function()
        local channel = spawn_code("while true do end", {})
        channel:kill(9)
        assert.is_true(error_.is_core(select(2, pcall(channel.send, channel, 1)), "channel_closed"))
        process.wait(channel.child)
        local other = spawn_code("", {})
        other:send(inbox)
        inbox:receive()
        process.wait(other.child)
        assert.equal("PIPE", select(2, pcall(other.send, other, 1)).sym)
        other:close()
    end)

    it("closes the inbox of an actor that did not import it", function()
        local reading, writing = pipe()
        local channel = spawn_vm {
            module = path.new "/quiet.lua",
            subprocess = {
                source_tree_cache = {
                    ["quiet.lua"] = "spawn(function() while true do this_fiber.yield() end end):detach()",
                },
                stdout = writing,
                stderr = "share",
            },
        }
        writing:close()
        local ok, err
        repeat
            ok, err = pcall(channel.send, channel, 1)
        until not ok
        assert.equal("PIPE", err.sym)
        channel:kill()
        process.wait(channel.child)
        assert.equal("", read_all(reading))
    end)

    describe("runs init.script", function()
        local function with_script(script, code, more)
            local subprocess = more or {}
            subprocess.init = { script = script, arg = subprocess.arg }
            subprocess.arg = nil
            return answer_of(code, subprocess)
        end

        it("in the actor's process, before the module", function()
            local code = 'local ffi = require "ffi" ffi.cdef "char *getcwd(char *, size_t);" '
                .. 'local b = ffi.new "char[99]" return ffi.string(ffi.C.getcwd(b, 99))'
            assert.equal("/usr", with_script('C.chdir "/usr"', code))
        end)

        it("with a descriptor, calls that return result and errno, and helpers", function()
            local reading, writing = pipe()
            local script = [[
                assert(mode(6, 4, 0) == 416)
                errexit = false
                local fd, errno = C.open("/nonexistent", C.O_RDONLY)
                assert(fd == -1 and errno == C.ENOENT)
                local devnull = C.open("/dev/null", C.O_RDWR + C.O_CLOEXEC)
                local text, none = C.read(devnull, 10)
                assert(text == "" and none == 0)
                errexit = true
                local count, zero = write_all(arg, "from the script")
                assert(count == 15 and zero == 0)
                C.close(arg)
            ]]
            assert.equal("nil", with_script(script, "", { arg = writing }))
            writing:close()
            assert.equal("from the script", read_all(reading))
        end)

        it("and aborts the process when a call fails, unless errexit is false", function()
            local channel = spawn_code("", { init = { script = 'C.chdir "/nonexistent"' }, stderr = select(2, pipe()) })
            process.wait(channel.child)
            assert.equal(6, channel.child.signal)
            channel:close()
            assert.equal("nil", with_script('errexit = false C.chdir "/nonexistent"', ""))
        end)

        it("and says on stderr why the actor does not start when the script itself is wrong", function()
            for script, message in pairs {
                ["C.nonsense()"] = "init.script:1: attempt to call field 'nonsense'",
                ["x = = 1"] = "init.script:1: unexpected symbol",
                ["C.mkdir({}, 7)"] = "init.script:1: mkdir: bad argument #1 to 'mkdir'",
                ['C.mkdir("a\\0b", 7)'] = "init.script:1: mkdir: Invalid argument (argument 1: a NUL in a string)",
                ["C.write(1)"] = "init.script:1: write: Invalid argument (argument 2: string expected, got nil)",
            } do
                local reading, writing = pipe()
                local channel = spawn_code("", { init = { script = script }, stderr = writing })
                writing:close()
                assert.matches(message, read_all(reading), 1, true)
                process.wait(channel.child)
                assert.equal(1, channel.child.code)
                channel:close()
            end
        end)

        needs.namespaces(it)("and survives every call with nonsense", function()
            local reading, writing = pipe()
            local script = [[
                errexit = false
                C.chdir "/proc" -- where nothing can be made
                local garbage = { {}, true, print, "garbage", "", "gar\0bage", ("x"):rep(5000), -1, 0.5, 2 ^ 31, 2 ^ 53,
                    1e300, 0 / 0, math.huge, { {}, 5, "x" }, { garbage = {} } }
                local ends = { close = true, closefrom = true, dup2 = true } -- what the script is heard by
                local calls = { send_with_fd = send_with_fd, receive_with_fd = receive_with_fd, dev_major = dev_major,
                    write_all = write_all, bind_unix = bind_unix, dev_minor = dev_minor }
                for name, call in pairs(C) do calls[name] = not ends[name] and call or nil end
                local count, unclear = 0, ""
                for name, call in pairs(calls) do
                    count = count + 1
                    for _, item in ipairs(garbage) do
                        for _, given in ipairs { { item }, { item, item, item, item, item }, { 1000, item, item } } do
                            local ok, err = pcall(call, unpack(given))
                            if not ok and not err:find(name .. ": ", 1, true) then unclear = unclear .. err end
                        end
                    end
                end
                write_all(arg, (count > 50 and "all" or "few") .. unclear)
                C.close(arg)
            ]]
            local more = { arg = writing, newns_user = true, newns_uts = true, newns_mount = true, newns_net = true }
            with_script(script, "", more)
            writing:close()
            assert.equal("all", read_all(reading))
        end)

        it("and leaves nothing of it in the actor's memory", function()
            local code = [[
                local ffi = require "ffi"
                ffi.cdef "int open(const char *, int, ...); int64_t pread(int, void *, size_t, int64_t);"
                ffi.cdef "int64_t read(int, void *, size_t);"
                local maps, text, buffer = ffi.C.open("/proc/self/maps", 0), "", ffi.new "char[4096]"
                while true do
                    local n = tonumber(ffi.C.read(maps, buffer, 4096))
                    if n <= 0 then break end
                    text = text .. ffi.string(buffer, n)
                end
                -- The needle byte by byte, so that it is not in this module itself.
                local needle = { 83, 51, 67, 82, 51, 84, 33 }
                local function is_at(copy, i)
                    for k = 1, 7 do
                        if copy[i + k - 1] ~= needle[k] then return false end
                    end
                    return true
                end
                local found, mem = 0, ffi.C.open("/proc/self/mem", 0)
                for first, last in text:gmatch "(%x+)%-(%x+) r" do
                    first, last = tonumber(first, 16), tonumber(last, 16)
                    if first < 2 ^ 47 and last - first < 2 ^ 26 then
                        local copy = ffi.new("uint8_t[?]", last - first)
                        for i = 0, tonumber(ffi.C.pread(mem, copy, last - first, first)) - 7 do
                            if is_at(copy, i) then found = found + 1 end
                        end
                    end
                end
                do return found end
            ]]
            -- "S3CR3T!", in the script's text and in strings that it makes.
            local script = [[
                local secret = "S3CR3T!"
                local copies = {}
                for i = 1, 100 do copies[i] = secret .. i end
                %s
            ]]
            assert.is_true(answer_of(code .. " -- S3CR3T!\n") > 0) -- the module's own text is found
            assert.equal(0, with_script(script:format "", code))
        end)

        needs.namespaces(it)(
            "with every capability in a new user namespace, and the module with what it leaves",
            function()
                local script = [[
                C.sethostname "sandboxed"
                C.cap_set_proc "="
            ]]
                local code = [[
                local ffi = require "ffi"
                ffi.cdef "int gethostname(char *, size_t); int sethostname(const char *, size_t);"
                local name = ffi.new "char[65]"
                ffi.C.gethostname(name, 65)
                return ffi.string(name) .. " " .. ffi.C.sethostname("x", 1)
            ]]
                assert.equal("sandboxed -1", with_script(script, code, { newns_user = true, newns_uts = true }))
            end
        )

        needs.own_proc(it)(
            "that maps ids through the parent, empties the root and leaves a module there (the seed's recipe)",
            function()
                local seqpacket = require "ljos.actor.channel"
                local own, theirs = seqpacket.pair(false)
                local host, guest = file_descriptor.new(own), file_descriptor.new(theirs)
                local script = [[
                local uidmap = C.open("/proc/self/uid_map", C.O_WRONLY)
                send_with_fd(arg, ".", uidmap)
                C.write(C.open("/proc/self/setgroups", C.O_WRONLY), "deny")
                local gidmap = C.open("/proc/self/gid_map", C.O_WRONLY)
                send_with_fd(arg, ".", gidmap)
                C.read(arg, 1)

                C.mount(nil, "/", nil, C.MS_PRIVATE + C.MS_REC)
                C.umask(0)
                C.mount(nil, "/mnt", "tmpfs", 0)
                C.mkdir("/mnt/proc", mode(7, 5, 5))
                C.mount(nil, "/mnt/proc", "proc", 0)
                C.mkdir("/mnt/mnt", mode(7, 5, 5))
                C.chdir "/mnt"
                C.pivot_root(".", "/mnt/mnt")
                C.chroot "."
                C.umount2("/mnt", C.MNT_DETACH)
                local module = C.open("/app.lua", C.O_WRONLY + C.O_CREAT, mode(6, 0, 0))
                send_with_fd(arg, ".", module)
                C.read(arg, 1)
                C.cap_set_proc "="
            ]]
                local channel = spawn_vm {
                    module = path.new "/app.lua",
                    subprocess = {
                        newns_user = true,
                        newns_mount = true,
                        newns_pid = true,
                        init = { script = script, arg = guest },
                        stderr = "share",
                    },
                }
                guest:close()
                local message, vector = ffi.new "struct ljos_message[1]", ffi.new "struct ljos_vector[1]"
                local byte, control, fd = ffi.new "char[1]", ffi.new "uint64_t[8]", ffi.new "int[1]"
                ffi.cdef "int64_t recvmsg(int fd, struct ljos_message *message, int flags);"
                local function receive_fd()
                    vector[0].base, vector[0].len = byte, 1
                    message[0].vectors, message[0].vector_count = vector, 1
                    message[0].control, message[0].control_len = control, 64
                    assert(ffi.C.recvmsg(file_descriptor.number_of(host, 1), message, 0) == 1, "the script ended early")
                    assert(native.C.ljos_message_take_fds(message, fd, 1) == 1)
                    return file_descriptor.new(fd[0])
                end
                local function fill(target, text)
                    assert(ffi.C.write(file_descriptor.number_of(target, 1), text, #text) == #text)
                    target:close()
                end
                fill(receive_fd(), ("0 %d 1\n"):format(ffi.C.geteuid()))
                fill(receive_fd(), ("0 %d 1\n"):format(ffi.C.getegid()))
                ffi.C.write(file_descriptor.number_of(host, 1), "x", 1)
                fill(
                    receive_fd(),
                    [[
                    local ffi, inbox = require "ffi", require "inbox"
                    ffi.cdef "int getpid(void); unsigned getuid(void); int access(const char *, int);"
                    inbox:receive():send {
                        pid = ffi.C.getpid(), uid = ffi.C.getuid(),
                        app = ffi.C.access("/app.lua", 0), etc = ffi.C.access("/etc", 0),
                    }
                ]]
                )
                ffi.C.write(file_descriptor.number_of(host, 1), "x", 1)
                host:close()
                channel:send(inbox)
                assert.same({ pid = 2, uid = 0, app = 0, etc = -1 }, inbox:receive())
                finish(channel)
            end
        )
    end)

    it("starts actors in threads, which have its modules", function()
        local channel = spawn_vm {
            module = path.new "/actor.lua",
            subprocess = {
                stderr = "share",
                source_tree_cache = {
                    ["actor.lua"] = [[
                        local inbox = require "inbox"
                        local message = inbox:receive()
                        if message.last then return message.back:send(1) end
                        for _, name in ipairs { "./thread", "." } do
                            local thread = spawn_vm(name)
                            thread:send { back = message.back, last = true }
                            thread:close()
                        end]],
                    ["thread.lua"] = [[require("inbox"):receive().back:send(require("../value").value)]],
                    ["value.lua"] = "value = 42",
                },
            },
        }
        channel:send { back = inbox }
        assert.equal(43, inbox:receive() + inbox:receive())
        finish(channel)
    end)

    it("shows its fibers on SIGQUIT, and goes on", function()
        finish(shows_its_fibers(
            function(code, stderr)
                return spawn_vm {
                    module = path.new "/actor.lua",
                    subprocess = { stderr = stderr, source_tree_cache = { ["actor.lua"] = code } },
                }
            end
        ))
    end)

    it("shows its fibers on SIGQUIT while it waits for its first message", function()
        local reading, writing = pipe()
        local code = [[require("inbox"):receive()]]
        local channel = spawn_vm {
            module = path.new "/actor.lua",
            subprocess = { stderr = writing, source_tree_cache = { ["actor.lua"] = code } },
        }
        writing:close()
        repeat
            local caught = text_file.read(("/proc/%d/status"):format(channel.child_pid)):match "SigCgt:%s*%x+(%x)\n"
        until tonumber(caught, 16) % 8 >= 4 -- SIGQUIT, the third
        channel:kill(signal.SIGQUIT)
        local span = byte_span.new(4096)
        local stderr = read_stream.new(reading)
        local shown = tostring(span:first(timeout(20, stderr.read_some, stderr, span)))
        assert.matches("^Main fiber from VM 0x%x+  receive", shown)
        stderr:close()
        finish(channel)
    end)
end)
