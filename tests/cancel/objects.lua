-- Operations on what lives in the program alone: locks, queues, timers, groups. See trial.lua.
local channel = require "ljos.channel"
local condition_variable = require "ljos.condition_variable"
local fiber = require "ljos.fiber"
local future = require "ljos.future"
local mutex = require "ljos.mutex"
local recursive_mutex = require "ljos.recursive_mutex"
local select_ = require "ljos.select"
local semaphore = require "ljos.semaphore"
local task_group = require "ljos.task_group"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local yield, spawn, scope = fiber.this_fiber.yield, fiber.spawn, fiber.scope
local SHORT = 0.001

local function nothing() end

-- A lock with lock, unlock and try_lock: held by the partner at first. `lock` is no cancellation point.
local function lock_case(module)
    return function()
        local m = module.new()
        local freed = future.new
        local promise, freed_ = freed()
        local holder = spawn(function()
            m:lock()
            freed_:get()
            m:unlock()
        end)
        yield()
        return {
            run = function()
                scope(function()
                    m:lock()
                    fiber.scope_cleanup_push(function() m:unlock() end)
                    yield()
                end)
                return true
            end,
            help = function() promise:set_value() end,
            finish = function()
                holder:join()
                assert(m:try_lock(), "the lock is lost")
                m:unlock()
            end,
        }
    end
end

-- A channel of `capacity`: the victim sends, the partner receives.
local function send_case(capacity)
    return function()
        local ch = channel.new(capacity)
        for i = 1, capacity do
            ch:send(i)
        end
        local got = {}
        return {
            run = function()
                ch:send "value"
                return true
            end,
            help = function()
                for value in ch:each() do
                    got[#got + 1] = value
                end
            end,
            finish = function(result)
                ch:close()
                yield()
                yield()
                assert(#got == capacity + (result and 1 or 0), "a value was lost or sent twice")
            end,
        }
    end
end

local function receive_case(capacity, receive)
    return function()
        local ch = channel.new(capacity)
        return {
            run = function() return receive(ch) end,
            help = function() ch:send "value" end,
            finish = function(result)
                if result then
                    assert(result[1] == "value")
                else
                    assert(ch:receive() == "value")
                end
                assert(ch:try_receive() == nil)
            end,
        }
    end
end

local function timer_case(kind, clock)
    return function()
        local t = time[kind].new()
        return {
            run = function()
                t:expires_at(time[clock].now() + SHORT)
                t:wait()
                return true
            end,
            finish = function() assert(t:cancel() == 0, "a fiber still waits") end,
        }
    end
end

return {
    { "yield", function() return { run = yield, finish = nothing } end },
    {
        "time.sleep",
        function()
            return { run = function() time.sleep(SHORT) end, finish = nothing }
        end,
    },
    { "steady_timer:wait", timer_case("steady_timer", "steady_clock") },
    { "system_timer:wait", timer_case("system_timer", "system_clock") },
    {
        "fiber:join",
        function()
            local joinee = spawn(function()
                yield()
                yield()
                return "result"
            end)
            return {
                run = function() return joinee:join() end,
                finish = function(result)
                    assert(joinee.joinable == (result == nil), "the right to join is lost")
                    assert(result and result[1] or joinee:join() == "result")
                end,
            }
        end,
    },
    { "mutex:lock", lock_case(mutex) },
    { "recursive_mutex:lock", lock_case(recursive_mutex) },
    {
        "condition_variable:wait",
        function()
            local m, c, woken, notified = mutex.new(), condition_variable.new(), 0, false
            local other = spawn(function()
                yield() -- the victim stands in front of it
                m:lock()
                c:wait(m)
                woken = woken + 1
                m:unlock()
            end)
            return {
                run = function()
                    scope(function()
                        m:lock()
                        fiber.scope_cleanup_push(function() m:unlock() end)
                        c:wait(m)
                        woken = woken + 1
                    end)
                    return true
                end,
                help = function()
                    for _ = 1, 4 do
                        yield()
                    end
                    c:notify_one()
                    notified = true
                end,
                finish = function(result)
                    while not notified do
                        yield()
                    end
                    -- One notification woke one waiter: if not the victim, then the other.
                    for _ = 1, 4 do
                        yield()
                    end
                    assert(woken == 1, "a notification is lost")
                    if result then c:notify_one() end
                    c:notify_one()
                    other:join()
                    assert(m:try_lock(), "the mutex is lost")
                end,
            }
        end,
    },
    {
        "future:get",
        function()
            local promise, result = future.new()
            return {
                run = function() return result:get() end,
                help = function() promise:set_value "value" end,
                finish = function(got) assert((got and got[1] or result:get()) == "value") end,
            }
        end,
    },
    {
        "semaphore:acquire",
        function()
            local s = semaphore.new(0)
            return {
                run = function()
                    s:acquire()
                    return true
                end,
                help = function() s:release() end,
                finish = function(result) assert(s.permits == (result and 0 or 1), "a permit is lost") end,
            }
        end,
    },
    {
        "semaphore:with",
        function()
            local s = semaphore.new(0)
            return {
                run = function() s:with(yield) end,
                help = function() s:release() end,
                finish = function()
                    yield()
                    assert(s.permits == 1, "a permit is lost")
                end,
            }
        end,
    },
    { "channel:send, unbuffered", send_case(0) },
    { "channel:send, full", send_case(2) },
    { "channel:receive, unbuffered", receive_case(0, function(ch) return ch:receive() end) },
    { "channel:receive, buffered", receive_case(1, function(ch) return ch:receive() end) },
    { "channel:each", receive_case(1, function(ch) return ch:each()() end) },
    {
        "select",
        receive_case(0, function(ch)
            local _, value = select_.select { { receive = ch }, { receive = channel.new() } }
            return value
        end),
    },
    {
        "select, sending",
        function()
            local a, b = channel.new(), channel.new()
            local got
            return {
                run = function() return select_.select { { send = a, value = 1 }, { send = b, value = 2 } } end,
                help = function()
                    pcall(function() got = b:receive() end)
                end,
                finish = function(result)
                    b:close()
                    yield()
                    yield()
                    assert(got == (result and 2 or nil), "a value is lost or sent twice")
                    assert(not a:try_send(1), "a fiber still stands in a queue")
                end,
            }
        end,
    },
    {
        "select.race",
        function()
            local ended = 0
            return {
                run = function()
                    return select_.race {
                        function()
                            fiber.scope_cleanup_push(function() ended = ended + 1 end)
                            time.sleep(3600)
                        end,
                        function()
                            fiber.scope_cleanup_push(function() ended = ended + 1 end)
                            time.sleep(SHORT)
                            return "winner"
                        end,
                    }
                end,
                finish = function(result)
                    assert(ended == 2 or ended == 0 and not result, "a task outlives its race")
                    assert(not result or result[2] == "winner")
                end,
            }
        end,
    },
    {
        "task_group.run",
        function()
            local begun, ended = 0, 0
            local function task()
                begun = begun + 1
                fiber.scope_cleanup_push(function()
                    yield()
                    ended = ended + 1
                end)
                time.sleep(SHORT)
            end
            return {
                run = function()
                    return task_group.run(function(group)
                        group:spawn(task)
                        yield()
                        group:spawn(task)
                        return "result"
                    end)
                end,
                finish = function(result)
                    assert(begun == ended, "a task outlives its group")
                    assert(not result or result[1] == "result")
                end,
            }
        end,
    },
    {
        "timeout, in time",
        function()
            return { run = function() timeout(3600, time.sleep, SHORT) end, finish = nothing }
        end,
    },
    {
        "timeout, too late",
        function()
            return {
                run = function() return pcall(timeout, SHORT, time.sleep, 3600) end,
                finish = function(result) assert(not result or not result[1]) end,
            }
        end,
    },
    {
        "timeout.shield",
        function()
            local done = false
            return {
                run = function()
                    yield()
                    assert(timeout.shield(3600, time.sleep, SHORT))
                    done = true
                    return true
                end,
                finish = function(result) assert(done == (result ~= nil)) end,
            }
        end,
    },
    {
        "clean-up handlers, coroutines and pcall",
        function()
            local log = {}
            local function note(text) log[#log + 1] = text end
            return {
                run = function()
                    scope(function()
                        fiber.scope_cleanup_push(function()
                            time.sleep(SHORT)
                            note "outer"
                        end)
                        scope(function()
                            fiber.scope_cleanup_push(function()
                                yield()
                                note "inner"
                            end)
                            fiber.coroutine.wrap(function()
                                yield()
                                fiber.pcall(yield)
                            end)()
                            yield()
                        end)
                    end)
                end,
                finish = function()
                    assert(table.concat(log, " ") == "inner outer", "clean-up handlers did not run, or twice")
                end,
            }
        end,
    },
}
