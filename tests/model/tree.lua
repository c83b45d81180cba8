-- Random trees of timeouts, shields, task groups, races, scopes, coroutines and sleeps, beside a model of when each
-- cancellation point must raise, may raise and must not.
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local person = require "model.person"
local select_ = require "ljos.select"
local task_group = require "ljos.task_group"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local co, now = fiber.coroutine, loop.now
local LATE = error_.system "ETIMEDOUT"
local function is_canceled(err) return error_.is_core(err, "fiber_canceled") end

-- Regions stand in `me.regions`: { disabled = how often cancellation was disabled there, deadline or group }.

-- Whether the fiber's next cancellation point must raise.
local function is_due(me)
    if me.is_canceled and me.disabled == 0 then return true end
    for _, region in ipairs(me.regions) do
        local has_ended = region.deadline and now() >= region.deadline or region.group and region.group.is_canceled
        if has_ended and region.disabled >= me.disabled then return true end
    end
    return false
end

-- Whether it may: the owner of a task's group may know of a cancellation that has not reached the tasks.
local function may_be(me)
    local group = me.group
    return is_due(me) or group and group.waits and me.disabled == 0 and may_be(group.owner)
end

-- Calls a cancellation point that does nothing else; raises what it raises.
local function point(me, f, ...)
    local was_due = is_due(me)
    local ok, err = pcall(f, ...)
    assert(not (ok and was_due), "a cancellation point did not raise")
    assert(ok or is_canceled(err) and may_be(me), err)
    if not ok then error(err, 0) end
end

-- Calls `f` in a region of the model; returns pcall's results.
local function within(me, region, f, ...)
    local depth = #me.regions
    region.disabled = me.disabled
    me.regions[depth + 1] = region
    local function leave(...)
        for i = #me.regions, depth + 1, -1 do
            me.regions[i] = nil
        end
        return ...
    end
    return leave(pcall(f, ...))
end

local node

-- A function that does what a node does and notes how it ended.
local function noted(world, me, depth)
    local note = {}
    return note,
        function()
            note.ok, note.err = pcall(node, world, me, depth - 1)
            if not note.ok then error(note.err, 0) end
            return "done"
        end
end

local function cancel_group(group)
    if group.is_canceled then return end
    group.is_canceled = true
    for task in pairs(group.tasks) do
        task.is_canceled = true
    end
end

-- What a group must end with when its function and its tasks have ended.
local function check_group(me, group, ok, result)
    assert(next(group.tasks) == nil, "a task has outlived its group")
    local first = group.errors[1]
    if first then assert(not ok and rawequal(result, first), "another error than the first was raised") end
    if not ok and not first then assert(is_canceled(result) and may_be(me), result) end
    if not ok then error(result, 0) end
end

-- The function of a task: a node in a person of its own.
local function task_of(world, group, depth, ended)
    local task = { disabled = 0, is_canceled = group.is_canceled, regions = {}, group = group }
    group.tasks[task] = true
    return task,
        function()
            local ok, err = pcall(fiber.scope, function() node(world, task, depth - 1) end)
            group.tasks[task], task.has_ended = nil, true
            if not ok and not is_canceled(err) then
                table.insert(group.errors, err)
                cancel_group(group)
            end
            assert(
                ok or not is_canceled(err) or group.is_race or task.is_canceled or may_be(task),
                "canceled by nobody"
            )
            if not ok then error(err, 0) end
            return ended and ended()
        end
end

local kinds = {}

function kinds.sleep(world, me) point(me, time.sleep, world.random(50) / 10) end

function kinds.yield(_, me) point(me, fiber.this_fiber.yield) end

function kinds.fail(world)
    world.errors = world.errors + 1
    if world.random(3) == 1 then error("error " .. world.errors, 0) end
end

function kinds.cancel(world, me)
    local other = world.people[world.random(#world.people)]
    if other == me or world.random(2) == 1 then return end
    other.is_canceled = other.is_canceled or not other.has_ended
    other.handle:cancel()
end

function kinds.sequence(world, me, depth)
    for _ = 1, world.random(3) do
        node(world, me, depth - 1)
    end
end

-- A cancellation point before its function runs, and not after.
local function check_before(me, was_due, came_back, has_run)
    assert(came_back == has_run, "a cancellation was noticed after the function ran, or not raised")
    assert(not (came_back and was_due) and (came_back or may_be(me)))
end

function kinds.pcall(world, me, depth)
    local was_due, note, f = is_due(me), noted(world, me, depth)
    local came_back, ok = pcall(fiber.pcall, f)
    check_before(me, was_due, came_back, note.ok ~= nil)
    if not came_back then error(ok, 0) end
end

function kinds.coroutine(world, me, depth)
    local parts, ran = world.random(3), 0
    local thread = co.create(function()
        for i = 1, parts do
            ran = ran + 1
            node(world, me, depth - 1)
            co.yield(i)
        end
        ran = ran + 1
    end)
    for i = 1, parts + 1 do
        local was_due, has_run = is_due(me), ran
        local came_back, ok, value = pcall(co.resume, thread)
        check_before(me, was_due, came_back, ran ~= has_run)
        if not came_back then error(ok, 0) end
        if not ok then error(value, 0) end
        assert(value == (i <= parts and i or nil))
    end
end

function kinds.scope(world, me, depth)
    fiber.scope(function()
        for _ = 1, world.random(2) do
            world.handlers = world.handlers + 1
            local seconds, shield = world.random(40) / 10, world.random(30) / 10
            fiber.scope_cleanup_push(function()
                world.handlers = world.handlers - 1
                assert(timeout.shield(shield, time.sleep, seconds) or shield <= seconds)
                fiber.this_fiber.yield()
            end)
        end
        node(world, me, depth - 1)
    end)
end

function kinds.timeout(world, me, depth)
    local seconds, note, f = world.random(60) / 10, noted(world, me, depth)
    local deadline = now() + seconds
    local ok, err = within(me, { deadline = deadline }, timeout, seconds, f)
    assert(ok == note.ok, "a result or an error was lost")
    if ok then return end
    if not is_canceled(note.err) then
        assert(rawequal(err, note.err))
    elseif err == LATE then
        assert(now() >= deadline and not is_due(me))
    else
        assert(is_canceled(err) and may_be(me))
    end
    error(err, 0)
end

function kinds.shield(world, me, depth)
    local seconds, note, f = world.random(60) / 10, noted(world, me, depth)
    local deadline = now() + seconds
    me.disabled = me.disabled + 1
    local ok, in_time, result = within(me, { deadline = deadline }, timeout.shield, seconds, f)
    me.disabled = me.disabled - 1
    if note.ok then
        assert(ok and in_time and result == "done", "a result was lost")
    elseif is_canceled(note.err) then
        assert(ok and in_time == false and now() >= deadline)
    else
        assert(not ok and rawequal(in_time, note.err))
        error(note.err, 0)
    end
end

function kinds.group(world, me, depth)
    local group = { tasks = {}, errors = {}, owner = me }
    local function run(real)
        for _ = 1, world.random(3) do
            local task, f = task_of(world, group, depth)
            world.people[#world.people + 1] = task
            task.handle = real:spawn(f)
            if world.random(3) == 1 then node(world, me, depth - 1) end
            if world.random(8) == 1 then
                cancel_group(group)
                real:cancel()
            end
        end
    end
    check_group(
        me,
        group,
        within(me, { group = group }, task_group.run, function(real)
            local ok, err = pcall(run, real)
            if not ok then
                if not is_canceled(err) then table.insert(group.errors, err) end
                cancel_group(group)
                error(err, 0)
            end
            group.waits = true
        end)
    )
end

function kinds.race(world, me, depth)
    local group, functions = { tasks = {}, errors = {}, owner = me, waits = true, is_race = true }, {}
    local winner
    for i = 1, world.random(3) do
        local _, f = task_of(world, group, depth, function()
            winner = winner or i
            cancel_group(group)
            return -i
        end)
        functions[i] = f
    end
    local ok, key, result = within(me, { group = group }, select_.race, functions)
    group.tasks = {} -- those that were canceled before they ran never saw it
    check_group(me, group, ok, key)
    assert(key == winner and result == (winner and -winner))
end

local LEAVES = { "sleep", "yield", "fail", "cancel" }
local BRANCHES = { "sequence", "pcall", "coroutine", "scope", "timeout", "shield", "group", "race", "timeout", "group" }

function node(world, me, depth)
    local list = (depth <= 0 or world.random(4) == 1) and LEAVES or BRANCHES
    kinds[list[world.random(#list)]](world, me, depth)
end

local M = {}

--- Plays the program of a seed; raises where the library does something else than the model says.
function M.play(seed)
    local world = { random = person.random(seed), people = {}, errors = 0, handlers = 0 }
    for i = 1, world.random(3) do
        local me = person.spawn(function(me)
            fiber.scope(function() node(world, me, 5) end)
        end)
        me.regions = {}
        world.people[i] = me
    end
    for _, me in ipairs { unpack(world.people) } do
        local ok, err = pcall(me.handle.join, me.handle)
        me.has_ended = true
        assert(ok or err == LATE or type(err) == "string" and err:find "^error %d", err)
    end
    assert(world.handlers == 0, "a clean-up handler did not run, or ran twice")
end

return M
