--- Named semaphores: counters that processes share and wait for.
---
--- They are the C library's (sem_open(3)), so C programs can share them. The creator owns the name: its close, or
--- its collection, removes it, while those who have the semaphore open keep it. In a fiber `dec` suspends the
--- fiber only, as long as there are others to run.
---
--- Errors:   returns nil, message, code; raises strings for wrong arguments and closed handles
--- Suspends: dec
--- Needs:    glibc 2.30
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local blocking = require "ljos.ipc.blocking"
local error_ = require "ljos.error"
local native = require "ljos.native"
local os = require "ljos.ipc.os"

local error, floor, pcall = error, math.floor, pcall
local C, constants, errno_of = os.calls, os.constants, error_.errno_of
local EAGAIN, EINTR, ETIMEDOUT = errno_of.EAGAIN, errno_of.EINTR, errno_of.ETIMEDOUT

---@class ljos.ipc.sem
local M = {}

---@class ljos.ipc.Semaphore
---@field package handle? ffi.cdata*  nil when closed
---@field package release fun()
---@field fd integer       -1: it has none
---@field pending integer  fibers that wait
local Semaphore = {}

local MAX_NAME = 250

local function check_open(self)
    if type(self) ~= "table" or not self.handle then error("attempt to use invalid semaphore object", 3) end
end

--- Increments the counter.
---@return boolean? ok  nil, message, code
---@return string? message
---@return integer? code
function Semaphore:inc()
    check_open(self)
    if C.sem_post(self.handle) < 0 then return os.last_failure() end
    return true
end

-- true: taken; nil: not now; a number: errno. While a fiber waits another one may close the handle.
local function try(self)
    if not self.handle then return errno_of.ECANCELED end
    if C.sem_trywait(self.handle) == 0 then return true end
    local errno = ffi.errno()
    if errno ~= EAGAIN and errno ~= EINTR then return errno end
end

local timespec = ffi.new(native.struct "timespec")

local function wait(handle, deadline)
    if not deadline then return C.sem_wait(handle) end
    timespec.tv_sec = floor(deadline)
    timespec.tv_nsec = floor((deadline - floor(deadline)) * 1e9)
    return C.sem_clockwait(handle, constants.CLOCK_MONOTONIC, timespec)
end

-- As `try`, but blocks the thread; nil: the deadline has passed.
local function wait_plainly(handle, deadline)
    while wait(handle, deadline) < 0 do
        local errno = ffi.errno()
        if errno == ETIMEDOUT then return nil end
        if errno ~= EINTR then return errno end
    end
    return true
end

-- Closed while fibers waited: the last of them releases it.
local function settle(self)
    if not self.handle and self.pending == 0 then self.release() end
end

-- As `try`, but suspends the fiber; nil: the deadline has passed.
local function wait_in_fiber(loop, self, deadline)
    while true do
        local ok, res = pcall(blocking.wait_semaphore, loop, self, self.handle, self, deadline)
        if not self.handle then
            settle(self)
            if ok then return errno_of.ECANCELED end
        end
        if not ok then error(res, 0) end
        if res < 0 and res ~= -ETIMEDOUT then return -res end
        -- Another may have been faster.
        local result = try(self)
        if result ~= nil or res < 0 then return result end
    end
end

--- Decrements the counter, waiting while it is zero.
---@param timeout? number  seconds; 0 does not wait; absent or negative: no limit
---@return boolean? taken  false when the time was over; nil, message, code
---@return string? message
---@return integer? code
function Semaphore:dec(timeout)
    check_open(self)
    local limit = timeout ~= nil and arguments.number(timeout, 1, "dec") or -1
    local result = try(self)
    if result == nil and limit ~= 0 then
        -- Beyond a century there is no deadline; it also keeps the seconds within what the kernel takes.
        local deadline = limit >= 0 and limit < 3e9 and blocking.now() + limit or nil
        local loop = blocking.loop()
        if loop then
            result = wait_in_fiber(loop, self, deadline)
        else
            result = wait_plainly(self.handle, deadline)
        end
    end
    if result == nil then return false end
    if result ~= true then return os.failure(result) end
    return true
end

--- Closes the handle; the creator also removes the name.
---@return boolean
function Semaphore:close()
    check_open(self)
    self.handle = nil
    if self.pending > 0 then
        package.loaded["ljos.loop.in_flight"].cancel_all(self) -- whoever waits gets ECANCELED
    else
        self.release()
    end
    return true
end

local metatable = {
    __index = Semaphore,
    __metatable = false,
    __tostring = function(self) return self.handle and "semaphore" or "semaphore (closed)" end,
}

local function adopt(handle, owned_name)
    local function close(guard)
        C.sem_close(guard)
        if owned_name then C.sem_unlink(owned_name) end
    end
    ffi.gc(handle, close)
    local function release() close(ffi.gc(handle, nil)) end
    return setmetatable({ handle = handle, release = release, fd = -1, pending = 0 }, metatable)
end

--- Creates a semaphore with the value `n`, or opens an existing one when `n` is 0 or absent.
---@param name string  1 to 250 bytes, no "/"
---@param n? integer
---@return ljos.ipc.Semaphore? # nil, message, code: 17 when the name is taken, 2 when there is none
---@return string? message
---@return integer? code
function M.open(name, n)
    name = arguments.string(name, 1, "open")
    n = arguments.integer(n or 0, 2, "open")
    if #name == 0 or #name > MAX_NAME then return os.failure(errno_of.ENAMETOOLONG) end
    if name:find "[/%z]" or n < 0 or n >= 2 ^ 31 then return os.failure(errno_of.EINVAL) end
    name = "/" .. name
    local flags = n > 0 and constants.O_CREAT + constants.O_EXCL or 0
    local handle = C.sem_open(name, flags, 384, n) -- 0600
    if handle == nil then return os.last_failure() end
    return adopt(handle, n > 0 and name or nil)
end

return M
