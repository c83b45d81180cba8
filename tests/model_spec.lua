-- Random programs beside models of what they must do, each in a mock loop, in the random order of its seed. The first
-- kind uses everything that fibers wait for each other with, beside plain queues: who is woken, in which order and with
-- what, under cancellation at any moment. The second nests timeouts, shields, groups, races, scopes and coroutines.
-- `MODEL_SEEDS=100000 busted tests/model_spec.lua` runs more of them.
local fiber = require "ljos.fiber"
local mock_loop = require "ljos.mock_loop"
local objects = require "model.objects"
local person = require "model.person"
local tree = require "model.tree"

local SEEDS = tonumber(os.getenv "MODEL_SEEDS") or 300

local yield = fiber.this_fiber.yield

-- One of a list.
local function any(world, list) return list[world.random(#list)] end

local function next_value(world)
    world.last_value = world.last_value + 1
    return world.last_value
end

-- Who holds something must not wait for a lock, or the program could end in a deadlock.
local function holds_nothing(me) return next(me.locked) == nil and me.levels == 0 end

-- What a fiber can do next.
local actions = {
    lock = function(world, me)
        local mutex = any(world, world.mutexes)
        if me.locked[mutex] or not holds_nothing(me) then return end
        mutex:lock(me)
        me.locked[mutex] = true
    end,
    try_lock = function(world, me)
        local mutex = any(world, world.mutexes)
        if mutex:try_lock(me) then me.locked[mutex] = true end
    end,
    unlock = function(_, me)
        local mutex = next(me.locked)
        if not mutex then return end
        me.locked[mutex] = nil
        mutex:unlock()
    end,
    lock_recursively = function(world, me)
        if me.levels == 0 and not holds_nothing(me) then return end
        world.recursive_mutex:lock(me)
        me.levels = me.levels + 1
    end,
    unlock_recursively = function(world, me)
        world.recursive_mutex:unlock(me)
        me.levels = math.max(me.levels - 1, 0)
    end,
    acquire = function(world, me)
        local semaphore = any(world, world.semaphores)
        if semaphore:acquire(me) then table.insert(me.permits, semaphore) end
    end,
    release = function(_, me)
        local semaphore = table.remove(me.permits)
        if semaphore then semaphore:release() end
    end,
    wait = function(world, me)
        if holds_nothing(me) then world.condition_variable:wait(me) end
    end,
    notify_one = function(world) world.condition_variable:notify_one() end,
    notify_all = function(world) world.condition_variable:notify_all() end,
    get = function(world, me) any(world, world.futures):get(me) end,
    set = function(world)
        if world.random(3) == 1 then any(world, world.futures):set(next_value(world)) end
    end,
    send = function(world, me) any(world, world.channels):send(me, next_value(world)) end,
    receive = function(world, me) any(world, world.channels):receive(me) end,
    close = function(world)
        if world.random(6) == 1 then any(world, world.channels):close() end
    end,
    select = function(world, me)
        local cases = {}
        for i = 1, world.random(4) do
            local value = world.random(2) == 1 and next_value(world) or nil
            cases[i] = { channel = any(world, world.channels), value = value }
        end
        objects.select(me, cases)
    end,
    yield = function(_, me)
        if person.is_due(me) then return person.expect_canceled(yield) end
        yield()
    end,
    pcall = function(_, me)
        if person.is_due(me) then return person.expect_canceled(fiber.pcall, error) end
        assert(fiber.pcall(function() end))
    end,
    disable = function(_, me)
        me.disabled = me.disabled + 1
        fiber.this_fiber.disable_cancellation()
    end,
    restore = function(_, me)
        if me.disabled == 0 then return end
        me.disabled = me.disabled - 1
        fiber.this_fiber.restore_cancellation()
    end,
    cancel = function(world)
        if world.random(3) == 1 then person.cancel(any(world, world.people)) end
    end,
}
local names = {}
for name in pairs(actions) do
    names[#names + 1] = name
end
table.sort(names)

local function act(world, me)
    me.locked, me.levels, me.permits = {}, 0, {}
    for _ = 1, world.random(25) do
        actions[any(world, names)](world, me)
    end
    while next(me.locked) do
        actions.unlock(world, me)
    end
    while me.levels > 0 do
        actions.unlock_recursively(world, me)
    end
    while #me.permits > 0 do
        actions.release(world, me)
    end
end

local function new_world(seed)
    local random = person.random(seed)
    return {
        random = random,
        last_value = 0,
        people = {},
        mutexes = { objects.mutex(), objects.mutex() },
        recursive_mutex = objects.recursive_mutex(),
        condition_variable = objects.condition_variable(),
        semaphores = { objects.semaphore(random(3) - 1), objects.semaphore(random(3) - 1) },
        futures = { objects.future(), objects.future() },
        channels = { objects.channel(0), objects.channel(1), objects.channel(2) },
    }
end

-- Ends all waits that nobody may be left to end.
local function let_go(world)
    world.condition_variable:notify_all()
    for _, future in ipairs(world.futures) do
        if not future.value then future:set(next_value(world)) end
    end
    for _, channel in ipairs(world.channels) do
        channel:close()
    end
    for _, semaphore in ipairs(world.semaphores) do
        semaphore:release()
    end
end

local function play(seed)
    local world = new_world(seed)
    for i = 1, world.random(6) + 1 do
        world.people[i] = person.spawn(function(me) act(world, me) end)
        if world.random(3) == 1 then person.cancel(world.people[i]) end
    end
    for _ = 1, 30 do
        yield()
    end
    for _, me in ipairs(world.people) do
        for _ = 1, 100 do
            if me.has_ended or not me.handle.joinable then break end
            let_go(world)
            yield()
        end
        me.handle:join()
    end
    for _, semaphore in ipairs(world.semaphores) do
        assert(semaphore.real.permits == semaphore.permits)
    end
    for _, channel in ipairs(world.channels) do
        assert(channel.real.count == #channel.values)
    end
end

describe("random programs", function()
    it("wait for each other as queues do", function()
        for seed = 1, SEEDS do
            mock_loop.run({ seed = seed }, function() play(seed) end)
        end
    end)

    it("are canceled, timed out and cleaned up as their structure says", function()
        for seed = 1, SEEDS do
            mock_loop.run({ seed = seed }, function() tree.play(seed) end)
        end
    end)
end)
