--- Scopes: clean-up handlers that run on every way out.
---
--- A scope is a stack of handlers in the running fiber's `scope` field, made at the first push. `scope(f)`, `pcall`,
--- `xpcall`, coroutines and fibers each open one: they set the field aside, run the function, run the handlers
--- last-in first-out with cancellation disabled, and put the field back. Handlers may suspend; one that fails
--- ends the program, because nobody can say any more what still holds (seed 003, "The scope() facility").
---
--- Errors:   raises ljos.Error
--- Suspends: when a handler does
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local uncaught = require "ljos.fiber.uncaught"

local error, raw_pcall, raw_xpcall, traceback = error, pcall, xpcall, debug.traceback
local current = loop.current

---@class ljos.fiber.scope
local M = {}

local function with_traceback(err) return traceback(tostring(err), 2) end

-- App mode says no more than the seed's runtime does.
local function report_failure(err)
    local text = "ljos: forcibly closed: a scope clean-up handler failed"
    uncaught.print(error_.tostring_has_context and text .. ": " .. err or text)
end

-- What handlers have registered themselves, outside of any scope of their own, runs right after them.
local function run_handlers(fiber, handlers)
    for i = #handlers, 1, -1 do
        fiber.scope = false
        local ok, err = raw_xpcall(handlers[i], with_traceback)
        if not ok then
            report_failure(err)
            os.exit(1)
        end
        if fiber.scope then run_handlers(fiber, fiber.scope) end
    end
    fiber.scope = false
end

--- Runs the handlers of a scope that is being left.
---@param fiber ljos.FiberRecord
---@param handlers table
local function clean_up(fiber, handlers)
    cancellation.disable(fiber)
    run_handlers(fiber, handlers)
    cancellation.restore(fiber)
end
M.clean_up = clean_up

--- Keeps a traceback for an error that the running fiber is about to raise.
---@param err any
---@param text string
function M.keep(err, text)
    local extra = cancellation.extra_of(current())
    extra.traced, extra.traceback = err, text
end

-- A traceback is lost when the stack unwinds to a scope; kept here until the error is handled or reported.
local function keep_traceback(err)
    local extra = cancellation.extra_of(current())
    if extra.traceback == nil or not rawequal(extra.traced, err) then
        extra.traced, extra.traceback = err, traceback("", 2)
    end
    return err
end

--- Returns the traceback kept for `err` while it unwound through scopes, if any.
---@param fiber ljos.FiberRecord
---@param err any
---@return string?
function M.kept_traceback(fiber, err)
    local extra = cancellation.extras[fiber.id]
    return extra and rawequal(extra.traced, err) and extra.traceback or nil
end

local function leave(fiber, outer, ok, ...)
    local handlers = fiber.scope
    -- Before the handlers, which may suspend where this one could not.
    local misuse = not ok and loop.misuse(fiber)
    if handlers then clean_up(fiber, handlers) end
    fiber.scope = outer
    if misuse then return false, misuse end
    return ok, ...
end

-- As `leave` for those who swallow the error: an equal one that comes later has a traceback of its own.
local function swallow(fiber, outer, ok, ...)
    if not ok then
        local extra = cancellation.extras[fiber.id]
        if extra then extra.traceback = nil end
    end
    return leave(fiber, outer, ok, ...)
end

local function rethrow(ok, err)
    if not ok then error(err, 0) end
end

--- Runs `f(...)` in a scope of its own, and returns what pcall would. No cancellation point, unlike M.pcall; the
--- traceback of an error is kept (`kept_traceback`).
---@param f function
---@param ... any
---@return boolean ok
---@return any ...
function M.guard(f, ...)
    local fiber = current()
    local outer = fiber.scope
    fiber.scope = false
    return leave(fiber, outer, raw_xpcall(f, keep_traceback, ...))
end
local guard = M.guard

-- Set by the mock loop, false otherwise: what a scope or a task group is told when it begins and when it has ended.
M.entered = false ---@type false|fun(): table
M.left = false ---@type false|fun(scope: table, ok: boolean)

local function watched(f)
    local entered = M.entered --[[@as fun(): table]]
    local left = M.left --[[@as fun(scope: table, ok: boolean)]]
    local watch = entered()
    local ok, err = guard(f)
    left(watch, ok)
    rethrow(ok, err)
end

--- Runs `f` in a scope of its own; its clean-up handlers have run when `scope` returns or raises f's error.
---@param f fun()
function M.scope(f)
    error_.check_type(f, "function", 1)
    if M.entered then return watched(f) end
    rethrow(guard(f))
end

--- Registers a clean-up handler with the innermost scope.
---@param handler fun()
function M.scope_cleanup_push(handler)
    error_.check_type(handler, "function", 1)
    local fiber = current()
    local handlers = fiber.scope
    if not handlers then
        handlers = {}
        fiber.scope = handlers
    end
    handlers[#handlers + 1] = handler
end

--- Removes the handler registered last, and runs it unless `execute` is false.
---@param execute? boolean
function M.scope_cleanup_pop(execute)
    local fiber = current()
    local handlers = fiber.scope
    local n = handlers and #handlers or 0
    if n == 0 then error(error_.core "unmatched_scope_cleanup", 0) end
    local handler = handlers[n]
    handlers[n] = nil
    if execute == false then return end
    clean_up(fiber, { handler })
    fiber.scope = handlers
end

--- pcall(f, ...) as a scope and a cancellation point (before `f` runs, not after).
---@param f function
---@param ... any
---@return boolean ok
---@return any ...
function M.pcall(f, ...)
    local fiber = current()
    cancellation.test(fiber)
    local outer = fiber.scope
    fiber.scope = false
    return swallow(fiber, outer, raw_pcall(f, ...))
end

--- xpcall(f, handler, ...) likewise; the message handler runs before the clean-up handlers.
---@param f function
---@param handler fun(err: any): any
---@param ... any
---@return boolean ok
---@return any ...
function M.xpcall(f, handler, ...)
    if type(handler) ~= "function" then
        error(("bad argument #2 to 'xpcall' (function expected, got %s)"):format(type(handler)), 2)
    end
    local fiber = current()
    cancellation.test(fiber)
    local outer = fiber.scope
    fiber.scope = false
    return swallow(fiber, outer, raw_xpcall(f, handler, ...))
end

return M
