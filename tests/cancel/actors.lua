-- Operations that have another process at their other end: actors, commands, whoever holds a lock. All are slow. See
-- trial.lua.
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local filelock = require "ljos.ipc.filelock"
local inbox = require "ljos.actor.inbox"
local ledger = require "ljos.fiber.ledger"
local libc_service = require "ljos.libc_service"
local other_process = require "ipc.other_process"
local path = require "ljos.filesystem.path"
local proc = require "ljos.ipc.proc"
local process = require "ljos.process"
local sandbox = require "ljos.sandbox"
local spawn_vm = require "ljos.spawn_vm"
local threads = require "actor.threads"
local time = require "ljos.time"

local yield = fiber.this_fiber.yield

-- An actor in a process of its own that runs `code`.
local function start(code, slave)
    return spawn_vm {
        module = path.new "/actor.lua",
        subprocess = { stderr = "share", source_tree_cache = { ["actor.lua"] = code }, libc_service = slave },
    }
end

-- Nothing of an actor is left after this.
local function finish(channel)
    channel:close()
    process.wait(channel.child)
end

local ECHO = [[
    local inbox = require "inbox"
    local back = inbox:receive()
    back:send(inbox:receive())
]]

local LOCKER = [[
    local file = assert(io.open(%q, "r+"))
    assert(require("ljos.ipc.filelock").lock(file, "w"))
    print "locked"
    io.read()
]]

return {
    {
        "sandbox.spawn",
        function()
            return {
                run = function() return sandbox.spawn { source = ECHO } end,
                finish = function(result)
                    if result then return finish(result[1]) end
                    for _ = 1, 5000 do -- the process was killed, and is reaped when the loop hears of it
                        if ledger.report() == "" then break end
                        time.sleep(0.001)
                    end
                end,
            }
        end,
        slow = true,
        exclusive = true,
        needs = "sandboxes",
    },
    {
        "sandbox.wait",
        function()
            local channel = sandbox.spawn { source = 'require("inbox"):receive()' }
            return {
                run = function() return sandbox.wait(channel) end,
                help = function()
                    yield()
                    channel:kill()
                end,
                finish = function(result)
                    channel:kill()
                    local _, cause = sandbox.wait(channel)
                    assert(cause == 9 and (not result or result[2] == 9))
                end,
            }
        end,
        slow = true,
        needs = "sandboxes",
    },
    {
        -- One receiver at a time: not side by side.
        "inbox:receive, from an actor",
        function()
            local channel = start(ECHO)
            channel:send(inbox.own())
            return {
                run = function() return inbox.own():receive() end,
                help = function() channel:send "message" end,
                finish = function(result)
                    local message = result and result[1] or inbox.own():receive()
                    assert(message == "message", "a message is lost")
                    finish(channel)
                    assert(not pcall(inbox.own().receive, inbox.own())) -- no senders: it lets go of the address
                end,
            }
        end,
        slow = true,
        exclusive = true,
    },
    {
        "libc_service.master:receive",
        function()
            local master, slave = libc_service.new()
            local channel = start('require("inbox"):receive() pcall(require("filesystem").exists, "/asked")', slave)
            return {
                run = function() return master:receive() end,
                help = function() channel:send "ask" end,
                finish = function(result)
                    if not result then master:receive() end
                    assert(tostring(master.path) == "/asked", "a call is lost")
                    master:close()
                    finish(channel)
                end,
            }
        end,
        slow = true,
    },
    {
        "inbox:receive, from an actor in a thread",
        function()
            local channel = threads.start [[
                local back = inbox:receive()
                back:send(inbox:receive())
            ]]
            channel:send(inbox.own())
            return {
                run = function() return inbox.own():receive() end,
                help = function() channel:send "message" end,
                finish = function(result)
                    local message = result and result[1] or inbox.own():receive()
                    assert(message == "message", "a message is lost")
                    channel:close()
                    threads.finish()
                end,
            }
        end,
        slow = true,
        exclusive = true,
    },
    {
        "channel:send, to an actor that does not receive",
        function()
            local channel = start 'require("inbox") require("time").sleep(3600)'
            local sent, before = 0 ---@type integer, integer
            repeat
                before = sent
                local filler = fiber.spawn(function()
                    while true do
                        channel:send(sent)
                        sent = sent + 1
                    end
                end)
                for _ = 1, 20 do
                    yield()
                end
                filler:cancel()
                filler:join()
            until sent == before
            return {
                run = function()
                    local _, err = pcall(channel.send, channel, "last")
                    if error_.is_core(err, "fiber_canceled") then error(err, 0) end
                    return err
                end,
                help = function() channel:kill(15) end, -- SIGTERM; whoever still waits hears of it
                finish = function(result)
                    assert(not result or result[1] == error_.system "EPIPE")
                    finish(channel)
                end,
            }
        end,
        slow = true,
    },
    {
        "ipc.proc:wait",
        function()
            local command = assert(proc.spawn("exec sleep 1000", {}))
            return {
                run = function() return command:wait() end,
                help = function()
                    yield()
                    command:kill "kill"
                end,
                finish = function(result)
                    local _, kind, number
                    if result then
                        _, kind, number = result[1], result[2], result[3]
                    else
                        _, kind, number = command:wait()
                    end
                    assert(kind == "signal" or kind == "exit", tostring(kind) .. " " .. tostring(number))
                end,
            }
        end,
        slow = true,
    },
    {
        "ipc.filelock.lock",
        function(defer)
            local name = os.tmpname()
            defer(function() os.remove(name) end)
            local file = assert(io.open(name, "r+"))
            defer(function() file:close() end)
            local other = other_process.start(LOCKER:format(name))
            assert(other:line() == "locked")
            return {
                run = function() return filelock.lock(file, "w") end,
                help = function() other:finish() end,
                finish = function(result)
                    assert(not result or result[1] == true, "the lock failed")
                    -- Others of this process are not kept out: only that nothing waits for it any more can be seen.
                    assert(filelock.unlock(file))
                end,
            }
        end,
        slow = true,
    },
}
