--- Mailboxes: where the messages of actors in threads of this process arrive.
---
--- Belongs to the inbox, which decides whether this is all it waits for. The native mailbox has an eventfd, which it
--- owns and which stands here as an object that operations can wait for.
---
--- Errors:   take raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address_ = require "ljos.actor.address"
local channel = require "ljos.actor.channel"
local copy = require "ljos.actor.copy"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local loading = require "ljos.error.loading"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"

local C = native.C
local kinds = ffi.C

---@class ljos.actor.mailbox
local M = {}

---@class ljos.Mailbox: ljos.IoObject
---@field inbox any  struct ljos_inbox *; false once it is closed

M.EMPTY, M.NO_SENDERS = -error_.errno_of.EAGAIN, -error_.errno_of.ENOLINK

---@param inbox ffi.cdata*  struct ljos_inbox *; owned from now on
---@return ljos.Mailbox
function M.new(inbox) return { fd = C.ljos_inbox_fd(inbox), pending = 0, inbox = ffi.gc(inbox, C.ljos_inbox_free) } end

local out = ffi.new "struct ljos_inbox *[1]"

--- Makes the mailbox of a Lua state that was not started with one.
---@return ljos.Mailbox
function M.make()
    error_.check(C.ljos_inbox_new(out), { detail = "the inbox" })
    return M.new(out[0])
end

--- Ends a mailbox: senders get an error, and what was not received is lost.
---@param self ljos.Mailbox
function M.close(self)
    in_flight.cancel_all(self)
    in_flight.forget(self)
    C.ljos_inbox_free(ffi.gc(self.inbox, nil))
    self.inbox, self.fd = false, -1
end

-- Taking --------------------------------------------------------------------------------------------------------

local delivery = ffi.new "struct ljos_delivery"

local function take(inbox) return C.ljos_inbox_take(inbox, delivery) end

local function make_object(attached)
    local kind = attached.kind
    local object ---@type any
    if kind == kinds.LJOS_ATTACHED_ADDRESS then
        object = address_.new(attached.address)
    elseif kind == kinds.LJOS_ATTACHED_CHANNEL then
        object = channel.new(attached.fd)
    else
        object = loading.load("ljos.file_descriptor").new(attached.fd)
    end
    attached.kind = kinds.LJOS_ATTACHED_NONE
    return object
end

--- Takes the next message: 0 and the value; 0 and nil and a descriptor to receive from, too; EMPTY, and then the
--- mailbox is to be waited for; or NO_SENDERS: it is empty, and nobody has an address.
---@param self ljos.Mailbox
---@return integer res
---@return any value
---@return integer? source  the caller's
function M.take(self)
    local res = take(self.inbox)
    if res < 0 then return res end
    local attached = delivery.attached
    if delivery.count == 1 and attached[0].kind == kinds.LJOS_ATTACHED_SOURCE then
        attached[0].kind = kinds.LJOS_ATTACHED_NONE
        return 0, nil, attached[0].fd
    end
    return 0, copy.decode(delivery.cells, attached, make_object)
end

--- Waits until there may be a message, after `take` has said EMPTY.
---@param self ljos.Mailbox
function M.wait(self)
    if operation.eventfd_soon(self, "receive") > 0 and self.inbox then C.ljos_inbox_clear(self.inbox) end
end

--- Makes the mailbox's descriptor readable when it has a message, or else as soon as it has.
---@param self ljos.Mailbox
function M.arm(self) C.ljos_inbox_arm(self.inbox) end

--- Makes the mailbox's descriptor unreadable.
---@param self ljos.Mailbox
function M.clear(self) C.ljos_inbox_clear(self.inbox) end

-- What goes beside a message ------------------------------------------------------------------------------------

copy.register("ipc_actor_channel", function(value, attached)
    if value.fd < 0 then error(error_.core "channel_closed", 0) end
    attached.kind, attached.fd = kinds.LJOS_ATTACHED_CHANNEL, value.fd
end)

copy.register("file_descriptor", function(value, attached)
    attached.fd = loading.load("ljos.file_descriptor").number_of(value, 2)
    attached.kind = kinds.LJOS_ATTACHED_FD
end)

return M
