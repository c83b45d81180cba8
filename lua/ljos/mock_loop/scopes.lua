--- What scopes leave behind: the mock loop's look at each scope and task group as it ends.
---
--- A fiber, and a descriptor, belongs to the innermost scope of the fiber that spawned or opened it. When a scope ends
--- without an error, what belongs to it or to a scope inside must be gone.
---
--- Errors:   scopes that leave something raise a string that lists it
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ledger = require "ljos.fiber.ledger"
local loop = require "ljos.loop"
local scope = require "ljos.fiber.scope"
local spawn = require "ljos.fiber.spawn"
local trace = require "ljos.fiber.trace"

---@class ljos.mock_loop.scopes
local M = {}

---@class ljos.WatchedScope
---@field fiber ljos.FiberRecord
---@field outer ljos.WatchedScope?
---@field where string

local innermost = {} ---@type table<ljos.FiberRecord, ljos.WatchedScope|nil>

--- The scope that the running fiber is in.
---@return ljos.WatchedScope|false
function M.innermost() return innermost[loop.current()] or false end

local function is_inside(inner, outer)
    while inner do
        if inner == outer then return true end
        inner = inner.outer
    end
    return false
end

local function entered()
    local fiber = loop.current()
    local here = { fiber = fiber, outer = innermost[fiber], where = trace.where(nil, 2) or "?" }
    innermost[fiber] = here
    return here
end

local function left(here, ok)
    local fiber = here.fiber
    innermost[fiber] = here.outer
    if not ok then return end
    local lines = {}
    for other in spawn.each_live() do
        if other ~= fiber and is_inside(innermost[other], here) then
            lines[#lines + 1] = spawn.name_of(other) .. "  " .. loop.describe_wait(other)
        end
    end
    local descriptors = ledger.report(function(inside) return is_inside(inside, here) end)
    if descriptors ~= "" then lines[#lines + 1] = descriptors end
    if #lines == 0 then return end
    error(("left behind by the scope at %s:\n%s"):format(here.where, table.concat(lines, "\n")), 0)
end

local function spawned(fiber) innermost[fiber] = innermost[loop.current()] end

--- Looks at scopes from now on.
function M.watch()
    scope.entered, scope.left = entered, left
    spawn.watch(spawned)
end

--- Looks no more.
function M.stop()
    if not scope.entered then return end
    innermost = {}
    scope.entered, scope.left = false, false
    spawn.watch(false)
end

return M
