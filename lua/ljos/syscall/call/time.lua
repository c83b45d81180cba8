--- Clocks, sleeping, timers.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local Error = require "ljos.error"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer, struct = argument.flag, argument.integer, argument.struct
local t = types.t

---@class ljos.syscall.call.time
local M = {}

local gettimeofday = kernel.libc("gettimeofday", "int (void *, void *)")
function M.gettimeofday(time)
    time = argument.room(t.timeval, time, 1)
    if gettimeofday(time, nil) == -1 then return kernel.fail() end
    return time
end

local settimeofday = kernel.call("settimeofday", "pp")
function M.settimeofday(time) return kernel.done(settimeofday(struct(t.timeval, time, 1), nil)) end

local gettime = kernel.libc("clock_gettime", "int (int, void *)")
local now = nil
--- time(2): whole seconds.
function M.time()
    now = now or t.timespec()
    gettime(c.CLOCK.REALTIME, now)
    return tonumber(now.tv_sec)
end

function M.clock_gettime(clock, time)
    time = argument.room(t.timespec, time, 2)
    if gettime(flag(c.CLOCK, clock, 1), time) == -1 then return kernel.fail() end
    return time
end

local getres = kernel.call("clock_getres", "ip")
function M.clock_getres(clock, time)
    time = argument.room(t.timespec, time, 2)
    local res = getres(flag(c.CLOCK, clock, 1), time)
    if res < 0 then return kernel.failed(res) end
    return time
end

local clock_nanosleep = kernel.call("clock_nanosleep", "iipp")
local EINTR = Error.errno_of.EINTR

--- clock_nanosleep(2): true, or true, nil, remaining when a signal cut it short.
function M.clock_nanosleep(clock, flags, request, remaining)
    remaining = argument.room(t.timespec, remaining, 4)
    local res = clock_nanosleep(
        flag(c.CLOCK, clock or "realtime", 1),
        flag(c.TIMER, flags or 0, 2),
        struct(t.timespec, request, 3),
        remaining
    )
    if res == -EINTR then return true, nil, remaining end
    if res < 0 then return kernel.failed(res) end
    return true
end
function M.nanosleep(request, remaining)
    remaining = argument.room(t.timespec, remaining, 2)
    return M.clock_nanosleep("monotonic", 0, struct(t.timespec, request, 1), remaining)
end

--- sleep(3): the seconds that remained, 0 unless a signal came.
function M.sleep(seconds)
    local ok, err, remaining = M.nanosleep(seconds)
    if not ok then return nil, err end
    return remaining and remaining.sec or 0
end

local getitimer, setitimer = kernel.call("getitimer", "ip"), kernel.call("setitimer", "ipp")
function M.getitimer(which, timer)
    timer = argument.room(t.itimerval, timer, 2)
    local res = getitimer(flag(c.ITIMER, which, 1), timer)
    if res < 0 then return kernel.failed(res) end
    return timer
end
--- setitimer(2): the old setting.
function M.setitimer(which, timer, old)
    old = argument.room(t.itimerval, old, 3)
    local res = setitimer(flag(c.ITIMER, which, 1), struct(t.itimerval, timer, 2), old)
    if res < 0 then return kernel.failed(res) end
    return old
end

-- POSIX timers: objects with methods; a number will do in their place.
local Timer = {}
Timer.__index = Timer
local function id_of(timer) return type(timer) == "table" and timer.id or integer(timer, 1) end

local create = kernel.call("timer_create", "ipp")
--- timer_create(2): a timer with settime, gettime, getoverrun and delete.
function M.timer_create(clock, event)
    local id = ffi.new "int[1]"
    local res = create(flag(c.CLOCK, clock or "realtime", 1), struct(t.sigevent, event, 2), id)
    if res < 0 then return kernel.failed(res) end
    return setmetatable({ id = id[0] }, Timer)
end

local delete = kernel.call("timer_delete", "i")
function M.timer_delete(timer) return kernel.done(delete(id_of(timer))) end

local settime = kernel.call("timer_settime", "iipp")
--- timer_settime(2): true, nil, the old setting.
function M.timer_settime(timer, flags, setting, old)
    old = argument.room(t.itimerspec, old, 4)
    local res = settime(id_of(timer), flag(c.TIMER, flags or 0, 2), struct(t.itimerspec, setting, 3), old)
    if res < 0 then return kernel.failed(res) end
    return true, nil, old
end

local get = kernel.call("timer_gettime", "ip")
function M.timer_gettime(timer, current)
    current = argument.room(t.itimerspec, current, 2)
    local res = get(id_of(timer), current)
    if res < 0 then return kernel.failed(res) end
    return current
end

local overrun = kernel.call("timer_getoverrun", "i")
function M.timer_getoverrun(timer) return kernel.number(overrun(id_of(timer))) end

for _, name in ipairs { "delete", "settime", "gettime", "getoverrun" } do
    Timer[name] = M["timer_" .. name]
end
function Timer.gettimerid(timer) return timer.id end

local fd_settime, fd_gettime = kernel.call("timerfd_settime", "iipp"), kernel.call("timerfd_gettime", "ip")
--- timerfd_settime(2): the old setting.
function M.timerfd_settime(file, flags, setting, old)
    old = argument.room(t.itimerspec, old, 4)
    local res = fd_settime(fd.number(file, 1), flag(c.TFD_TIMER, flags, 2), struct(t.itimerspec, setting, 3), old)
    if res < 0 then return kernel.failed(res) end
    return old
end
function M.timerfd_gettime(file, current)
    current = argument.room(t.itimerspec, current, 2)
    local res = fd_gettime(fd.number(file, 1), current)
    if res < 0 then return kernel.failed(res) end
    return current
end

local adjtimex, clock_adjtime = kernel.call("adjtimex", "p"), kernel.call("clock_adjtime", "ip")
--- adjtimex(2): {state =, timex =}; the result's names of c.TIME test the state.
function M.adjtimex(setting)
    local timex = argument.struct(t.timex, setting, 1) or t.timex()
    local res = adjtimex(timex)
    if res < 0 then return kernel.failed(res) end
    return t.adjtimex(res, timex)
end
function M.clock_adjtime(clock, setting)
    local timex = argument.struct(t.timex, setting, 2) or t.timex()
    local res = clock_adjtime(flag(c.CLOCK, clock, 1), timex)
    if res < 0 then return kernel.failed(res) end
    return t.adjtimex(res, timex)
end

local times = kernel.wide("times", "p")
--- times(2): clock ticks since some point in the past, nil, and a t.tms.
function M.times(usage)
    usage = argument.room(t.tms, usage, 1)
    local ticks, err = times(usage)
    if not ticks then return nil, err end
    return ticks, nil, usage
end

return M
