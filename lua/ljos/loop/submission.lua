--- Submissions: one operation of an IO object, from the call that begins it to its result.
---
--- `begin` names a slot, the caller submits the operation for it, and `finish` answers: at once when the submission
--- did, else when the completion has come, which the fiber waits for. Cancelling the fiber has the kernel hasten that
--- completion and nothing else, so that a result that was faster is not lost. A watch is an operation for which no
--- fiber waits.
---
--- Errors:   raises fiber_canceled and what a suspending call may raise; else results are -errno
--- Suspends: `finish`
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local loop = require "ljos.loop"
local native = require "ljos.native"

local C = native.C
local current, enter, suspend, give_way, wake = loop.current, loop.enter, loop.suspend, loop.give_way, loop.wake
local next_slot, claim = in_flight.next_slot, in_flight.claim
local error = error

---@class ljos.loop.submission
local M = {}

local PENDING = tonumber(ffi.C.LJOS_PENDING) --[[@as integer]]
local ECANCELED = error_.errno_of.ECANCELED
M.PENDING = PENDING

-- What a fiber waits for whose operation is in flight; the slot is in its `op`.
local operations = {}

---@param fiber ljos.FiberRecord
function operations.cancel_wait(_, fiber) in_flight.cancel(fiber.op) end

---@param fiber ljos.FiberRecord
function operations.abandon_wait(_, fiber) in_flight.abandon(fiber.op) end

---@param fiber ljos.FiberRecord
function operations.describe_wait(_, fiber) return in_flight.describe(fiber.op) end

--- The object of the operation that a fiber waits for; nil when it waits for something else.
---@param fiber ljos.FiberRecord
---@return {fd: integer, pending: integer}?
function M.object_of(fiber)
    if fiber.wait == operations then return in_flight.object_of(fiber.op) end
end

-- Set by the mock loop, false otherwise.
local submitting = false ---@type false|fun(slot: integer, object: table, buffer: any, name: string)
local submitted = false ---@type false|fun(slot: integer, res: integer)

--- Has `before` called before each operation is submitted and `after` when it was; false: no more.
---@param before false|fun(slot: integer, object: table, buffer: any, name: string)
---@param after false|fun(slot: integer, res: integer)
function M.instrument(before, after)
    submitting, submitted = before, after
end

--- Begins an operation on `object`: returns the slot to submit it for.
---@param object {fd: integer, pending: integer}
---@param buffer any  what the kernel may touch
---@param name string "read_some", ...
---@return integer slot
function M.begin(object, buffer, name)
    enter()
    local slot = next_slot()
    if submitting then submitting(slot, object, buffer, name) end
    return slot
end

-- After so many operations in a row that were done at once, others get a turn.
local AT_ONCE_MAX = 64
local at_once = 0

--- Ends an operation: with what its submission answered, waits for its completion if need be. From then on, and until
--- it has ended, the slot keeps `object` and `buffer` alive; what was done at once never took it.
---@param slot integer
---@param res integer  what the submission answered
---@param object {fd: integer, pending: integer}  this and the next two as for `begin`
---@param buffer any
---@param name string
---@return integer res  >= 0 or -errno; raises only fiber_canceled
function M.finish(slot, res, object, buffer, name)
    local fiber = current()
    if res == PENDING then
        claim(slot, fiber, object, buffer, name)
        if submitted then submitted(slot, res) end
        fiber.op = slot
        at_once = 0
        res = suspend(fiber, operations)
        if res == -ECANCELED and loop.is_canceled(fiber) then error(error_.core "fiber_canceled", 0) end
        return res
    end
    if submitted then submitted(slot, res) end
    at_once = at_once + 1
    if at_once > AT_ONCE_MAX then
        at_once = 0
        give_way(fiber)
    end
    return res
end

-- Watches stand where fibers stand, and share one coroutine.
local function run_watches()
    while true do
        local watch = current() --[[@as any]]
        watch.done(watch.res)
        loop.stand_by()
    end
end
local watcher = coroutine.create(run_watches)

local function new_watch(done)
    local watch = { co = watcher, wait = false, op = false, res = 0, gate = false, scope = false, link = false, id = 0 }
    watch.done = done
    return watch
end

--- Calls `done()` from the loop when it next runs fibers. `done` may neither suspend nor raise. For finalisers, which
--- must not use the loop themselves: they may run in the middle of anything.
---@param done fun()
function M.post(done) wake(new_watch(done), 0) end

--- Calls `done(res)` from the loop once `object` has one of the poll(2) `events`, or the watch was canceled. A watch
--- keeps no program waiting: a run that waits for nothing else ends. `done` may neither suspend nor raise.
---@param object {fd: integer, pending: integer}
---@param events integer
---@param name string
---@param done fun(res: integer)
function M.watch(object, events, name, done)
    local handle = engine.handle()
    local slot = next_slot()
    local watch = new_watch(done)
    watch.op = slot
    local res = C.ljos_engine_poll(handle, in_flight.user_data(slot), object.fd, events)
    if res ~= PENDING then return wake(watch, res) end
    claim(slot, watch, object, false, name)
    in_flight.mark_watch(slot)
end

return M
