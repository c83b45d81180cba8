--- Messages over UNIX sockets: bytes with the sender's path, with descriptors, or both.
---
--- Descriptors are duplicated before they are sent, so that closing one meanwhile does no harm; those that come are
--- close-on-exec, belong to new file_descriptor objects, and are never more than asked for: the kernel closes the
--- others. Where bytes or descriptors were cut off (MSG_TRUNC, MSG_CTRUNC; the latter also where this process may not
--- open more), the receiving functions return a list that says so as their last result: "truncated",
--- "descriptors_truncated".
---
--- Errors:   raises ljos.Error
--- Suspends: all functions
--- Needs:    nothing beyond Linux 5.15
local address = require "ljos.unix.address"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local io_object = require "ljos.io_object"
local message = require "ljos.socket.message"
local operation = require "ljos.loop.operation"

local check_span, check_open, check = byte_span.check, io_object.check_open, error_.check
local bor = bit.bor
local MAX_FDS, NAME_BYTES = message.MAX_FDS, message.NAME_BYTES
local DO_NOT_WAIT = message.DO_NOT_WAIT

---@class ljos.unix.message
local M = {}

local POOL_MAX = 16
local pool, pool_n = {}, 0 ---@type ljos.socket.Message[], integer

local function take(span)
    local taken
    if pool_n > 0 then
        taken = pool[pool_n]
        pool_n = pool_n - 1
    else
        taken = message.new(MAX_FDS)
        taken.name = address.sockaddr()
    end
    taken.span = span
    taken.vector[0].base, taken.vector[0].len = span.ptr, span.len
    return taken
end

local function give_back(taken)
    taken.span = false
    if pool_n == POOL_MAX then return end
    pool_n = pool_n + 1
    pool[pool_n] = taken
end

local function set_name(taken, length)
    local header = taken.message[0]
    if length > 0 then
        header.name, header.name_len = taken.name, length
    else
        header.name, header.name_len = nil, 0
    end
end

-- Receiving -----------------------------------------------------------------------------------------------------

-- Receives bytes, at most `room` descriptors, and, where wanted, the sender's address.
local function receive(object, buffer, room, named, flags, name)
    check_open(object)
    local taken = take(buffer)
    set_name(taken, named and NAME_BYTES or 0)
    message.make_room(taken, room)
    local res = operation.recvmsg(object, taken, flags, name)
    if res < 0 then
        give_back(taken)
        check(res)
    end
    return taken, res
end

local function sender_of(taken) return address.to_path(taken.name, taken.message[0].name_len) end

local function descriptors_of(taken)
    local fds = {}
    for i = 1, check(message.take_fds(taken)) do
        fds[i] = file_descriptor.new(taken.fds[i - 1])
    end
    return fds
end

local function losses_of(taken)
    local bytes, descriptors = message.was_cut(taken)
    if not bytes and not descriptors then return nil end
    local losses = {}
    if bytes then losses[1] = "truncated" end
    if descriptors then losses[#losses + 1] = "descriptors_truncated" end
    return losses
end

local function check_count(count, arg)
    if type(count) ~= "number" or count < 0 or count % 1 ~= 0 then
        error_.argument(arg, "a number of descriptors expected, got " .. tostring(count))
    end
    return math.min(count, MAX_FDS)
end

--- Receives a datagram; returns its length and the sender's path, which is empty where the sender has none.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param flags integer
---@return integer
---@return ljos.filesystem.Path
function M.receive_from(object, buffer, flags)
    check_span(buffer, 2)
    local taken, res = receive(object, buffer, 0, true, flags, "receive_from")
    local sender = sender_of(taken)
    give_back(taken)
    return res, sender
end

--- Receives bytes and at most `maxfds` descriptors.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param maxfds integer
---@return integer
---@return ljos.FileDescriptor[]
---@return string[]? lost
function M.receive_with_fds(object, buffer, maxfds)
    check_span(buffer, 2)
    local room = check_count(maxfds, 3)
    local taken, res = receive(object, buffer, room, false, 0, "receive_with_fds")
    local fds, losses = descriptors_of(taken), losses_of(taken)
    give_back(taken)
    return res, fds, losses
end

--- As `receive_with_fds`, with the sender's path.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param maxfds integer
---@return integer
---@return ljos.filesystem.Path
---@return ljos.FileDescriptor[]
---@return string[]? lost
function M.receive_from_with_fds(object, buffer, maxfds)
    check_span(buffer, 2)
    local room = check_count(maxfds, 3)
    local taken, res = receive(object, buffer, room, true, 0, "receive_from_with_fds")
    local sender, fds, losses = sender_of(taken), descriptors_of(taken), losses_of(taken)
    give_back(taken)
    return res, sender, fds, losses
end

-- Sending -------------------------------------------------------------------------------------------------------

local function numbers_of(fds, arg)
    error_.check_type(fds, "table", arg)
    if #fds > MAX_FDS then error_.argument(arg, ("at most %d descriptors go with one message"):format(MAX_FDS)) end
    local numbers = {}
    for i = 1, #fds do
        numbers[i] = file_descriptor.number_of(fds[i], arg)
    end
    return numbers
end

-- Sends duplicates of the descriptors, which are closed when the message has gone.
local function send_duplicates(object, taken, numbers, flags, name)
    local made = 0
    local ok, res = pcall(function()
        while made < #numbers do
            message.duplicate_fd(taken, made, numbers[made + 1])
            made = made + 1
        end
        message.put_fds(taken, made)
        return operation.sendmsg(object, taken, flags, name)
    end)
    message.close_fds(taken, made)
    if not ok then error(res, 0) end
    return res
end

-- `pathname` is false where the peer is meant.
local function send(object, buffer, pathname, numbers, flags, name)
    local taken = take(buffer)
    local sockaddr = taken.name --[[@as ffi.cdata*]]
    set_name(taken, pathname == false and 0 or address.to_sockaddr(pathname, 3, sockaddr))
    check_open(object)
    flags = bor(flags, DO_NOT_WAIT) --[[@as integer]]
    local res ---@type integer
    if #numbers > 0 then
        res = send_duplicates(object, taken, numbers, flags, name)
    else
        message.put_fds(taken, 0)
        res = operation.sendmsg(object, taken, flags, name)
    end
    give_back(taken)
    if res < 0 then check(res) end
    return res
end

local NONE = {}

--- Sends a datagram to a path or an abstract name.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param pathname ljos.filesystem.Path|string
---@param flags integer
---@return integer
function M.send_to(object, buffer, pathname, flags)
    check_span(buffer, 2)
    return send(object, buffer, pathname, NONE, flags, "send_to")
end

--- Sends bytes and descriptors.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param fds ljos.FileDescriptor[]
---@return integer
function M.send_with_fds(object, buffer, fds)
    check_span(buffer, 2)
    return send(object, buffer, false, numbers_of(fds, 3), 0, "send_with_fds")
end

--- Sends a datagram with descriptors to a path or an abstract name.
---@param object ljos.IoObject
---@param buffer ljos.byte_span
---@param pathname ljos.filesystem.Path|string
---@param fds ljos.FileDescriptor[]
---@return integer
function M.send_to_with_fds(object, buffer, pathname, fds)
    check_span(buffer, 2)
    return send(object, buffer, pathname, numbers_of(fds, 4), 0, "send_to_with_fds")
end

return M
