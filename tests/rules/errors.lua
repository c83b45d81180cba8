-- semantics: errors, and what is printed of those that nobody catches.
return {
    {
        "an error is a table of metatable error_code with code and category",
        [[
        local ok, e = pcall(function() return require("mutex").new().nope end)
        print(ok, type(e), getmetatable(e), getmetatable(e.category), tostring(e.category), e.code, e.index)
        print(e == e.category.bad_index, e == e.category[8], e == e.category.bad_rdf)
        print(rawequal(e.category[8], e.category[8]))
        e.extra = 1
        print(e == e.category.bad_index, e:togeneric() == e, rawequal(e:togeneric(), e))
        print(tostring(e) == e.category:message(e.code))]],
        "false\ttable\terror_code\terror_category\temilua.core\t8\t2\n"
            .. "true\ttrue\tfalse\nfalse\ntrue\ttrue\ttrue\ntrue\n",
    },
    {
        "the runtime's errors have the codes of their names",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        for code, name in ipairs {
            "invalid_module_name", "module_not_found", "root_cannot_import_parent", "cyclic_import",
            "leaf_cannot_import_child", "only_main_fiber_may_import", "bad_root_context", "bad_index", "bad_coroutine",
            "suspension_already_allowed", "cancellation_already_allowed", "forbid_suspend_block", "fiber_canceled",
            "unmatched_scope_cleanup", "channel_closed", "no_senders", "internal_module", "raise_error",
        } do
            if core[name].code ~= code then print(name, core[name].code) end
        end
        print(core.broken_promise.code, core.promise_already_satisfied.code, core.current_module_not_known.code)]],
        "22\t23\t24\n",
    },
    {
        "unknown keys raise bad_index, assignments EPERM",
        [[
        local EPERM = require("generic_error").EPERM
        local t = require "time"
        local promise, future = require("future").new()
        local objects = {
            spawn(function() end), this_fiber, require("mutex").new(), require("recursive_mutex").new(),
            require("condition_variable").new(), promise, future, t.steady_clock.now(), t.steady_timer.new(),
            t.system_timer.new(), t.system_clock.now(), t.high_resolution_clock.now(), EPERM.category,
            require "generic_error",
        }
        for i, object in ipairs(objects) do
            local ok, e = pcall(function() return object.nope end)
            if ok or e.code ~= 8 or e.index ~= 2 or tostring(e.category) ~= "emilua.core" then print("read", i, e) end
            ok, e = pcall(function() object.nope = 1 end)
            if ok or e:togeneric() ~= EPERM then print("write", i, e) end
        end
        print "done"]],
        "done\n",
    },
    {
        "a method of something else's object raises EINVAL with argument 1",
        [[
        local EINVAL = require("generic_error").EINVAL
        local time = require "time"
        local promise, future = require("future").new()
        local methods = {
            [spawn(function() end)] = "join detach cancel",
            [require("mutex").new()] = "lock try_lock unlock",
            [require("recursive_mutex").new()] = "lock try_lock unlock",
            [require("condition_variable").new()] = "wait notify_one notify_all",
            [promise] = "set_value set_error",
            [future] = "get",
            [time.steady_timer.new()] = "wait cancel expires_at expires_after",
            [time.system_timer.new()] = "wait cancel expires_at",
        }
        for object, names in pairs(methods) do
            for name in names:gmatch "%S+" do
                for _, self in ipairs { 5, "x", {}, this_fiber } do
                    local ok, e = pcall(object[name], self, 1)
                    if ok or e ~= EINVAL or e.arg ~= 1 then print(getmetatable(object), name, e) end
                end
            end
        end
        print(select(2, pcall(function() xpcall(print) end)):match "bad argument #2 to 'xpcall'")]],
        "bad argument #2 to 'xpcall'\n",
    },
    {
        "what join raises is the same object, without a position",
        [[
        local t = {}
        local e = select(2, pcall(function() spawn(function() error(t) end):join() end))
        print(e == t)
        print(pcall(function() spawn(function() error() end):join() end))
        print(pcall(function() spawn(function() error("text", 0) end):join() end))
        print(pcall(function() scope(function() error("scoped", 0) end) end))]],
        "true\nfalse\tnil\nfalse\ttext\nfalse\tscoped\n",
    },
    {
        "a detached fiber's death is one line and a traceback",
        [[
        local EINVAL = require("generic_error").EINVAL
        spawn(function() error("boom", 0) end):detach()
        spawn(function() error(EINVAL) end):detach()
        spawn(function() error({}) end):detach()
        spawn(function() error() end):detach()
        spawn(function() error(12, 0) end):detach()
        spawn(function() error(setmetatable({}, { __tostring = function() return "no" end })) end):detach()
        this_fiber.yield()
        print "end"]],
        "Fiber ID panicked: 'boom'\nFiber ID panicked: 'Invalid argument'\nFiber ID panicked: ''\n"
            .. "Fiber ID panicked: ''\nFiber ID panicked: ''\nFiber ID panicked: ''\nend\n",
    },
    {
        "a string error of a dead fiber keeps its position",
        "spawn(function() error 'boom' end):detach() this_fiber.yield()",
        "Fiber ID panicked: 'main.lua:1: boom'\n",
    },
    {
        "fiber_canceled ends a secondary fiber silently",
        [[
        local f = spawn(function() this_fiber.yield() end)
        f:cancel()
        f:detach()
        this_fiber.yield()
        print "end"]],
        "end\n",
    },
    {
        "fiber_canceled that escapes the main fiber is printed",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        error(core.fiber_canceled)]],
        "Main fiber from VM ID panicked: 'Fiber canceled'\n",
        1,
    },
    {
        "a dead fiber with a living handle is reported at detach, at once",
        [[
        local f = spawn(function() error("boom", 0) end)
        this_fiber.yield()
        print "before"
        f:detach()
        print "after"]],
        "before\nFiber ID panicked: 'boom'\nafter\n",
    },
    {
        "a dead fiber is reported when its handle is collected",
        [[
        local f = spawn(function() error("boom", 0) end)
        this_fiber.yield()
        print "before"
        f = nil
        collectgarbage()
        print "after"]],
        "before\nFiber ID panicked: 'boom'\nafter\n",
    },
    {
        "a dead fiber nobody asked about is reported when the program ends",
        [[
        f = spawn(function() error("boom", 0) end)
        this_fiber.yield()
        print "end"]],
        "end\nFiber ID panicked: 'boom'\n",
    },
    {
        "join consumes the error",
        [[
        f = spawn(function() error("boom", 0) end)
        print(pcall(function() f:join() end))]],
        "false\tboom\n",
    },
    {
        "a fiber detached before its death is reported after its clean-up handlers",
        [[
        spawn(function()
            scope_cleanup_push(function() print "handler" end)
            error("boom", 0)
        end):detach()
        this_fiber.yield()]],
        "handler\nFiber ID panicked: 'boom'\n",
    },
    {
        "a handle that was collected before the fiber's death counts as detached",
        [[
        spawn(function() this_fiber.yield() error("boom", 0) end)
        collectgarbage()
        this_fiber.yield()
        this_fiber.yield()
        print "end"]],
        "Fiber ID panicked: 'boom'\nend\n",
    },
    {
        "a handle that nobody has any more is found to be collected after a second with nothing to do",
        [[
        local time = require "time"
        spawn(function()
            spawn(function() error("boom", 0) end)
        end):join()
        for _ = 1, 20 do time.sleep(0.1) end
        print "end"]],
        "Fiber ID panicked: 'boom'\nend\n",
    },
    {
        "the main fiber's death ends the program: the others do not go on, their handlers do not run",
        [[
        spawn(function()
            scope_cleanup_push(function() print "handler" end)
            this_fiber.yield()
            print "never"
        end):detach()
        this_fiber.yield()
        error("boom", 0)]],
        "Main fiber from VM ID panicked: 'boom'\n",
        1,
    },
    {
        "a failing clean-up handler closes the program at once",
        [[
        scope(function()
            scope_cleanup_push(function() print "not reached" end)
            scope_cleanup_push(function() error "handler" end)
            error "unwound"
        end)
        print "not reached"]],
        "ljos: forcibly closed: a scope clean-up handler failed\n",
        1,
    },
    {
        "fibers that wait for locks and for promises that live are reported, and the program ends normally",
        [[
        local m = require("mutex").new()
        local r = require("recursive_mutex").new()
        promise, future = require("future").new()
        m:lock()
        r:lock()
        spawn(function() m:lock() end):detach()
        spawn(function() r:lock() end):detach()
        spawn(function() future:get() end):detach()
        print "end"]],
        "end\nPossible deadlock(s) detected\n\tFiber ID: lock mutex ID  at main.lua:6\n"
            .. "\tFiber ID: lock recursive_mutex ID  at main.lua:7\n"
            .. "\tFiber ID: get future ID  at main.lua:8\n",
    },
    {
        "fibers that wait for notifications and joins are not reported",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        local f = spawn(function() m:lock() c:wait(m) end)
        spawn(function() f:join() end):detach()
        print "end"]],
        "end\n",
    },
    {
        "the main fiber that waits for what cannot come is no panic",
        [[
        local m, c = require("mutex").new(), require("condition_variable").new()
        m:lock()
        print "waiting"
        c:wait(m)
        print "never"]],
        "waiting\n",
        app_only = true,
    },
    {
        "the main fiber that locks its own mutex again is reported",
        "local m = require('mutex').new() m:lock() print 'waiting' m:lock() print 'never'",
        "waiting\nPossible deadlock(s) detected\n\tMain fiber from VM ID: lock mutex ID  at main.lua:1\n",
        app_only = true,
    },
    {
        "main's end does not end the program while others can run",
        [[
        local sleep = require("time").sleep
        spawn(function() sleep(0.01) print "fiber" end):detach()
        print "main"]],
        "main\nfiber\n",
    },
    {
        "the main fiber's wait that nothing can end raises deadlock in library mode",
        [[
        local m = require("mutex").new()
        m:lock()
        local ok, e = pcall(function() m:lock() end)
        print(ok, e == e.category.deadlock)
        error("boom", 0)]],
        "false\ttrue\nMain fiber from VM ID panicked: 'boom'\n",
        1,
        library_only = true,
    },
    {
        "what join raises again is reported with the place it came from",
        [[
        local f = spawn(function() error "boom" end)
        f:join()]],
        "Main fiber from VM ID panicked: 'main.lua:1: boom'\n",
        1,
        traceback = "main%.lua:1: in function .*joined by:.*main%.lua:2: in ",
    },
    {
        "an error that was caught lends its traceback to no equal one",
        [[
        local EINVAL = require("generic_error").EINVAL
        pcall(function() scope(function() error(EINVAL) end) end)

        scope(function() error(EINVAL) end)]],
        "Main fiber from VM ID panicked: 'Invalid argument'\n",
        1,
        traceback = "main%.lua:4: in function <main%.lua:4>",
    },
    {
        "no colours into a pipe",
        "error('boom', 0)",
        "Main fiber from VM ID panicked: 'boom'\n",
        1,
    },
}
