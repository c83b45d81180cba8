-- Reads random 4 KiB blocks of a file, DEPTH at a time. Prints: reads cpu-seconds
-- Run: luajit bench/programs/file_read.lua PATH DEPTH SECONDS
local ljos = require "ljos"
local byte_span, file, fiber = ljos.byte_span, ljos.file, ljos.fiber
local bit, ffi = require "bit", require "ffi"

local BLOCK, CHECK = 4096, 256
local path, depth, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3])

ffi.cdef [[
struct bench_timespec { long seconds, nanoseconds; };
int clock_gettime(int clock, struct bench_timespec *out);
]]
local PROCESS_CPUTIME = 2
local spec = ffi.new "struct bench_timespec"
local function now()
    ffi.C.clock_gettime(PROCESS_CPUTIME, spec)
    return tonumber(spec.seconds) + tonumber(spec.nanoseconds) * 1e-9
end

-- The same walk as bench/c/file_read.c: state * 1664525 + 1013904223 modulo 2^32, in halves that a double holds.
local state = 1
local function next_offset(blocks)
    local low, high = state % 65536, (state - state % 65536) / 65536
    state = (low * 1664525 + (high * 1664525 % 65536) * 65536 + 1013904223) % 4294967296
    return bit.rshift(state, 8) % blocks * BLOCK
end

ljos.run(function()
    local input = file.random_access.new()
    input:open(path, { "read_only" })
    local blocks = math.floor(input.size / BLOCK)
    local count, began = 0, now()
    local ends = began + seconds

    local function read_on()
        local buffer = byte_span.new(BLOCK)
        repeat
            for _ = 1, CHECK do
                if input:read_some_at(next_offset(blocks), buffer) ~= BLOCK then error "short read" end
            end
            count = count + CHECK
        until now() >= ends
    end

    if depth == 1 then
        read_on()
    else
        for _ = 1, depth do
            fiber.spawn(read_on)
        end
        while fiber.count() > 0 do
            fiber.this_fiber.yield()
        end
    end
    print(count, now() - began)
end)
