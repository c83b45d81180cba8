-- What fibers cost. Run: luajit bench/programs/fiber.lua switch|bare_switch|spawn|sleep|timers|sleepers|dump|idle
-- Prints nanoseconds per operation; `dump` prints milliseconds, `idle` bytes of Lua heap and of the process for each
-- sleeping fiber.
local ffi = require "ffi"
local ljos = require "ljos"
local fiber, time = ljos.fiber, ljos.time
local spawn, this_fiber = fiber.spawn, fiber.this_fiber

ffi.cdef [[
struct bench_timespec { long seconds, nanoseconds; };
int clock_gettime(int clock, struct bench_timespec *out);
]]
local spec = ffi.new "struct bench_timespec"
local PROCESS_CPUTIME = 2

local function clock()
    ffi.C.clock_gettime(PROCESS_CPUTIME, spec)
    return tonumber(spec.seconds) * 1e9 + tonumber(spec.nanoseconds)
end

-- Runs `work`, which returns how many operations it did, once to warm up and once measured.
local function per_operation(work)
    work()
    local began = clock()
    local count = work()
    return (clock() - began) / count
end

local modes = {}

function modes.switch()
    local FIBERS, YIELDS = 100, 50000
    return per_operation(function()
        local handles = {}
        for i = 1, FIBERS do
            handles[i] = spawn(function()
                local yield = this_fiber.yield
                for _ = 1, YIELDS do
                    yield()
                end
            end)
        end
        for i = 1, FIBERS do
            handles[i]:join()
        end
        return FIBERS * YIELDS
    end)
end

function modes.bare_switch()
    local COROUTINES, YIELDS = 100, 50000
    local resume, yield = coroutine.resume, coroutine.yield
    return per_operation(function()
        local all = {}
        for i = 1, COROUTINES do
            all[i] = coroutine.create(function()
                for _ = 1, YIELDS do
                    yield()
                end
            end)
        end
        for _ = 1, YIELDS do
            for i = 1, COROUTINES do
                resume(all[i])
            end
        end
        return COROUTINES * YIELDS
    end)
end

-- Spawn, one yield, finish.
function modes.spawn()
    local BATCH, BATCHES = 100, 20000
    local yield = this_fiber.yield
    local ended = 0
    local function body()
        yield()
        ended = ended + 1
    end
    return per_operation(function()
        ended = 0
        for _ = 1, BATCHES do
            for _ = 1, BATCH do
                spawn(body)
            end
            yield()
            yield()
        end
        while ended < BATCH * BATCHES do
            yield()
        end
        return BATCH * BATCHES
    end)
end

-- The processor time of a sleep, not its length.
function modes.sleep()
    local FIBERS, SLEEPS = 10000, 50
    return per_operation(function()
        local handles = {}
        for i = 1, FIBERS do
            handles[i] = spawn(function()
                for _ = 1, SLEEPS do
                    time.sleep(0.001)
                end
            end)
        end
        for i = 1, FIBERS do
            handles[i]:join()
        end
        return FIBERS * SLEEPS
    end)
end

-- The timers of 100,000 sleepers alone: to add one and to have it expire.
function modes.timers()
    local TIMERS, ROUNDS = 100000, 10
    local wheel, now, expired = require("ljos.loop.timer_wheel").new(0), 0, 0
    local target = {}
    local function expire() expired = expired + 1 end
    return per_operation(function()
        for _ = 1, ROUNDS do
            for i = 1, TIMERS do
                wheel:add(now + 0.05 + i % 1000 * 1e-5, target)
            end
            for _ = 1, 70 do
                now = now + 0.001
                wheel:expire(now, expire)
            end
        end
        assert(wheel.count == 0)
        return TIMERS * ROUNDS
    end)
end

-- The processor time of a sleep, added and expired, its switch included, while 100,000 fibers sleep.
function modes.sleepers()
    local FIBERS, SLEEPS = 100000, 10
    local sleep = time.sleep
    local ended = 0
    local function body()
        for _ = 1, SLEEPS do
            sleep(0.05)
        end
        ended = ended + 1
    end
    return per_operation(function()
        ended = 0
        for _ = 1, FIBERS do
            spawn(body)
        end
        while ended < FIBERS do
            sleep(0.01)
        end
        return FIBERS * SLEEPS
    end)
end

-- Milliseconds for fiber.dump() of ten thousand sleeping fibers, the first time.
function modes.dump()
    local FIBERS = 10000
    for _ = 1, FIBERS do
        spawn(function() time.sleep(3600) end):detach()
    end
    this_fiber.yield()
    local began = clock()
    local text = fiber.dump()
    local milliseconds = (clock() - began) / 1e6
    assert(select(2, text:gsub("\n", "")) == FIBERS)
    return milliseconds
end

local function resident_bytes()
    local file = assert(io.open "/proc/self/statm")
    local _, resident = file:read("*n", "*n")
    file:close()
    return resident * 4096
end

function modes.idle()
    local FIBERS = 100000
    local function collect()
        collectgarbage()
        collectgarbage()
        return collectgarbage "count" * 1024, resident_bytes()
    end
    local heap, resident = collect()
    for _ = 1, FIBERS do
        spawn(function() time.sleep(3600) end):detach()
    end
    this_fiber.yield()
    local heap_after, resident_after = collect()
    return (heap_after - heap) / FIBERS, (resident_after - resident) / FIBERS
end

ljos.run(function()
    print(modes[arg[1]]())
    io.stdout:flush()
    os.exit(0, false) -- the sleepers of `idle` are not waited for
end)
