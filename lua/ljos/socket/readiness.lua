--- Readiness: the method `wait` of sockets and acceptors.
---
--- io_uring tells somebody who waits of whatever wakes those who wait for the same socket: of any bytes who waits for
--- urgent ones, of the end of what the peer sends who waits for room. So poll(2) is asked whether it is so.
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"

local c = native.constant_table "socket"

-- "error" is what select(2) calls an exceptional condition: out-of-band data too.
local events_of = { read = c.POLLIN, write = c.POLLOUT, error = bit.bor(c.POLLERR, c.POLLPRI) }

native.declare [[
struct ljos_readiness_pollfd { int fd; short events, revents; };
int libc_readiness_poll(struct ljos_readiness_pollfd *entries, unsigned long count, int milliseconds) __asm__("poll");
]]

local entry = ffi.new "struct ljos_readiness_pollfd[1]"

local function is_ready(object, events)
    entry[0].fd, entry[0].events = object.fd, events
    return ffi.C.libc_readiness_poll(entry, 1, 0) ~= 0
end

---@class ljos.socket.readiness
local M = {}

--- Waits until the socket is ready; suspends. "error" is an error, a hang-up, or out-of-band data.
---@param object ljos.IoObject
---@param wait_type "read"|"write"|"error"
function M.wait(object, wait_type)
    local events = events_of[wait_type]
    if not events then error_.argument(2, '"read", "write" or "error" expected') end
    repeat
        io_object.check_open(object)
        error_.check(operation.poll(object, events --[[@as integer]], "wait"))
    until is_ready(object, events)
end

return M
