local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local future = require "ljos.future"
local raises = require "raises"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local yield = this_fiber.yield

-- A full collection, from a stack that holds no stale references.
local function collect()
    spawn(function()
        collectgarbage()
        collectgarbage()
    end):join()
end

describe("future", function()
    it("gives its value to all who wait, in their order, and to all who come later", function()
        local promise, f = future.new()
        local log, fibers = {}, {}
        for i = 1, 3 do
            fibers[i] = spawn(function()
                local value = f:get()
                log[#log + 1] = { i, value }
            end)
        end
        yield()
        promise:set_value "v"
        assert.same({}, log)
        for i = 1, 3 do
            fibers[i]:join()
        end
        assert.same({ { 1, "v" }, { 2, "v" }, { 3, "v" } }, log)
        assert.equal("v", f:get())
    end)

    it("takes nil and false as values", function()
        local promise, f = future.new()
        promise:set_value(nil)
        assert.is_nil(f:get())
        promise, f = future.new()
        promise:set_value(false)
        assert.is_false(f:get())
    end)

    it("raises the error as it is, each time", function()
        local promise, f = future.new()
        local err = { "mine" }
        promise:set_error(err)
        assert.equal(err, raises.raised(f.get, f))
        assert.equal(err, raises.raised(f.get, f))
        raises.generic("EINVAL", function() (future.new()):set_error(nil) end)
    end)

    it("is set once", function()
        local promise = future.new()
        promise:set_value(1)
        raises.core("promise_already_satisfied", promise.set_value, promise, 2)
        raises.core("promise_already_satisfied", promise.set_error, promise, "e")
    end)

    it("forgets a canceled waiter, and not one whose value had come", function()
        local promise, f = future.new()
        local canceled = spawn(function() f:get() end)
        local got
        local in_time = spawn(function() got = f:get() end)
        yield()
        canceled:cancel()
        promise:set_value(1)
        in_time:cancel()
        canceled:join()
        in_time:join()
        assert.is_true(canceled.cancellation_caught)
        assert.is_false(in_time.cancellation_caught)
        assert.equal(1, got)
    end)

    it("breaks when its promise is collected, for those who wait and those who come", function()
        local f
        do
            local function make()
                local _
                _, f = future.new()
            end
            make()
        end
        local waiter = spawn(function() return error_.is_core(raises.raised(f.get, f), "broken_promise") end)
        yield()
        collect()
        assert.is_true(waiter:join())
        raises.core("broken_promise", f.get, f)
    end)

    it("keeps its value when its promise is collected", function()
        local f
        local function make()
            local promise
            promise, f = future.new()
            promise:set_value(7)
        end
        make()
        collect()
        assert.equal(7, f:get())
    end)

    it("refuses to wait where suspending is forbidden, even when it is ready", function()
        local promise, f = future.new()
        promise:set_value(1)
        this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", f.get, f)
        this_fiber.allow_suspend()
    end)

    it("hides its insides", function()
        local promise, f = future.new()
        assert.equal("promise", getmetatable(promise))
        assert.equal("future", getmetatable(f))
        raises.core("bad_index", function() return promise.nonsense end)
        raises.core("bad_index", function() return f.nonsense end)
        raises.generic("EPERM", function() promise.x = 1 end)
    end)

    it("is listed in the deadlock report while its promise lives", function()
        local promise, f = future.new()
        local waiter = spawn(function() f:get() end)
        yield()
        local lines = {}
        for record in require("ljos.fiber.spawn").each_live() do
            if record.wait and record.wait.is_lock then lines[#lines + 1] = record.wait:describe_wait(record) end
        end
        assert.equal(1, #lines)
        assert.matches("^get future 0x", lines[1])
        promise:set_value(1)
        waiter:join()
    end)
end)
