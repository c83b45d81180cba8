--- Blocking calls of `ljos.ipc`: plain ones, unless fibers could run meanwhile.
---
--- This folder lies below the loop and does not load it; it notices a loop that the program has loaded. When that
--- loop has anything to do, a call that would block suspends the fiber instead. Semaphores and record locks have no
--- descriptor to wait for, and a thread that waits for them cannot be called back; so a fiber tries, sleeps, and tries
--- again: 20 microseconds at first, then twice as long each time, 10 milliseconds at most. It is thus never woken
--- later than by the time it has waited already, and nothing is held when it is canceled.
---
--- Errors:   raises fiber_canceled and what else the loop raises
--- Suspends: retry, readable
--- Needs:    nothing beyond Linux 5.15
local native = require "ljos.native"

local lib = native.C
local loaded, min = package.loaded, math.min

---@class ljos.ipc.blocking
local M = {}

local SHORTEST, LONGEST = 20e-6, 10e-3

--- The loop, if a call that blocks would keep others from running; nil when it may block the thread.
--- A suspending call begins here: raises where the running fiber may not suspend or is canceled.
---@return ljos.loop?
function M.loop()
    local loop = loaded["ljos.loop"]
    if not loop then return nil end
    loop.enter()
    local operations, timers, ready = loop.load()
    return operations + timers + ready > 0 and loop or nil
end

--- Seconds that only grow, for deadlines.
---@return number
function M.now() return lib.ljos_clock_monotonic() end

--- Calls `attempt(object)` until it returns something, or until `deadline`.
---@generic T
---@param loop ljos.loop  from `loop()`
---@param attempt fun(object: T): any  nil: not yet
---@param object T
---@param deadline? number  of `now`
---@return any # nil when the deadline has passed
function M.retry(loop, attempt, object, deadline)
    local pause = SHORTEST
    while true do
        local result = attempt(object)
        if result ~= nil then return result end
        local left = deadline and deadline - M.now() or LONGEST
        if left <= 0 then return nil end
        loop.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST)
    end
end

--- Suspends the fiber until `object` is readable.
---@param loop ljos.loop  from `loop()`
---@param object {fd: integer, pending: integer}
---@param events integer  POLL*
---@param name string     for fiber.dump
---@return integer # >= 0 or -errno
function M.readable(loop, object, events, name)
    local slot = loop.begin(object, false, name)
    local handle = loaded["ljos.engine"].handle()
    local res = lib.ljos_engine_poll(handle, loop.user_data(slot), object.fd, events)
    return loop.finish(slot, res, object, false, name)
end

return M
