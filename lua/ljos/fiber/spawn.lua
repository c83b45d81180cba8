--- Spawning and joining: what a fiber's handle does, and what becomes of results and errors.
---
--- `spawn` hands out a handle, which names the fiber's record (`loop`) and the serial number of its run: a number in
--- the record's `link` says that this run can be joined. What the fiber returned or raised waits in the record, which
--- then belongs to the handle; a record without results is used again. When an error waits and the handle is
--- collected, nobody can join any more, and the error is reported on stderr.
---
--- Errors:   raises ljos.Error; join re-raises the fiber's own error
--- Suspends: join
--- Needs:    nothing beyond Linux 5.15
--- Long:     the states of a handle and its record, from spawn to join, are known here alone
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local scope = require "ljos.fiber.scope"
local uncaught = require "ljos.fiber.uncaught"

local error, getmetatable, select, setmetatable, type, unpack = error, getmetatable, select, setmetatable, type, unpack
local main, extras = loop.main, cancellation.extras

---@class ljos.fiber.spawn
local M = {}

-- Records by number. A number belongs to its record, which runs one fiber after the other.
local all, free_ids, last_id, live_count = {}, {}, 0, 0
local last_serial = 0

-- Whether the collector has gone through everything since a fiber was spawned, and may have found its handle.
local probe = setmetatable({ {} }, { __mode = "v" }) -- empty once it has
local found_serial = 0 -- of the last fiber spawned before it had

local function probe_again()
    probe[1] = {}
    found_serial = last_serial
end

-- How a fiber ended; stands in the record's `wait` field.
local RETURNED, FAILED, CANCELED = { ended = true }, { ended = true }, { ended = true }

-- Handle --------------------------------------------------------------------------------------------------------

-- What stands in a handle that cannot be joined any more.
local JOINED, CAUGHT, DETACHED = { why = "joined" }, { why = "joined" }, { why = "detached" }

---@class ljos.Fiber
---@field [1] ljos.FiberRecord|table  the record, or why it cannot be joined any more
---@field [2] integer                  the serial number of the run; negative while somebody joins it
---@field cancellation_caught boolean  after join: whether cancellation ended the fiber
---@field join fun(self: ljos.Fiber): ...
---@field detach fun(self: ljos.Fiber)
---@field cancel fun(self: ljos.Fiber)
---@field joinable boolean             whether join and detach are still legal
local Handle = {}

--- How a fiber is called in reports.
---@param fiber ljos.FiberRecord
---@return string
local function name_of(fiber) return (fiber == main and "Main fiber from VM %p" or "Fiber %p"):format(fiber) end

M.name_of = name_of

-- Records of fibers that have ended and that no handle names any more are used again.
local pool, pool_n = {}, 0
local POOL_MAX = 256

local function recycle(fiber)
    fiber.link = false
    if pool_n < POOL_MAX then
        fiber.res, fiber.scope = false, false
        pool_n = pool_n + 1
        pool[pool_n] = fiber
    else
        all[fiber.id] = false
        free_ids[#free_ids + 1] = fiber.id
    end
end

local function new_record(id, co, wait, f)
    local fiber = { co = co, wait = wait, op = f, res = false, gate = false, scope = false, link = false, id = id }
    all[id] = fiber
    return fiber
end

-- Leaves a record with its results to the handle; its number and its coroutine go on without it.
local function leave_to_handle(fiber)
    recycle(new_record(fiber.id, fiber.co, fiber.wait, false))
    fiber.co = false
end

local join_wait = {}

---@param joiner ljos.FiberRecord
function join_wait.cancel_wait(_, joiner)
    local handle = joiner.op
    local serial = -handle[2]
    handle[2], handle[1].link = serial, serial
    loop.wake(joiner, -error_.errno_of.ECANCELED)
end

function join_wait.describe_wait(_, joiner) return "join " .. name_of(joiner.op[1]) end

local function check_handle(self)
    if getmetatable(self) ~= "fiber" then error_.argument(1, "fiber expected, got " .. type(self)) end
end

-- The record of a fiber that can be joined. It may run another fiber by now: then this one has returned nothing.
-- Raises EINVAL when the fiber cannot be joined.
local function joinable(handle)
    local fiber, serial = handle[1], handle[2]
    local why = fiber.why or serial < 0 and "being joined"
    if why then error(error_.generic("EINVAL", { detail = "the fiber is " .. why .. " already" }), 0) end
    return fiber, fiber.link ~= serial
end

-- The record of a fiber that has not ended; nil else.
---@param handle ljos.Fiber
---@return ljos.FiberRecord?
local function running_record(handle)
    local fiber, serial = handle[1], handle[2]
    local wait = fiber.wait --[[@as any]]
    if fiber.why or serial > 0 and fiber.link ~= serial or wait and wait.ended then return nil end
    return fiber
end
M.running_record = running_record

-- Raises a fiber's error in its joiner; the report of who does not catch it shows where it came from, too.
local function raise_again(err, traceback)
    local here = debug.traceback("", 3):gsub("^\nstack traceback:", "\tjoined by:", 1)
    scope.keep(err, ("%s\n%s"):format(traceback, here))
    error(err, 0)
end

-- `n` is the number of results, false for none; or the error's traceback.
local function results(how, res, n)
    if how == FAILED then raise_again(res, n) end
    if n == 1 then return res end
    if how == RETURNED and n then return unpack(res, 1, n) end
end

--- Waits until the fiber has ended; returns its results or re-raises its error (seed 003, "spawn").
--- Returns nothing when cancellation ended the fiber. Raises EINVAL when it cannot be joined, EDEADLK for the
--- calling fiber itself. When the joiner is canceled meanwhile, the fiber stays joinable.
---@param self ljos.Fiber
---@return any ...
local function join(self)
    check_handle(self)
    local me = loop.enter()
    if running_record(self) == me then error(error_.generic "EDEADLK", 0) end
    local fiber, has_gone = joinable(self)
    if has_gone then
        self[1] = JOINED
        return
    end
    local had_ended = fiber.wait and fiber.wait.ended
    if not had_ended then
        self[2], fiber.link, me.op = -self[2], me, self
        if loop.suspend(me, join_wait) ~= 0 then loop.raise_canceled(me) end
        -- It ended just now, and this fiber runs right after it: the record still has everything.
    end
    local how, res, n = fiber.wait, fiber.res, fiber.op
    self[1] = how == CANCELED and CAUGHT or JOINED
    if had_ended then
        fiber.link = false
    else
        recycle(fiber)
    end
    return results(how, res, n)
end

--- Gives up the right to join. If the fiber has failed already, its error is reported now; else when it fails.
---@param self ljos.Fiber
local function detach(self)
    check_handle(self)
    local fiber, has_gone = joinable(self)
    self[1] = DETACHED
    if has_gone then return end
    fiber.link = false
    if fiber.wait == FAILED then uncaught.report(name_of(fiber), fiber.res, fiber.op) end
end

--- Cancels the fiber: it raises fiber_canceled at its next cancellation point. Never suspends, always legal.
---@param self ljos.Fiber
local function cancel(self)
    check_handle(self)
    local fiber = running_record(self)
    if fiber then cancellation.cancel(fiber) end
end

local methods = { join = join, detach = detach, cancel = cancel }

Handle.__metatable = "fiber"
function Handle.__index(self, key)
    local method = methods[key]
    if method then return method end
    local fiber = self[1]
    if key == "joinable" then return not fiber.why and self[2] > 0 end
    if key ~= "cancellation_caught" then error_.bad_index("fiber", key) end
    if fiber == CAUGHT then return true end
    if fiber == JOINED then return false end
    error(error_.generic("EINVAL", { detail = "the fiber was not joined" }), 0)
end
function Handle.__newindex() error(error_.generic "EPERM", 0) end

-- Spawning ------------------------------------------------------------------------------------------------------

local function next_id()
    local id = table.remove(free_ids)
    if id then return id end
    last_id = last_id + 1
    return last_id
end

local on_spawn = false ---@type false|fun(fiber: ljos.FiberRecord)

--- Has `f` called for each fiber that is spawned; false: no more.
---@param f false|fun(fiber: ljos.FiberRecord)
function M.watch(f) on_spawn = f end

--- Makes a fiber that runs `f`. It starts when the caller next suspends.
---@param f fun(): ...
---@return ljos.Fiber
function M.spawn(f)
    if type(f) ~= "function" then
        error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(f)), 2)
    end
    local fiber ---@type ljos.FiberRecord
    if pool_n > 0 then
        fiber = pool[pool_n] --[[@as ljos.FiberRecord]]
        pool_n = pool_n - 1
        fiber.wait, fiber.op, fiber.gate = false, f, false
    else
        fiber = new_record(next_id(), false, false, f)
    end
    if not probe[1] then probe_again() end
    local serial = last_serial + 1
    last_serial, fiber.link = serial, serial
    live_count = live_count + 1
    loop.start(fiber)
    if on_spawn then on_spawn(fiber) end
    return setmetatable({ fiber, serial }, Handle)
end

-- The loop's hooks ----------------------------------------------------------------------------------------------

local function returned(fiber, ...)
    loop.check_misuse(fiber)
    if fiber.scope then scope.clean_up(fiber, fiber.scope) end
    local n = select("#", ...)
    fiber.op = n > 0 and n
    if n == 1 then
        fiber.res = ...
    elseif n > 1 then
        fiber.res = { ... }
    end
    fiber.wait = RETURNED
end

-- When the handle of a failed fiber is collected unjoined, and the record with it, the error is reported. (Apart from
-- `finished`: a function with a closure in it is not compiled.)
local function watch(fiber)
    local sentinel = newproxy(true)
    getmetatable(sentinel).__gc = function()
        -- What it prints to may be closed, and an error must not leave a finaliser.
        if fiber.link then pcall(uncaught.report, name_of(fiber), fiber.res, fiber.op) end
    end
    fiber.scope = sentinel
    if not probe[1] then probe_again() end
    loop.collect(fiber.link <= found_serial)
end

--- What the main fiber waits for when it lets the others end.
M.everything = {}
local everything = M.everything
function everything.describe_wait() return "the end of all fibers" end

local function finished(fiber)
    local id, link, how = fiber.id, fiber.link, fiber.wait
    live_count = live_count - 1
    if extras[id] then extras[id] = false end
    if type(link) == "table" then
        link.wait, link.res = false, 0
        return link
    end
    if link and (how ~= RETURNED or fiber.op) then
        leave_to_handle(fiber)
        if how == FAILED then watch(fiber) end
    else
        if how == FAILED then uncaught.report(name_of(fiber), fiber.res, fiber.op) end
        recycle(fiber)
    end
    if live_count == 0 and main.wait == everything then
        main.wait = false
        return main
    end
end

-- A fiber's function raised. Its clean-up handlers may suspend, so they need a coroutine of their own.
local function raised(fiber, err, co)
    err = loop.misuse(fiber) or err
    local is_canceled = error_.is_core(err, "fiber_canceled")
    local text = not is_canceled and (scope.kept_traceback(fiber, err) or debug.traceback(co)) or nil
    if fiber.scope then
        local handlers = fiber.scope
        fiber.op = function()
            scope.clean_up(fiber, handlers)
            error(err, 0)
        end
        cancellation.extra_of(fiber).traced, cancellation.extra_of(fiber).traceback = err, text
        loop.equip(fiber)
        return fiber
    end
    fiber.wait = is_canceled and CANCELED or FAILED
    fiber.res, fiber.op = err, text or false
    return finished(fiber)
end

loop.connect {
    returned = returned,
    finished = finished,
    raised = raised,
    was_canceled = cancellation.is_due,
    gated = cancellation.gated,
}

--- Iterates the records of all fibers that have not ended.
---@return fun(): ljos.FiberRecord?
function M.each_live()
    local id = 0
    return function()
        while id < last_id do
            id = id + 1
            local fiber = all[id]
            if fiber and not (fiber.wait and fiber.wait.ended) then return fiber end
        end
    end
end

---@return integer # fibers that have not ended, the main one not counted
function M.count() return live_count end

return M
