--- The inbox: where an actor receives, from everybody who has an address of it.
---
--- For actors in processes each address is a socket pair of its own; the ends that are read here are the inbox's
--- sources. All addresses in this process share the mailbox. With one of these alone, `receive` waits for it; with
--- more, a poll set says which has something. A source that has ended, or that sent anything malformed, is dropped, and
--- only that one. When no source is left, and the mailbox has no address, nobody can send any more. No socket is
--- read unless somebody receives, so that a flood stays with its sender.
---
--- Errors:   raises ljos.Error: no_senders, channel_closed, EBUSY for a second receiver
--- Suspends: receive
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local channel = require "ljos.actor.channel"
local copy = require "ljos.actor.copy"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local loading = require "ljos.error.loading"
local mailbox_ = require "ljos.actor.mailbox"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local packet_ = require "ljos.actor.packet"
local wire = require "ljos.actor.wire"

local error, ipairs, pcall, setmetatable = error, ipairs, pcall, setmetatable
local C = native.C
local ECANCELED = error_.errno_of.ECANCELED
local POLLIN = native.constant_table("socket").POLLIN

---@class ljos.actor.inbox
local M = {}

---@class ljos.Inbox
---@field package sources ljos.IoObject[]
---@field package poll_set ljos.IoObject|false  once there were two sources
---@field package waiting ljos.IoObject|false    what the receiver waits for
---@field package receiving boolean
---@field package closed boolean
local methods = {}

-- Assignments to fields that exist do not come by __newindex.
local metatable = io_object.metatable("rx-channel", methods, {})

---@return ljos.Inbox
local function new()
    return setmetatable({
        sources = {},
        mailbox = false,
        poll_set = false,
        waiting = false,
        receiving = false,
        closed = false,
    }, metatable)
end

-- Sources -------------------------------------------------------------------------------------------------------

local function watch(self, source) error_.check(C.ljos_poll_set_add(self.poll_set.fd, source.fd)) end

-- Where there is more than one to receive from.
local function make_poll_set(self)
    if #self.sources + (self.mailbox and 1 or 0) < 2 then return end
    self.poll_set = io_object.new()
    io_object.adopt(self.poll_set, error_.check(C.ljos_poll_set_new()))
    for _, source in ipairs(self.sources) do
        watch(self, source)
    end
    if self.mailbox then watch(self, self.mailbox) end
end

-- Has who waits look again at what there is to receive from.
local function interrupt(self)
    if self.waiting then io_object.cancel(self.waiting) end
end

--- Adds the reading end of an address; the inbox owns it. A receiver that waits already will hear it too.
---@param self ljos.Inbox
---@param fd integer
function M.add_source(self, fd)
    local source = io_object.new()
    io_object.adopt(source, fd)
    self.sources[#self.sources + 1] = source
    if self.poll_set then
        watch(self, source)
    else
        make_poll_set(self)
    end
    interrupt(self)
end

local function drop_poll_set(self)
    if self.poll_set then io_object.close(self.poll_set) end
    self.poll_set = false
end

local function drop(self, source)
    for i, each in ipairs(self.sources) do
        if each == source then table.remove(self.sources, i) end
    end
    -- Not by closing alone: a copy of the descriptor may be under way elsewhere, and the set would go on about it.
    if self.poll_set then C.ljos_poll_set_remove(self.poll_set.fd, source.fd) end
    io_object.close(source)
    if #self.sources == 0 then drop_poll_set(self) end
end

-- Waits for any; returns its descriptor, nil when the wait was interrupted.
local function wait_for_any(self)
    self.waiting = self.poll_set
    if operation.poll(self.poll_set, POLLIN, "receive") < 0 then return nil end
    return C.ljos_poll_set_next(self.poll_set.fd)
end

local function source_of(self, fd)
    for _, source in ipairs(self.sources) do
        if source.fd == fd then return source end
    end
end

-- Receiving -----------------------------------------------------------------------------------------------------

local function make_object(fd, is_address)
    if is_address then return channel.from_message(fd) end
    return loading.load("ljos.file_descriptor").new(fd)
end

local function receive_from(self, source)
    local packet = packet_.take()
    packet_.open(packet)
    self.waiting = source
    local res = operation.recvmsg_soon(source, packet, "receive")
    if res == -ECANCELED then
        packet_.give_back(packet)
        return false
    end
    local ok, value = false, nil
    -- A message of no bytes means the end, but could still bring descriptors.
    if res >= 0 then
        ok, value = packet_.decode(packet, res, make_object)
    end
    packet_.give_back(packet)
    if not ok then drop(self, source) end
    return ok, value
end

-- As `receive_from`, from the mailbox without waiting; the third result tells that it is empty for now. It is dropped
-- when nobody has an address.
local function take(self, mailbox)
    local res, value, source = mailbox_.take(mailbox)
    if source then M.add_source(self, source) end
    if res == 0 then return not source, value end
    if res == mailbox_.EMPTY then return false, nil, true end
    mailbox_.close(mailbox)
    self.mailbox = false
    return false
end

local function receive_from_mailbox(self, mailbox)
    local ok, value, is_empty = take(self, mailbox)
    if is_empty then
        self.waiting = mailbox
        mailbox_.wait(mailbox)
    end
    return ok, value
end

local function receive_from_any(self, mailbox)
    if mailbox then mailbox_.arm(mailbox) end
    local fd = wait_for_any(self)
    if mailbox and fd == mailbox.fd then
        mailbox_.clear(mailbox)
        return take(self, mailbox)
    end
    local source = source_of(self, fd)
    if not source then return false end
    return receive_from(self, source)
end

-- False when the wait was interrupted, or what was waited for has ended.
local function try_receive(self)
    if self.closed then error(error_.core "channel_closed", 0) end
    local mailbox, sources = self.mailbox, self.sources
    if mailbox and #sources == 0 then return receive_from_mailbox(self, mailbox) end
    if mailbox or #sources > 1 then return receive_from_any(self, mailbox) end
    if #sources == 0 then error(error_.core "no_senders", 0) end
    return receive_from(self, sources[1])
end

-- Mostly no loop: code is not compiled as one piece that enters a loop only to leave it.
local function receive(self)
    local ok, value = try_receive(self)
    while not ok do
        ok, value = try_receive(self)
    end
    return value
end

--- Receives a message; messages of one sender come in their order. Seed 003, "inbox".
--- Waits for one. Cancellation loses none. Raises no_senders when there is no address of this inbox anywhere (also
--- while it waits), channel_closed when the inbox was closed, EBUSY while another fiber receives.
---@return boolean|number|string|ljos.FileDescriptor|ljos.Channel|ljos.Address|table
function methods:receive()
    if getmetatable(self) ~= "rx-channel" then io_object.not_an_object(self, "rx-channel") end
    if self.receiving then error(error_.generic("EBUSY", { detail = "another fiber receives" }), 0) end
    self.receiving = true
    local ok, value = pcall(receive, self)
    self.receiving, self.waiting = false, false
    if not ok then error(value, 0) end
    return value
end

--- Closes the inbox: senders get an error from now on, and what was not received is lost. Closing twice does nothing.
function methods:close()
    if self.closed then return end
    self.closed = true
    for _, source in ipairs(self.sources) do
        io_object.close(source)
    end
    drop_poll_set(self)
    self.sources = {}
    if self.mailbox then mailbox_.close(self.mailbox) end
    self.mailbox = false
end

-- This actor's own ----------------------------------------------------------------------------------------------

local own = new()

-- In a thread that was started for this Lua state.
local started_with = C.ljos_thread_inbox()
if started_with ~= nil then own.mailbox = mailbox_.new(started_with) end

--- Returns the inbox of this Lua state.
---@return ljos.Inbox
function M.own() return own end

channel.make_own_address = function()
    if own.closed then error(error_.core "channel_closed", 0) end
    local reading, writing = channel.pair(true)
    M.add_source(own, reading)
    return writing
end

wire.register("rx-channel", function() return wire.TO_BE_MADE end, "actor_address")
-- That module and what it needs is a quarter of what an actor loads, and few messages carry a descriptor.
wire.register(
    "file_descriptor",
    function(fd) return loading.load("ljos.file_descriptor").number_of(fd, 2) end,
    "file_descriptor"
)

local function make_mailbox()
    own.mailbox = mailbox_.make()
    if own.poll_set then
        watch(own, own.mailbox)
    else
        make_poll_set(own)
    end
    interrupt(own) -- who waits for the one source
end

copy.register("rx-channel", function(_, attached)
    if own.closed then error(error_.core "channel_closed", 0) end
    if not own.mailbox then make_mailbox() end
    attached.kind, attached.inbox = ffi.C.LJOS_ATTACHED_INBOX, own.mailbox.inbox
end)

return M
