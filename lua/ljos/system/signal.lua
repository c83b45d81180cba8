--- Signals: constants, `raise`, `ignore`, `default`, and sets to wait for.
---
--- A set owns an eventfd. A native handler counts each signal for every set that has it and makes the eventfd
--- readable; no Lua runs in signal context. `wait` takes the lowest signal that is queued.
---
--- Errors:   raises ljos.Error
--- Suspends: set:wait
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local loop = require "ljos.loop"
local master = require "ljos.system.master"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local stand_in = require "ljos.system.stand_in"

ffi.cdef [[
int eventfd(unsigned int initial, int flags);
int raise(int signal);
int kill(int pid, int signal);
int getpid(void);
int64_t read(int fd, void *buffer, size_t count);
int64_t write(int fd, const void *buffer, size_t count);
int close(int fd);
]]

local C = native.C
local files, sockets = native.constant_table "file", native.constant_table "socket"

---@class ljos.system.signal
---@field [string] any  SIGINT and its like: numbers
local M = {}
for name, value in native.constants "signal" do
    M[name] = value
end

local function check_signal(signal, arg)
    if type(signal) ~= "number" or signal % 1 ~= 0 then error_.argument(arg, "a signal number expected") end
    return signal
end

local function dispose(signal, ignore)
    master.check(ignore == 1 and "signal.ignore" or "signal.default")
    stand_in.leave(check_signal(signal, 1))
    error_.check(C.ljos_signal_dispose(signal, ignore), { arg = 1 })
end

--- raise(3): sends a signal to the calling process.
---@param signal integer
function M.raise(signal)
    check_signal(signal, 1)
    -- Threads of ours have all signals blocked: there it must be for any thread.
    local res = C.ljos_thread_number() == 0 and ffi.C.raise(signal) or ffi.C.kill(ffi.C.getpid(), signal)
    if res ~= 0 then error_.check(-ffi.errno(), { arg = 1 }) end
end

--- Ignores a signal. Raises EBUSY while a set has it.
---@param signal integer
function M.ignore(signal) dispose(signal, 1) end

--- Resets a signal to the system's default. Raises EBUSY while a set has it.
---@param signal integer
function M.default(signal) dispose(signal, 0) end

---@class ljos.system.signal.Set: ljos.IoObject
---@field number integer  the native set
---@field cancellations integer
local Set = {}

-- Ends the native set before its eventfd, whose number can be another file's then.
local function release(owner)
    C.ljos_signal_set_free(owner.number)
    local handle = engine.existing()
    if handle then C.ljos_engine_forget(handle, owner.fd, 0) end
    ffi.C.close(owner.fd)
end
local owner_type = ffi.metatype(ffi.typeof "struct { int fd; int number; }", { __gc = release })

--- Adds a signal.
---@param signal integer
function Set:add(signal)
    master.check "signal.set:add"
    stand_in.leave(check_signal(signal, 2))
    error_.check(C.ljos_signal_set_add(self.number, signal), { arg = 2 })
end

--- Removes a signal; what is queued for it is dropped.
---@param signal integer
function Set:remove(signal)
    check_signal(signal, 2)
    error_.check(C.ljos_signal_set_remove(self.number, signal), { arg = 2 })
end

--- Removes all signals.
function Set:clear()
    for signal = 1, 64 do
        error_.check(C.ljos_signal_set_remove(self.number, signal))
    end
end

--- Ends the calls to `wait` that are suspended, with ECANCELED.
function Set:cancel()
    rawset(self, "cancellations", self.cancellations + 1)
    io_object.cancel(self)
end

local count = ffi.new "uint64_t[1]"

-- A signal that is queued, or 0. Where none is, the eventfd is made unreadable, so that it does not announce what has
-- been taken already; a signal that comes meanwhile is announced again, to who else may wait.
local function take(self)
    local signal = C.ljos_signal_set_take(self.number)
    if signal > 0 then return signal end
    ffi.C.read(self.fd, count, 8)
    signal = C.ljos_signal_set_take(self.number)
    if signal > 0 then
        count[0] = 1
        ffi.C.write(self.fd, count, 8)
    end
    return signal
end

--- Waits until a signal of the set has come; returns its number. Notifications are queued, the lowest signal first;
--- each goes to one of the fibers that wait.
---@return integer
function Set:wait()
    loop.enter()
    local cancellations = self.cancellations
    while true do
        local signal = take(self)
        if signal > 0 then return signal end
        -- Another fiber may have taken what woke this one, before the cancellation could.
        if self.cancellations ~= cancellations then error(error_.system "ECANCELED", 0) end
        error_.check(operation.poll(self, sockets.POLLIN, "wait"))
    end
end

local metatable = io_object.metatable("system.signal.set", Set, {})

M.set = {}

local function new_set()
    master.check "signal.set.new"
    local fd = ffi.C.eventfd(0, bit.bor(files.EFD_CLOEXEC, files.EFD_NONBLOCK))
    if fd < 0 then error_.check(-ffi.errno(), { detail = "eventfd" }) end
    local number = C.ljos_signal_set_new(fd)
    if number == -error_.errno_of.ENOBUFS then
        collectgarbage() -- there may be sets that nobody has any more
        number = C.ljos_signal_set_new(fd)
    end
    if number < 0 then
        ffi.C.close(fd)
        error_.check(number, { detail = "signal sets" })
    end
    local owner = owner_type(fd, number)
    return setmetatable({ fd = fd, pending = 0, number = number, cancellations = 0, owner = owner }, metatable)
end

--- Makes a set of the signals given.
---@param ... integer
---@return ljos.system.signal.Set
function M.set.new(...)
    for i = 1, select("#", ...) do
        check_signal((select(i, ...)), i)
    end
    local self = new_set()
    for i = 1, select("#", ...) do
        local signal = select(i, ...)
        stand_in.leave(signal)
        local res = C.ljos_signal_set_add(self.number, signal)
        if res < 0 then
            release(ffi.gc(self.owner, nil))
            error_.check(res, { arg = i })
        end
    end
    return self
end

setmetatable(M, {
    __index = function(_, name)
        if name == "SIGBREAK" then error_.not_on_linux("system.signal.SIGBREAK", "Windows") end
        error_.bad_index("system.signal", name)
    end,
})

return M
