-- Actors in threads, in programs of their own: what becomes of them when the program ends or forks, limits, the master.
local lacks = require "lacks"
local S = require "ljos.syscall"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local root = io.popen("pwd"):read "*l"
local ENVIRONMENT = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua'"):format(root, root)

describe("a program with actors in threads", function()
    local directory

    setup(function() directory = temporary_directory.make() end)
    teardown(temporary_directory.remove_all)

    -- Runs `command` with the files, a table of name to source; returns what it printed, and its status last.
    local function output_of(command, files)
        for name, source in pairs(files) do
            text_file.write(directory .. "/" .. name, source)
        end
        local pipe =
            assert(io.popen(("cd '%s' && %s timeout 300 env %s 2>&1; echo $?"):format(directory, ENVIRONMENT, command)))
        local output = pipe:read "*a"
        pipe:close()
        return output
    end

    local function app(files) return output_of(("'%s/bin/ljos' main.lua"):format(root), files) end
    local function library(files) return output_of("luajit main.lua", files) end

    describe("in app mode", function()
        it("ends when they have ended, with its own status", function()
            local main = [[
                local inbox = require "inbox"
                if _CONTEXT == "worker" then
                    local message = inbox:receive()
                    pcall(inbox.receive, inbox) -- until whoever has its address has ended
                    print(message.name)
                    return
                end
                local first, second = spawn_vm ".", spawn_vm "."
                second:send { name = "second" }
                first:send { name = "first", second = second }
                print "main"
                require("system").exit(%s)
            ]]
            assert.equal("main\nfirst\nsecond\n0\n", app { ["main.lua"] = main:format "" })
            assert.equal("main\nfirst\nsecond\n3\n", app { ["main.lua"] = main:format "3" })
        end)

        it("closes the channels and the inbox at its end, whatever still refers to them", function()
            local output = app {
                ["main.lua"] = [[
                    local inbox = require "inbox"
                    channel = spawn_vm "./worker"
                    channel:send(inbox)
                ]],
                ["worker.lua"] = [[
                    local inbox = require "inbox"
                    local back = inbox:receive()
                    print(select(2, pcall(inbox.receive, inbox)))
                    local ok, err
                    repeat ok, err = pcall(back.send, back, 1) until not ok
                    print(err)
                ]],
            }
            assert.equal("No senders\nChannel closed\n0\n", output)
        end)

        it("hands over what only the master may do", function()
            local output = app {
                ["main.lua"] = [[
                    local inbox, filesystem = require "inbox", require "filesystem"
                    local system = require "system"
                    filesystem.current_working_directory "/tmp"
                    local channel = spawn_vm { module = "./worker", new_master = true }
                    for _, f in ipairs {
                        function() filesystem.current_working_directory "/" end,
                        function() system.signal.set.new(system.signal.SIGUSR1) end,
                        function() spawn_vm { module = "./worker", new_master = true } end,
                    } do
                        print(select(2, pcall(f)))
                    end
                    channel:send(inbox)
                    assert(inbox:receive() == "ready")
                    print(inbox:receive(), inbox:receive())
                    print(filesystem.current_working_directory())
                ]],
                ["worker.lua"] = [[
                    local inbox, filesystem = require "inbox", require "filesystem"
                    local system = require "system"
                    local back = inbox:receive()
                    filesystem.current_working_directory "/"
                    local set = system.signal.set.new(system.signal.SIGUSR1)
                    back:send "ready"
                    system.kill(system.getpid(), system.signal.SIGUSR1)
                    back:send("signal " .. set:wait() - system.signal.SIGUSR1)
                    system.signal.raise(system.signal.SIGUSR1)
                    back:send("raised " .. set:wait() - system.signal.SIGUSR1)
                ]],
            }
            local EPERM = "Operation not permitted\n"
            assert.equal(EPERM .. EPERM .. EPERM .. "signal 0\traised 0\n/\n0\n", output)
        end)
    end)

    describe("in library mode", function()
        local BUSY = "local x = 0 while true do x = x + 1 if x % 1000 == 0 then print '' end end"

        it("ends at once, whatever they do", function()
            for _, code in ipairs {
                "while true do end",
                BUSY:gsub("print ''", "tostring(x):rep(10)"),
                "require('time').sleep(3600)",
                "require('inbox'):receive() while true do this_fiber.yield() end",
                "pcall(function() spawn_vm('.') end) require('time').sleep(0.001)",
            } do
                for _, ending in ipairs { "", "os.exit(0)" } do
                    local output = library {
                        ["main.lua"] = ([[
                            local ljos = require "ljos"
                            for i = 1, 4 do
                                kept = ljos.spawn_vm "./worker"
                                pcall(kept.send, kept, i) -- one that ends by itself may have ended
                            end
                            ljos.time.sleep(0.002)
                            print "main"
                            %s
                        ]]):format(ending),
                        ["worker.lua"] = code,
                    }
                    assert.equal("main\n0\n", output, code .. " / " .. ending)
                end
            end
        end)

        it("leaves nothing of thousands that have ended", function()
            local count = os.getenv "SOAK" and "10000" or "100"
            local output = library {
                ["main.lua"] = ([[
                    local ljos = require "ljos"
                    local C = require("ljos.native").C
                    local function memory()
                        collectgarbage()
                        -- status counts by processor, and is wrong by megabytes where these are many
                        local file = io.open "/proc/self/smaps_rollup" or io.open "/proc/self/status"
                        local size = file:read("*a"):match "Rss:%s+(%d+)"
                        file:close()
                        return tonumber(size)
                    end
                    local ffi = require "ffi"
                    ffi.cdef "int fcntl(int fd, int command, ...);"
                    local function descriptors()
                        local count = 0
                        for fd = 0, 255 do
                            if ffi.C.fcntl(fd, 1) >= 0 then count = count + 1 end -- F_GETFD
                        end
                        return count
                    end
                    local function batch(count)
                        for i = 1, count do
                            local channel = ljos.spawn_vm "./worker"
                            channel:send { back = ljos.inbox, i = i }
                            assert(ljos.inbox:receive() == i)
                            channel:close()
                        end
                        C.ljos_thread_wait_all()
                        pcall(ljos.inbox.receive, ljos.inbox)
                        return memory(), descriptors()
                    end
                    ljos.run(function()
                        batch(50)
                        local memory_before, descriptors_before = batch(50)
                        local memory_after, descriptors_after = batch(COUNT)
                        print(descriptors_after <= descriptors_before, memory_after - memory_before < 4096)
                    end)
                ]]):gsub("COUNT", count),
                ["worker.lua"] = [[
                    local message = require("inbox"):receive()
                    message.back:send(message.i)
                ]],
            }
            assert.equal("true\ttrue\n0\n", output)
        end)

        it("gets EAGAIN where there can be no further thread, and goes on", function()
            if S.geteuid() == 0 and lacks "setuid" then return pending(lacks "setuid") end
            local output = output_of("sh -c 'chmod 755 .; exec luajit main.lua'", {
                ["main.lua"] = [[
                    local ljos, S = require "ljos", require "ljos.syscall"
                    local function start()
                        local channel = ljos.spawn_vm "./worker"
                        channel:send(ljos.inbox)
                        channel:close()
                        return ljos.inbox:receive()
                    end
                    print(start())
                    assert(S.setrlimit("nproc", { cur = 0, max = 0 }))
                    if S.geteuid() == 0 then assert(S.setresuid(54321, 54321, 54321)) end -- root has no such limit
                    for _ = 1, 3 do
                        print(select(2, pcall(start)))
                        collectgarbage()
                    end
                    print(select(2, pcall(ljos.inbox.receive, ljos.inbox)))
                    require("ljos.native").C.ljos_thread_wait_all() -- the one that was there
                    print(require("ljos.native").C.ljos_thread_count())
                ]],
                ["worker.lua"] = "require('inbox'):receive():send 'here'",
            })
            local EAGAIN = "Resource temporarily unavailable (an actor's thread)\n"
            assert.equal("here\n" .. EAGAIN:rep(3) .. "No senders\n0\n0\n", output)
        end)

        it("has hundreds at once", function()
            local count = os.getenv "SOAK" and 1000 or 200
            -- So many rings are more memory than who lacks the capability may lock.
            local engine = lacks "ipc_lock" and "LJOS_ENGINE=epoll" or ""
            local output = output_of(engine .. " sh -c 'ulimit -n 8192 2>/dev/null; exec luajit main.lua'", {
                ["main.lua"] = ([[
                    local ljos = require "ljos"
                    ljos.run(function()
                        local channels = {}
                        for i = 1, COUNT do
                            channels[i] = ljos.spawn_vm "./worker"
                            channels[i]:send(ljos.inbox)
                        end
                        for i = 1, COUNT do assert(ljos.inbox:receive() == "here") end
                        print(require("ljos.native").C.ljos_thread_count())
                        for i = 1, COUNT do channels[i]:send(i) end
                        local sum = 0
                        for i = 1, COUNT do sum = sum + ljos.inbox:receive() end
                        print(sum)
                        for i = 1, COUNT do channels[i]:close() end
                    end)
                ]]):gsub("COUNT", count),
                ["worker.lua"] = [[
                    local inbox = require "inbox"
                    local back = inbox:receive()
                    back:send "here"
                    back:send(inbox:receive())
                ]],
            })
            assert.equal(("%d\n%d\n0\n"):format(count, count * (count + 1) / 2), output)
        end)

        it("forks, and the child has none", function()
            local output = library {
                ["main.lua"] = [[
                    local ljos, S = require "ljos", require "ljos.syscall"
                    local channel = ljos.spawn_vm "./worker"
                    channel:send { back = ljos.inbox, n = 1 }
                    assert(ljos.inbox:receive() == 1)
                    local pid = S.fork()
                    if pid == 0 then
                        print(select(2, pcall(channel.send, channel, 1)))
                        print(select(2, pcall(ljos.inbox.receive, ljos.inbox)))
                        print(select(2, pcall(ljos.spawn_vm, "./worker")))
                        channel:close()
                        os.exit(0, true)
                    end
                    S.waitpid(pid)
                    channel:send { back = ljos.inbox, n = 2 }
                    print(ljos.inbox:receive())
                ]],
                ["worker.lua"] = [[
                    local inbox = require "inbox"
                    pcall(function()
                        while true do
                            local message = inbox:receive()
                            message.back:send(message.n)
                        end
                    end)
                ]],
            }
            assert.equal("Channel closed\nNo senders\nOperation not supported (an actor's thread)\n2\n0\n", output)
        end)
    end)
end)
