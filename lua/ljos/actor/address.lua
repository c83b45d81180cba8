--- Addresses: channels to actors in threads of this process.
---
--- An address is a native handle that counts as a sender of its mailbox until it is closed or collected. Sending copies
--- the message (`copy`) into the mailbox and goes on: it never waits for the receiver, whose queue has no limit but
--- memory. Two addresses of one actor are equal.
---
--- Errors:   raises ljos.Error
--- Suspends: never; send lets other fibers run
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local copy = require "ljos.actor.copy"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local loop = require "ljos.loop"
local native = require "ljos.native"

local error, getmetatable, rawequal, rawget, setmetatable = error, getmetatable, rawequal, rawget, setmetatable
local C = native.C
local enter, give_way = loop.enter, loop.give_way
local EPIPE = error_.errno_of.EPIPE

---@class ljos.actor.address
local M = {}

---@class ljos.Address
---@field address ffi.cdata*|false  const struct ljos_address *; false: closed
local methods, properties = {}, {}
local metatable = io_object.metatable("tx-channel", methods, properties)

function metatable.__eq(one, other)
    return rawequal(one, other) or rawget(one, "address") and rawget(one, "address") == rawget(other, "address")
end

local live = setmetatable({}, { __mode = "k" }) -- for the end of the program

--- Makes a channel that owns a native address.
---@param address ffi.cdata*  const struct ljos_address *
---@return ljos.Address
function M.new(address)
    local self = setmetatable({ address = ffi.gc(address, C.ljos_address_free) }, metatable)
    live[self] = true
    loop.collect(false) -- one that is garbage, in a state with nothing to do, would keep its receiver waiting for ever
    return self
end

local function open_address(self)
    local address = rawget(self, "address")
    if not address then error(error_.core "channel_closed", 0) end
    return address
end

local function fail(res)
    if res == -EPIPE then error(error_.core "channel_closed", 0) end
    error_.check(res)
end

-- A leaf: the FFI call is compiled with what calls it, or on its own.
local function send(address, cells, size, attached, count)
    return C.ljos_address_send(address, cells, size, attached, count)
end

--- Sends a copy of a message: a boolean, number, string, file_descriptor, address (a channel, or the inbox for one's
--- own), or a table of these, nested at will. Seed 003, "spawn_vm", channel functions.
--- Goes on at once, after the other ready fibers. Messages of one channel arrive in their order. Raises channel_closed
--- when this end is closed or the receiver has ended, EINVAL and ENOTSUP for what cannot be sent, ELOOP for a table
--- that contains itself, ENOMEM. Descriptors are duplicated; the sender keeps his.
---@param msg any
function methods:send(msg)
    if getmetatable(self) ~= "tx-channel" then io_object.not_an_object(self, "tx-channel") end
    local address = open_address(self)
    local fiber = enter()
    local res = send(address, copy.encode(msg))
    if res < 0 then fail(res) end
    give_way(fiber)
end

--- Closes the channel; closing twice does nothing. What was sent is still delivered.
function methods:close()
    local address = rawget(self, "address")
    if not address then return end
    self.address = false
    live[self] = nil
    C.ljos_address_free(ffi.gc(address, nil))
end

local function no_process() error(error_.generic("EINVAL", { detail = "this actor is no process of its own" }), 0) end

--- Raises EINVAL: for actors in processes only.
function methods.detach() no_process() end

--- Raises EINVAL: for actors in processes only.
function methods.kill() no_process() end

properties.child_pid = no_process

--- Closes every channel of this Lua state: the state is about to end.
function M.close_all()
    for channel in pairs(live) do
        channel:close()
    end
end

--- Has the receiver receive from a descriptor, too, which belongs to it then.
---@param self ljos.Address
---@param fd integer  closed on failure
function M.add_source(self, fd)
    local res = C.ljos_address_add_source(open_address(self), fd)
    if res < 0 then fail(res) end
end

local ATTACHED = ffi.C.LJOS_ATTACHED_ADDRESS

copy.register("tx-channel", function(channel, attached)
    attached.address = open_address(channel)
    attached.kind = ATTACHED
end)

return M
