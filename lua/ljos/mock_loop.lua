--- The mock loop: runs a test's fibers in virtual time, in an order that a seed decides, with faults put in.
---
--- The loop and the engine are the real ones. Time stands still while fibers run, and leaps to the next deadline when
--- all of them wait; what the kernel has in flight gets a moment first. With a seed, the fibers that are ready run in a
--- random order that is the same for the same seed. Faults: transfers cut short, operations canceled by the kernel
--- behind the program's back, waits that a signal interrupts, and a completion queue that runs over because only a
--- few completions are taken from it at a time. When the test is over, nothing may be left; where that is asked for,
--- neither when a scope or a task group is.
---
--- Errors:   raises ljos.Error; a string that names what is left
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local byte_span = require "ljos.byte_span"
local clock = require "ljos.loop.clock"
local dump = require "ljos.fiber.dump"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local ledger = require "ljos.fiber.ledger"
local loop = require "ljos.loop"
local scopes = require "ljos.mock_loop.scopes"
local spawn = require "ljos.fiber.spawn"
local submission = require "ljos.loop.submission"
local trace = require "ljos.fiber.trace"

local raw_resume = coroutine.resume
local error, floor, pcall, type = error, math.floor, pcall, type

---@class ljos.mock_loop
local M = {}

---@class ljos.MockOptions
---@field seed? integer         random order of ready fibers, and of faults
---@field short_transfers? number  probability, 0 to 1, that a read or write is offered less than it asked for
---@field cancellations? number    probability that an operation in flight ends with ECANCELED unless it is done first
---@field interruptions? number    probability that a wait for the kernel ends early without a result (EINTR)
---@field completions? integer     taken from the kernel at once, 1 to 512
---@field scopes? boolean          whether each scope and task group is to leave nothing behind, too
---@field patience? number         real seconds the kernel gets before time leaps; 0.001 unless given

-- A linear congruential generator (the constants are those of POSIX's drand48(3), cut to 32 bits).
local state = 0
local function random()
    state = (state * 1103515245 + 12345) % 2 ^ 31
    return floor(state / 2 ^ 8) / 2 ^ 23
end

local function shuffle(queue, n)
    for i = n, 2, -1 do
        local j = floor(random() * i) + 1
        queue[i], queue[j] = queue[j], queue[i]
    end
end

local function is_ready()
    local _, _, ready = loop.load()
    return ready > 0
end

local function leap(options)
    local patience, interruptions = options.patience or 0.001, options.interruptions or 0
    return function(deadline, operations)
        if interruptions > 0 and random() < interruptions then return end
        loop.poll(0)
        if is_ready() then return end
        if operations > 0 then
            loop.poll(deadline and patience or nil)
            if is_ready() then return end
        end
        if not deadline then return end
        clock.set_virtual(math.max(deadline, clock.monotonic()))
        loop.poll(0)
    end
end

-- Only streams may be cut short: the rest of a datagram would be lost.
local is_stream = { read_some = true, write_some = true }

-- Writes a span's constant length.
local function set_length(span, length)
    ffi.cast("int32_t *", ffi.cast("char *", span) + ffi.offsetof("struct ljos_span", "len"))[0] = length
end

local function cut_short(probability)
    local span, length
    local function submitting(_, _, buffer, name)
        if not is_stream[name] or not byte_span.is(buffer) or buffer.len < 2 or random() >= probability then return end
        span, length = buffer, buffer.len
        set_length(span, 1 + floor(random() * (length - 1)))
    end
    -- The length has been read by now.
    local function submitted()
        if span then
            set_length(span, length)
            span = nil
        end
    end
    return submitting, submitted
end

-- Puts the faults in; returns what is left for the loop.
local function instruments(options)
    local submitting, submitted
    if options.short_transfers then
        submitting, submitted = cut_short(options.short_transfers)
    end
    local probability, restore = options.cancellations, submitted
    if probability then
        submitted = function(slot, res)
            if restore then restore() end
            if res == submission.PENDING and random() < probability then in_flight.cancel(slot) end
        end
    end
    in_flight.limit(options.completions)
    submission.instrument(submitting or false, submitted or false)
    return { idle = leap(options), reorder = options.seed and shuffle or nil }
end

-- Whether the ledger of descriptors is the test's.
local keeps_ledger = false

-- What a test has left behind; nil for nothing.
local function leftovers()
    local operations, timers = loop.load()
    local fibers = spawn.count()
    local descriptors = ""
    if keeps_ledger then
        collectgarbage()
        collectgarbage()
        descriptors = ledger.report()
    end
    if operations + timers + fibers == 0 and descriptors == "" then return nil end
    local text = "left behind: %d fibers, %d operations in flight, %d timers%s\n%s"
    if descriptors ~= "" then descriptors = ", descriptors:\n" .. descriptors end
    return text:format(fibers, operations, timers, descriptors, dump.dump())
end

local function check(options)
    error_.check_type(options, "table", 1)
    if options.scopes and (ledger.is_on or trace.is_on()) then
        error(error_.generic("EBUSY", { detail = "scopes cannot be looked at while tracing is on" }), 0)
    end
    for _, name in ipairs { "seed", "short_transfers", "cancellations", "interruptions", "completions", "patience" } do
        local value = options[name]
        if value ~= nil and type(value) ~= "number" then
            error_.argument(name, "number expected, got " .. type(value))
        end
    end
    if loop.current() ~= loop.main then
        error(error_.generic("EBUSY", { detail = "mock_loop.run: not in a fiber" }), 0)
    end
    local left = leftovers()
    if left then error(error_.generic("EBUSY", { detail = left }), 0) end
end

local function finish(seed, compiled, ok, ...)
    local left = leftovers()
    if keeps_ledger then ledger.stop() end
    keeps_ledger = false
    loop.instrument {}
    in_flight.limit(nil)
    scopes.stop()
    submission.instrument(false, false)
    if compiled then jit.on() end
    clock.set_virtual(false)
    if trace.is_on() then trace.start() end
    if loop.wheel.count == 0 then loop.wheel:reset(clock.monotonic()) end
    local with_seed = seed and (" (seed %d)"):format(seed) or ""
    if not ok then
        local err = ...
        if type(err) == "string" then err = err .. with_seed end
        error(err, 0)
    end
    if left then error(left .. with_seed, 0) end
    return ...
end

--- Runs `f` in the main fiber with a virtual clock, and returns its results. Raises what `f` raises, with the seed when
--- it is a string, and an error when fibers, operations, timers or (unless tracing was on) descriptors are left behind.
--- Not to be called inside a fiber.
---@param options ljos.MockOptions
---@param f fun(): ...
---@return any ...
function M.run(options, f)
    error_.check_type(f, "function", 2)
    check(options)
    state = (options.seed or 0) % 2 ^ 31
    -- Seconds add up without rounding from here, and the timer wheel's boundaries lie elsewhere.
    clock.set_virtual(math.ceil(clock.monotonic()) + 2 ^ -6)
    if not ledger.is_on then
        keeps_ledger = true
        ledger.start(trace.running_code, true, scopes.innermost)
    end
    if options.scopes then scopes.watch() end
    loop.instrument(instruments(options))
    -- Compiled code takes the length of a span for a constant.
    local compiled = options.short_transfers and jit.status()
    if compiled then
        jit.flush()
        jit.off()
    end
    return finish(options.seed, compiled, pcall(f))
end

-- Cancels the fiber of `watched.handle` at its suspension number `at`: there and then, or when that wait has ended.
local function cancel_at(at, when, watched)
    local seen, armed = 0, false
    local function victim() return watched.handle and spawn.running_record(watched.handle) end
    local function cancel()
        armed, watched.was_canceled = false, true
        watched.handle:cancel()
    end
    local function resume(co)
        local fiber = loop.current()
        local ok, what = raw_resume(co)
        if ok and loop.is_leaving() and fiber == victim() then
            seen = seen + 1
            if seen == at then
                if when == "waiting" then
                    cancel()
                else
                    armed = true
                end
            end
        end
        return ok, what
    end
    local function reorder(queue, n)
        local fiber = armed and victim()
        for i = 1, fiber and n or 0 do
            if queue[i] == fiber then return cancel() end
        end
    end
    return resume, reorder
end

--- Calls `test(spawn)` again and again, each time in a mock loop of its own: the fiber that `spawn(f)` makes there is
--- canceled at its first suspension point, the next time at its second, ..., until it has no more of them. `when` is
--- "waiting", as soon as it waits, or "ready", when its wait has ended already but it has not run yet.
---@param when "waiting"|"ready"
---@param test fun(spawn: fun(f: fun()): ljos.Fiber)
---@return integer # suspension points
function M.cancel_everywhere(when, test)
    if when ~= "waiting" and when ~= "ready" then error_.argument(1, '"waiting" or "ready" expected') end
    error_.check_type(test, "function", 2)
    local at = 0
    while true do
        at = at + 1
        local watched = { handle = false, was_canceled = false }
        M.run({}, function()
            local resume, reorder = cancel_at(at, when, watched)
            local more = instruments {}
            more.resume, more.reorder = resume, reorder
            loop.instrument(more)
            test(function(f)
                watched.handle = spawn.spawn(f)
                return watched.handle
            end)
        end)
        if not watched.was_canceled then return at - 1 end
    end
end

--- Lets virtual time pass: runs all fibers that can run until `seconds` are over.
---@param seconds number
function M.advance(seconds) loop.sleep(seconds) end

return M
