--- Operations: what an IO object asks of the engine, one function each.
---
--- Every function takes a slot, submits through a small leaf (a trace of its own: an FFI call in a function that
--- is interpreted costs ten times as much), and waits if it must. A descriptor that is non-blocking answers EAGAIN
--- under io_uring, and so does what was interrupted (the process was stopped and continued): then the fiber waits for
--- readiness and tries again. Results are `>= 0` or `-errno`; only cancellation raises. Spans and addresses stay
--- anchored until the kernel has let go of them.
---
--- Errors:   raises fiber_canceled; else returns -errno
--- Suspends: all
--- Needs:    nothing beyond Linux 5.15
--- Long:     one function for each operation, all alike: a shared one, with what it submits in an upvalue, would be one
---           trace for all, which leaves at every other operation
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local loop = require "ljos.loop"
local native = require "ljos.native"
local submission = require "ljos.loop.submission"

local C = native.C
local begin, finish, user_data, handle = submission.begin, submission.finish, in_flight.user_data, engine.handle
local enter, alone = loop.enter, loop.alone
local EAGAIN, EISCONN = error_.errno_of.EAGAIN, error_.errno_of.EISCONN
local poll_events = native.constant_table "socket"
local POLLIN, POLLOUT = poll_events.POLLIN, poll_events.POLLOUT

---@class ljos.IoObject
---@field fd integer       or -1 when closed
---@field pending integer  operations in flight

---@class ljos.loop.operation
local M = {}

-- The offset of a read or write on something without a position; -1 is the file's own.
M.NO_FILE, M.FILE_POSITION = -2, -1

local function submit_poll(slot, fd, events) return C.ljos_engine_poll(handle(), user_data(slot), fd, events) end

--- Waits until `object` has one of the poll(2) `events`.
---@param object ljos.IoObject
---@param events integer
---@param name string  for fiber.dump
---@return integer res  the events that are there
local function poll(object, events, name)
    local slot = begin(object, false, name)
    return finish(slot, submit_poll(slot, object.fd, events), object, false, name)
end
M.poll = poll

-- What is left of an operation that answered EAGAIN: waits for readiness and tries again, until it answers otherwise.
local function again(submit, events, object, buffer, detail, name)
    local res
    repeat
        res = poll(object, events, name)
        if res < 0 then return res end
        local slot = begin(object, buffer, name)
        res = finish(slot, submit(slot, object.fd, buffer, detail), object, buffer, name)
    until res ~= -EAGAIN
    return res
end

local function submit_recv(slot, fd, span, flags)
    return C.ljos_engine_recv(handle(), user_data(slot), fd, span.ptr, span.len, flags)
end

--- recv(2) into `span`.
---@param object ljos.IoObject
---@param span ljos.byte_span
---@param flags integer
---@param name string
---@return integer res
function M.recv(object, span, flags, name)
    local slot = begin(object, span, name)
    local res = finish(slot, submit_recv(slot, object.fd, span, flags), object, span, name)
    if res ~= -EAGAIN then return res end
    return again(submit_recv, POLLIN, object, span, flags, name)
end

local function submit_send(slot, fd, span, flags)
    return C.ljos_engine_send(handle(), user_data(slot), fd, span.ptr, span.len, flags)
end

--- send(2) from `span`; never SIGPIPE.
---@param object ljos.IoObject
---@param span ljos.byte_span
---@param flags integer
---@param name string
---@return integer res
function M.send(object, span, flags, name)
    local slot = begin(object, span, name)
    local res = finish(slot, submit_send(slot, object.fd, span, flags), object, span, name)
    if res ~= -EAGAIN then return res end
    return again(submit_send, POLLOUT, object, span, flags, name)
end

local function submit_read(slot, fd, span, offset)
    return C.ljos_engine_read(handle(), user_data(slot), fd, span.ptr, span.len, offset)
end

--- read(2) or pread(2) into `span`.
---@param object ljos.IoObject
---@param span ljos.byte_span
---@param offset integer  a position, FILE_POSITION, or NO_FILE
---@param name string
---@return integer res
function M.read(object, span, offset, name)
    local slot = begin(object, span, name)
    local res = finish(slot, submit_read(slot, object.fd, span, offset), object, span, name)
    if res ~= -EAGAIN then return res end
    return again(submit_read, POLLIN, object, span, offset, name)
end

local function pread(fd, span, offset) return C.ljos_file_pread(fd, span.ptr, span.len, offset) end

--- pread(2) into `span`. Where no other fiber could run meanwhile it is the plain call: asking the kernel not to wait
--- (RWF_NOWAIT) costs an eighth of reading 4 KiB from the page cache.
---@param object ljos.IoObject
---@param span ljos.byte_span
---@param offset integer  bytes from 0
---@param name string
---@return integer res
function M.read_at(object, span, offset, name)
    if not alone() then return M.read(object, span, offset, name) end
    local slot = begin(object, span, name)
    return finish(slot, pread(object.fd, span, offset), object, span, name)
end

local function submit_write(slot, fd, span, offset)
    return C.ljos_engine_write(handle(), user_data(slot), fd, span.ptr, span.len, offset)
end

--- write(2) or pwrite(2) from `span`; never SIGPIPE.
---@param object ljos.IoObject
---@param span ljos.byte_span
---@param offset integer  a position, FILE_POSITION, or NO_FILE
---@param name string
---@return integer res
function M.write(object, span, offset, name)
    local slot = begin(object, span, name)
    local res = finish(slot, submit_write(slot, object.fd, span, offset), object, span, name)
    if res ~= -EAGAIN then return res end
    return again(submit_write, POLLOUT, object, span, offset, name)
end

local function submit_accept(slot, fd) return C.ljos_engine_accept(handle(), user_data(slot), fd, nil, nil) end

--- accept4(2) with SOCK_CLOEXEC; the result is the new descriptor.
---@param object ljos.IoObject
---@param name string
---@return integer res
function M.accept(object, name)
    local slot = begin(object, false, name)
    local res = finish(slot, submit_accept(slot, object.fd), object, false, name)
    if res ~= -EAGAIN then return res end
    return again(submit_accept, POLLIN, object, false, 0, name)
end

local function submit_connect(slot, fd, address, length)
    return C.ljos_engine_connect(handle(), user_data(slot), fd, address, length)
end

--- connect(2).
---@param object ljos.IoObject
---@param address ffi.cdata*  a struct sockaddr of some family
---@param length integer
---@param name string
---@return integer res
function M.connect(object, address, length, name)
    local slot = begin(object, address, name)
    local res = finish(slot, submit_connect(slot, object.fd, address, length), object, address, name)
    if res ~= -EAGAIN then return res end
    -- Interrupted, the attempt has gone on.
    res = again(submit_connect, POLLOUT, object, address, length, name)
    return res == -EISCONN and 0 or res
end

---@class ljos.Message
---@field message ffi.cdata*  a struct ljos_message[1]; what it points to is kept by this table

local function submit_recvmsg(slot, fd, packet, flags)
    return C.ljos_engine_recvmsg(handle(), user_data(slot), fd, packet.message, flags)
end

--- recvmsg(2) with MSG_CMSG_CLOEXEC.
---@param object ljos.IoObject
---@param packet ljos.Message
---@param flags integer
---@param name string
---@return integer res
function M.recvmsg(object, packet, flags, name)
    local slot = begin(object, packet, name)
    local res = finish(slot, submit_recvmsg(slot, object.fd, packet, flags), object, packet, name)
    if res ~= -EAGAIN then return res end
    return again(submit_recvmsg, POLLIN, object, packet, flags, name)
end

local function receive_alone(engine_handle, fd, packet, watching)
    return C.ljos_engine_receive_alone(engine_handle, fd, packet.message, watching)
end

--- As `recvmsg` without flags, by one or two system calls of its own where the program has nothing else to wait for.
---@param object ljos.IoObject
---@param packet ljos.Message
---@param name string
---@return integer res
function M.recvmsg_soon(object, packet, name)
    enter()
    local engine_handle = handle() -- before counting who watches it
    local watching = alone()
    if watching then
        local res = receive_alone(engine_handle, object.fd, packet, watching)
        if res ~= -EAGAIN then return res end
    end
    return M.recvmsg(object, packet, 0, name)
end

local function read_alone(engine_handle, fd, watching) return C.ljos_engine_read_alone(engine_handle, fd, watching) end

--- Waits until an eventfd is readable: by a system call of its own, which reads it, where the program has nothing else
--- to wait for, and then returns 0; else returns what `poll` does.
---@param object ljos.IoObject
---@param name string
---@return integer res
function M.eventfd_soon(object, name)
    enter()
    local engine_handle = handle() -- before counting who watches it
    local watching = alone()
    if watching then
        local res = read_alone(engine_handle, object.fd, watching)
        if res ~= -EAGAIN then return res end
    end
    return poll(object, POLLIN, name)
end

local function submit_sendmsg(slot, fd, packet, flags)
    return C.ljos_engine_sendmsg(handle(), user_data(slot), fd, packet.message, flags)
end

--- sendmsg(2); never SIGPIPE.
---@param object ljos.IoObject
---@param packet ljos.Message
---@param flags integer
---@param name string
---@return integer res
function M.sendmsg(object, packet, flags, name)
    local slot = begin(object, packet, name)
    local res = finish(slot, submit_sendmsg(slot, object.fd, packet, flags), object, packet, name)
    if res ~= -EAGAIN then return res end
    return again(submit_sendmsg, POLLOUT, object, packet, flags, name)
end

local function send_now(fd, packet) return C.ljos_message_send_now(fd, packet.message) end

--- As `sendmsg`, for messages that are sent one at a time to a queue that mostly has room: tried by a call of its own
--- first, which costs less than a ring's round trip for one operation.
---@param object ljos.IoObject
---@param packet ljos.Message
---@param name string
---@return integer res
function M.sendmsg_soon(object, packet, name)
    local slot = begin(object, packet, name)
    -- Not past somebody who waits for room.
    local res = object.pending == 0 and send_now(object.fd, packet) or -EAGAIN
    if res == -EAGAIN then res = submit_sendmsg(slot, object.fd, packet, 0) end
    res = finish(slot, res, object, packet, name)
    if res ~= -EAGAIN then return res end
    return again(submit_sendmsg, POLLOUT, object, packet, 0, name)
end

---@class ljos.Datagram
---@field data ffi.cdata*            a struct ljos_datagram: for the kernel until the operation has ended
---@field span ljos.byte_span|false  what it carries, anchored
---@field name_len integer           of the address in `data`, to send to

local function submit_recvfrom(slot, fd, datagram, flags)
    local span = datagram.span
    return C.ljos_engine_recvfrom(handle(), user_data(slot), fd, datagram.data, span.ptr, span.len, flags)
end

--- recvfrom(2) into `datagram.span`; the sender's address is in the datagram afterwards.
---@param object ljos.IoObject
---@param datagram ljos.Datagram
---@param flags integer
---@param name string
---@return integer res
function M.recvfrom(object, datagram, flags, name)
    local slot = begin(object, datagram, name)
    local res = finish(slot, submit_recvfrom(slot, object.fd, datagram, flags), object, datagram, name)
    if res ~= -EAGAIN then return res end
    return again(submit_recvfrom, POLLIN, object, datagram, flags, name)
end

local function submit_sendto(slot, fd, datagram, flags)
    local span, data, length = datagram.span, datagram.data, datagram.name_len
    return C.ljos_engine_sendto(handle(), user_data(slot), fd, data, length, span.ptr, span.len, flags)
end

--- sendto(2) from `datagram.span` to the address in the datagram; never SIGPIPE.
---@param object ljos.IoObject
---@param datagram ljos.Datagram
---@param flags integer
---@param name string
---@return integer res
function M.sendto(object, datagram, flags, name)
    local slot = begin(object, datagram, name)
    local res = finish(slot, submit_sendto(slot, object.fd, datagram, flags), object, datagram, name)
    if res ~= -EAGAIN then return res end
    return again(submit_sendto, POLLOUT, object, datagram, flags, name)
end

local function send_range(fd, file_fd, offset, size) return C.ljos_file_send(fd, file_fd, offset, size) end

--- sendfile(2) of a range of a file that is in the page cache; waits while the socket takes nothing.
---@param object ljos.IoObject
---@param file ljos.IoObject
---@param offset integer
---@param size integer  bytes, less than 2^31
---@param name string
---@return integer res
function M.sendfile(object, file, offset, size, name)
    while true do
        local slot = begin(object, file, name)
        local res = finish(slot, send_range(object.fd, file.fd, offset, size), object, file, name)
        if res ~= -EAGAIN then return res end
        res = poll(object, POLLOUT, name)
        if res < 0 then return res end
    end
end

local function submit_flock(slot, fd, how) return C.ljos_engine_flock(handle(), user_data(slot), fd, how) end

--- flock(2). Canceled, it leaves the file without a lock.
---@param object ljos.IoObject
---@param how integer  LOCK_EX or LOCK_SH
---@param name string
---@return integer res
function M.flock(object, how, name)
    local slot = begin(object, false, name)
    return finish(slot, submit_flock(slot, object.fd, how), object, false, name)
end

local unowned = { fd = -1, pending = 0 }

--- Opens a file that is there, and whose opening may wait (a FIFO, a terminal line); the result is the descriptor.
--- Canceled, it leaves nothing open.
---@param dirfd integer
---@param path string
---@param flags integer
---@param resolve integer  of openat2(2)
---@return integer res
function M.open(dirfd, path, flags, resolve)
    local slot = begin(unowned, false, "open")
    local res = C.ljos_engine_open(handle(), user_data(slot), dirfd, path, flags, resolve)
    return finish(slot, res, unowned, false, "open")
end

--- Runs a system call that may block in a pool thread. Arguments are integers, none negative, or pointers (cast to
--- uintptr_t).
---@param anchor any   what the pointers point to
---@param name string  for fiber.dump
---@param number integer  the system call's number
---@param a? integer|ffi.cdata*
---@param b? integer|ffi.cdata*
---@param c? integer|ffi.cdata*
---@param d? integer|ffi.cdata*
---@param e? integer|ffi.cdata*
---@return integer res
function M.call(anchor, name, number, a, b, c, d, e)
    local slot = begin(unowned, anchor, name)
    local res = C.ljos_engine_call(handle(), user_data(slot), number, a or 0, b or 0, c or 0, d or 0, e or 0)
    return finish(slot, res, unowned, anchor, name)
end

--- Asks a question of the native `resolve` in a pool thread. A canceled question is let go of at once.
---@param resolution ffi.cdata*  a struct ljos_resolution *
---@param name string  for fiber.dump
---@return integer outcome  0, an EAI_* with its sign changed, or -errno
function M.resolve(resolution, name)
    local slot = begin(unowned, resolution, name)
    return finish(slot, C.ljos_engine_resolve(handle(), user_data(slot), resolution), unowned, resolution, name)
end

return M
