local channel = require "ljos.channel"
local fiber = require "ljos.fiber"
local raises = require "raises"
local select_ = require "ljos.select"
local time = require "ljos.time"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("select", function()
    it("does the first case that can be done at once", function()
        local a, b = channel.new(1), channel.new(1)
        b:send "b"
        local cases = { { receive = a }, { receive = b } }
        assert.same({ 2, "b" }, { select_.select(cases) })
        assert.equal(1, (select_.select { { send = a, value = "x" }, { receive = b } }))
        assert.equal("x", a:receive())
    end)

    it("waits in all queues and is taken from one", function()
        local a, b = channel.new(), channel.new()
        local f = spawn(function() return select_.select { { receive = a }, { receive = b } } end)
        yield()
        assert.is_true(b:try_send "first")
        assert.is_false(a:try_send "second")
        assert.same({ 2, "first" }, { f:join() })
        f = spawn(function() return select_.select { { send = a, value = 1 }, { send = b, value = 2 } } end)
        yield()
        assert.equal(1, a:try_receive())
        assert.is_nil(b:try_receive())
        assert.equal(1, (f:join()))
    end)

    it("meets another select, once", function()
        local a, b = channel.new(), channel.new()
        local sender = spawn(
            function() return select_.select { { send = a, value = "a" }, { send = b, value = "b" } } end
        )
        local receiver = spawn(function() return select_.select { { receive = b }, { receive = a } } end)
        assert.equal(2, (sender:join()))
        assert.same({ 1, "b" }, { receiver:join() })
        assert.is_nil(a:try_receive())
    end)

    it("withdraws from all queues when it is canceled", function()
        local a, b = channel.new(), channel.new()
        local f = spawn(function() select_.select { { receive = a }, { send = b, value = 1 } } end)
        yield()
        f:cancel()
        assert.is_false(a:try_send(1))
        assert.is_nil(b:try_receive())
        f:join()
        assert.is_true(f.cancellation_caught)
    end)

    it("raises channel_closed when a channel is closed, before or meanwhile", function()
        local a, b = channel.new(), channel.new()
        local f = spawn(
            function() raises.core("channel_closed", select_.select, { { receive = a }, { send = b, value = 1 } }) end
        )
        yield()
        b:close()
        f:join()
        assert.is_false(a:try_send(1))
        raises.core("channel_closed", select_.select, { { receive = a }, { receive = b } })
    end)

    it("hears of the end of a channel that several of its cases wait for", function()
        local one, other = channel.new(), channel.new()
        local cases = { { receive = one }, { receive = other }, { receive = one } }
        local first = spawn(function() raises.core("channel_closed", select_.select, cases) end)
        local second = spawn(function() raises.core("channel_closed", one.receive, one) end)
        yield()
        one:close()
        first:join()
        second:join()
        assert.is_false(other:try_send "nobody waits")
    end)

    it("refuses cases that are none", function()
        raises.generic("EINVAL", select_.select, {})
        raises.generic("EINVAL", select_.select, { { receive = 1 } })
        raises.generic("EINVAL", select_.select, { { send = channel.new() } })
        raises.generic("EINVAL", select_.select)
    end)
end)

describe("race", function()
    it("returns the key and the results of the first to return, and cancels the others", function()
        local log = {}
        local key, a, b = select_.race {
            slow = function()
                fiber.scope_cleanup_push(function() log[#log + 1] = "slow ended" end)
                time.sleep(1000)
            end,
            fast = function()
                time.sleep(0.001)
                return 1, 2
            end,
        }
        assert.same({ "fast", 1, 2 }, { key, a, b })
        assert.same({ "slow ended" }, log)
    end)

    it("raises the first error", function()
        assert.equal(
            "mine",
            raises.raised(select_.race, {
                function() time.sleep(1000) end,
                function() error("mine", 0) end,
            })
        )
        raises.generic("EINVAL", select_.race, {})
        raises.generic("EINVAL", select_.race, { 1 })
    end)
end)
