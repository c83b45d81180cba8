-- Sends a number to an actor in a thread and receives it back, again and again.
-- Prints: round trips, cpu-seconds of the process, without the actor's start
-- Run: bin/ljos bench/programs/thread_actor.lua SECONDS
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
]]
local PROCESS_CPUTIME = 2
local spec = ffi.new "struct bench_timespec"
local function cpu()
    ffi.C.clock_gettime(PROCESS_CPUTIME, spec)
    return tonumber(spec.seconds) + tonumber(spec.nanoseconds) * 1e-9
end

local seconds = tonumber((...))
local actor = spawn_vm "."

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
print(rounds(seconds))
actor:close()
