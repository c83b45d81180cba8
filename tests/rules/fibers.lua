-- semantics: spawn, join, detach, cancel, this_fiber.
return {
    {
        "spawn posts, and fibers start in order",
        [[
        for i = 1, 3 do spawn(function() print(i) end):detach() end
        print "main"
        this_fiber.yield()
        print "again"]],
        "main\n1\n2\n3\nagain\n",
    },
    {
        "spawn of what is no function is a plain Lua argument error",
        [[
        for _, value in ipairs { 1, {}, "x" } do
            local ok, e = pcall(spawn, value)
            print(ok, type(e), e:match "bad argument #1 to 'spawn'")
        end
        print(type(select(2, pcall(spawn))))]],
        ("false\tstring\tbad argument #1 to 'spawn'\n"):rep(3) .. "string\n",
    },
    {
        "yield puts the fiber behind those that are ready: one round-trip each",
        [[
        local function body(name)
            return function() for i = 1, 3 do print(name, i) this_fiber.yield() end end
        end
        local a, b = spawn(body "a"), spawn(body "b")
        a:join() b:join()]],
        "a\t1\nb\t1\na\t2\nb\t2\na\t3\nb\t3\n",
    },
    {
        "join returns all results",
        [[
        print(spawn(function() return 1, nil, 3, nil end):join())
        print(select("#", spawn(function() end):join()), select("#", spawn(function() return nil, nil end):join()))
        print(spawn(function() return "one" end):join())]],
        "1\tnil\t3\tnil\n0\t2\none\n",
    },
    {
        "join of a canceled fiber returns nothing, and cancellation_caught tells",
        [[
        local f = spawn(function() this_fiber.yield() return 1 end)
        f:cancel()
        print(select("#", f:join()), f.cancellation_caught)
        local g = spawn(function() pcall(function() this_fiber.yield() end) return "kept" end)
        this_fiber.yield()
        g:cancel()
        print(g:join())
        print(g.cancellation_caught)]],
        "0\ttrue\nkept\nfalse\n",
    },
    {
        "cancellation_caught can be read after join only",
        [[
        local EINVAL = require("generic_error").EINVAL
        local function try(f) local ok, e = pcall(function() return f.cancellation_caught end)
            print(ok, ok and e or e == EINVAL) end
        local f = spawn(function() this_fiber.yield() end)
        try(f)
        this_fiber.yield()
        try(f)
        this_fiber.yield() this_fiber.yield()
        try(f)
        f:join()
        try(f)
        local g = spawn(function() end) g:detach() try(g)
        local h = spawn(function() error "x" end) pcall(function() h:join() end) try(h)]],
        "false\ttrue\nfalse\ttrue\nfalse\ttrue\ntrue\tfalse\nfalse\ttrue\ntrue\tfalse\n",
    },
    {
        "join and detach of a handle that cannot be joined raise EINVAL; joinable says so",
        [[
        local EINVAL = require("generic_error").EINVAL
        local function try(f)
            local joined, e1 = pcall(function() f:join() end)
            local detached, e2 = pcall(function() f:detach() end)
            print(f.joinable, joined, e1 == EINVAL, detached, e2 == EINVAL)
        end
        local f = spawn(function() end)
        print(f.joinable)
        f:join()
        try(f)
        local g = spawn(function() end) g:detach() try(g)
        local h = spawn(function() for _ = 1, 9 do this_fiber.yield() end end)
        local joiner = spawn(function() h:join() print "joined" end)
        this_fiber.yield()
        try(h)
        joiner:join()
        try(h)]],
        "true\n" .. ("false\tfalse\ttrue\tfalse\ttrue\n"):rep(3) .. "joined\nfalse\tfalse\ttrue\tfalse\ttrue\n",
    },
    {
        "join of the own fiber is EDEADLK, from a coroutine too",
        [[
        local EDEADLK = require("generic_error").EDEADLK
        local f
        f = spawn(function()
            print(select(2, pcall(function() f:join() end)) == EDEADLK)
            local co = coroutine.create(function() f:join() end)
            print(select(2, coroutine.resume(co)) == EDEADLK)
        end)
        f:join()
        print(f.joinable)]],
        "true\ntrue\nfalse\n",
    },
    {
        "cancel is legal on any handle and returns nothing",
        [[
        local f = spawn(function() end)
        print(select("#", f:cancel()))
        f:join() f:cancel() f:cancel()
        local g = spawn(function() this_fiber.yield() print "not canceled" end) g:detach() g:cancel()
        this_fiber.yield() this_fiber.yield()
        local h = spawn(function() end) this_fiber.yield() h:cancel() h:join()
        print(h.cancellation_caught)]],
        "0\nnot canceled\nfalse\n",
    },
    {
        "a joiner that is canceled leaves the fiber joinable",
        [[
        local x = spawn(function() for _ = 1, 5 do this_fiber.yield() end return "result" end)
        local joiner = spawn(function() x:join() print "never" end)
        this_fiber.yield()
        print(x.joinable)
        joiner:cancel()
        joiner:join()
        print(joiner.cancellation_caught, x.joinable, x:join())]],
        "false\ntrue\ttrue\tresult\n",
    },
    {
        "local_ is one table per fiber, shared by its coroutines, not inherited",
        [[
        this_fiber.local_.x = 1
        coroutine.wrap(function() print(this_fiber.local_.x) end)()
        spawn(function()
            print(this_fiber.local_.x)
            this_fiber.local_.x = 2
            this_fiber.yield()
            print(this_fiber.local_.x)
        end):join()
        print(this_fiber.local_.x, this_fiber.local_ == this_fiber.local_, type(this_fiber.local_))]],
        "1\nnil\n2\n1\ttrue\ttable\n",
    },
    {
        "id is a string without blanks that stays",
        [[
        local main = this_fiber.id
        local one, two
        local f = spawn(function()
            one = this_fiber.id
            this_fiber.yield()
            print(one == this_fiber.id, coroutine.wrap(function() return this_fiber.id end)() == one)
        end)
        local g = spawn(function() two = this_fiber.id this_fiber.yield() this_fiber.yield() end)
        f:join() g:join()
        print(type(main), main:find "%s", main ~= one, one ~= two, main == this_fiber.id)]],
        "true\ttrue\nstring\tnil\ttrue\ttrue\ttrue\n",
    },
    {
        "is_main is true in the main fiber and its coroutines",
        [[
        print(this_fiber.is_main, coroutine.wrap(function() return this_fiber.is_main end)())
        local function look() return this_fiber.is_main end
        print(spawn(function() return look(), coroutine.wrap(look)() end):join())]],
        "true\ttrue\nfalse\tfalse\n",
    },
    {
        "join resumes the joiner directly when the fiber ends",
        [[
        local f = spawn(function() this_fiber.yield() print "f ends" end)
        local other = spawn(function() this_fiber.yield() print "other" end)
        f:join()
        print "joined"
        other:join()]],
        "f ends\njoined\nother\n",
    },
    {
        "system.exit ends the program at once, from any fiber: no handlers, no reports",
        [[
        local system = require "system"
        scope_cleanup_push(function() print "handler" end)
        dead = spawn(function() error "dead" end)
        spawn(function() scope_cleanup_push(function() print "handler" end) system.exit(3) end):detach()
        spawn(function() print "never" end):detach()
        print "before"
        this_fiber.yield()
        print "never"]],
        "before\n",
        3,
        app_only = true,
    },
    {
        "forbid_suspend is counted, and what lies below zero is an error",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local function try(f, ...) local ok, e = pcall(f, ...)
            print(ok or e == core.forbid_suspend_block or e == core.suspension_already_allowed and "already" or e) end
        try(this_fiber.allow_suspend)
        this_fiber.forbid_suspend()
        this_fiber.forbid_suspend()
        this_fiber.allow_suspend()
        print(pcall(this_fiber.yield))
        this_fiber.allow_suspend()
        print(pcall(this_fiber.yield))
        try(this_fiber.allow_suspend)
        spawn(function() this_fiber.forbid_suspend() end):join()]],
        "already\nfalse\tA suspending call inside a forbid_suspend block\ntrue\nalready\n",
    },
    {
        "a fiber may end while suspension is forbidden or cancellation disabled, the main fiber, too",
        [[
        spawn(function()
            print "one"
            this_fiber.forbid_suspend()
        end)
        spawn(function()
            this_fiber.yield()
            print "other"
            this_fiber.disable_cancellation()
        end)
        this_fiber.forbid_suspend()
        this_fiber.disable_cancellation()
        print "main"]],
        "main\none\nother\n",
    },
    {
        "while suspension is forbidden suspending calls raise even when they would not block; others go on",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local m, r, c = require("mutex").new(), require("recursive_mutex").new(), require("condition_variable").new()
        local promise, future = require("future").new()
        promise:set_value(1)
        local sleep = require("time").sleep
        local timer = require("time").steady_timer.new()
        local ended = spawn(function() end)
        local m2 = require("mutex").new()
        m2:lock()
        this_fiber.yield()
        this_fiber.forbid_suspend()
        local calls = {
            lock = function() m:lock() end, rlock = function() r:lock() end, get = function() future:get() end,
            sleep = function() sleep(0) end, join = function() ended:join() end, wait = function() c:wait(m2) end,
            timer = function() timer:wait() end, yield = function() this_fiber.yield() end,
        }
        for name, f in pairs(calls) do
            local ok, e = pcall(f)
            if ok or e ~= core.forbid_suspend_block then print(name, ok, e) end
        end
        local f = spawn(function() end)
        c:notify_one() c:notify_all()
        print(m:try_lock(), r:try_lock())
        f:cancel()
        print(coroutine.resume(coroutine.create(function() return "in" end)))
        print(m2:try_lock())
        this_fiber.allow_suspend()
        print(ended.joinable)]],
        "true\ttrue\ntrue\tin\nfalse\ntrue\n",
    },
    {
        "the check for forbid_suspend comes before the one for cancellation",
        [[
        local f
        f = spawn(function()
            this_fiber.forbid_suspend()
            f:cancel()
            return select(2, pcall(function() end))
        end)
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        local g
        g = spawn(function()
            local ok, e
            scope(function()
                this_fiber.forbid_suspend()
                g:cancel()
                this_fiber.yield()
            end)
        end)
        print(pcall(function() g:join() end))]],
        "false\tA suspending call inside a forbid_suspend block\n",
    },
}
