-- PID 1 of an actor's PID namespace, as the manual describes it ("spawn_vm", newns_pid).
local inbox = require "ljos.inbox"
local needs = require "needs"
local path = require "ljos.filesystem.path"
local plain_pipe = require "plain_pipe"
local process = require "ljos.process"
local spawn_vm = require "ljos.spawn_vm"

-- Starts an actor below a PID 1; it has the inbox of this process as `reply`.
local function start(code, script, stderr)
    return spawn_vm {
        module = path.new "/actor.lua",
        subprocess = {
            newns_user = true,
            newns_pid = true,
            newns_mount = true,
            stderr = stderr or "share",
            init = script and { script = script },
            source_tree_cache = {
                ["actor.lua"] = "local system, inbox = require 'system', require 'inbox'\n"
                    .. "local reply = inbox:receive()\n"
                    .. code,
            },
        },
    }
end

local function ended(channel)
    channel:close()
    process.wait(channel.child)
    return channel.child
end

describe("PID 1", function()
    local it = needs.namespaces(it)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end) -- nobody is left who could send

    it("runs the init script, and has the actor for its child", function()
        local script = "assert(C.read(C.open('/proc/self/status', C.O_RDONLY), 4096):find 'NSpid:%s*%d+%s+1\\n')"
        local channel = start("reply:send { pid = system.getpid(), parent = system.getppid() }", script)
        channel:send(inbox)
        assert.same({ pid = 2, parent = 1 }, inbox:receive())
        ended(channel)
    end)

    it("exits with the code of the actor", function()
        local channel = start "local ffi = require 'ffi' ffi.cdef 'void _exit(int);' ffi.C._exit(42)"
        channel:send(inbox)
        assert.equal(42, ended(channel).code)
    end)

    it("exits as a shell would when a signal ends the actor", function()
        local channel = start "system.kill(system.getpid(), 15) inbox:receive()"
        channel:send(inbox)
        assert.equal(128 + 15, ended(channel).code)
    end)

    it("forwards SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, SIGINT and SIGRTMIN+4", function()
        local channel = start [[
            local numbers = { 15, 10, 12, 1, 2, 38 }
            local set = system.signal.set.new(unpack(numbers))
            reply:send "ready"
            for _ = 1, #numbers do
                reply:send((set:wait()))
            end
        ]]
        channel:send(inbox)
        assert.equal("ready", inbox:receive())
        for _, number in ipairs { 15, 10, 12, 1, 2, 38 } do
            channel:kill(number)
            assert.equal(number, inbox:receive())
        end
        ended(channel)
    end)

    it("reaps processes that lost their parents", function()
        local channel = start [[
            local time = require 'time'
            local shell = { program = '/bin/sh', arguments = { 'sh', '-c', 'true & echo $!' } }
            local orphan = tonumber(system.run(shell).stdout)
            local function is_there() return (pcall(system.kill, orphan, 0)) end
            for _ = 1, 1000 do
                if not is_there() then break end
                time.sleep(0.01)
            end
            reply:send(is_there() and "a zombie" or "reaped")
        ]]
        channel:send(inbox)
        assert.equal("reaped", inbox:receive())
        ended(channel)
    end)

    it("takes everybody along when it is killed", function()
        local reading, writing = plain_pipe.pair()
        local channel = start(
            [[
            system.spawn { program = '/bin/sh', arguments = { 'sh', '-c', 'while :; do :; done' }, stderr = 'share' }
            reply:send 'up'
            inbox:receive()
        ]],
            nil,
            writing
        )
        writing:close()
        channel:send(inbox)
        assert.equal("up", inbox:receive())
        channel:kill(9)
        assert.equal("", plain_pipe.read_all(reading)) -- the last writer has ended
        assert.equal(9, ended(channel).signal)
    end)

    it("dies of a script that aborts", function()
        local reading, writing = plain_pipe.pair()
        local channel = start("", "C.chdir '/nonexistent'", writing)
        writing:close()
        assert.equal("init.script: chdir: No such file or directory\n", plain_pipe.read_all(reading))
        assert.is_true(ended(channel).signal > 0)
    end)
end)

describe("an init script that aborts", function()
    it("dies of SIGABRT, whether somebody reads its message or not", function()
        local channel = spawn_vm {
            module = path.new "/actor.lua",
            subprocess = { init = { script = "C.chdir '/nonexistent'" } },
        }
        assert.equal(6, ended(channel).signal)
    end)
end)
