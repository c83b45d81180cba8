local channel = require "ljos.channel"
local fiber = require "ljos.fiber"
local raises = require "raises"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("channel", function()
    it("keeps the order of values at every capacity, and makes senders wait", function()
        for capacity = 0, 4 do
            local c, most = channel.new(capacity), 0
            local sender = spawn(function()
                for i = 1, 100 do
                    c:send(i)
                    most = math.max(most, c.count)
                end
                c:close()
            end)
            local got = {}
            for value in c:each() do
                got[#got + 1] = value
                if #got % 7 == 0 then yield() end
            end
            sender:join()
            assert.equal(100, #got)
            for i = 1, 100 do
                assert.equal(i, got[i])
            end
            assert.is_true(most <= capacity)
        end
    end)

    it("gives each value to one of many receivers", function()
        local c, seen, fibers = channel.new(2), {}, {}
        for i = 1, 5 do
            fibers[i] = spawn(function()
                for value in c:each() do
                    seen[value] = (seen[value] or 0) + 1
                end
            end)
        end
        for i = 1, 50 do
            c:send(i)
        end
        c:close()
        for i = 1, 5 do
            fibers[i]:join()
        end
        for i = 1, 50 do
            assert.equal(1, seen[i])
        end
    end)

    it("tries without waiting", function()
        local c = channel.new(1)
        assert.is_nil(c:try_receive())
        assert.is_true(c:try_send(false))
        assert.is_false(c:try_send(2))
        assert.is_false(c:try_receive())
        raises.generic("EINVAL", c.send, c, nil)
    end)

    it("delivers what is inside after it is closed, then says so; waiting fibers are told", function()
        local c = channel.new(1)
        c:send(1)
        local sender = spawn(function() return raises.core("channel_closed", c.send, c, 2) end)
        yield()
        c:close()
        c:close()
        sender:join()
        assert.equal(1, c:receive())
        raises.core("channel_closed", c.receive, c)
        raises.core("channel_closed", c.try_send, c, 3)
        local d = channel.new()
        local receiver = spawn(function() raises.core("channel_closed", d.receive, d) end)
        yield()
        d:close()
        receiver:join()
    end)

    it("loses nothing to cancellation: a canceled sender keeps its value, a served receiver gets its own", function()
        local c = channel.new()
        local sender = spawn(function() c:send "withdrawn" end)
        yield()
        sender:cancel()
        sender:join()
        assert.is_nil(c:try_receive())
        local got
        local receiver = spawn(function() got = c:receive() end)
        yield()
        assert.is_true(c:try_send "handed over")
        receiver:cancel()
        receiver:join()
        assert.equal("handed over", got)
        local gone = spawn(function() c:receive() end)
        yield()
        gone:cancel()
        assert.is_false(c:try_send "nobody")
        gone:join()
    end)
end)
