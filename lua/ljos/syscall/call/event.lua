--- Waiting for readiness: poll, select, epoll; inotify; aio; futex.
---
--- None of the waits is repeated after EINTR: the caller's timeout would start again.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    epoll_pwait2: Linux 5.11
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"
local ONE = ffi.new("uint64_t", 1)

local number, flag, struct, integer = fd.number, argument.flag, argument.struct, argument.integer
local t = types.t

---@class ljos.syscall.call.event
local M = {}

local poll = kernel.libc("poll", "int (void *, unsigned long, int)")
local ppoll = kernel.call("ppoll", "pippi")

local function pollfds(fds) return argument.struct(t.pollfds, fds, 1) end

--- poll(2): the count of those ready. A list of {fd =, events =} is taken too; then the pollfds are the third result.
function M.poll(fds, timeout)
    local set = pollfds(fds)
    local res = poll(set and set.pfd, set and #set or 0, timeout == nil and -1 or integer(timeout, 2))
    if res == -1 then return kernel.fail() end
    return res, nil, set
end

function M.ppoll(fds, timeout, mask)
    local set = pollfds(fds)
    local time = struct(t.timespec, timeout, 2)
    -- the kernel writes the time that is left: into a copy
    if time ~= nil then time = t.timespec(time) end
    local res = ppoll(set and set.pfd, set and #set or 0, time, struct(t.sigset, mask, 3), 8)
    if res < 0 then return kernel.failed(res) end
    return res, nil, set
end

local select_call = kernel.call("pselect6", "ippppp")
-- What pselect6 and io_pgetevents take for a signal mask.
local sigmask_argument = ffi.typeof "struct { const void *set; size_t size; }" ---@type any

local function fill(set, list)
    local highest = -1
    if list ~= nil and type(list) ~= "table" then argument.wrong(1, "list of descriptors", list) end
    for _, file in ipairs(list or {}) do
        local n = number(file, 1)
        if n < 0 or n >= 1024 then argument.wrong(1, "descriptor below 1024", n) end
        set.fds_bits[math.floor(n / 64)] = bit.bor(set.fds_bits[math.floor(n / 64)], bit.lshift(ONE, n % 64))
        if n > highest then highest = n end
    end
    return highest
end

local function ready(set, list)
    local result = {}
    for _, file in ipairs(list or {}) do
        local n = number(file, 1)
        if bit.band(set.fds_bits[math.floor(n / 64)], bit.lshift(ONE, n % 64)) ~= 0 then result[#result + 1] = file end
    end
    return result
end

--- pselect(2): {count =, readfds =, writefds =, exceptfds =}, with the very objects that were passed.
function M.pselect(sets, timeout, mask)
    if sets == nil then sets = {} end
    if type(sets) ~= "table" then argument.wrong(1, "table of lists of descriptors", sets) end
    local r, w, e = t.fdset(), t.fdset(), t.fdset()
    local highest = math.max(fill(r, sets.readfds), fill(w, sets.writefds), fill(e, sets.exceptfds))
    local time = struct(t.timespec, timeout, 2)
    if time ~= nil then time = t.timespec(time) end
    local sigset = struct(t.sigset, mask, 3)
    local extra
    if sigset ~= nil then
        extra = sigmask_argument()
        extra.set, extra.size = sigset, 8
    end
    local res = select_call(highest + 1, r, w, e, time, extra)
    if res < 0 then return kernel.failed(res) end
    return {
        count = res,
        readfds = ready(r, sets.readfds),
        writefds = ready(w, sets.writefds),
        exceptfds = ready(e, sets.exceptfds),
    }
end
--- select(2): as pselect; the timeout may be in the table.
function M.select(sets, timeout)
    if timeout == nil and type(sets) == "table" then timeout = sets.timeout end
    return M.pselect(sets, timeout)
end

local epoll_ctl = kernel.call("epoll_ctl", "iiip")
--- epoll_ctl(2): the event is a string of c.EPOLL, a table {events =, fd = | u64 = | ptr =} or a t.epoll_event.
function M.epoll_ctl(ep, op, file, event)
    local n = number(file, 3)
    if type(event) == "string" or type(event) == "number" then
        local made = t.epoll_event()
        made.events, made.fd = flag(c.EPOLL, event, 4), n
        event = made
    else
        event = struct(t.epoll_event, event, 4)
    end
    return kernel.done(epoll_ctl(number(ep, 1), flag(c.EPOLL_CTL, op, 2), n, event))
end

-- The array of events that a call fills: the caller's, or a new one of the length given, by default 16.
local function room_for(make, events, position)
    if events == nil then return make(16) end
    if type(events) == "cdata" then return argument.room(make, events, position) end
    return struct(make, events, position)
end

-- An iterator that counts down: index, event.
local function countdown(array, i)
    if i <= 0 then return nil end
    return i - 1, array[i - 1]
end

local epoll_pwait, epoll_pwait2 = kernel.call("epoll_pwait", "ipiipi"), kernel.call("epoll_pwait2", "ipippi")

--- epoll_wait(2): an iterator, the events, the count: `for i, ev in ep:epoll_wait(events, 0)`.
function M.epoll_pwait(ep, events, timeout, mask)
    local list = room_for(t.epoll_events, events, 2)
    local res = epoll_pwait(
        number(ep, 1),
        list.ep,
        #list,
        timeout == nil and -1 or integer(timeout, 3),
        struct(t.sigset, mask, 4),
        8
    )
    if res < 0 then return kernel.failed(res) end
    return countdown, list, res
end
function M.epoll_wait(ep, events, timeout) return M.epoll_pwait(ep, events, timeout, nil) end
--- epoll_pwait2(2): the timeout is a timespec.
function M.epoll_pwait2(ep, events, timeout, mask)
    local list = room_for(t.epoll_events, events, 2)
    local res =
        epoll_pwait2(number(ep, 1), list.ep, #list, struct(t.timespec, timeout, 3), struct(t.sigset, mask, 4), 8)
    if res < 0 then return kernel.failed(res) end
    return countdown, list, res
end

local read = kernel.retry(kernel.call("read", "ipi"))
--- Reads an inotify descriptor: a list of {wd, mask, cookie, name}, each with tests by the names of c.IN.
function M.inotify_read(file, buffer, size)
    size = argument.size(size or 4096, 3, argument.buffer(buffer, 2))
    buffer = buffer or argument.fresh(size, 3)
    local res = read(number(file, 1), buffer, size)
    if res < 0 then return kernel.failed(res) end
    return t.inotify_events(buffer, res)
end

local io_setup, io_submit = kernel.call("io_setup", "ip"), kernel.call("io_submit", "iip")
local io_cancel = kernel.call("io_cancel", "ipp")
local io_getevents, io_pgetevents = kernel.call("io_getevents", "iiipp"), kernel.call("io_pgetevents", "iiippp")

--- io_setup(2): the context.
function M.io_setup(count)
    local ctx = t.aio_context1()
    local res = io_setup(integer(count, 1), ctx)
    if res < 0 then return kernel.failed(res) end
    return ctx[0]
end
--- io_submit(2): takes t.iocb_ptrs or a list of t.iocb.
function M.io_submit(ctx, list)
    local is_array = ffi.istype(t.iocb_array, list)
    if not is_array and type(list) ~= "table" and not ffi.istype(types.ctypes.iocb_ptrs, list) then
        argument.wrong(2, "list of iocbs", list)
    end
    local pointers = is_array and t.iocb_ptrs(list) or struct(t.iocb_ptrs, list, 2)
    return kernel.number(io_submit(integer(ctx, 1), pointers.count, pointers.list))
end
function M.io_cancel(ctx, iocb, result)
    result = argument.room(t.io_event, result, 3)
    local res = io_cancel(integer(ctx, 1), struct(t.iocb, iocb, 2), result)
    if res < 0 then return kernel.failed(res) end
    return result
end
--- io_getevents(2): an iterator, the events, the count, as epoll_wait.
function M.io_getevents(ctx, least, events, timeout)
    local list = room_for(t.io_events, events, 3)
    local res = io_getevents(integer(ctx, 1), integer(least or 1, 2), #list, list.ev, struct(t.timespec, timeout, 4))
    if res < 0 then return kernel.failed(res) end
    return countdown, list, res
end
function M.io_pgetevents(ctx, least, events, timeout, mask)
    local list = room_for(t.io_events, events, 3)
    local sigset, extra = struct(t.sigset, mask, 5), nil
    if sigset ~= nil then
        extra = sigmask_argument()
        extra.set, extra.size = sigset, 8
    end
    local time = struct(t.timespec, timeout, 4)
    local res = io_pgetevents(integer(ctx, 1), integer(least or 1, 2), #list, list.ev, time, extra)
    if res < 0 then return kernel.failed(res) end
    return countdown, list, res
end

local futex = kernel.call("futex", "piippi")
local counts = {} -- the operations whose fourth argument is a count
for _, name in ipairs { "REQUEUE", "CMP_REQUEUE", "CMP_REQUEUE_PI", "WAKE_OP" } do
    counts[c.FUTEX[name]] = true
end

--- futex(2): the fourth argument is a time for the waiting operations, and a count for the others.
function M.futex(addr, op, value, timeout, addr2, value3)
    local operation = flag(c.FUTEX, op, 2)
    local fourth
    if counts[bit.band(operation, c.FUTEX.CMD_MASK)] then
        fourth = ffi.cast("void *", ffi.cast("uintptr_t", integer(timeout or 0, 4)))
    else
        fourth = struct(t.timespec, timeout, 4)
    end
    return kernel.number(
        futex(
            argument.buffer(addr, 1),
            operation,
            integer(value or 0, 3),
            fourth,
            argument.buffer(addr2, 5),
            integer(value3 or 0, 6)
        )
    )
end

-- Waiters are {address, value, flags}, or with names {uaddr =, val =, flags =}; by default words of 32 bits that
-- belong to this process.
local function waiters(list, position)
    if type(list) ~= "table" then argument.wrong(position, "list of {address, value, flags}", list) end
    local _ = t.futex_waitv
    local array = ffi.new("struct ljos_futex_waitv[?]", math.max(#list, 1))
    for i, item in ipairs(list) do
        if type(item) ~= "table" then argument.wrong(position, "{address, value, flags}", item) end
        local address = argument.buffer(item.uaddr or item[1], position)
        if address == nil then argument.wrong(position, "address", address) end
        local flags = item.flags or item[3] or "size_u32, private"
        array[i - 1].uaddr = ffi.cast("uintptr_t", ffi.cast("void *", address))
        array[i - 1].val = integer(item.val or item[2] or 0, position)
        array[i - 1].flags = flag(c.FUTEX2, flags, position)
    end
    return array, #list
end

local futex_waitv, futex_requeue = kernel.call("futex_waitv", "piipi"), kernel.call("futex_requeue", "piii")
--- futex_waitv(2): (list, flags, absolute time, clock) gives the index, from 0, of the one that was woken.
function M.futex_waitv(list, flags, timeout, clock)
    local array, count = waiters(list, 1)
    local time = struct(t.timespec, timeout, 3)
    return kernel.number(
        futex_waitv(array, count, integer(flags or 0, 2), time, flag(c.CLOCK, clock or "monotonic", 4))
    )
end
--- futex_requeue(2): (list of two, flags, how many to wake, how many to move) gives the count of both.
function M.futex_requeue(list, flags, wake, requeue)
    local array, count = waiters(list, 1)
    if count ~= 2 then argument.wrong(1, "two words", list) end
    return kernel.number(futex_requeue(array, integer(flags or 0, 2), integer(wake, 3), integer(requeue, 4)))
end

local io_uring_setup = kernel.call("io_uring_setup", "ip")
--- io_uring_setup(2): the descriptor, nil, and the t.io_uring_params that the kernel filled.
function M.io_uring_setup(entries, params)
    params = struct(t.io_uring_params, params, 2) or t.io_uring_params()
    local res = io_uring_setup(integer(entries, 1), params)
    if res < 0 then return kernel.failed(res) end
    return fd.new(res), nil, params
end

--- Reads a fanotify descriptor: a list of {mask, pid, fd}, each with tests by the names of c.FAN; the descriptors close
--- themselves, and fd is nil where the group reports none.
function M.fanotify_read(file, buffer, size)
    size = argument.size(size or 4096, 3, argument.buffer(buffer, 2))
    buffer = buffer or argument.fresh(size, 3)
    local res = read(number(file, 1), buffer, size)
    if res < 0 then return kernel.failed(res) end
    return t.fanotify_events(buffer, res)
end

return M
