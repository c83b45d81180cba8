-- Every name of seed 003's pages on fibers, synchronisation and time is there and of the right kind.
return {
    {
        "the names of the manual are there",
        [[
        local time = require "time"
        local promise, future = require("future").new()
        local fiber = spawn(function() end)
        fiber:join()
        local steady, system = time.steady_clock, time.system_clock
        local rows = {
            { _G, "spawn scope scope_cleanup_push scope_cleanup_pop pcall xpcall", "function" },
            { coroutine, "create resume yield wrap running status", "function" },
            { require "mutex", "new", "function" }, { require("mutex").new(), "lock try_lock unlock", "function" },
            { require "recursive_mutex", "new", "function" },
            { require("recursive_mutex").new(), "lock try_lock unlock", "function" },
            { require "condition_variable", "new", "function" },
            { require("condition_variable").new(), "wait notify_all notify_one", "function" },
            { require "future", "new", "function" }, { promise, "set_value set_error", "function" },
            { future, "get", "function" }, { time, "sleep", "function" },
            { steady, "now epoch", "function" }, { steady.now(), "add sub", "function" },
            { steady.now(), "seconds_since_epoch", "number" },
            { system, "now epoch", "function" }, { system.now(), "add sub", "function" },
            { system.now(), "seconds_since_epoch", "number" },
            { time.high_resolution_clock, "now epoch", "function" },
            { time.high_resolution_clock, "is_steady", "boolean" },
            { time.high_resolution_clock.now(), "seconds_since_epoch", "number" },
            { time.steady_timer, "new", "function" },
            { time.steady_timer.new(), "expires_at expires_after wait cancel", "function" },
            { time.system_timer, "new", "function" }, { time.system_timer.new(), "expires_at wait cancel", "function" },
            { fiber, "join detach cancel", "function" }, { fiber, "cancellation_caught joinable", "boolean" },
            {
                this_fiber,
                "yield forbid_suspend allow_suspend disable_cancellation restore_cancellation",
                "function",
            },
            { this_fiber, "is_main", "boolean" }, { this_fiber, "local_", "table" }, { this_fiber, "id", "string" },
        }
        for i, row in ipairs(rows) do
            for name in row[2]:gmatch "%S+" do
                if type(row[1][name]) ~= row[3] then print(i, name, type(row[1][name])) end
            end
        end
        print(getmetatable(time.steady_timer.new().expiry), getmetatable(time.system_timer.new().expiry))
        print(getmetatable(fiber), getmetatable(this_fiber), format("{} {:.1f}", "a", 1.25))]],
        "time.steady_clock.time_point\ttime.system_clock.time_point\nfiber\tthis_fiber\ta 1.2\n",
    },
    {
        "only what the manual lists of Lua's modules is there",
        [[
        for _, name in ipairs {
            "string", "table", "math", "coroutine", "bit", "jit", "io", "os", "package", "debug", "module",
        } do
            io_ = rawget(_G, name) ~= nil or _G[name] ~= nil
            if not io_ then print(name) end
        end
        print(require("ffi").C ~= nil)]],
        "io\nos\npackage\ndebug\nmodule\ntrue\n",
        app_only = true,
    },
    {
        "the modules of synchronisation have a constructor, and nothing of their own affairs",
        [[
        for _, name in ipairs { "mutex", "recursive_mutex", "condition_variable", "future", "semaphore", "channel" } do
            for key in pairs(require(name)) do
                if key ~= "new" then print(name, key) end
            end
        end]],
        "",
    },
}
