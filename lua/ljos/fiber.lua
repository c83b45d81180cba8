--- Fibers: spawn, join, detach, cancel, and the object `this_fiber`.
---
--- A fiber is a coroutine run by the loop (loop.lua has the record). `spawn` hands out a handle; results and
--- errors wait in the record until `join`. When the handle is collected, or `detach` is called, nobody can join any
--- more, and an error is reported on stderr instead; a weak table tells whether the handle still lives.
---
--- Errors:   raises ljos.Error; join re-raises the fiber's own error
--- Suspends: join, this_fiber.yield
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.cancellation"
local coroutine_ = require "ljos.coroutine"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local scope = require "ljos.scope"
local uncaught = require "ljos.uncaught"

local error, select, setmetatable, type, unpack = error, select, setmetatable, type, unpack
local current, main, extras = loop.current, loop.main, cancellation.extras

---@class ljos.fiber
---@field this_fiber ljos.this_fiber
local M = {
    scope = scope.scope,
    scope_cleanup_push = scope.scope_cleanup_push,
    scope_cleanup_pop = scope.scope_cleanup_pop,
    pcall = scope.pcall,
    xpcall = scope.xpcall,
    coroutine = coroutine_,
}

-- Fibers that have not ended, and the handles of those that can be joined, by number.
local live, live_count = {}, 0
local handles = setmetatable({}, { __mode = "v" })
local free_ids, free_ids_n, last_id = {}, 0, 0

-- How a fiber ended; stands in its `wait` field.
local RETURNED, FAILED, CANCELED = {}, {}, {}
local ended = { [RETURNED] = true, [FAILED] = true, [CANCELED] = true }

-- Handle --------------------------------------------------------------------------------------------------------

---@class ljos.Fiber
---@field [1] ljos.FiberRecord
---@field [2] false|"joining"|"joined"|"detached"
---@field cancellation_caught boolean  after join: whether cancellation ended the fiber
---@field joinable boolean             whether join and detach are still legal
local Handle = {}

---@param fiber ljos.FiberRecord
local function name_of(fiber)
    local address = tostring(fiber):match "0x%x+"
    return fiber == main and "Main fiber from VM " .. address or "Fiber " .. address
end

local function report(fiber)
    if fiber.wait == FAILED then uncaught.report(name_of(fiber), fiber.res, fiber.op) end
end

local join_wait = {}

---@param joiner ljos.FiberRecord
function join_wait.cancel_wait(_, joiner)
    local handle = joiner.op
    handle[1].link = true
    handle[2] = false
    loop.wake(joiner, -error_.errno_of.ECANCELED)
end

function join_wait.describe_wait(_, joiner) return "join " .. name_of(joiner.op[1]) end

local function check_joinable(handle)
    if handle[2] then error(error_.generic("EINVAL", { detail = "the fiber is " .. handle[2] .. " already" }), 0) end
end

-- The results of a fiber that has ended, or its error.
local function take_results(handle, fiber)
    handle[2] = "joined"
    handle.caught = fiber.wait == CANCELED
    local n, res = fiber.op, fiber.res
    fiber.op, fiber.res = false, false
    if fiber.wait == FAILED then
        fiber.wait = RETURNED
        error(res, 0)
    end
    if n == 1 then return res end
    if n and n > 1 then return unpack(res, 1, n) end
end

--- Waits until the fiber has ended; returns its results or re-raises its error (seed 003, "spawn").
--- Returns nothing when cancellation ended the fiber. Raises EINVAL when it cannot be joined, EDEADLK for the
--- calling fiber itself. When the joiner is canceled meanwhile, the fiber stays joinable.
---@param self ljos.Fiber
---@return any ...
local function join(self)
    local me = loop.enter()
    local fiber = self[1]
    if fiber == me then error(error_.generic "EDEADLK", 0) end
    check_joinable(self)
    if not ended[fiber.wait] then
        self[2] = "joining"
        fiber.link = me
        me.op = self
        local res = loop.suspend(me, join_wait)
        if res ~= 0 then loop.raise_canceled(me) end
    end
    return take_results(self, fiber)
end

--- Gives up the right to join. If the fiber has failed already, its error is reported now; else when it fails.
---@param self ljos.Fiber
local function detach(self)
    check_joinable(self)
    self[2] = "detached"
    local fiber = self[1]
    fiber.link = false
    report(fiber)
end

--- Cancels the fiber: it raises fiber_canceled at its next cancellation point. Never suspends, always legal.
---@param self ljos.Fiber
local function cancel(self)
    local fiber, state = self[1], self[2]
    if ended[fiber.wait] or state == "joined" or state == "detached" then return end
    cancellation.cancel(fiber)
end

local methods = { join = join, detach = detach, cancel = cancel }

Handle.__metatable = "fiber"
function Handle.__index(self, key)
    local method = methods[key]
    if method then return method end
    if key == "joinable" then return not self[2] end
    if key == "cancellation_caught" then
        if self[2] ~= "joined" then error(error_.generic("EINVAL", { detail = "the fiber was not joined" }), 0) end
        return rawget(self, "caught")
    end
    if key == "caught" then return nil end
    error(error_.core("bad_index", { index = 2 }), 0)
end
function Handle.__newindex(self, key, value)
    if key ~= "caught" and key ~= "sentinel" then error(error_.generic "EPERM", 0) end
    rawset(self, key, value)
end

-- Spawning ------------------------------------------------------------------------------------------------------

local function new_id()
    if free_ids_n == 0 then
        last_id = last_id + 1
        return last_id
    end
    local id = free_ids[free_ids_n]
    free_ids_n = free_ids_n - 1
    return id
end

--- Makes a fiber that runs `f`. It starts when the caller next suspends.
---@param f fun(): ...
---@return ljos.Fiber
function M.spawn(f)
    if type(f) ~= "function" then
        error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(f)), 2)
    end
    local id = new_id()
    local fiber = { co = false, wait = false, op = f, res = false, gate = false, scope = false, link = true, id = id }
    local handle = setmetatable({ fiber, false }, Handle)
    handles[id] = handle
    live[id] = fiber
    live_count = live_count + 1
    loop.start(fiber)
    return handle
end

-- The loop's hooks ----------------------------------------------------------------------------------------------

local function returned(fiber, ...)
    if fiber.wait then loop.misused(fiber) end
    if fiber.scope then scope.clean_up(fiber, fiber.scope) end
    local n = select("#", ...)
    fiber.op = n
    if n == 1 then
        fiber.res = ...
    elseif n > 1 then
        fiber.res = { ... }
    end
    fiber.wait = RETURNED
end

-- When the handle of a failed fiber is collected, its error is reported.
local function watch_handle(handle, fiber)
    local sentinel = newproxy(true)
    getmetatable(sentinel).__gc = function()
        if handle[2] == false then report(fiber) end
    end
    handle.sentinel = sentinel
end

local everything = {}
function everything.describe_wait() return "the end of all fibers" end

local function finished(fiber)
    local id, link = fiber.id, fiber.link
    live[id] = false
    live_count = live_count - 1
    if extras[id] then extras[id] = false end
    if link == true and fiber.wait == FAILED then
        local handle = handles[id]
        if handle then
            watch_handle(handle, fiber)
        else
            report(fiber)
        end
    elseif not link then
        report(fiber)
    end
    handles[id] = nil
    free_ids_n = free_ids_n + 1
    free_ids[free_ids_n] = id
    if type(link) == "table" then
        link.wait, link.res = false, 0
        return link
    end
    if live_count == 0 and main.wait == everything then
        main.wait = false
        return main
    end
end

-- A fiber's function raised. Its clean-up handlers may suspend, so they need a coroutine of their own.
local function raised(fiber, err, co)
    if fiber.wait then
        err = loop.describe_misuse(fiber)
        fiber.wait = false
    end
    local is_canceled = error_.is_core(err, "fiber_canceled")
    local text = not is_canceled and (scope.kept_traceback(fiber, err) or debug.traceback(co)) or nil
    if fiber.scope then
        local handlers = fiber.scope
        fiber.op = function()
            scope.clean_up(fiber, handlers)
            error(err, 0)
        end
        cancellation.extra_of(fiber).traced, cancellation.extra_of(fiber).traceback = err, text
        loop.start(fiber)
        return nil
    end
    fiber.wait = is_canceled and CANCELED or FAILED
    fiber.res, fiber.op = err, text or false
    if is_canceled then fiber.op = 0 end
    return finished(fiber)
end

loop.connect {
    returned = returned,
    finished = finished,
    raised = raised,
    was_canceled = cancellation.is_due,
    gated = cancellation.gated,
}

-- The main fiber ------------------------------------------------------------------------------------------------

local function traced(err) return { err = err, traceback = scope.kept_traceback(main, err) or debug.traceback("", 2) } end

local function run_main(f, ...)
    f(...)
    if main.scope then scope.clean_up(main, main.scope) end
    if live_count > 0 then
        loop.enter()
        loop.suspend(main, everything)
    end
end

--- Runs `f(...)` as the main fiber; returns true when it and all other fibers have ended. When `f` raises: false,
--- the error and its traceback, after f's clean-up handlers ran; the other fibers are not run any further.
--- When only blocked fibers are left that nothing can wake, they are reported on stderr and the run ends.
---@param f fun(...: any)
---@param ... any
---@return boolean ok
---@return any err
---@return string? traceback
function M.run(f, ...)
    if current() ~= main then error(error_.generic("EBUSY", { detail = "run: the loop is running already" }), 0) end
    local ok, failure = xpcall(run_main, traced, f, ...)
    if ok then return true end
    if main.scope then scope.clean_up(main, main.scope) end
    if error_.is_core(failure.err, "deadlock") and live_count > 0 then
        M.report_deadlock()
        return true
    end
    return false, failure.err, failure.traceback
end

--- Prints what the fibers that are left wait for.
function M.report_deadlock()
    local lines = {}
    for id = 1, last_id do
        local fiber = live[id]
        local wait = fiber and fiber.wait
        if wait and wait.is_lock then
            lines[#lines + 1] = "\t" .. name_of(fiber) .. ": " .. wait:describe_wait(fiber)
        end
    end
    if #lines == 0 then return end
    table.insert(lines, 1, "Possible deadlock(s) detected")
    uncaught.print(table.concat(lines, "\n"))
end

--- Iterates the records of all fibers that have not ended.
---@return fun(): ljos.FiberRecord?
function M.each_live()
    local id = 0
    return function()
        while id < last_id do
            id = id + 1
            if live[id] then return live[id] end
        end
    end
end

---@return integer # fibers that have not ended, the main one not counted
function M.count() return live_count end

-- this_fiber ----------------------------------------------------------------------------------------------------

---@class ljos.this_fiber
---@field is_main boolean  whether this is the main fiber
---@field local_ table     storage of this fiber alone
---@field id string        for debugging only
local this_fiber = {}

--- Lets all ready fibers run, then goes on.
function this_fiber.yield() loop.reschedule(loop.enter()) end

--- Makes every suspending call of this fiber raise forbid_suspend_block until `allow_suspend`; counted.
function this_fiber.forbid_suspend() cancellation.forbid_suspend(current()) end

function this_fiber.allow_suspend() cancellation.allow_suspend(current()) end

--- Keeps cancellation from being noticed until `restore_cancellation`; counted.
function this_fiber.disable_cancellation() cancellation.disable(current()) end

function this_fiber.restore_cancellation() cancellation.restore(current()) end

local properties = {
    is_main = function(fiber) return fiber == main end,
    id = function(fiber) return (tostring(fiber):match "0x%x+") end,
    local_ = function(fiber)
        local extra = cancellation.extra_of(fiber)
        extra.locals = extra.locals or {}
        return extra.locals
    end,
}

M.this_fiber = setmetatable({}, {
    __metatable = "this_fiber",
    __index = function(_, key)
        local method = this_fiber[key]
        if method then return method end
        local property = properties[key]
        if property then return property(current()) end
        error(error_.core("bad_index", { index = 2 }), 0)
    end,
    __newindex = function() error(error_.generic "EPERM", 0) end,
})

return M
