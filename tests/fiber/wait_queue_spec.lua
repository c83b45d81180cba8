local wait_queue = require "ljos.fiber.wait_queue"

-- Runs a queue beside a plain list; fibers may stand in it more than once.
local function compare(seed, busy)
    math.randomseed(seed)
    local queue, list, fibers = wait_queue.new(), {}, {}
    for i = 1, 200 do
        fibers[i] = { id = i }
    end
    for step = 1, 3000 do
        local fiber = fibers[math.random(step % 900 < 700 and 200 or 3)]
        local what = math.random()
        if what < (step % 600 < 300 and busy or 0.2) then
            queue:push(fiber)
            list[#list + 1] = fiber
        elseif what < 0.7 then
            queue:remove(fiber)
            for i, other in ipairs(list) do
                if other == fiber then
                    table.remove(list, i)
                    break
                end
            end
        else
            assert.equal(table.remove(list, 1), queue:pop())
        end
        assert.equal(#list, queue.count)
    end
    while #list > 0 do
        assert.equal(table.remove(list, 1), queue:pop())
    end
    assert.is_nil(queue:pop())
end

describe("wait queue", function()
    it("agrees with a list", function()
        for seed = 1, 30 do
            compare(seed, 0.3 + seed / 60)
        end
    end)

    it("forgets all when it is empty", function()
        local queue, weak = wait_queue.new(), setmetatable({ {} }, { __mode = "v" })
        for _ = 1, 40 do
            queue:push(weak[1])
            queue:push {}
        end
        queue:remove(weak[1])
        while queue:pop() do
        end
        collectgarbage()
        assert.is_nil(weak[1])
    end)
end)
