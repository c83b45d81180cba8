-- Sends a number to an actor and receives it back, again and again.
-- Prints: round trips, cpu-seconds of all that takes part, without the actor's start
-- Run: bin/ljos bench/programs/actor.lua process|thread SECONDS
-- luacheck: read globals _CONTEXT spawn_vm
local inbox = require "inbox"

if _CONTEXT == "worker" then
    local answer = inbox:receive().answer
    pcall(function()
        while true do
            answer:send(inbox:receive())
        end
    end)
    return
end

local ffi = require "ffi"
local clock = require("time").steady_clock

ffi.cdef [[
struct bench_timespec { long seconds, nanoseconds; };
int clock_gettime(int clock, struct bench_timespec *out);
int clock_getcpuclockid(int pid, int *out);
]]
local PROCESS_CPUTIME = 2

local kind, seconds = ...
local actor = spawn_vm { module = ".", subprocess = kind == "process" and { stderr = "share" } or nil }
local clocks = { PROCESS_CPUTIME }
if kind == "process" then
    local its_clock = ffi.new "int[1]"
    assert(ffi.C.clock_getcpuclockid(actor.child_pid, its_clock) == 0)
    clocks[2] = its_clock[0]
end

local spec = ffi.new "struct bench_timespec"
local function cpu()
    local sum = 0
    for _, id in ipairs(clocks) do
        ffi.C.clock_gettime(id, spec)
        sum = sum + tonumber(spec.seconds) + tonumber(spec.nanoseconds) * 1e-9
    end
    return sum
end

local ROUND = 1000
local function round()
    for i = 1, ROUND do
        actor:send(i)
        if inbox:receive() ~= i then error "another number" end
    end
end

local function rounds(duration)
    local count, began, used = 0, clock.now(), cpu()
    repeat
        round()
        count = count + ROUND
    until clock.now() - began >= duration
    return count, cpu() - used
end

actor:send { answer = inbox }
rounds(1.5) -- both have started, and collected what that left
print(rounds(tonumber(seconds)))
actor:close()
