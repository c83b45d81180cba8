-- semantics: scopes and coroutines.
return {
    {
        "scope returns nothing and re-raises as it is, after its handlers",
        [[
        print(select("#", scope(function() return 1 end)))
        local t = {}
        local ok, e = pcall(function()
            scope(function() scope_cleanup_push(function() print "handler" end) error(t) end)
        end)
        print(ok, e == t)
        print(pcall(scope, function() error("text", 0) end))]],
        "0\nhandler\nfalse\ttrue\nfalse\ttext\n",
    },
    {
        "handlers run last-in first-out; pop drops or runs",
        [[
        local EINVAL = require("generic_error").EINVAL
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        scope(function()
            for i = 1, 5 do scope_cleanup_push(function() print(i) end) end
            scope_cleanup_pop(false)
            scope_cleanup_pop()
            scope_cleanup_pop(true)
            scope_cleanup_pop(nil)
            print "body"
        end)
        scope(function() print(select(2, pcall(scope_cleanup_pop)) == core.unmatched_scope_cleanup) end)
        for _, value in ipairs { 1, "x", {} } do
            print(select(2, pcall(scope_cleanup_push, value)) == EINVAL)
        end
        print(select(2, pcall(scope_cleanup_push)) == EINVAL)]],
        "4\n3\n2\nbody\n1\ntrue\ntrue\ntrue\ntrue\ntrue\n",
    },
    {
        "what a handler pushes runs right after it, however the scope is left",
        [[
        local function push(name)
            scope_cleanup_push(function() print(name, "below") end)
            scope_cleanup_push(function()
                scope_cleanup_push(function() this_fiber.yield() print(name, "inner") end)
                print(name, "outer")
            end)
        end
        scope(function() push "scope" end)
        pcall(function() push "pcall" error "x" end)
        coroutine.wrap(function() push "coroutine" end)()
        spawn(function() push "fiber" end):join()
        pcall(function() spawn(function() push "dead fiber" error "x" end):join() end)
        scope(function() push "pop" scope_cleanup_pop() print "popped" end)]],
        (function()
            local lines = {}
            for _, name in ipairs { "scope", "pcall", "coroutine", "fiber", "dead fiber", "pop" } do
                local popped = name == "pop" and "popped\n" or ""
                lines[#lines + 1] = ("%s\touter\n%s\tinner\n%s%s\tbelow\n"):format(name, name, popped, name)
            end
            return table.concat(lines)
        end)(),
    },
    {
        "pcall, xpcall, coroutines and fibers are scopes; the message handler of xpcall comes first",
        [[
        local function push(name) scope_cleanup_push(function() print(name) end) end
        push "root"
        pcall(function() push "pcall" end)
        pcall(function() push "pcall" error "x" end)
        xpcall(function() push "xpcall" error "x" end, function(e) print "message handler" end)
        coroutine.wrap(function() push "coroutine" end)()
        coroutine.resume(coroutine.create(function() push "coroutine" error "x" end))
        spawn(function() push "fiber" end):join()
        print "end"]],
        "pcall\npcall\nmessage handler\nxpcall\ncoroutine\ncoroutine\nfiber\nend\nroot\n",
    },
    {
        "xpcall passes arguments, results, and what the message handler returns",
        [[
        print(xpcall(function(...) return ... end, print, 1, nil, 3))
        print(xpcall(function() error("x", 0) end, function(e) return e .. "!" end))
        print(pcall(function(...) return select("#", ...) end, nil, nil))]],
        "true\t1\tnil\t3\nfalse\tx!\ntrue\t2\n",
    },
    {
        "as many values pass through coroutines as were given, none included",
        [[
        print(coroutine.resume(coroutine.create(function() end)))
        print(coroutine.resume(coroutine.create(function() return nil end)))
        print(coroutine.resume(coroutine.create(function() this_fiber.yield() return nil, nil end)))
        print(coroutine.resume(coroutine.create(function() coroutine.yield() end)))
        print(coroutine.resume(coroutine.create(function() error() end)))
        print(select("#", coroutine.wrap(function() this_fiber.yield() end)()))
        local co = coroutine.create(function(...)
            print(select("#", ...))
            print(select("#", coroutine.yield()))
            print(select("#", coroutine.yield(1)))
        end)
        print(coroutine.resume(co))
        print(coroutine.resume(co))
        print(coroutine.resume(co, nil, nil))]],
        "true\ntrue\tnil\ntrue\tnil\tnil\ntrue\nfalse\tnil\n0\n0\ntrue\n0\ntrue\t1\n2\ntrue\n",
    },
    {
        "an error of level 2 in a coroutine's own function names no place, as in plain Lua",
        [[
        local function check() error("wrong", 2) end
        print(coroutine.resume(coroutine.create(check)))
        print(pcall(coroutine.wrap(check)))
        print(pcall(coroutine.wrap(function() check() end)))]],
        "false\twrong\nfalse\twrong\nfalse\tmain.lua:4: wrong\n",
    },
    {
        "a coroutine's handlers may do all that others may, however it ended",
        [[
        local task_group = require "task_group"
        for _, ending in ipairs { function() end, error } do
            coroutine.wrap(function()
                print((coroutine.resume(coroutine.create(function()
                    scope_cleanup_push(function()
                        task_group.run(function(group) group:spawn(function() this_fiber.yield() end) end)
                        print "handler"
                    end)
                    ending()
                end))))
            end)()
        end]],
        "handler\ntrue\nhandler\nfalse\n",
    },
    {
        "a coroutine's handlers belong to it, whichever fiber resumes it",
        [[
        local co = coroutine.create(function()
            scope_cleanup_push(function() print("handler", this_fiber.is_main) end)
            coroutine.yield()
        end)
        spawn(function() coroutine.resume(co) end):join()
        print "resumed"
        coroutine.resume(co)
        print(coroutine.status(co))
        local never = coroutine.create(function()
            scope_cleanup_push(function() print "never" end)
            coroutine.yield()
        end)
        coroutine.resume(never)
        never = nil
        collectgarbage()
        print "end"]],
        "resumed\nhandler\ttrue\ndead\nend\n",
    },
    {
        "the main fiber's root handlers run before fibers that were not started",
        [[
        scope_cleanup_push(function() print("handler", this_fiber.is_main) end)
        spawn(function() print "fiber" end):detach()
        print "main"]],
        "main\nhandler\ttrue\nfiber\n",
    },
    {
        "fibers suspended in their handlers interleave",
        [[
        local function body(name)
            return function()
                scope_cleanup_push(function() for i = 1, 2 do print(name, i) this_fiber.yield() end end)
                if name == "b" then error("boom", 0) end
            end
        end
        spawn(body "a"):detach()
        spawn(body "b"):detach()]],
        "a\t1\nb\t1\na\t2\nb\t2\nFiber ID panicked: 'boom'\n",
    },
    {
        "a suspending call inside coroutines, pcall, metamethods and iterators suspends the fiber",
        [[
        local sleep = require("time").sleep
        spawn(function() print "other" end):detach()
        local t = setmetatable({}, {
            __index = function(_, k) sleep(0.001) return k end,
            __add = function() sleep(0.001) return "sum" end,
            __call = function(_, x) this_fiber.yield() return x end,
            __lt = function() this_fiber.yield() return true end,
            __concat = function() this_fiber.yield() return "concat" end,
        })
        local co = coroutine.wrap(function()
            local inner = coroutine.wrap(function()
                print(pcall(function() sleep(0.001) return t.x, t + 1, t(5), t < t, t .. "" end))
                coroutine.yield "inner yield"
                return "inner end"
            end)
            print(inner())
            print(inner())
            coroutine.yield "outer yield"
        end)
        print(co())
        for i in (function(_, i) sleep(0.001) i = i + 1 return i <= 2 and i or nil end), nil, 0 do print(i) end]],
        "other\ntrue\tx\tsum\t5\ttrue\tconcat\ninner yield\ninner end\nouter yield\n1\n2\n",
    },
    {
        "coroutine.running is nil in a fiber's body, the coroutine inside one; yield in a body is bad_coroutine",
        [[
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        print(coroutine.running(), spawn(function() return coroutine.running() end):join())
        local co
        co = coroutine.create(function() return coroutine.running() == co end)
        print(coroutine.resume(co))
        print(select(2, pcall(coroutine.yield)) == core.bad_coroutine)
        print(spawn(function() return select(2, pcall(coroutine.yield, 1)) == core.bad_coroutine end):join())]],
        "nil\tnil\ntrue\ttrue\ntrue\ntrue\n",
    },
    {
        "a coroutine whose fiber is suspended inside is normal, and not to be resumed by another",
        [[
        local EPERM = require("generic_error").EPERM
        local co = coroutine.create(function() this_fiber.yield() return "done" end)
        local f = spawn(function() return coroutine.resume(co) end)
        this_fiber.yield()
        print(coroutine.status(co))
        print(select(2, pcall(coroutine.resume, co)) == EPERM)
        local wrapped = coroutine.wrap(function() this_fiber.yield() end)
        local g = spawn(function() wrapped() end)
        this_fiber.yield()
        print(select(2, pcall(wrapped)) == EPERM)
        g:join()
        print(f:join())
        print(coroutine.status(co), coroutine.resume(co))
        local self
        self = coroutine.create(function() return coroutine.resume(self) end)
        print(coroutine.resume(self))]],
        "normal\ntrue\ntrue\ntrue\tdone\ndead\tfalse\tcannot resume dead coroutine\n"
            .. "true\tfalse\tcannot resume running coroutine\n",
    },
    {
        "the host's coroutine.yield in a fiber's body ends it with bad_coroutine",
        [[
        local host = getmetatable("").__index == string and _G.package and _G.package.loaded.coroutine or coroutine
        local f = spawn(function() host.yield(1) print "never" end)
        local core = select(2, pcall(function() return this_fiber.nope end)).category
        print(select(2, pcall(function() f:join() end)) == core.bad_coroutine)
        print(spawn(function() return "next" end):join())]],
        "true\nnext\n",
    },
    {
        "wrap re-raises without a position, and passes values both ways",
        [[
        local f = coroutine.wrap(function(a, b)
            local c = coroutine.yield(a + b)
            local d, e = coroutine.yield(c * 2)
            error({ d, e })
        end)
        print(f(1, 2), f(10))
        local ok, e = pcall(f, "d", "e")
        print(ok, e[1], e[2])
        print(pcall(coroutine.wrap(function() error("x", 0) end)))
        print(pcall(coroutine.create, 1), type(coroutine.create(function() end)))]],
        "3\t20\nfalse\td\te\nfalse\tx\nfalse\tthread\n",
    },
}
