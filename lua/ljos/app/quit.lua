--- SIGQUIT in app mode: shows what all fibers are doing, on stderr, and lets the program go on.
---
--- The loop watches a set of signals of ljos's own, made with the engine: a program that never waits for the kernel
--- keeps the system's default. So does one that asks for SIGQUIT itself (system.signal); the set is given up then.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local dump = require "ljos.fiber.dump"
local engine = require "ljos.loop.engine"
local ledger = require "ljos.fiber.ledger"
local native = require "ljos.native"
local signal = require "ljos.system.signal"
local stand_in = require "ljos.system.stand_in"
local submission = require "ljos.loop.submission"
local uncaught = require "ljos.fiber.uncaught"

local C = native.C
local POLLIN = native.constant_table("socket").POLLIN
local count = ffi.new "uint64_t[1]"

---@class ljos.app.quit
local M = {}

--- While tracing is on: says which descriptors are not closed, on stderr.
function M.show_descriptors()
    local report = ledger.report()
    if report ~= "" then uncaught.print("ljos: descriptors that are not closed:\n" .. report) end
end

local function show()
    uncaught.print(dump.dump())
    M.show_descriptors()
end

local function watch(set)
    submission.watch(set, POLLIN, "SIGQUIT", function(res)
        if res < 0 then return end
        ffi.C.read(set.fd, count, 8)
        while C.ljos_signal_set_take(set.number) > 0 do
            show()
        end
        watch(set)
    end)
end

--- Has SIGQUIT show the fibers from the first wait for the kernel on.
function M.arm()
    engine.when_made(function()
        if C.ljos_thread_is_master() == 0 then return end
        local set = signal.set.new(signal.SIGQUIT)
        if ledger.is_on then ledger.closed(set.fd) end
        stand_in.put(signal.SIGQUIT, function()
            set:clear()
            set:cancel()
        end)
        watch(set)
    end)
end

return M
