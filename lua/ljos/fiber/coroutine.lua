--- Coroutines inside fibers: suspending calls reach through them.
---
--- A suspending call yields nothing, and `loop.is_leaving`. `resume` passes that on to whoever runs the fiber and, when
--- the fiber goes on, resumes the same coroutine again; so the fiber suspends, at any depth, and `resume` does not
--- return early. A coroutine has a scope of its own, tied to it and not to the fiber that happens to resume it.
---
--- Errors:   as the standard library's; raises ljos.Error (bad_coroutine, fiber_canceled, EPERM)
--- Suspends: `resume` and wrapped functions, when the coroutine does
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local innermost = require "ljos.fiber.innermost"
local loop = require "ljos.loop"
local scope = require "ljos.fiber.scope"

local raw_create, raw_resume, raw_yield, raw_status =
    coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
local current, check_misuse, is_leaving = loop.current, loop.check_misuse, loop.is_leaving
local inner = innermost.coroutines

---@class ljos.fiber.coroutine
local M = {}

-- What is known of a coroutine made here: its handlers while it is not running, the fiber suspended inside it.
local scopes = setmetatable({}, { __mode = "k" })
local suspended = setmetatable({}, { __mode = "k" })

local function check(value, expected, name)
    if type(value) ~= expected then
        expected = expected == "thread" and "coroutine" or expected
        error(("bad argument #1 to '%s' (%s expected)"):format(name, expected), 3)
    end
end

local function create(f)
    local co = raw_create(f)
    scopes[co] = false
    return co
end

--- coroutine.create; `f` runs in a scope that belongs to the coroutine.
---@param f function
---@return thread
function M.create(f)
    check(f, "function", "create")
    return create(f)
end

-- The coroutine gave control back: for good, for a while, or because its fiber suspends.
local function after(fiber, co, outer_co, outer_scope, ok, ...)
    if ok and (...) == nil and is_leaving() then
        suspended[co] = fiber
        raw_yield()
        suspended[co] = nil
        return after(fiber, co, outer_co, outer_scope, raw_resume(co))
    end
    inner[fiber] = outer_co
    if fiber.scope and raw_status(co) == "dead" then scope.clean_up(fiber, fiber.scope) end
    scopes[co] = fiber.scope
    fiber.scope = outer_scope
    return ok, ...
end

--- coroutine.resume; a cancellation point before the coroutine runs.
---@param co thread
---@param ... any
---@return boolean ok
---@return any ...
function M.resume(co, ...)
    check(co, "thread", "resume")
    local fiber = current()
    cancellation.test(fiber)
    local handlers = scopes[co]
    if handlers == nil then return raw_resume(co, ...) end -- not made here: cannot suspend the fiber
    if suspended[co] and suspended[co] ~= fiber then error(error_.generic "EPERM", 0) end
    if raw_status(co) ~= "suspended" then return raw_resume(co, ...) end
    local outer_scope, outer_co = fiber.scope, inner[fiber]
    fiber.scope = handlers
    inner[fiber] = co
    return after(fiber, co, outer_co, outer_scope, raw_resume(co, ...))
end

--- coroutine.yield; in a fiber's own body: bad_coroutine.
---@param ... any
---@return any ...
function M.yield(...)
    local fiber = current()
    if not inner[fiber] then error(error_.core "bad_coroutine", 0) end
    check_misuse(fiber)
    return raw_yield(...)
end

local function unwrap(ok, ...)
    if not ok then error((...), 0) end
    return ...
end

--- coroutine.wrap; errors are raised with level 0.
---@param f function
---@return function
function M.wrap(f)
    check(f, "function", "wrap")
    local co = create(f)
    return function(...) return unwrap(M.resume(co, ...)) end
end

--- coroutine.running: the coroutine; nil in a fiber's own body.
---@return thread?
function M.running() return inner[current()] end

--- coroutine.status; a coroutine whose fiber is suspended inside it is "normal".
---@param co thread
---@return string
function M.status(co)
    check(co, "thread", "status")
    return suspended[co] and "normal" or raw_status(co)
end

--- coroutine.isyieldable: whether the caller is inside a coroutine.
---@return boolean
M.isyieldable = function() return inner[current()] ~= nil end

return M
