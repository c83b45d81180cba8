--- The main fiber: running a program's main function until all fibers have ended.
---
--- Errors:   returns them
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local scope = require "ljos.scope"
local spawn = require "ljos.fiber.spawn"
local uncaught = require "ljos.uncaught"

local current, main = loop.current, loop.main

---@class ljos.fiber.main
local M = {}

local function traced(err)
    local traceback = scope.kept_traceback(main, err) or debug.traceback("", 2)
    return { err = err, traceback = traceback }
end

local function run_main(f, ...)
    f(...)
    if main.scope then scope.clean_up(main, main.scope) end
    if spawn.count() > 0 then
        loop.enter()
        loop.suspend(main, spawn.everything)
    end
end

--- Runs `f(...)` as the main fiber; returns true when it and all other fibers have ended. When `f` raises: false,
--- the error and its traceback, after f's clean-up handlers ran; the other fibers are not run any further.
--- When only blocked fibers are left that nothing can wake, they are reported on stderr and the run ends.
---@param f fun(...: any)
---@param ... any
---@return boolean ok
---@return any err
---@return string? traceback
function M.run(f, ...)
    if current() ~= main then error(error_.generic("EBUSY", { detail = "run: the loop is running already" }), 0) end
    local ok, failure = xpcall(run_main, traced, f, ...)
    if ok then return true end
    if main.scope then scope.clean_up(main, main.scope) end
    if error_.is_core(failure.err, "deadlock") and spawn.count() > 0 then
        M.report_deadlock()
        return true
    end
    return false, failure.err, failure.traceback
end

--- Prints what the fibers that are left wait for.
function M.report_deadlock()
    local lines = {}
    for fiber in spawn.each_live() do
        local wait = fiber.wait
        if wait and wait.is_lock then
            lines[#lines + 1] = ("\t%s: %s"):format(spawn.name_of(fiber), wait:describe_wait(fiber))
        end
    end
    if #lines == 0 then return end
    table.insert(lines, 1, "Possible deadlock(s) detected")
    uncaught.print(table.concat(lines, "\n"))
end

return M
