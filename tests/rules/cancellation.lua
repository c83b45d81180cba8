-- semantics: cancellation.
return {
    {
        "a self-cancel takes effect at the next cancellation point; before its first run a fiber runs up to it",
        [[
        local f
        f = spawn(function() f:cancel() print "goes on" this_fiber.yield() print "never" end)
        f:join()
        print(f.cancellation_caught)
        local g = spawn(function() print "runs" this_fiber.yield() print "never" end)
        g:cancel() g:join()
        print(g.cancellation_caught)]],
        "goes on\ntrue\nruns\ntrue\n",
    },
    {
        "the cancellation points, and what is none",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local time, mutex, future = require "time", require "mutex", require "future"
        local condition_variable, recursive_mutex = require "condition_variable", require "recursive_mutex"
        local points = {
            yield = this_fiber.yield, sleep = function() time.sleep(0) end,
            join = function() spawn(function() end):join() end,
            join_ended = function() local f = ended f:join() end,
            wait = function() local m = mutex.new() m:lock() condition_variable.new():wait(m) end,
            get = function() local p, f = future.new() p:set_value(1) f:get() end,
            timer = function() time.steady_timer.new():wait() end,
            pcall = function() pcall(print, "never") end, xpcall = function() xpcall(print, print) end,
            resume = function() coroutine.resume(coroutine.create(print)) end,
            wrap = function() coroutine.wrap(print)() end,
        }
        local names = {}
        for name in pairs(points) do names[#names + 1] = name end
        table.sort(names)
        for _, name in ipairs(names) do
            ended = spawn(function() end)
            this_fiber.yield()
            local f
            f = spawn(function() f:cancel() points[name]() print("no point", name) end)
            f:join()
            if not f.cancellation_caught then print("not canceled", name) end
        end
        local f
        f = spawn(function()
            f:cancel()
            scope(function() end)
            spawn(function() end):cancel()
            local m, r = mutex.new(), recursive_mutex.new()
            m:lock() r:lock() m:try_lock() m:unlock()
            this_fiber.disable_cancellation()
            this_fiber.restore_cancellation()
            scope_cleanup_push(function() end) scope_cleanup_pop()
            condition_variable.new():notify_one()
            coroutine.create(function() end)
            print "no points"
        end)
        f:join()]],
        "no points\n",
    },
    {
        "a canceled pcall returns false, and the next one raises out of itself",
        [[
        local rounds, sleep = 0, require("time").sleep
        local f = spawn(function()
            local ok = false
            while not ok do
                rounds = rounds + 1
                ok = pcall(function() sleep(100) end)
            end
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        print(rounds, f.cancellation_caught)]],
        "2\ttrue\n",
    },
    {
        "coroutine.resume swallows it once, like pcall",
        [[
        local log, sleep = {}, require("time").sleep
        local f = spawn(function()
            for _ = 1, 3 do
                local ok, e = coroutine.resume(coroutine.create(function() sleep(100) end))
                log[#log + 1] = tostring(ok) .. " " .. tostring(e)
            end
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        print(#log, log[1], f.cancellation_caught)]],
        "1\tfalse Fiber canceled\ttrue\n",
    },
    {
        "pcall does not raise after its function ran",
        [[
        local f
        f = spawn(function()
            print(pcall(function() f:cancel() return "result" end))
            print "still here"
            pcall(function() end)
            print "never"
        end)
        f:join()]],
        "true\tresult\nstill here\n",
    },
    {
        "disable and restore nest per fiber; restoring below zero is an error and no cancellation point",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        print(select(2, pcall(this_fiber.restore_cancellation)) == core.cancellation_already_allowed)
        local f
        f = spawn(function()
            this_fiber.disable_cancellation()
            coroutine.wrap(function() this_fiber.disable_cancellation() end)()
            f:cancel()
            this_fiber.yield()
            this_fiber.restore_cancellation()
            this_fiber.yield()
            this_fiber.restore_cancellation()
            print "restored"
            this_fiber.yield()
            print "never"
        end)
        f:join()
        print(f.cancellation_caught)]],
        "true\nrestored\ntrue\n",
    },
    {
        "an operation that began while disabled is not woken by cancel",
        [[
        local sleep = require("time").sleep
        local f = spawn(function()
            this_fiber.disable_cancellation()
            sleep(0.02)
            print "slept"
            this_fiber.restore_cancellation()
            sleep(0)
            print "never"
        end)
        this_fiber.yield()
        f:cancel()
        print "canceled"
        f:join()]],
        "canceled\nslept\n",
    },
    {
        "what has happened already is not turned into an error: cv, future, lock",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        local promise, future = require("future").new()
        local f = spawn(function()
            m:lock()
            c:wait(m)
            print "notified"
            m:unlock()
            this_fiber.yield()
            print "never"
        end)
        local g = spawn(function() print("got", future:get()) this_fiber.yield() print "never" end)
        this_fiber.yield()
        c:notify_one() f:cancel()
        promise:set_value(7) g:cancel()
        f:join() g:join()
        print(f.cancellation_caught, g.cancellation_caught, m:try_lock())]],
        "notified\ngot\t7\ntrue\ttrue\ttrue\n",
    },
    {
        "a notification after a cancel goes to another waiter",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        local function waiter(name)
            return spawn(function() m:lock() scope_cleanup_push(function() m:unlock() end) c:wait(m) print(name) end)
        end
        local a, b = waiter "a", waiter "b"
        this_fiber.yield()
        a:cancel()
        c:notify_one()
        a:join() b:join()
        print(a.cancellation_caught, b.cancellation_caught)]],
        "b\ntrue\tfalse\n",
    },
    {
        "cancel after the end of an operation does not touch it",
        [[
        local child = spawn(function() return "result" end)
        local f = spawn(function()
            print(child:join())
            pcall(function() end)
            for _ = 1, 3 do this_fiber.yield() end
        end)
        this_fiber.yield() this_fiber.yield()
        f:cancel()
        f:join()
        print(f.cancellation_caught, child.joinable)]],
        "result\ntrue\tfalse\n",
    },
    {
        "clean-up handlers run with cancellation disabled, and may suspend",
        [[
        local sleep = require("time").sleep
        local f = spawn(function()
            scope_cleanup_push(function() sleep(0.01) print(pcall(sleep, 0.001)) print "cleaned" end)
            sleep(100)
        end)
        this_fiber.yield()
        f:cancel()
        f:join()
        print(f.cancellation_caught)]],
        "true\ncleaned\ntrue\n",
    },
    {
        "cancel does not wake a lock",
        [[
        local m = require("mutex").new()
        m:lock()
        local f = spawn(function() m:lock() print "locked" m:unlock() this_fiber.yield() print "never" end)
        this_fiber.yield()
        f:cancel()
        this_fiber.yield()
        print "unlocking"
        m:unlock()
        f:join()
        print(f.cancellation_caught)]],
        "unlocking\nlocked\ntrue\n",
    },
    {
        "the recap's example",
        [[
        local printed
        this_fiber.disable_cancellation()
        local sleep = require("time").sleep
        local sleeper = spawn(function()
            local children = {}
            scope_cleanup_push(function() for _, f in pairs(children) do f:cancel() end end)
            for _, n in pairs { 8000, 1, 3 } do
                children[#children + 1] = spawn(function() sleep(n / 100) print(n) printed = n end)
            end
            for _, f in pairs(children) do f:join() end
        end)
        local canceler = spawn(function()
            while printed ~= 3 do sleep(0.005) end
            sleeper:cancel()
        end)
        sleeper:join()
        canceler:cancel()
        print(sleeper.cancellation_caught)]],
        "1\n3\ntrue\n",
    },
}
