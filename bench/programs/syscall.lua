-- Calls getppid, read or stat, through ljos.syscall ("ours") or ffi.C ("ffi"), checking each result.
-- Prints: calls cpu-seconds
-- Run: luajit [-joff] bench/programs/syscall.lua getppid|read|stat ours|ffi SECONDS
local ffi = require "ffi"
local S = require "ljos.syscall"

local call, side, seconds = arg[1], arg[2], tonumber(arg[3])

ffi.cdef [[
struct bench_timespec { long seconds, nanoseconds; };
int clock_gettime(int clock, struct bench_timespec *out);
int getppid(void);
ssize_t read(int fd, void *buffer, size_t count);
int bench_stat(const char *path, void *out) __asm__("stat");
]]
local C = ffi.C
local PROCESS_CPUTIME = 2
local spec = ffi.new "struct bench_timespec"
local function now()
    C.clock_gettime(PROCESS_CPUTIME, spec)
    return tonumber(spec.seconds) + tonumber(spec.nanoseconds) * 1e-9
end

local fd = assert(S.open("/dev/zero", "rdonly")):nogc():getfd()
local buffer, status = ffi.new "char[64]", S.t.stat()
local getppid, read, stat = S.getppid, S.read, S.stat

local loops = { ours = {}, ffi = {} }
function loops.ours.getppid(n)
    for _ = 1, n do
        if getppid() <= 0 then error "getppid" end
    end
end
function loops.ffi.getppid(n)
    for _ = 1, n do
        if C.getppid() <= 0 then error "getppid" end
    end
end
function loops.ours.read(n)
    for _ = 1, n do
        if read(fd, buffer, 64) ~= 64 then error "read" end
    end
end
function loops.ffi.read(n)
    for _ = 1, n do
        if tonumber(C.read(fd, buffer, 64)) ~= 64 then error "read" end
    end
end
function loops.ours.stat(n)
    for _ = 1, n do
        if not stat("/etc/passwd", status) then error "stat" end
    end
end
function loops.ffi.stat(n)
    for _ = 1, n do
        if C.bench_stat("/etc/passwd", status) ~= 0 then error "stat" end
    end
end

local loop, ROUND = loops[side][call], 10000
loop(ROUND) -- compiled, or not
local count, began = 0, now()
repeat
    loop(ROUND)
    count = count + ROUND
until now() - began >= seconds
print(count, now() - began)
