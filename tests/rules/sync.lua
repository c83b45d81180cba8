-- semantics: mutex, recursive_mutex, condition_variable, future, time.
return {
    {
        "lock of a free mutex does not switch; waiters are first-in first-out with direct hand-off",
        [[
        local m = require("mutex").new()
        print(getmetatable(m))
        spawn(function() print "fiber" end):detach()
        m:lock()
        print "locked"
        for i = 1, 3 do spawn(function() m:lock() print(i) this_fiber.yield() m:unlock() end):detach() end
        this_fiber.yield()
        m:unlock()
        print("still locked", m:try_lock())
        this_fiber.yield()
        print "main"]],
        "mutex\nlocked\nfiber\nstill locked\tfalse\n1\nmain\n2\n3\n",
    },
    {
        "a mutex has no owner; unlocking a free one is EPERM; try_lock by the holder is false",
        [[
        local EPERM = require("generic_error").EPERM
        local m = require("mutex").new()
        print(select(2, pcall(function() m:unlock() end)) == EPERM)
        m:lock()
        print(m:try_lock())
        spawn(function() m:unlock() end):join()
        print(m:try_lock())]],
        "true\nfalse\ntrue\n",
    },
    {
        "a recursive mutex has an owner and counts",
        [[
        local EPERM = require("generic_error").EPERM
        local r = require("recursive_mutex").new()
        print(getmetatable(r), select(2, pcall(function() r:unlock() end)) == EPERM)
        r:lock() r:lock()
        print(r:try_lock())
        spawn(function()
            print(r:try_lock(), select(2, pcall(function() r:unlock() end)) == EPERM)
            r:lock()
            print "theirs"
            r:unlock()
        end):detach()
        this_fiber.yield()
        r:unlock() r:unlock()
        print(r:try_lock())
        r:unlock() r:unlock()
        print "unlocked"
        print(r:try_lock())
        this_fiber.yield()
        print(r:try_lock())
        r:unlock()
        coroutine.wrap(function() r:lock() r:unlock() end)()]],
        "recursive_mutex\ttrue\ntrue\nfalse\ttrue\ntrue\nunlocked\nfalse\ntheirs\ntrue\n",
    },
    {
        "cv:wait wants a locked mutex, not a recursive one",
        [[
        local EPERM, EINVAL = require("generic_error").EPERM, require("generic_error").EINVAL
        local m, c = require("mutex").new(), require("condition_variable").new()
        print(getmetatable(c))
        print(select(2, pcall(function() c:wait(m) end)) == EPERM)
        for _, value in ipairs { 1, "m", require("recursive_mutex").new() } do
            local ok, e = pcall(function() c:wait(value) end)
            print(e == EINVAL, e.arg)
        end
        print(select(2, pcall(function() c:wait() end)) == EINVAL)]],
        "condition_variable\ntrue\ntrue\t2\ntrue\t2\ntrue\t2\ntrue\n",
    },
    {
        "notify posts, in order, is lost without waiters, and needs no mutex",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        c:notify_one() c:notify_all()
        for i = 1, 3 do spawn(function() m:lock() c:wait(m) print(i) m:unlock() end):detach() end
        this_fiber.yield()
        print(m:try_lock()) m:unlock()
        c:notify_one()
        print "notified"
        this_fiber.yield()
        c:notify_all()
        print "all"
        this_fiber.yield()]],
        "true\nnotified\n1\nall\n2\n3\n",
    },
    {
        "cv:wait locks again before it raises",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        local f = spawn(function()
            m:lock()
            scope_cleanup_push(function() print("locked", not m:try_lock()) m:unlock() end)
            c:wait(m)
        end)
        this_fiber.yield()
        m:lock()
        f:cancel()
        this_fiber.yield()
        print "main holds it"
        m:unlock()
        f:join()
        print(f.cancellation_caught, m:try_lock())]],
        "main holds it\nlocked\ttrue\ntrue\ttrue\n",
    },
    {
        "cv:wait where nothing can suspend raises and leaves the mutex locked",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        spawn(function()
            m:lock()
            local ok, e = pcall(table.sort, { 2, 1 }, function() c:wait(m) end)
            print(ok, tostring(e.category), e.code == e.category.unsuspendable_frame.code)
            print(m:try_lock())
            m:unlock()
        end):join()]],
        "false\temilua.core\ttrue\nfalse\n",
    },
    {
        "a future is shared: all getters are woken in order, nil and errors included",
        [[
        local EINVAL = require("generic_error").EINVAL
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local promise, future = require("future").new()
        print(getmetatable(promise), getmetatable(future))
        for i = 1, 2 do spawn(function() print(i, future:get()) end):detach() end
        this_fiber.yield()
        print(select(2, pcall(function() promise:set_error(nil) end)) == EINVAL)
        promise:set_value(nil)
        print "set"
        print(select(2, pcall(function() promise:set_value(1) end)) == core.promise_already_satisfied)
        print(select(2, pcall(function() promise:set_error(1) end)) == core.promise_already_satisfied)
        print(future:get())
        this_fiber.yield()
        local p, f = require("future").new()
        local t = {}
        p:set_error(t)
        for _ = 1, 2 do print(select(2, pcall(function() f:get() end)) == t) end]],
        "promise\tfuture\ntrue\nset\ntrue\ntrue\nnil\n1\tnil\n2\tnil\ntrue\ntrue\n",
    },
    {
        "a promise collected unsatisfied breaks its future, a satisfied one does not",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local promise, future = require("future").new()
        local f = spawn(function() return select(2, pcall(function() future:get() end)) == core.broken_promise end)
        this_fiber.yield()
        promise = nil
        collectgarbage()
        print(f:join())
        print(select(2, pcall(function() future:get() end)) == core.broken_promise)
        promise, future = require("future").new()
        promise:set_value(3)
        promise = nil
        collectgarbage() collectgarbage()
        print(future:get())]],
        "true\ntrue\n3\n",
    },
    {
        "sleep takes fractions, suspends for 0, and keeps the order of 10 ms",
        [[
        local EDOM = require("generic_error").EDOM
        local sleep = require("time").sleep
        spawn(function() print "zero" end):detach()
        sleep(0)
        local fibers = {}
        for i, n in ipairs { 5, 1, 4, 2, 3 } do fibers[i] = spawn(function() sleep(n / 100) print(n) end) end
        for _, fiber in ipairs(fibers) do fiber:join() end
        print(select(2, pcall(sleep, -1)) == EDOM)]],
        "zero\n1\n2\n3\n4\n5\ntrue\n",
    },
    {
        "clocks and time points",
        [[
        local time = require "time"
        for _, name in ipairs { "steady_clock", "system_clock", "high_resolution_clock" } do
            local clock = time[name]
            local a = clock.now()
            local b = clock.now()
            print(name, a <= b, b - a >= 0, b - a < 10, clock.epoch().seconds_since_epoch, clock.epoch() < a)
        end
        local tp = time.system_clock.epoch()
        tp:add(1.5)
        print(tp.seconds_since_epoch, (tp + 1).seconds_since_epoch, (1 + tp).seconds_since_epoch)
        tp:sub(0.5)
        print(tp.seconds_since_epoch, (tp - 0.25).seconds_since_epoch, tp - time.system_clock.epoch())
        print(type(time.high_resolution_clock.is_steady))
        print((pcall(function() return time.steady_clock.now() < time.system_clock.now() end)))]],
        "steady_clock\ttrue\ttrue\ttrue\t0\ttrue\nsystem_clock\ttrue\ttrue\ttrue\t0\ttrue\n"
            .. "high_resolution_clock\ttrue\ttrue\ttrue\t0\ttrue\n1.5\t2.5\t2.5\n1\t0.75\t1\nboolean\nfalse\n",
    },
    {
        "timers: waiting, moving, canceling",
        [[
        local time = require "time"
        local asio = require "asio_error"
        for _, name in ipairs { "steady_timer", "system_timer" } do
            local t = time[name].new()
            print(getmetatable(t))
            local clock = time[name:gsub("timer", "clock")]
            print(t:expires_at(clock.now() + 0.01))
            t:wait()
            t:wait()
            t:expires_at(clock.now() + 100)
            local log = 0
            for i = 1, 3 do
                spawn(function()
                    local ok, e = pcall(function() t:wait() end)
                    print(i, ok, e == asio.basic.operation_aborted)
                end):detach()
            end
            this_fiber.yield()
            print(t:cancel(), t:cancel())
            this_fiber.yield()
            spawn(function() print(pcall(function() t:wait() end)) end):detach()
            this_fiber.yield()
            local tp = clock.now() - 1
            print(t:expires_at(tp), t.expiry == tp)
            this_fiber.yield()
            t:wait()
        end
        local t = time.steady_timer.new()
        print(t:expires_after(0.01))
        spawn(function() print "Hello" end)
        t:wait()
        print "World"]],
        "steady_timer\n0\n3\t0\n1\tfalse\ttrue\n2\tfalse\ttrue\n3\tfalse\ttrue\n1\ttrue\nfalse\tOperation canceled\n"
            .. "system_timer\n0\n3\t0\n1\tfalse\ttrue\n2\tfalse\ttrue\n3\tfalse\ttrue\n1\ttrue\nfalse\tOperation "
            .. "canceled\n0\nHello\nWorld\n",
    },
}
