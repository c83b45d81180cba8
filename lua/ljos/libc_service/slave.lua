--- Slaves: the other end of a service, and its filters, until an actor is started with it.
---
--- Whoever starts the actor consumes the object: from then on it is closed. One that is never used is closed by the
--- collector, and its master hears the end.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local launch = require "ljos.actor.launch"
local wire = require "ljos.libc_service.wire"

---@class ljos.libc_service.slave
local M = {}

---@class ljos.libc_service.Slave
---@field [string] string?  the chunk of a filter

---@type table<ljos.libc_service.Slave, {fd: ljos.FileDescriptor|false, chunks: table<string, string>}>
local parts = setmetatable({}, { __mode = "k" })

local function check_key(key)
    if type(key) ~= "string" or not wire.functions[key] then error_.bad_index("libc_service.slave", key) end
end

local metatable = { __metatable = "libc_service.slave" }

function metatable.__index(self, key)
    check_key(key)
    return parts[self].chunks[key]
end

--- Assigns the Lua chunk that runs in the actor when it calls the function `key`; nil takes it away. Seed 003,
--- "libc_service.slave".
function metatable.__newindex(self, key, chunk)
    check_key(key)
    local own = parts[self]
    if not own.fd then error(error_.system("EBADF", { arg = 1, detail = "the slave was consumed" }), 0) end
    if chunk ~= nil then
        error_.check_type(chunk, "string", key)
        local compiled, message = loadstring(chunk, "=" .. key)
        if not compiled then error_.argument(key, message) end
    end
    own.chunks[key] = chunk
end

--- Makes a slave that owns `fd`.
---@param fd integer
---@return ljos.libc_service.Slave
function M.new(fd)
    local slave = setmetatable({}, metatable)
    parts[slave] = { fd = file_descriptor.new(fd), chunks = {} }
    return slave
end

--- Raises unless `slave` is one that was not consumed.
---@param slave any
---@param arg integer|string  the argument's position or name, for the error
function M.check(slave, arg)
    local own = parts[slave]
    if not own then error_.argument(arg, "libc_service.slave expected, got " .. type(slave)) end
    if not own.fd then error(error_.system("EBADF", { arg = arg, detail = "the slave was consumed" }), 0) end
end

--- Whether the slave has filters.
---@param slave ljos.libc_service.Slave
---@return boolean
function M.has_filters(slave) return next(parts[slave].chunks) ~= nil end

--- Consumes the slave; the descriptor is the caller's.
---@param slave ljos.libc_service.Slave
---@return ljos.FileDescriptor
function M.take(slave)
    local own = parts[slave]
    local fd = own.fd
    own.fd = false
    return fd --[[@as ljos.FileDescriptor]]
end

--- Adds the service to what an actor is given; does nothing without one.
---@param slave any
---@param arg string                  the parameter's name, for errors
---@param boot table<string, string>  the boot record
---@param grants integer[]
function M.grant(slave, arg, boot, grants)
    if slave == nil then return end
    M.check(slave, arg)
    local own = parts[slave]
    grants[#grants + 1] = file_descriptor.number_of(own.fd, arg)
    boot.libc_service = tostring(launch.FIRST_GRANT + #grants - 1)
    for name, chunk in pairs(own.chunks) do
        boot["filter/" .. name] = chunk
    end
    -- A ring would go around the functions.
    boot.engine = "epoll"
end

--- Closes a slave that an actor was started with; does nothing without one.
---@param slave? ljos.libc_service.Slave
function M.consume(slave)
    if slave ~= nil then M.take(slave):close() end
end

return M
