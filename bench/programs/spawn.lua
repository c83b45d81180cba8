-- Starts /bin/true and waits for its end, again and again, from a process of MEGABYTES. Prints: starts cpu-seconds,
-- of this process and its children
-- Run: luajit bench/programs/spawn.lua MEGABYTES SECONDS
local ffi = require "ffi"
local ljos = require "ljos"
local filesystem, system, clock = ljos.filesystem, ljos.system, ljos.time.steady_clock

local megabytes, seconds = tonumber(arg[1]), tonumber(arg[2])

ffi.cdef [[
struct bench_rusage { long user, user_us, system, system_us, rest[14]; };
int getrusage(int whom, struct bench_rusage *out);
]]
local SELF, CHILDREN = 0, -1
local usage = ffi.new "struct bench_rusage"
local function cpu_of(whom)
    ffi.C.getrusage(whom, usage)
    return tonumber(usage.user + usage.system) + tonumber(usage.user_us + usage.system_us) * 1e-6
end
local function cpu() return cpu_of(SELF) + cpu_of(CHILDREN) end

local ballast = ffi.new("char[?]", megabytes * 2 ^ 20)
ffi.fill(ballast, ffi.sizeof(ballast), 1)

ljos.run(function()
    local options = {
        program = filesystem.path.new "/bin/true",
        arguments = { "true" },
        stdin = "share",
        stdout = "share",
        stderr = "share",
    }
    local count, began, used = 0, clock.now(), cpu()
    repeat
        local child = system.spawn(options)
        child:wait()
        assert(child.exit_code == 0)
        count = count + 1
    until clock.now() - began >= seconds
    print(count, cpu() - used)
end)
