-- Every operation that suspends, canceled at each of its suspension points: nothing is left, nothing is lost, and the
-- cancellation is not swallowed. The operations are in tests/cancel; a new one is one entry there.
local mock_loop = require "ljos.mock_loop"
local trial = require "cancel.trial"

describe("canceled at every suspension point,", function()
    for _, name in ipairs { "objects", "streams", "messages", "programs", "actors" } do
        for _, operation in ipairs(require("cancel." .. name)) do
            for _, when in ipairs { "waiting", "ready" } do
                it(("%s loses nothing (%s)"):format(operation[1], when), function()
                    local trials, caught_all = 0, 0
                    local points = mock_loop.cancel_everywhere(when, function(spawn)
                        trials = trials + 1
                        if trial.run(operation, spawn) then caught_all = caught_all + 1 end
                    end)
                    assert.is_true(when == "ready" or points > 0)
                    assert.equal(points, caught_all, "a cancellation was swallowed")
                    assert.equal(points + 1, trials)
                end)
            end
        end
    end
end)
