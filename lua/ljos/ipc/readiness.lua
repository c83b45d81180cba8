--- Readiness: which of a child's pipes can be read or written, and whether it has ended.
---
--- poll(2) tells. To wait for all of them, a thread blocks in poll; a fiber waits for an epoll set of them, which is
--- itself one descriptor.
---
--- Errors:   none
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local blocking = require "ljos.ipc.blocking"
local error_ = require "ljos.error"
local native = require "ljos.native"
local os = require "ljos.ipc.os"

local C, constants, errno_of = os.calls, os.constants, error_.errno_of
local POLLIN, POLLOUT = constants.POLLIN, constants.POLLOUT

---@class ljos.ipc.readiness
local M = {}

---@class ljos.ipc.Watcher
---@field fd integer       the epoll set
---@field pending integer
---@field package known table<integer, integer>  what the epoll set has: descriptor -> events

-- 0, 1 and 2: our ends of the pipes; 3: the pidfd.
local COUNT = 4
local wanted = ffi.new(native.struct "pollfd" .. "[?]", COUNT)

local function fill(child, wants_room)
    for number = 0, 2 do
        wanted[number].fd, wanted[number].events = child.ends[number], POLLIN
    end
    if not wants_room then wanted[0].fd = -1 end
    wanted[0].events = POLLOUT
    wanted[3].fd, wanted[3].events = child.pidfd, POLLIN
end

local function poll(timeout)
    while true do
        local count = C.poll(wanted, COUNT, timeout)
        if count >= 0 then return count end
        if ffi.errno() ~= errno_of.EINTR then return 0 end
    end
end

--- A watcher for a new child.
---@return ljos.ipc.Watcher
function M.new() return { fd = -1, pending = 0, known = {} } end

--- Forgets a descriptor that is about to be closed.
---@param watcher ljos.ipc.Watcher
---@param fd integer
function M.forget(watcher, fd) watcher.known[fd] = nil end

--- Takes the epoll set out of the loop, before it is closed.
---@param watcher ljos.ipc.Watcher
function M.finish(watcher)
    local in_flight = package.loaded["ljos.loop.in_flight"]
    if watcher.fd >= 0 and in_flight then in_flight.forget(watcher) end
    watcher.fd = -1
end

-- The first field of struct epoll_event is all that counts here; it is the first on every architecture.
local event = ffi.new "uint32_t[4]"

local function set(watcher, fd, events)
    local before = watcher.known[fd] or 0
    if events == before then return end
    local operation = constants.EPOLL_CTL_MOD
    if before == 0 then operation = constants.EPOLL_CTL_ADD end
    if events == 0 then operation = constants.EPOLL_CTL_DEL end
    event[0] = events
    C.epoll_ctl(watcher.fd, operation, fd, event)
    watcher.known[fd] = events
end

-- Makes the epoll set what `wanted` says; false when there is none to be had.
local function update(watcher, child)
    if watcher.fd < 0 then
        child.set = C.epoll_create1(constants.EPOLL_CLOEXEC)
        watcher.fd = child.set
        if watcher.fd < 0 then return false end
    end
    if child.ends[0] >= 0 then set(watcher, child.ends[0], wanted[0].fd >= 0 and POLLOUT or 0) end
    for number = 1, 3 do
        if wanted[number].fd >= 0 then set(watcher, wanted[number].fd, POLLIN) end
    end
    return true
end

--- Waits until something is ready, or only looks. Spurious returns are possible.
---@param watcher ljos.ipc.Watcher
---@param child ffi.cdata*     of ljos.ipc.child
---@param wants_room boolean   whether there is input to write
---@param may_wait boolean
---@return boolean stdout
---@return boolean stderr
---@return boolean ended
function M.wait(watcher, child, wants_room, may_wait)
    fill(child, wants_room)
    if poll(0) == 0 and may_wait then
        local loop = blocking.loop()
        if loop and update(watcher, child) then
            blocking.readable(loop, watcher, POLLIN, "proc.wait")
            if child.pidfd < 0 then return false, false, false end
            fill(child, wants_room)
            poll(0)
        else
            poll(-1)
        end
    end
    return wanted[1].revents ~= 0, wanted[2].revents ~= 0, wanted[3].revents ~= 0
end

return M
