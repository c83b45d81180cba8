local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local raises = require "raises"
local scope = require "ljos.fiber.scope"
local task_group = require "ljos.task_group"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local yield = this_fiber.yield

describe("task_group", function()
    it("returns when all tasks have ended, with the results of its function", function()
        local ended = 0
        local results = {
            task_group.run(function(group)
                for i = 1, 3 do
                    group:spawn(function()
                        time.sleep(i / 1000)
                        ended = ended + 1
                    end)
                end
                return "a", nil, "c"
            end),
        }
        assert.equal(3, ended)
        assert.equal("c", results[3])
    end)

    it("hands out tasks that can be joined", function()
        local sum = task_group.run(function(group)
            local a = group:spawn(function() return 1, nil end)
            local b = group:spawn(function() return 2 end)
            assert.equal(2, select("#", a:join()))
            return b:join() + 1
        end)
        assert.equal(3, sum)
    end)

    it("cancels the siblings and its function when a task fails, and raises that error as it is", function()
        local err, log = { "mine" }, {}
        local got = raises.raised(task_group.run, function(group)
            group:spawn(function()
                fiber.scope_cleanup_push(function()
                    time.sleep(0.001)
                    log[#log + 1] = "sibling"
                end)
                time.sleep(1000)
            end)
            group:spawn(function()
                yield()
                error(err)
            end)
            time.sleep(1000)
            log[#log + 1] = "never"
        end)
        assert.equal(err, got)
        assert.same({ "sibling" }, log)
        yield()
    end)

    it("cancels the tasks when its function fails", function()
        local f
        assert.equal(
            "mine",
            raises.raised(task_group.run, function(group)
                f = group:spawn(function() time.sleep(1000) end)
                yield()
                error("mine", 0)
            end)
        )
        f:join()
        assert.is_true(f.cancellation_caught)
    end)

    it("keeps the other errors and both tracebacks", function()
        local failures, text
        local f = spawn(function()
            local me
            local ok = pcall(task_group.run, function(group)
                failures = group.failures
                group:spawn(function() error "first" end)
                group:spawn(function()
                    fiber.scope_cleanup_push(function() end)
                    local _ = pcall(time.sleep, 1000)
                    error("second", 0)
                end)
                time.sleep(1000)
            end)
            me = require("ljos.loop").current()
            text = scope.kept_traceback(me, failures[1].error)
            return ok
        end)
        assert.is_false(f:join())
        assert.matches("first$", failures[1].error)
        assert.equal("second", failures[2].error)
        assert.matches("stack traceback", failures[1].traceback)
        assert.matches("the task group's owner", text)
        assert.matches("and error 2: second", text)
    end)

    it("is canceled with its fiber, and waits for the tasks even so", function()
        local log = {}
        local f = spawn(function()
            task_group.run(function(group)
                group:spawn(function()
                    fiber.scope_cleanup_push(function()
                        time.sleep(0.001)
                        log[#log + 1] = "cleaned"
                    end)
                    time.sleep(1000)
                end)
            end)
            log[#log + 1] = "never"
        end)
        yield()
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        assert.same({ "cleaned" }, log)
    end)

    it("inherits deadlines", function()
        local task
        assert.equal(
            error_.system "ETIMEDOUT",
            raises.raised(timeout, 0.001, task_group.run, function(group)
                task = group:spawn(function() time.sleep(1000) end)
            end)
        )
        task:join()
        assert.is_true(task.cancellation_caught)
    end)

    it("can be ended early, without an error", function()
        local ended = "no"
        task_group.run(function(group)
            group:spawn(function()
                yield()
                group:cancel()
            end)
            local late = group:spawn(function() time.sleep(1000) end)
            fiber.scope_cleanup_push(function() ended = late.joinable end)
            time.sleep(1000)
        end)
        assert.is_true(ended)
        yield()
    end)

    it("spawns nothing any more when it has ended, and tasks may spawn tasks", function()
        local kept, log = nil, {}
        task_group.run(function(group)
            kept = group
            group:spawn(function()
                group:spawn(function() log[#log + 1] = "grandchild" end)
            end)
        end)
        assert.same({ "grandchild" }, log)
        raises.generic("EINVAL", kept.spawn, kept, function() end)
        raises.generic("EINVAL", task_group.run, 1)
    end)

    it("shows ten of thousands of errors, whatever they are", function()
        local program = [[
            local task_group = require "ljos.task_group"
            local odd = setmetatable({}, { __tostring = function() error "cannot be shown" end })
            require("ljos").run(function()
                task_group.run(function(group)
                    for i = 1, 5000 do
                        group:spawn(function() error(i == 2 and odd or "error " .. i, 0) end)
                    end
                end)
            end)]]
        local pipe = assert(io.popen(("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit -e '%s' 2>&1"):format(program)))
        local output = pipe:read "*a"
        pipe:close()
        assert.matches("^luajit: error 1\n", output)
        assert.matches("and error 2: [^\n]*cannot be shown", output)
        assert.matches("and error 10: error 10", output, 1, true)
        assert.not_matches("error 11", output, 1, true)
        assert.matches("and 4990 more errors", output, 1, true)
    end)

    it("does not begin where its fiber could not wait for it", function()
        local ran = false
        local function group()
            task_group.run(function(inside)
                inside:spawn(function()
                    yield()
                    ran = true
                end)
            end)
        end
        local function frames(run)
            raises.core("unsuspendable_frame", coroutine.wrap(run))
            raises.core("unsuspendable_frame", table.sort, { 1, 2 }, run)
        end
        fiber
            .spawn(function()
                frames(group)
                fiber.coroutine.wrap(frames)(group)
                yield()
                yield()
                assert.is_false(ran)
                fiber.coroutine.wrap(function() fiber.coroutine.wrap(group)() end)()
                assert.is_true(ran)
            end)
            :join()
    end)

    it("does not mind a task that is canceled alone", function()
        local done = task_group.run(function(group)
            local a = group:spawn(function() time.sleep(1000) end)
            yield()
            a:cancel()
            a:join()
            return a.cancellation_caught
        end)
        assert.is_true(done)
    end)
end)
