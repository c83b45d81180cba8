-- Actors in threads: messages, addresses, ends, isolation, limits.
local ffi = require "ffi"
local collect = require "collect"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local file_descriptor = require "ljos.file_descriptor"
local inbox = require "ljos.inbox"
local native = require "ljos.native"
local plain_pipe = require "plain_pipe"
local spawn_vm = require "ljos.spawn_vm"
local threads = require "actor.threads"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local start, answer_of = threads.start, threads.answer_of

local function fails(expected, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    local code = error_.errno_of[expected]
    assert.is_true(error_.is_error(err), tostring(err))
    assert.is_true(code and err.code == code or error_.is_core(err, expected), tostring(err))
    return err
end

-- Sends back what it receives, until nobody can send any more.
local ECHO = [[
    local back = inbox:receive()
    pcall(function()
        while true do back:send(inbox:receive()) end
    end)
]]

local function echo()
    local channel = start(ECHO)
    channel:send(inbox)
    return channel
end

local function round_trip(channel, value)
    channel:send(value)
    return inbox:receive()
end

describe("an actor in a thread", function()
    after_each(threads.finish)

    describe("gets copies of", function()
        local channel

        before_each(function() channel = echo() end)
        after_each(function() channel:close() end)

        it("booleans, numbers and strings", function()
            local long = ("x"):rep(1000003)
            for _, value in ipairs { true, false, 0, -1.5, 1 / 0, -1 / 0, 2 ^ 53, "", "a", "a\0b", long } do
                assert.equal(value, round_trip(channel, value))
            end
            local nan = round_trip(channel, 0 / 0)
            assert.is_true(nan ~= nan)
        end)

        it("tables, nested, as lists or dictionaries", function()
            for _, value in ipairs {
                {},
                { {}, {} },
                { 1, "two", false, { 3 } },
                { a = 1, [""] = { b = { c = { 1, 2, { d = "e" } } } } },
            } do
                assert.same(value, round_trip(channel, value))
            end
        end)

        it("a list up to its first hole, or the first element that cannot be sent", function()
            assert.same({ 1, 2 }, round_trip(channel, { 1, 2, print, 4 }))
            assert.same({ 1 }, round_trip(channel, { 1, setmetatable({}, {}), 3 }))
            assert.same({ 1, 2 }, round_trip(channel, { 1, 2, key = "lost" }))
        end)

        it("a dictionary's string keys, without the values that cannot be sent", function()
            local value = { a = 1, f = print, m = setmetatable({}, {}), c = coroutine.create(print), [true] = 2 }
            value.span = require("ljos.byte_span").new(4)
            assert.same({ a = 1 }, round_trip(channel, value))
        end)

        it("a table that is there twice, twice", function()
            local shared = { 1 }
            local copy = round_trip(channel, { a = shared, b = shared })
            assert.same({ a = { 1 }, b = { 1 } }, copy)
            assert.is_false(rawequal(copy.a, copy.b))
        end)

        it("thousands of messages in their order, none waiting for another", function()
            for i = 1, 20000 do
                channel:send { i, "text" }
            end
            for i = 1, 20000 do
                assert.equal(i, inbox:receive()[1])
            end
        end)

        it("tables nested a thousand deep, and no deeper", function()
            local deep = {}
            for _ = 2, 1000 do
                deep = { deep }
            end
            local copy, depth = round_trip(channel, deep), 0
            while copy do
                copy, depth = copy[1], depth + 1
            end
            assert.equal(1000, depth)
            assert.equal(2, fails("EINVAL", channel.send, channel, { deep }).arg)
            assert.equal(1, round_trip(channel, 1))
        end)
    end)

    it("refuses what cannot be sent, and goes on", function()
        local channel = echo()
        for _, value in ipairs { print, coroutine.create(print), setmetatable({}, {}) } do
            assert.equal(2, fails("EINVAL", channel.send, channel, value).arg)
        end
        assert.equal(2, fails("EINVAL", channel.send, channel, nil).arg)
        local mutex = require("ljos.mutex").new()
        for _, value in ipairs { require("ljos.byte_span").new(1), mutex, fiber.this_fiber } do
            assert.equal(2, fails("ENOTSUP", channel.send, channel, value).arg)
        end
        local loop = { {} }
        loop[1].loop = loop
        assert.equal(2, fails("ELOOP", channel.send, channel, loop).arg)
        assert.same({ { 1 } }, round_trip(channel, { { 1 } }))
        channel:close()
    end)

    it("is a tx-channel, equal to every address of the same actor", function()
        local channel, other = echo(), start "pcall(inbox.receive, inbox)"
        assert.equal("tx-channel", getmetatable(channel))
        local one, two = round_trip(channel, channel), round_trip(channel, channel)
        assert.is_true(one == two and one == channel and one ~= other)
        assert.equal("tx-channel", getmetatable(round_trip(channel, inbox)))
        fails("bad_index", function() return channel.nonsense end)
        fails("EPERM", function() channel.nonsense = 1 end)
        for _, name in ipairs { "kill", "detach" } do
            fails("EINVAL", channel[name], channel)
        end
        fails("EINVAL", function() return channel.child_pid end)
        for _, each in ipairs { one, two, other, channel, channel } do
            each:close()
        end
        fails("channel_closed", channel.send, channel, 1)
        fails("channel_closed", other.send, other, channel)
    end)

    describe("with descriptors", function()
        it("gets duplicates, and the sender keeps his", function()
            local channel = echo()
            local reading, writing = plain_pipe.pair()
            local mine = writing
            local copy = round_trip(channel, { fd = mine }).fd
            assert.equal("file_descriptor", getmetatable(copy))
            assert.equal(0, mine:kcmp(copy))
            copy:close()
            mine:close()
            channel:close()
            native.C.ljos_thread_wait_all() -- it has closed its own
            assert.equal("", plain_pipe.read_all(reading))
        end)

        it("that nobody receives, closes them", function()
            local channel = start [[
                local gate = require "pipe".read_stream.new(inbox:receive())
                pcall(gate.read_some, gate, require "byte_span".new(1)) -- until it is closed
            ]]
            local gate, opener = plain_pipe.pair()
            channel:send(gate)
            local reading, writing = plain_pipe.pair()
            local mine = writing
            for _ = 1, 100 do
                channel:send { mine, mine }
            end
            mine:close()
            gate:close()
            opener:close()
            channel:close()
            native.C.ljos_thread_wait_all()
            assert.equal("", plain_pipe.read_all(reading))
        end)

        it("that are closed, raises and sends nothing", function()
            local channel = echo()
            local reading, writing = plain_pipe.pair()
            local mine = writing
            mine:close()
            assert.equal(2, fails("EBADF", channel.send, channel, { 1, mine }).arg)
            assert.equal("next", round_trip(channel, "next"))
            channel:close()
            assert.equal("", plain_pipe.read_all(reading))
        end)
    end)

    describe("hears that nobody can send any more, when the last address is", function()
        local WAITER = [[
            local back = inbox:receive()
            local ok, err = pcall(inbox.receive, inbox)
            back:send(tostring(err))
        ]]

        it("closed", function()
            local channel = start(WAITER)
            channel:send(inbox)
            channel:close()
            assert.equal("No senders", inbox:receive())
        end)

        it("collected, here", function()
            fiber.spawn(function() start(WAITER):send(inbox) end):join()
            collect()
            assert.equal("No senders", inbox:receive())
        end)

        it("collected, where it is garbage in an actor with nothing to do", function()
            local channel = start(WAITER)
            channel:send(inbox)
            local keeper = start "inbox:receive() pcall(inbox.receive, inbox)"
            keeper:send(channel)
            channel:close()
            assert.equal("No senders", inbox:receive())
            keeper:close()
        end)

        it("its own, and garbage", function()
            local channel = start [[
                local back = inbox:receive()
                inbox:receive()
                local ok, err = pcall(inbox.receive, inbox)
                back:send(tostring(err))
            ]]
            channel:send(inbox)
            channel:send(channel)
            channel:close()
            assert.equal("No senders", inbox:receive())
        end)
    end)

    it("counts an address inside a message that was not received as a sender", function()
        local keeper = start [[
            local back = inbox:receive()
            inbox:receive()
            inbox:receive():send "delivered"
            pcall(inbox.receive, inbox)
        ]]
        local channel = start [[ inbox:receive():send(inbox:receive()) ]]
        keeper:send(inbox)
        channel:send(inbox)
        keeper:send "first"
        keeper:send(channel)
        channel:close()
        assert.equal("delivered", inbox:receive())
        keeper:close()
    end)

    it("is known to have ended by who sends, or waits for it", function()
        local channel = start "inbox:close()"
        native.C.ljos_thread_wait_all()
        fails("channel_closed", channel.send, channel, 1)
        channel:close()
        local silent = start "inbox:receive() inbox:receive()"
        silent:send(inbox)
        silent:send "and ends"
        fails("no_senders", inbox.receive, inbox)
        fails("channel_closed", function()
            native.C.ljos_thread_wait_all()
            silent:send "too late"
        end)
        silent:close()
    end)

    it(
        "wakes its receiver when it closes its inbox",
        function()
            assert.equal(
                "Channel closed",
                answer_of [[
                local receiver = spawn(function() return select(2, pcall(inbox.receive, inbox)) end)
                this_fiber.yield()
                require("time").sleep(0.001)
                inbox:close()
                inbox:close()
                return tostring(receiver:join())
            ]]
            )
        end
    )

    it(
        "has one receiver at a time",
        function()
            assert.equal(
                "Device or resource busy",
                answer_of [[
                local receiver = spawn(function() inbox:receive() end)
                this_fiber.yield()
                local ok, err = pcall(inbox.receive, inbox)
                receiver:cancel()
                receiver:join()
                return tostring(err)
            ]]
            )
        end
    )

    it("passes messages around a ring of actors, none lost", function()
        local RING = [[
            local setup = inbox:receive()
            local next_one, back = setup.next, setup.back
            setup = nil
            while true do
                local token = inbox:receive()
                if token.hops == 0 then
                    back:send(token.name)
                    if token.name == "last" then break end
                else
                    token.hops = token.hops - 1
                    next_one:send(token)
                end
            end
        ]]
        local ring = {}
        for i = 1, 8 do
            ring[i] = start(RING)
        end
        for i = 1, 8 do
            ring[i]:send { next = ring[i % 8 + 1], back = inbox }
        end
        for i = 1, 100 do
            ring[i % 8 + 1]:send { name = i, hops = 50 + i }
        end
        local seen = {}
        for _ = 1, 100 do
            seen[inbox:receive()] = true
        end
        assert.equal(100, #seen)
        for i = 1, 8 do
            ring[i]:send { name = "last", hops = 0 }
            ring[i]:close()
        end
        for _ = 1, 8 do
            assert.equal("last", inbox:receive())
        end
    end)

    it("starts processes with no signal blocked, and can raise one", function()
        local status = answer_of [[
            local system = require "system"
            return system.run({
                program = "grep",
                arguments = { "grep", "SigBlk", "/proc/self/status" },
                environment = system.environment,
            }).stdout
        ]]
        assert.matches("^SigBlk:%s*0+\n$", status)
    end)

    it("closes its inbox when its main fiber ends without having imported it", function()
        local directory = require("temporary_directory").make()
        require("text_file").write(directory .. "/no_inbox.lua", "return")
        local path = package.path
        package.path = directory .. "/?.lua;" .. path
        local channel = spawn_vm "no_inbox"
        package.path = path
        native.C.ljos_thread_wait_all()
        fails("channel_closed", channel.send, channel, 1)
        channel:close()
    end)

    describe("that ends badly", function()
        -- What it wrote to stderr is swallowed.
        local function quietly(f)
            local before = io.stderr
            io.stderr:flush()
            local saved = file_descriptor.new(native.C.ljos_call5(native.constant_table("SYS").__NR_dup, 2, 0, 0, 0, 0))
            local null = assert(io.open("/dev/null", "w"))
            ffi.cdef 'int thread_spec_dup2(int, int) __asm__("dup2"); int thread_spec_fileno(void *) __asm__("fileno");'
            ffi.C.thread_spec_dup2(ffi.C.thread_spec_fileno(null), 2)
            local ok, err = pcall(f)
            before:flush()
            ffi.C.thread_spec_dup2(saved:getfd(), 2)
            saved:close()
            null:close()
            if not ok then error(err, 0) end
        end

        for title, code in pairs {
            ["by an error"] = "error 'boo'",
            ["by system.exit"] = "require('system').exit(3)",
            ["by system.exit inside pcall, a coroutine and a C function"] = [[
                pcall(coroutine.wrap(function()
                    table.sort({ 3, 2, 1 }, function() require("system").exit(3) end)
                end))
                back:send "still there"
            ]],
            ["by system.exit in a fiber"] = [[
                local exit = require("system").exit
                spawn(function()
                    scope_cleanup_push(function() back:send "a clean-up handler ran" end)
                    exit()
                end)
                require("time").sleep(3600)
            ]],
            ["by a clean-up handler that fails"] = [[
                scope(function() scope_cleanup_push(function() error "in a handler" end) end)
                back:send "still there"
            ]],
            ["by a deadlock"] = "local m = require('mutex').new() m:lock() m:lock()",
        } do
            it(title .. ", ends alone", function()
                quietly(function()
                    local channel = start("local back = inbox:receive()\n" .. code)
                    channel:send(inbox)
                    fails("no_senders", inbox.receive, inbox)
                    native.C.ljos_thread_wait_all()
                    fails("channel_closed", channel.send, channel, 1)
                    channel:close()
                end)
                assert.equal("alive", answer_of "return 'alive'")
            end)
        end

        it(
            "may not end the process by force",
            function()
                assert.equal(
                    "Operation not permitted force",
                    answer_of [[
                    local ok, err = pcall(require("system").exit, 0, { force = 2 })
                    return tostring(err) .. " " .. err.arg
                ]]
                )
            end
        )
    end)

    it("receives beside senders in other processes", function()
        local process = spawn_vm {
            module = require("ljos.filesystem.path").new "/actor.lua",
            subprocess = {
                stderr = "share",
                source_tree_cache = {
                    ["actor.lua"] = [[
                        local inbox = require "inbox"
                        local to = inbox:receive().to
                        for i = 1, 100 do to:send { process = i } end
                        to:send "process done"
                    ]],
                },
            },
        }
        local collector = start [[
            local back = inbox:receive()
            local seen = { process = 0, thread = 0, done = 0 }
            while seen.done < 2 do
                local message = inbox:receive()
                if type(message) == "string" then
                    seen.done = seen.done + 1
                else
                    local kind, number = next(message)
                    assert(seen[kind] == number - 1, "out of order")
                    seen[kind] = number
                end
            end
            back:send(seen)
        ]]
        collector:send(inbox)
        process:send { to = collector } -- an address of this process, for another
        for i = 1, 100 do
            collector:send { thread = i }
        end
        collector:send "thread done"
        collector:close()
        assert.same({ process = 100, thread = 100, done = 2 }, inbox:receive())
        process:close()
        require("ljos.process").wait(process.child)
    end)

    it("is sent addresses of actors in processes", function()
        local process = spawn_vm {
            module = require("ljos.filesystem.path").new "/actor.lua",
            subprocess = {
                stderr = "share",
                source_tree_cache = {
                    ["actor.lua"] = [[
                        local inbox = require "inbox"
                        local message = inbox:receive()
                        message.from:send("process " .. message.text)
                    ]],
                },
            },
        }
        local channel = start [[
            local message = inbox:receive()
            message.process:send { from = inbox, text = "asked" }
            message.process:close()
            message.back:send(inbox:receive())
        ]]
        channel:send { process = process, back = inbox }
        channel:close()
        local child = process.child
        process:close()
        assert.equal("process asked", inbox:receive())
        require("ljos.process").wait(child)
    end)

    it("can be waited for with a deadline, and canceled, without losing a message", function()
        local channel = echo()
        local err = fails("ETIMEDOUT", function() timeout(0.01, inbox.receive, inbox) end)
        assert.is_truthy(err)
        local receiver = fiber.spawn(function() return inbox:receive() end)
        time.sleep(0)
        receiver:cancel()
        receiver:join()
        assert.is_true(receiver.cancellation_caught)
        assert.equal("kept", round_trip(channel, "kept"))
        channel:close()
    end)

    it("loses and doubles nothing under random cancellation", function()
        local seed = tonumber(os.getenv "SEED") or os.time()
        math.randomseed(seed)
        local channel = start [[
            local back = inbox:receive()
            for i = 1, 2000 do
                back:send(i)
                if i % 7 == 0 then this_fiber.yield() end
            end
        ]]
        channel:send(inbox)
        local expected = 1
        while expected <= 2000 do
            local receiver = fiber.spawn(function()
                while true do
                    assert.equal(expected, inbox:receive(), "seed " .. seed)
                    expected = expected + 1
                end
            end)
            for _ = 1, math.random(0, 3) do
                fiber.this_fiber.yield()
            end
            receiver:cancel()
            local ok, err = pcall(receiver.join, receiver)
            if not ok and not error_.is_core(err, "no_senders") then error(err, 0) end
        end
        channel:close()
    end)

    it("is a cancellation point to send to, and none where suspending is forbidden", function()
        local channel = echo()
        local sender = fiber.spawn(function()
            fiber.this_fiber.yield()
            channel:send "never sent"
        end)
        sender:cancel()
        sender:join()
        assert.is_true(sender.cancellation_caught)
        fiber.this_fiber.forbid_suspend()
        fails("forbid_suspend_block", channel.send, channel, 1)
        fiber.this_fiber.allow_suspend()
        assert.equal("next", round_trip(channel, "next"))
        channel:close()
    end)

    describe("is no master:", function()
        for title, code in pairs {
            ["current_working_directory"] = "require('filesystem').current_working_directory('/')",
            ["chroot"] = "require('filesystem').chroot('/')",
            ["umask"] = "require('filesystem').umask(18)",
            ["signal.set"] = "require('system').signal.set.new(10)",
            ["signal.ignore"] = "require('system').signal.ignore(10)",
            ["signal.default"] = "require('system').signal.default(10)",
            ["setresuid"] = "require('system').setresuid(-1, -1, -1)",
            ["setresgid"] = "require('system').setresgid(-1, -1, -1)",
            ["setgroups"] = "require('system').setgroups {}",
            ["set_no_new_privs"] = "require('system').set_no_new_privs()",
            ["seccomp_set_mode_filter"] = "require('system').seccomp_set_mode_filter(byte_span.new(8))",
            ["landlock_restrict_self"] = "require('system').landlock_restrict_self(require('system').out:dup())",
            ["get_lowfd"] = "require('system').get_lowfd(3)",
            ["kill"] = "require('system').kill(0, 0)",
            ["setpgid"] = "require('system').setpgid(0, 0)",
            ["setsid"] = "require('system').setsid()",
            ["set_proc"] = "require('system').cap_get_proc():set_proc()",
            ["cap_set_secbits"] = "require('system').cap_set_secbits(0)",
            ["cap_drop_bound"] = "require('system').cap_drop_bound('chown')",
            ["cap_set_ambient"] = "require('system').cap_set_ambient('chown', false)",
            ["cap_reset_ambient"] = "require('system').cap_reset_ambient()",
            ["out:dup_from"] = "require('system').out:dup_from(require('system').err:dup())",
            ["new_master"] = "spawn_vm { module = '.', new_master = true }",
        } do
            it(title .. " raises EPERM", function()
                local answer = answer_of(("local ok, err = pcall(function() %s end) return tostring(err)"):format(code))
                assert.equal("Operation not permitted", answer)
            end)
        end
    end)

    describe("raises EINVAL and names", function()
        for title, case in pairs {
            ["a module that is none"] = { options = { module = 1 }, arg = "module" },
            ["a module that is missing"] = { options = {}, arg = "module" },
            ["a path, which is for processes"] = {
                options = { module = require("ljos.filesystem.path").new "/x.lua" },
                arg = "module",
            },
            ["inherit_context"] = { options = { module = ".", inherit_context = 1 }, arg = "inherit_context" },
            ["new_master"] = { options = { module = ".", new_master = "yes" }, arg = "new_master" },
            ["a negative hint"] = { options = { module = ".", concurrency_hint = -1 }, arg = "concurrency_hint" },
            ["a fraction as hint"] = { options = { module = ".", concurrency_hint = 1.5 }, arg = "concurrency_hint" },
            ["a word as hint"] = { options = { module = ".", concurrency_hint = "unsafe" }, arg = "concurrency_hint" },
            ["subprocess"] = { options = { module = ".", subprocess = true }, arg = "subprocess" },
        } do
            it(title, function()
                local err = fails("EINVAL", spawn_vm, case.options)
                assert.equal(case.arg, err.arg)
                assert.equal(0, native.C.ljos_thread_count())
            end)
        end

        it("a module that is not there", function() fails("module_not_found", spawn_vm, "./not_there") end)
    end)

    it("has a context, whose hint of one thread forbids more", function()
        local CODE = [[
            local ok, err = pcall(spawn_context_threads, 2)
            return ok or tostring(err)
        ]]
        assert.equal(true, answer_of(CODE))
        assert.equal(true, answer_of(CODE, { concurrency_hint = 1 }))
        assert.equal(true, answer_of(CODE, { inherit_context = false, concurrency_hint = "safe" }))
        assert.equal("Operation not supported", answer_of(CODE, { inherit_context = false, concurrency_hint = 1 }))
    end)
end)
