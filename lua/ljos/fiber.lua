--- Fibers: the concurrency inside one Lua state, as one table.
---
--- `spawn`, `scope` and its handlers, the fiber-aware `pcall`, `xpcall` and `coroutine`, `this_fiber`, `run`. In app
--- mode these are globals (seed 003, "spawn", "this_fiber", "Fiber cancellation API").
---
--- Errors:   raises ljos.Error
--- Suspends: as each function says
--- Needs:    nothing beyond Linux 5.15
local dump = require "ljos.fiber.dump"
local ledger = require "ljos.fiber.ledger"
local main = require "ljos.fiber.main"
local scope = require "ljos.fiber.scope"
local spawn = require "ljos.fiber.spawn"
local trace = require "ljos.fiber.trace"

---@class ljos.fiber
return {
    spawn = spawn.spawn,
    scope = scope.scope,
    scope_cleanup_push = scope.scope_cleanup_push,
    scope_cleanup_pop = scope.scope_cleanup_pop,
    pcall = scope.pcall,
    xpcall = scope.xpcall,
    coroutine = require "ljos.fiber.coroutine",
    this_fiber = require "ljos.fiber.this_fiber",
    run = main.run,
    dump = dump.dump,
    set_name = dump.set_name,
    trace = { start = trace.start, stop = trace.stop, is_on = trace.is_on, descriptors = ledger.report },
    count = spawn.count,
}
