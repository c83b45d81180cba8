--- The main fiber: running a program's main function until all fibers have ended.
---
--- Errors:   returns them
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local own_place = require "ljos.loop.own_place"
local scope = require "ljos.fiber.scope"
local dump = require "ljos.fiber.dump"
local spawn = require "ljos.fiber.spawn"
local trace = require "ljos.fiber.trace"
local uncaught = require "ljos.fiber.uncaught"

local current, main = loop.current, loop.main

---@class ljos.fiber.main
local M = {}

local without_place = own_place.remover()

local function traced(err)
    local traceback = scope.kept_traceback(main, err) or debug.traceback("", 2)
    return { err = without_place(err), traceback = traceback }
end

local function run_main(f, ...)
    f(...)
    if main.scope then scope.clean_up(main, main.scope) end
    if spawn.count() > 0 then
        loop.check_misuse(main)
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
    -- The message handler is not asked when memory has run out.
    if type(failure) ~= "table" then return false, failure end
    if error_.is_core(failure.err, "deadlock") and spawn.count() > 0 then
        M.report_deadlock()
        return true
    end
    return false, failure.err, failure.traceback
end

local function blocked_line(fiber)
    local where = trace.place_of(fiber)
    return ("\t%s: %s%s"):format(
        spawn.name_of(fiber),
        fiber.wait:describe_wait(fiber),
        where and "  at " .. where or ""
    )
end

--- Prints which of the fibers that are left wait for locks, permits and promises; while tracing is on, all of them.
function M.report_deadlock()
    local lines = { "Possible deadlock(s) detected" }
    if main.wait and main.wait.is_lock then lines[2] = blocked_line(main) end
    for fiber in spawn.each_live() do
        if fiber.wait and fiber.wait.is_lock then lines[#lines + 1] = blocked_line(fiber) end
    end
    if #lines > 1 then uncaught.print(table.concat(lines, "\n")) end
    if trace.is_on() then uncaught.print(dump.dump()) end
end

--- Has the program end when nothing can wake its main fiber any more, as when only other fibers are blocked: with
--- `report_deadlock`, status 0, and no error in the main fiber (seed 003's originals do so; app mode).
---@param finish fun()|false  what else is to be done at the end; false: the main fiber gets its error again
function M.end_at_deadlock(finish)
    loop.deadlocked = finish
        and function()
            M.report_deadlock()
            finish()
            os.exit(0, true)
        end
end

return M
