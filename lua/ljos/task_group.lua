--- Task groups: a scope that owns fibers, which never outlive it.
---
--- `run(f)` calls `f(group)` in the calling fiber and returns when it and every task the group has spawned have ended.
--- The first error, in `f` or in a task, cancels all others; when they have ended, clean-up handlers included, it is
--- raised. `f` runs in a region (`fiber.cancellation`): a failing task can interrupt it without canceling the fiber.
---
--- Errors:   raises ljos.Error; the first error of the group as it is
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local innermost = require "ljos.fiber.innermost"
local lock = require "ljos.fiber.lock"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local scope = require "ljos.fiber.scope"
local spawn = require "ljos.fiber.spawn"

local concat, error, setmetatable = table.concat, error, setmetatable
local current, suspend, wake = loop.current, loop.suspend, loop.wake
local ECANCELED = error_.errno_of.ECANCELED

---@class ljos.task_group
local M = {}

---@class ljos.TaskFailure
---@field error any
---@field traceback string?

---@class ljos.TaskGroup
---@field cancel fun(self: ljos.TaskGroup)
---@field failures ljos.TaskFailure[]  errors so far, the first one first
---@field package owner ljos.FiberRecord
---@field package region ljos.CancellationRegion
---@field package deadline number|false  what the owner's timeouts leave to the tasks
---@field package tasks table<ljos.Fiber, true>
---@field package count integer   tasks that have not ended
---@field package canceled boolean
---@field package open boolean
local methods = {}
local TaskGroup = opaque_type.define({}, "task_group", methods)

-- What the owner waits for at the end: all tasks. Canceling it cancels them, and it waits on.
local all_tasks = {}
function all_tasks.cancel_wait(_, fiber) wake(fiber, -ECANCELED) end
function all_tasks.describe_wait(_, fiber)
    local group = fiber.op
    return ("%d tasks of %s"):format(group.count, opaque_type.name(group))
end
local canceled_tasks = { describe_wait = all_tasks.describe_wait }

--- Cancels all tasks and the group's function.
function methods:cancel()
    if self.canceled then return end
    self.canceled = true
    for task in pairs(self.tasks) do
        task:cancel()
    end
    cancellation.cancel_region(self.region)
end

local function fail(group, err, traceback)
    local failures = group.failures
    failures[#failures + 1] = { error = err, traceback = traceback }
    group:cancel()
end

-- A task has ended.
local function leave(group, task)
    group.tasks[task] = nil
    group.count = group.count - 1
    local owner = group.owner
    if group.count == 0 and owner.op == group and (owner.wait == all_tasks or owner.wait == canceled_tasks) then
        wake(owner, 0)
    end
end

-- The task's function has returned or raised, and its clean-up handlers have run.
local function ended(group, task, ok, ...)
    local err = ...
    local is_canceled = not ok and error_.is_core(err, "fiber_canceled")
    if not ok and not is_canceled then fail(group, err, scope.kept_traceback(current(), err)) end
    leave(group, task)
    if is_canceled then error(err, 0) end
    if ok then return ... end
end

--- Spawns a task. Its results can be had with `join`; its error is raised by `run`, and `join` then returns nothing.
--- Raises EINVAL when the group has ended.
---@param f fun(): ...
---@return ljos.Fiber
function methods:spawn(f)
    error_.check_type(f, "function", 2)
    if not self.open then error(error_.generic("EINVAL", { detail = "the task group has ended" }), 0) end
    local task
    task = spawn.spawn(function() return ended(self, task, scope.guard(f)) end)
    if self.deadline then cancellation.extra_of(task[1]).deadline = self.deadline end
    self.tasks[task] = true
    self.count = self.count + 1
    if self.canceled then task:cancel() end
    return task
end

-- Waits until no task is left. The owner's own cancellation cancels them, too; returns whether it did.
local function wait_for_tasks(group, fiber)
    local interrupted = group.count > 0 and not group.canceled and cancellation.is_due(fiber)
    if interrupted then group:cancel() end
    while group.count > 0 do
        fiber.op = group
        if suspend(fiber, group.canceled and canceled_tasks or all_tasks) ~= 0 then
            -- Not when it was the group's own cancel() that ended the wait.
            interrupted = interrupted or not group.canceled
            group:cancel()
        end
    end
    return interrupted
end

local SHOWN = 10 -- errors

-- Raises the first error with the tracebacks of where it came from and of where the group was, and with the others.
local function raise_first(group, fiber)
    local failures = group.failures
    local first, count = failures[1], #failures
    local here = debug.traceback("", 3):gsub("^\nstack traceback:", "\tthe task group's owner:", 1)
    local parts = { first.traceback or "", here }
    for i = 2, count < SHOWN and count or SHOWN do
        local frames = (failures[i].traceback or ""):gsub("^\nstack traceback:", "", 1)
        local _, text = pcall(tostring, failures[i].error)
        parts[#parts + 1] = ("\tand error %d: %s%s"):format(i, tostring(text), frames)
    end
    if count > SHOWN then parts[#parts + 1] = ("\tand %d more errors"):format(count - SHOWN) end
    local extra = cancellation.extra_of(fiber)
    extra.traced, extra.traceback = first.error, concat(parts, "\n")
    error(first.error, 0)
end

local function finish(group, fiber, ok, ...)
    local err = ...
    local is_canceled = not ok and error_.is_core(err, "fiber_canceled")
    if is_canceled then
        group:cancel()
    elseif not ok then
        fail(group, err, scope.kept_traceback(fiber, err))
    end
    local interrupted = wait_for_tasks(group, fiber)
    group.open = false
    local alone = cancellation.close_region(group.region)
    local left = scope.left
    if group.watch and left then left(group.watch, ok and #group.failures == 0) end
    if #group.failures > 0 then raise_first(group, fiber) end
    if interrupted or is_canceled and not alone then error(error_.core "fiber_canceled", 0) end
    if ok then return ... end
end

--- Calls `f(group)` and returns its results when it and all tasks have ended, or raises the first error. When the
--- calling fiber is canceled, so is everything in the group. `group:cancel()` ends the group early: `run` then returns
--- nothing unless `f` had returned.
---@param f fun(group: ljos.TaskGroup): ...
---@return any ...
function M.run(f)
    error_.check_type(f, "function", 1)
    local fiber = lock.enter()
    innermost.check_suspendable "task_group.run"
    local group = setmetatable({
        owner = fiber,
        deadline = cancellation.deadline(fiber) or false,
        region = cancellation.open_region(fiber),
        tasks = {},
        count = 0,
        failures = {},
        canceled = false,
        open = true,
        watch = scope.entered and scope.entered(),
    }, TaskGroup)
    return finish(group, fiber, scope.guard(f, group))
end

return M
