--- Blocking calls of `ljos.ipc`: plain ones, unless fibers could run meanwhile.
---
--- This folder lies below the loop and does not load it; it notices a loop that the program has loaded. When that
--- loop has anything to do, a call that would block suspends the fiber instead: the engine waits, for semaphores and
--- record locks by a helper process (native/ljos/src/engine/lock.rs).
---
--- Errors:   raises fiber_canceled and what else the loop raises
--- Suspends: readable, lock_record, wait_semaphore
--- Needs:    nothing beyond Linux 5.15
local native = require "ljos.native"

local lib = native.C
local loaded = package.loaded

---@class ljos.ipc.blocking
local M = {}

--- The loop, if a call that blocks would keep others from running; nil when it may block the thread.
--- A suspending call begins here: raises where the running fiber may not suspend or is canceled.
---@return ljos.loop.submission?
function M.loop()
    local submission = loaded["ljos.loop.submission"]
    if not submission then return nil end
    local loop = loaded["ljos.loop"] --[[@as any]]
    loop.enter()
    local operations, timers, ready = loop.load()
    return operations + timers + ready > 0 and submission or nil
end

--- Seconds that only grow, for deadlines.
---@return number
function M.now() return lib.ljos_clock_monotonic() end

--- Suspends the fiber until `object` is readable.
---@param submission ljos.loop.submission  from `loop()`
---@param object {fd: integer, pending: integer}
---@param events integer  POLL*
---@param name string     for fiber.dump
---@return integer # >= 0 or -errno
function M.readable(submission, object, events, name)
    local slot = submission.begin(object, false, name)
    local handle = loaded["ljos.loop.engine"].handle()
    local res = lib.ljos_engine_poll(handle, loaded["ljos.loop.in_flight"].user_data(slot), object.fd, events)
    return submission.finish(slot, res, object, false, name)
end

--- Suspends the fiber until this process has a record lock: fcntl(2), F_SETLKW. Canceled, the range is not locked.
---@param submission ljos.loop.submission  from `loop()`
---@param object {fd: integer, pending: integer}
---@param lock ffi.cdata*  a struct flock
---@param anchor any       kept alive meanwhile: what owns the descriptor
---@return integer # 0 or -errno
function M.lock_record(submission, object, lock, anchor)
    local slot = submission.begin(object, anchor, "filelock.lock")
    local handle = loaded["ljos.loop.engine"].handle()
    local res = lib.ljos_engine_lock_record(handle, loaded["ljos.loop.in_flight"].user_data(slot), object.fd, lock)
    return submission.finish(slot, res, object, anchor, "filelock.lock")
end

--- Suspends the fiber until a semaphore is above zero, or until `deadline`; takes nothing.
---@param submission ljos.loop.submission  from `loop()`
---@param object {fd: integer, pending: integer}
---@param semaphore ffi.cdata*  a sem_t; mapped as long as `object.pending` is not 0
---@param anchor any            kept alive meanwhile: what owns the semaphore
---@param deadline? number      of `now`
---@return integer # 0 or -errno
function M.wait_semaphore(submission, object, semaphore, anchor, deadline)
    local slot = submission.begin(object, anchor, "sem.dec")
    local handle = loaded["ljos.loop.engine"].handle()
    local res =
        lib.ljos_engine_wait_semaphore(handle, loaded["ljos.loop.in_flight"].user_data(slot), semaphore, deadline or -1)
    return submission.finish(slot, res, object, anchor, "sem.dec")
end

return M
