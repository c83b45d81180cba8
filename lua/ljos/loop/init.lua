--- The loop: which fiber runs, which are ready, what the others wait for.
---
--- A fiber is a record {co, wait, op, res, gate, scope, link, id} and a coroutine. Ready fibers stand in two
--- arrays, one being drained, one being filled. A fiber that must wait names what it waits for in `wait` (an
--- object with `describe_wait(fiber)`; with `cancel_wait(fiber)` where cancelling ends the wait; with
--- `abandon_wait(fiber)` where it does not), sets `leaving` and yields; whoever ends the wait calls `wake(fiber, res)`.
--- The main chunk of a program is a fiber without a coroutine: when it must wait, it runs the loop itself until it is
--- woken.
---
--- Errors:   raises ljos.Error
--- Suspends: `suspend`, `reschedule`, `yield`, `sleep`
--- Needs:    nothing beyond Linux 5.15
--- Long:     what runs at every switch is one module, whose variables compiled code reaches without a look-up
local clock = require "ljos.loop.clock"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local own_place = require "ljos.loop.own_place"
local timer_wheel = require "ljos.loop.timer_wheel"

local turn, complete = in_flight.turn, in_flight.complete
local error = error
local yield, create, running, isyieldable = coroutine.yield, coroutine.create, coroutine.running, coroutine.isyieldable

---@class ljos.FiberRecord
---@field co thread|false       its coroutine, also after it has ended; false for the main fiber and before the start
---@field wait table|false      what it waits for; false while it runs or is ready
---@field op any                detail of the wait: slot, timer entry, ...; the start function before the first run
---@field res any               result of the wait
---@field gate boolean          whether the next suspending call must look twice (canceled, forbid_suspend)
---@field scope table|false     clean-up handlers of the innermost scope
---@field link any              serial number of the run that can be joined, the joiner's record, or false
---@field id integer            its number; what few fibers need is kept by it (`fiber.cancellation`)

---@class ljos.loop
local M = {}

local ECANCELED = error_.errno_of.ECANCELED
---@type ljos.FiberRecord
local main = { co = false, wait = false, op = false, res = 0, gate = false, scope = false, link = false, id = 0 }
M.main = main

local current = main

-- Whether the running fiber suspends: set before it yields, cleared before the next one runs. A fiber that finds it set
-- could not suspend: its `yield` went to a plain coroutine's resume, or met a C function (table.sort, string.gsub,
-- require) and raised. (The yield itself hands over nothing: a marker costs a switch 6 ns.)
local leaving = false

local filling, filling_n = {}, 0
local draining, draining_i, draining_n = {}, 0, 0

---@return ljos.FiberRecord
function M.current() return current end

--- Ends a fiber's wait; it runs when its turn comes.
---@param fiber ljos.FiberRecord
---@param res any
local function wake(fiber, res)
    fiber.wait = false
    fiber.res = res
    filling_n = filling_n + 1
    filling[filling_n] = fiber
end
M.wake = wake

-- Time ------------------------------------------------------------------------------------------------------

local now = clock.monotonic
M.now = now

local wheel = timer_wheel.new(now())
M.wheel = wheel

-- Set by instruments (tracing, the mock loop), false otherwise; none is looked at when fibers switch.
local after_poll = false ---@type false|fun()  the kernel has been asked
local reorder = false ---@type false|fun(queue: ljos.FiberRecord[], n: integer)  before a round of ready fibers
local idle = false ---@type false|fun(deadline: number?, operations: integer)  instead of waiting for the kernel

---@class ljos.TimerTarget
---@field expired fun(self: table)

local function expire(target)
    if target.wait == wheel then
        wake(target, 0)
    else
        target:expired()
    end
end

---@param fiber ljos.FiberRecord
function wheel.cancel_wait(_, fiber)
    wheel:remove(fiber.op)
    wake(fiber, -ECANCELED)
end

function wheel.describe_wait(_, fiber) return ("sleep, %.3f s left"):format(wheel.when[fiber.op] - now()) end

-- A fiber that begins to sleep is put here; the scheduler reads the clock once for all that came in one round.
-- (The clock is an FFI call, and one of those in a fiber's own stack doubles the size of an idle fiber.)
local going_to_sleep = {}
local falling_asleep, falling_asleep_for, falling_asleep_n = {}, {}, 0

---@param fiber ljos.FiberRecord
function going_to_sleep.cancel_wait(_, fiber)
    falling_asleep[fiber.op] = false
    wake(fiber, -ECANCELED)
end

function going_to_sleep.describe_wait(_, fiber) return ("sleep, %.3f s left"):format(falling_asleep_for[fiber.op]) end

local function fall_asleep()
    local time = now()
    for i = 1, falling_asleep_n do
        local fiber = falling_asleep[i]
        if fiber then
            falling_asleep[i] = false
            fiber.op = wheel:add(time + falling_asleep_for[i], fiber)
            fiber.wait = wheel
        end
    end
    falling_asleep_n = 0
end

-- The kernel -----------------------------------------------------------------------------------------------

-- One trip to the kernel: `timeout` seconds at the most, nil for no limit.
local function poll(timeout)
    local timeout_ns = -1
    if timeout then timeout_ns = timeout > 0 and timeout * 1e9 or 0 end
    for i = 0, turn(timeout_ns) - 1 do
        local fiber, res = complete(i)
        if fiber then wake(fiber, res) end
    end
    if wheel.count > 0 then wheel:expire(now(), expire) end
    if after_poll then after_poll() end
end
M.poll = poll

-- Switching -------------------------------------------------------------------------------------------------

local DONE = {}

--- What happens before the main fiber's wait, which nothing can end any more, raises `deadlock`. Set by app mode.
M.deadlocked = false ---@type false|fun()

-- Set by fiber/spawn.lua, which knows what results, errors and deadlocks mean. Without it there is only the main fiber,
-- which nobody cancels.
local returned ---@type fun(fiber: ljos.FiberRecord, ...: any)  the start function returned; inside the fiber
local finished ---@type fun(fiber: ljos.FiberRecord): ljos.FiberRecord?  the fiber has ended; who runs next
local raised ---@type fun(fiber: ljos.FiberRecord, err: any, co: thread): ljos.FiberRecord?  it ended by an error
local was_canceled = function(_) return false end ---@type fun(fiber: ljos.FiberRecord): boolean  and may notice it
local gated ---@type fun(fiber: ljos.FiberRecord)  `gate` is set; raises if the call may not go on

--- Sets the hooks above.
---@param hooks table<string, fun(...: any): any>
function M.connect(hooks)
    returned, finished, raised = hooks.returned, hooks.finished, hooks.raised
    was_canceled, gated = hooks.was_canceled, hooks.gated
end

local function leave_queue(fiber)
    for i = filling_n, 1, -1 do
        if filling[i] == fiber then
            filling[i] = false
            return
        end
    end
end

-- Takes a fiber out of whatever it waits in, without waking it.
local function abandon(fiber)
    local wait = fiber.wait
    if not wait then
        leave_queue(fiber)
    elseif wait.abandon_wait then
        wait:abandon_wait(fiber)
    elseif wait.cancel_wait then
        wait:cancel_wait(fiber)
        leave_queue(fiber)
    end
    fiber.wait = false
end

--- Where the running fiber, or the one that ran last, made a suspending call that could not suspend it: ends that wait
--- and returns the error that says so. A wait of the main fiber that an error has ended (no engine could be made;
--- luajit's "interrupted!" at a prompt) is ended here too, before it ends a later one.
---@param fiber ljos.FiberRecord
---@return ljos.Error?
function M.misuse(fiber)
    if not leaving then return nil end
    local what = fiber.wait and M.describe_wait(fiber) or "ready"
    abandon(fiber)
    leaving = false
    return fiber ~= main and error_.core("unsuspendable_frame", { detail = what }) or nil
end

--- Whether the fiber whose coroutine has just yielded suspends.
---@return boolean
function M.is_leaving() return leaving end

--- Suspends what stands where a fiber stands, until it is in the queue again.
function M.stand_by()
    leaving = true
    yield()
end

--- Raises what `misuse` returns, if anything.
---@param fiber ljos.FiberRecord
local function check_misuse(fiber)
    local err = M.misuse(fiber)
    if err then error(err, 0) end
end
M.check_misuse = check_misuse

local function start_function(fiber)
    local f = fiber.op
    fiber.op = false
    return f
end

-- Every fiber's coroutine runs this; when its function has returned, the record may be started again. (Nothing
-- stands in a local variable: a coroutine in the pool would keep alive what its last fiber knew.)
local function body()
    while true do
        returned(current, start_function(current)())
        yield(DONE)
    end
end

--- Gives a fiber whose start function is in `op` a coroutine, unless the record has run before and still has one.
---@param fiber ljos.FiberRecord
local function equip(fiber)
    if not fiber.co then fiber.co = create(body) end
end
M.equip = equip

--- Gives a fiber whose start function is in `op` a coroutine and makes it ready.
---@param fiber ljos.FiberRecord
function M.start(fiber)
    equip(fiber)
    filling_n = filling_n + 1
    filling[filling_n] = fiber
end

local AT_HOME = {}
local at_home ---@type fun()  what the fiber that yielded AT_HOME wants done

--- Runs `f` on the stack of the main fiber, whose frames it can see there, unless the running fiber cannot yield.
---@param f fun()  may neither suspend nor raise
function M.at_home(f)
    if current == main or current.co ~= running() or not isyieldable() then return f() end
    at_home = f
    yield(AT_HOME)
end

local without_place = own_place.remover()

-- A fiber's coroutine gave control back for good; returns the fiber to run at once, its joiner, if any.
local function ended(fiber, ok, what, co)
    if ok and what == DONE then return finished(fiber) end
    if ok and what == AT_HOME then
        at_home()
        return fiber
    end
    fiber.co = false
    if ok then what = error_.core("bad_coroutine", { detail = "coroutine.yield in a fiber's own body" }) end
    return raised(fiber, without_place(what), co)
end

local RESUMES_PER_POLL = 256
local resumed = 0

-- Makes the queue that was filled the one to drain, and looks at the kernel now and then; false when it is empty.
local function next_batch()
    if falling_asleep_n > 0 then fall_asleep() end
    if filling_n == 0 then return false end
    if reorder then reorder(filling, filling_n) end
    draining, filling = filling, draining
    draining_i, draining_n, filling_n = 0, filling_n, 0
    resumed = resumed + draining_n
    if resumed >= RESUMES_PER_POLL then
        resumed = 0
        poll(0)
    end
    return true
end

local may_collect_at = -math.huge
local to_collect = false
local to_collect_at = false ---@type number|false  when there is nothing else to do from then on

--- Has the collector find out what is garbage, when a second has passed and there is nothing else to do or, if that
--- is urgent, before another fiber runs. It shall not take more than a hundredth of the time.
---@param is_urgent boolean
function M.collect(is_urgent)
    local time = now()
    to_collect = to_collect or is_urgent and time > may_collect_at
    to_collect_at = to_collect_at or math.max(time + 1, may_collect_at)
end

local NOTHING = {}

local function collect()
    to_collect, to_collect_at = false, false
    current = main
    select("#", unpack(NOTHING, 1, 200)) -- what calls have left on the stack would be kept
    local began = now()
    collectgarbage()
    may_collect_at = now() + 100 * (now() - began)
end
jit.off(collect) -- compiled code does not write to the stack

-- Whether the kernel or a timer can still wake somebody.
local function is_waited_for()
    local operations, watching = in_flight.count()
    return operations > watching or wheel.count > 0
end

-- Waits for the kernel or a timer; false when nothing can come.
local function wait_for_events()
    if not is_waited_for() then
        -- A promise or an address that only the collector can declare dead may still wake somebody.
        collectgarbage()
        return filling_n > 0 or is_waited_for()
    end
    local deadline = wheel:next_deadline()
    if idle then
        idle(deadline, (in_flight.count()))
        return true
    end
    local timeout = deadline and deadline - now()
    if to_collect_at then
        local left = to_collect_at - now()
        if left <= 0 then
            collect()
            return true
        end
        timeout = timeout and timeout < left and timeout or left
    end
    poll(timeout)
    return true
end

-- Fibers gave control back for good: runs those that must run at once in their place, one after the other. Returns
-- whether the main fiber is next.
local function run_joiners(resume, fiber, ok, what, co)
    repeat
        fiber = ended(fiber, ok, what, co)
        if not fiber then return false end
        co = fiber.co
        if not co then return true end
        current, leaving = fiber, false
        ok, what = resume(co)
    until leaving and ok
    return false
end

-- Runs fibers until the main fiber's wait has ended; false when nothing is left that could end it. Made anew when
-- tracing begins or ends, so that `resume` is a constant in it. The loop over the ready fibers has no other inside, so
-- that one trace is all of it.
local function make_run(resume)
    return function()
        while true do
            local queue, i, n = draining, draining_i, draining_n
            while i < n do
                i = i + 1
                local fiber = queue[i]
                queue[i] = false
                if fiber then
                    local co = fiber.co
                    local is_next = not co -- only the main fiber has none
                    if co then
                        current, leaving = fiber, false
                        local ok, what = resume(co)
                        if not (leaving and ok) then
                            is_next = run_joiners(resume, fiber, ok, what, co)
                            if to_collect then
                                -- luacheck: ignore 311 (on the stack they would keep the record)
                                fiber, co, what = nil, nil, nil
                                collect()
                            end
                        end
                    end
                    if is_next then
                        current, leaving = main, false
                        draining_i = i
                        return true
                    end
                end
            end
            draining_i = n
            current, leaving = main, true -- should an error end this wait: see `misuse`
            if not next_batch() and not wait_for_events() then
                leaving = false
                return false
            end
        end
    end
end
local run = make_run(coroutine.resume)

---@class ljos.LoopInstruments
---@field resume? fun(co: thread): boolean, any  with the fiber that `current` names
---@field around? fun(run: fun(): boolean): fun(): boolean  the main fiber's waits
---@field after_poll? fun()
---@field reorder? fun(queue: (ljos.FiberRecord|false)[], n: integer)
---@field idle? fun(deadline: number?, operations: integer)

--- Sets all instruments; those not given are taken away. `resume` counts from the main fiber's next wait on.
---@param instruments ljos.LoopInstruments
function M.instrument(instruments)
    run = make_run(instruments.resume or coroutine.resume)
    if instruments.around then run = instruments.around(run) end
    after_poll, reorder, idle = instruments.after_poll or false, instruments.reorder or false, instruments.idle or false
end

--- Begins a suspending call: returns the running fiber, or raises (fiber_canceled, forbid_suspend_block, ...).
---@return ljos.FiberRecord
local function enter()
    local fiber = current
    if fiber.gate or leaving then
        check_misuse(fiber)
        if fiber.gate then gated(fiber) end
    end
    return fiber
end
M.enter = enter

--- Suspends the running fiber until `wake`; returns the result of the wait.
---@param fiber ljos.FiberRecord  the running one
---@param wait table              what it waits for
---@return any
local function suspend(fiber, wait)
    fiber.wait = wait
    if fiber ~= main then
        leaving = true
        yield()
        if leaving then check_misuse(fiber) end
    elseif not run() then
        local deadlocked = M.deadlocked --[[@as false|fun()]]
        if deadlocked then deadlocked() end
        local what = M.describe_wait(main)
        abandon(main)
        error(error_.core("deadlock", { detail = what }), 0)
    end
    return fiber.res
end
M.suspend = suspend

--- Lets the other ready fibers run; no cancellation point. (Nothing follows the tail call: what does costs 15 ns, as
--- compiled code must then be entered twice.)
---@param fiber ljos.FiberRecord  the running one
local function reschedule(fiber)
    filling_n = filling_n + 1
    filling[filling_n] = fiber
    if fiber ~= main then
        leaving = true
        return yield()
    end
    run()
end

--- As `reschedule` for a fiber that has run for long; returns at once when nobody else could.
---@param fiber ljos.FiberRecord  the running one
function M.give_way(fiber)
    if filling_n > 0 or wheel.count > 0 or in_flight.count() > 0 then reschedule(fiber) end
end

--- this_fiber.yield: lets all ready fibers run, then goes on. A cancellation point.
function M.yield()
    local fiber = current
    if fiber.gate or leaving then enter() end
    return reschedule(fiber)
end

--- Suspends the running fiber for `seconds`.
---@param seconds number  >= 0
function M.sleep(seconds)
    local fiber = current
    if fiber.gate or leaving then enter() end
    falling_asleep_n = falling_asleep_n + 1
    falling_asleep[falling_asleep_n] = fiber
    falling_asleep_for[falling_asleep_n] = seconds
    fiber.op = falling_asleep_n
    fiber.wait = going_to_sleep
    if fiber ~= main then
        leaving = true
        yield()
        if leaving then check_misuse(fiber) end
    else
        run()
    end
    if fiber.res ~= 0 then M.raise_canceled(fiber) end
end

--- Whether a fiber is canceled, and allowed to notice.
---@param fiber ljos.FiberRecord
---@return boolean
function M.is_canceled(fiber) return was_canceled(fiber) end

--- Raises what a wait's -ECANCELED means: fiber_canceled, or the object's own cancel()/close().
---@param fiber ljos.FiberRecord
local function raise_canceled(fiber)
    if was_canceled(fiber) then error(error_.core "fiber_canceled", 0) end
    error(error_.system "ECANCELED", 0)
end
M.raise_canceled = raise_canceled

--- Whether nothing can run before the running fiber does again, but for watches: then it may block the thread if it
--- heeds those. Their number, or nil.
---@return integer? watching
function M.alone()
    local others = filling_n + draining_n - draining_i + falling_asleep_n + wheel.count
    local operations, watching = in_flight.count()
    if others == 0 and operations == watching and not (idle or after_poll or to_collect_at) then return watching end
end

--- Says what a fiber waits for ("read_some fd 7"), or that it is ready.
---@param fiber ljos.FiberRecord
---@return string
function M.describe_wait(fiber)
    local wait = fiber.wait
    if not wait then return fiber == current and "running" or "ready" end
    return wait:describe_wait(fiber)
end

--- Figures for tests and `fiber.dump`: operations in flight, timers, ready fibers.
---@return integer operations, integer timers, integer ready
function M.load()
    local operations, watching = in_flight.count()
    return operations - watching, wheel.count + falling_asleep_n, filling_n + draining_n - draining_i
end

return M
