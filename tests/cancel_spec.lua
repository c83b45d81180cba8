-- Every operation that suspends, canceled at each of its suspension points: nothing is left, nothing is lost, and the
-- cancellation is not swallowed. The operations are in tests/cancel; a new one is one entry there.
local mock_loop = require "ljos.mock_loop"
local needs = require "needs"
local trial = require "cancel.trial"

local cases = {}

describe("canceled at every suspension point,", function()
    for _, name in ipairs { "objects", "streams", "messages", "tls", "programs", "actors" } do
        for _, operation in ipairs(require("cancel." .. name)) do
            cases[operation[1]] = true
            local it = operation.needs and needs[operation.needs](it) or it
            for _, when in ipairs { "waiting", "ready" } do
                it(("%s loses nothing (%s)"):format(operation[1], when), function()
                    local trials, caught_all, points
                    -- The kernel may make room in a socket that was full a moment ago: then nothing waits in it.
                    for _ = 1, 10 do
                        trials, caught_all = 0, 0
                        points = mock_loop.cancel_everywhere(when, function(spawn)
                            trials = trials + 1
                            if trial.run(operation, spawn) then caught_all = caught_all + 1 end
                        end)
                        if when == "ready" or points > 0 then break end
                    end
                    assert.is_true(when == "ready" or points > 0, "it never waits")
                    assert.equal(points, caught_all, "a cancellation was swallowed")
                    assert.equal(points + 1, trials)
                end)
            end
        end
    end
end)

describe("what the headers say that suspends", function()
    local coverage = require "cancel.coverage"

    -- Module -> the parts of its `Suspends:` line; none where that says never.
    local function headers()
        local found = {}
        local pipe = assert(io.popen "grep -rH --include='*.lua' '^--- Suspends:' lua/ljos")
        for line in pipe:lines() do
            local module, said = line:match "^lua/ljos/(.-)%.lua:%-%-%- Suspends: *(.*)$"
            module = module:gsub("/init$", ""):gsub("/", ".")
            if not said:find "^never" and not said:find "^no" then
                found[module] = {}
                for part in (said .. ", "):gmatch "(.-), " do
                    table.insert(found[module], part)
                end
            end
        end
        pipe:close()
        return found
    end

    it("has a case in tests/cancel, function by function", function()
        local problems = {}
        local found = headers()
        for module, parts in pairs(found) do
            for _, part in ipairs(parts) do
                local entry = coverage[module] and coverage[module][part]
                if not entry then table.insert(problems, ("%s: %s is not in coverage.lua"):format(module, part)) end
                for _, case in ipairs(entry or {}) do
                    if not cases[case] then table.insert(problems, ("%s: no case %q"):format(module, case)) end
                end
            end
        end
        for module in pairs(coverage) do
            if not found[module] then table.insert(problems, module .. ": says nothing that suspends") end
        end
        table.sort(problems)
        assert.equal("", table.concat(problems, "\n"))
    end)
end)
