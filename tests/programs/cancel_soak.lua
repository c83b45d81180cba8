-- Random cancellations over every operation of tests/cancel: luajit cancel_soak.lua [COUNT [SEED [ONLY]]]
-- With SIGNALS=1 a child sends signals all the time, which interrupt system calls.
-- Fibers run trials side by side, each with an operation drawn at random that is canceled at a random moment. Every
-- trial looks whether something is lost (cancel/trial.lua) and whether the cancellation was swallowed; at the end
-- nothing may be left. Prints how many cancellations there were, and ends with status 1 at the first fault.
package.path = "lua/?.lua;lua/?/init.lua;tests/?.lua;" .. package.path
local engine = require "ljos.loop.engine"
local fiber = require "ljos.fiber"
local lfs = require "lfs"
local loop = require "ljos.loop"
local system = require "ljos.system"
local time = require "ljos.time"
local trial = require "cancel.trial"

local COUNT, SEED = tonumber(arg[1]) or 1000, tonumber(arg[2]) or os.time()
local ONLY = arg[3] -- part of a name
local WORKERS = 50
local random, yield = math.random, fiber.this_fiber.yield
math.randomseed(SEED)

local quick, slow = {}, {}
for _, name in ipairs { "objects", "streams", "messages", "tls", "programs", "actors" } do
    for _, operation in ipairs(require("cancel." .. name)) do
        local list = operation.slow and not ONLY and slow or quick
        local is_wanted = not ONLY or operation[1]:find(ONLY, 1, true)
        if is_wanted and not operation.exclusive then list[#list + 1] = operation end
    end
end

local canceled, trials, caught_by = 0, 0, {}

-- Cancels after a few rounds of the scheduler, or some fraction of a millisecond.
local function cancel_sometime(is_done, victim)
    if random() < 0.8 then
        for _ = 1, random(0, 8) do
            yield()
        end
    else
        time.sleep(random() / 1000)
    end
    if is_done() then return false end
    victim:cancel()
    return true
end

local function one_trial()
    local list = #slow > 0 and random() < 0.002 and slow or quick
    local operation = list[random(#list)]
    local canceler
    local caught = trial.run(operation, function(f)
        local done = false
        local victim = fiber.spawn(function()
            f()
            done = true
        end)
        canceler = fiber.spawn(function()
            return cancel_sometime(function() return done end, victim)
        end)
        return victim
    end)
    local was_canceled = canceler:join()
    trials = trials + 1
    if caught ~= was_canceled then
        error(("%s: canceled %s, caught %s"):format(operation[1], tostring(was_canceled), tostring(caught)), 0)
    end
    if was_canceled then
        canceled = canceled + 1
        if canceled % 100000 == 0 then io.stderr:write(("%d, %d s of processor\n"):format(canceled, os.clock())) end
        caught_by[operation[1]] = (caught_by[operation[1]] or 0) + 1
    end
end

local function run(count)
    local last = canceled + count
    local workers = {}
    for i = 1, WORKERS do
        workers[i] = fiber.spawn(function()
            while canceled < last do
                one_trial()
            end
        end)
    end
    for i = 1, WORKERS do
        workers[i]:join()
    end
end

local function left()
    for _ = 1, 5 do -- finalizers free what only the next collection sees
        collectgarbage()
    end
    local descriptors = 0
    for _ in lfs.dir "/proc/self/fd" do
        descriptors = descriptors + 1
    end
    local operations, timers = loop.load()
    return { descriptors, operations, timers, fiber.count() }, collectgarbage "count"
end

local function bombard()
    -- Thousands a second: were it as many as can be, the program would do little else than take them.
    local program = [[
        local ffi = require "ffi"
        ffi.cdef "int kill(int pid, int signal); int usleep(unsigned int us);"
        while ffi.C.kill(%d, %d) == 0 do ffi.C.usleep(50) end
    ]]
    program = program:format(system.getpid(), system.signal.SIGUSR1)
    local child = system.spawn { program = "luajit", arguments = { "luajit", "-e", program } }
    return function()
        child:kill(system.signal.SIGKILL)
        child:wait()
    end
end

local ok, err, traceback = fiber.run(function()
    local signals = os.getenv "SIGNALS" and system.signal.set.new(system.signal.SIGUSR1)
    local stop = signals and bombard()
    if signals then assert(signals:wait() == system.signal.SIGUSR1) end -- they have begun
    require("ljos.actor.runner").fd() -- is kept from the first actor on, and actors are rare here
    run(math.ceil(COUNT / 10)) -- fills pools and caches
    local before, memory = left()
    run(COUNT - canceled)
    if signals then
        stop()
        signals:clear()
    end
    local after, memory_after = left()
    for i, name in ipairs { "descriptors", "operations in flight", "timers", "fibers" } do
        if after[i] > before[i] then error(("%d %s became %d"):format(before[i], name, after[i]), 0) end
    end
    if memory_after > 1.5 * memory + 2000 then error(("%d KB became %d"):format(memory, memory_after), 0) end
end)
if not ok then
    io.stderr:write(("seed %d, %s: %s\n%s\n"):format(SEED, engine.name(), tostring(err), traceback))
    os.exit(1)
end
local fewest, operations = math.huge, 0
for _, count in pairs(caught_by) do
    operations, fewest = operations + 1, math.min(fewest, count)
end
print(
    ("%d cancellations in %d trials of %d operations (the rarest %d times), seed %d, %s"):format(
        canceled,
        trials,
        operations,
        fewest,
        SEED,
        engine.name()
    )
)
