--- POSIX message queues.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local number, flag, integer, struct = fd.number, argument.flag, argument.integer, argument.struct
local t = types.t

---@class ljos.syscall.call.queue
local M, is_loaded = native.lasting "ljos.syscall.call.queue"
if is_loaded then return M end

-- mq_open(3) drops the slash that the kernel doesn't want.
local function queue_name(name) return (argument.text(name, 1):gsub("^/", "")) end

ffi.cdef "struct ljos_mqd { int filenum; };"
local methods = {}
local close = kernel.libc("close", "int (int)")

function methods.close(self)
    local n = self.filenum
    if n < 0 then return true end
    self.filenum = -1
    if close(n) == -1 then return kernel.fail() end
    return true
end
function methods.getfd(self) return self.filenum end
function methods.nogc(self)
    ffi.gc(self, nil)
    return self
end

local ct = ffi.metatype("struct ljos_mqd", {
    __index = methods,
    __gc = function(self)
        if self.filenum >= 0 then close(self.filenum) end
    end,
})

--- Makes a queue descriptor object of a number.
function M.descriptor(n) return ct(n == nil and -1 or number(n)) end

local open = kernel.call("mq_open", "piip")
--- mq_open(3), close-on-exec.
function M.mq_open(name, flags, mode, attr)
    local bits = argument.cloexec(c.O, flags, 2)
    local res = open(queue_name(name), bits, flag(c.MODE, mode, 3), struct(t.mq_attr, attr, 4))
    if res < 0 then return kernel.failed(res) end
    return ct(res)
end

local unlink = kernel.call("mq_unlink", "p")
function M.mq_unlink(name) return kernel.done(unlink(queue_name(name))) end

local getsetattr = kernel.call("mq_getsetattr", "ipp")
--- The queue's attributes, or with `new` the old ones.
function M.mq_getsetattr(queue, new, old)
    old = argument.room(t.mq_attr, old, 3)
    local res = getsetattr(number(queue, 1), struct(t.mq_attr, new, 2), old)
    if res < 0 then return kernel.failed(res) end
    return old
end

local send = kernel.retry(kernel.call("mq_timedsend", "ipiip"))
function M.mq_timedsend(queue, message, length, priority, timeout)
    local memory, count = argument.data(message, length, 2)
    local time = struct(t.timespec, timeout, 5)
    return kernel.done(send(number(queue, 1), memory, count, integer(priority or 0, 4), time))
end

local receive = kernel.retry(kernel.call("mq_timedreceive", "ipipp"))
--- mq_timedreceive(2): (queue, buffer, length, priority, time) gives the count, nil, the priority; without a buffer
--- the message as a string. The priority is nil or an array to be filled.
function M.mq_timedreceive(queue, buffer, length, priority, timeout)
    local text = buffer == nil
    if text then
        if not length then
            local attr, err = M.mq_getsetattr(queue)
            if not attr then return nil, err end
            length = attr.msgsize
        end
        buffer = argument.fresh(length, 3)
    end
    local filled = type(priority) == "cdata" and argument.memory(priority, 4, 4) or t.uint1()
    local memory, count = argument.bytes(buffer, length, 2, true)
    local res = receive(number(queue, 1), memory, count, filled, struct(t.timespec, timeout, 5))
    if res < 0 then return kernel.failed(res) end
    return text and ffi.string(buffer, res) or res, nil, tonumber(ffi.cast("uint32_t *", filled)[0])
end

local notify = kernel.call("mq_notify", "ip")
function M.mq_notify(queue, event) return kernel.done(notify(number(queue, 1), struct(t.sigevent, event, 2))) end

for short, name in pairs {
    getsetattr = "mq_getsetattr",
    timedsend = "mq_timedsend",
    timedreceive = "mq_timedreceive",
    notify = "mq_notify",
} do
    methods[short] = M[name]
end
function methods.send(self, message, length, priority, timeout)
    return M.mq_timedsend(self, message, length, priority, timeout)
end
function methods.receive(self, buffer, length, priority, timeout)
    return M.mq_timedreceive(self, buffer, length, priority, timeout)
end
function methods.getattr(self) return M.mq_getsetattr(self) end
function methods.setattr(self, attr) return M.mq_getsetattr(self, attr) end

return M
