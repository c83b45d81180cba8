--- Types of readiness and asynchronous input and output: pollfds, epoll events, iocbs, message queues.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local fail = require("ljos.syscall.blame").fail
local LOW = ffi.new("uint64_t", 0xffffffff)

local tonumber, type = tonumber, type

local M = {}
local t = struct.t

local function flag_test(group, field)
    return function(self, key)
        local value = type(key) == "string" and group[key]
        if type(value) ~= "number" then fail("no field or flag " .. tostring(key)) end
        return bit.band(tonumber(self[field]), value) ~= 0
    end
end

local function define_pollfd()
    local define = struct.define("pollfd", {
        set = { fileno = function(self, value) self.fd = value end },
        get = {
            getfd = function(self)
                return function() return self.fd end
            end,
            fileno = function(self) return self.fd end,
        },
        new = function(self, init)
            if type(init) == "table" then
                self.fd = fd.number(init.fd or init[1], "fd")
                self.events = bit.band(c.POLL[init.events or init[2]], 0xffff)
                self.revents = bit.band(c.POLL[init.revents], 0xffff)
            end
        end,
        missing = flag_test(c.POLL, "revents"),
    })
    return define
end

local function define_epoll_event()
    struct.define("epoll_event", {
        get = {
            fd = function(self) return tonumber(bit.band(self.u64, LOW)) end,
            data = function(self) return self.u64 end,
            ptr = function(self) return ffi.cast("void *", ffi.cast("uintptr_t", self.u64)) end,
            u32 = function(self) return tonumber(bit.band(self.u64, LOW)) end,
        },
        set = {
            fd = function(self, value) self.u64 = fd.number(value, "fd") end,
            data = function(self, value) self.u64 = value end,
            u32 = function(self, value) self.u64 = value end,
            ptr = function(self, value) self.u64 = ffi.cast("uintptr_t", ffi.cast("void *", value)) end,
        },
        new = function(self, init)
            if type(init) == "table" then
                self.events = c.EPOLL[init.events] or 0
                for _, key in ipairs { "fd", "u64", "u32", "ptr", "data" } do
                    if init[key] ~= nil then self[key] = init[key] end
                end
            elseif init ~= nil then
                self.events = c.EPOLL[init]
            end
        end,
        missing = flag_test(c.EPOLL, "events"),
    })
end

local function define_iocb()
    struct.define("iocb", {
        prefix = "aio_",
        get = {
            opcode = function(self) return self.aio_lio_opcode end,
            fd = function(self) return tonumber(self.aio_fildes) end,
            nbytes = function(self) return tonumber(self.aio_nbytes) end,
            offset = function(self) return tonumber(self.aio_offset) end,
            data = function(self) return tonumber(self.aio_data) end,
        },
        set = {
            opcode = function(self, value) self.aio_lio_opcode = c.IOCB_CMD[value] end,
            fd = function(self, value) self.aio_fildes = fd.number(value, "fd") end,
            buf = function(self, value)
                self.aio_buf = ffi.cast(
                    "uintptr_t",
                    type(value) == "string" and ffi.cast("const char *", value) or ffi.cast("void *", value)
                )
            end,
            nbytes = function(self, value) self.aio_nbytes = value end,
            offset = function(self, value) self.aio_offset = value end,
            data = function(self, value) self.aio_data = value end,
            reqprio = function(self, value) self.aio_reqprio = value end,
            flags = function(self, value) self.aio_flags = c.IOCB_FLAG[value] end,
            resfd = function(self, value)
                self.aio_flags = bit.bor(self.aio_flags, c.IOCB_FLAG.RESFD)
                self.aio_resfd = fd.number(value, "resfd")
            end,
        },
    })
end

local definitions = {
    pollfd = define_pollfd,
    pollfds = function() struct.define_array("pollfds", "pollfd", "pfd", { first = 0 }) end,
    epoll_event = define_epoll_event,
    epoll_events = function() struct.define_array("epoll_events", "epoll_event", "ep", { first = 0 }) end,
    iocb = define_iocb,
    iocb_array = function()
        struct.define_array("iocb_array", "iocb", "iocbs", {
            first = 0,
            get = {
                nr = function(self) return self.count end,
                ptrs = function(self) return t.iocb_ptrs(self) end,
            },
        })
    end,
    iocbs = function()
        local _ = t.iocb
        struct.define_list("iocbs", "iocb")
    end,
    iocb_ptrs = function()
        local _ = t.iocb_array
        ffi.cdef "struct ljos_iocb_ptrs { int count; struct ljos_iocb *list[?]; };"
        local ct = ffi.typeof "struct ljos_iocb_ptrs"
        -- Of a list of t.iocb, or of a t.iocb_array or the list that makes one.
        struct.register("iocb_ptrs", ct, function(list)
            if type(list) ~= "table" and not ffi.istype("struct ljos_iocb_array", list) then
                fail("a list of iocbs expected, got " .. type(list))
            end
            if type(list) == "table" and type(list[1]) == "table" then list = t.iocb_array(list) end
            local first = type(list) == "table" and 1 or 0
            local self = ffi.new(ct, #list)
            self.count = struct.anchor(self, "list", list) and #list
            for i = 0, #list - 1 do
                self.list[i] = list[first + i]
            end
            return self
        end)
    end,
    io_event = function()
        struct.define("io_event", {
            get = {
                error = function(self)
                    if self.res < 0 then return t.error(tonumber(-self.res)) end
                end,
            },
        })
    end,
    io_events = function() struct.define_array("io_events", "io_event", "ev", { first = 0 }) end,
    mqd = function()
        -- A message queue descriptor: closed like any other, with the queue's own methods.
        t.mqd = function(n) return require("ljos.syscall.call.queue").descriptor(n) end
    end,
    mq_attr = function()
        struct.define("mq_attr", {
            prefix = "mq_",
            short = "maxmsg msgsize curmsgs",
            get = { flags = function(self) return tonumber(self.mq_flags) end },
            set = { flags = function(self, value) self.mq_flags = c.OMQATTR[value] end },
            order = { "flags", "maxmsg", "msgsize", "curmsgs" },
        })
    end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
