-- Sends a number to an actor in a process of its own and receives it back, again and again.
-- Prints: round trips, cpu-seconds of both processes, without the actor's start
-- Run: bin/ljos bench/programs/actor.lua SECONDS
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
local spec = ffi.new "struct bench_timespec"
local function read(id)
    ffi.C.clock_gettime(id, spec)
    return tonumber(spec.seconds) + tonumber(spec.nanoseconds) * 1e-9
end

local seconds = tonumber((...))
local actor = spawn_vm { module = ".", subprocess = { stderr = "share" } }
local its_clock = ffi.new "int[1]"
assert(ffi.C.clock_getcpuclockid(actor.child_pid, its_clock) == 0)
local function cpu() return read(PROCESS_CPUTIME) + read(its_clock[0]) end

local ROUND = 1000
local function round()
    for i = 1, ROUND do
        actor:send(i)
        if inbox:receive() ~= i then error "another number" end
    end
end

actor:send { answer = inbox }
round() -- the actor has started
local count, began, used = 0, clock.now(), cpu()
repeat
    round()
    count = count + ROUND
until clock.now() - began >= seconds
print(count, cpu() - used)
actor:close()
