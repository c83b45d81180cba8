-- One trial of an operation that is canceled somewhere: the operation runs in a fiber, its partner in another, and
-- afterwards nothing is lost and nothing is left. Used by cancel_spec.lua and by programs/cancel_soak.lua.
--
-- An operation is { name, make, ... }; `make(defer)` sets up and returns a case, three functions:
--   run      what the fiber that may be canceled does; suspends at least once
--   help     what the partner does, to the end of its part; may suspend
--   finish   (result): called when the fiber has ended, `result` is the list of what `run` returned or nil when it was
--            canceled first. Takes from the partner what `run` did not, and asserts that nothing is lost. May suspend
-- and `defer(f)` has f called at the end.
local fiber = require "ljos.fiber"

local M = {}

local function pack(...) return { n = select("#", ...), ... } end

local function finish(case, victim, helper, result)
    victim:join()
    case.finish(result())
    helper:join()
end

--- Runs a trial in the calling fiber; returns whether the cancellation was caught, and whether `run` had returned.
---@param operation table
---@param spawn fun(f: fun()): ljos.Fiber  spawns the fiber that may be canceled
---@return boolean caught
---@return boolean returned
function M.run(operation, spawn)
    local deferred = {}
    local case = operation[2](function(f) deferred[#deferred + 1] = f end)
    local result
    local victim = spawn(function()
        local results = pack(case.run())
        result = results
        -- What came while the operation was done is noticed here: a cancellation point that does not suspend.
        fiber.pcall(function() end)
    end)
    local helper = fiber.spawn(case.help or function() end)
    local function describe(err) return debug.traceback(operation[1] .. ": " .. tostring(err), 2) end
    local ok, err = xpcall(finish, describe, case, victim, helper, function() return result end)
    for i = #deferred, 1, -1 do
        deferred[i]()
    end
    if not ok then error(err, 0) end
    return victim.cancellation_caught, result ~= nil
end

return M
