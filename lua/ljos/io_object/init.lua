--- IO objects: what everything that owns a descriptor has in common.
---
--- An object is a table {fd, pending, owner}. `owner` is a small cdata whose finaliser closes the descriptor when
--- the object is collected (false before the object is first opened, true once it is closed); while an operation is in
--- flight the loop keeps the object alive. `close` cancels what is in flight and gives the number back at once: the
--- kernel keeps the file until those operations have ended.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local in_flight = require "ljos.loop.in_flight"
local ledger = require "ljos.fiber.ledger"
local loading = require "ljos.error.loading"
local native = require "ljos.native"

local C = ffi.C

ffi.cdef "int close(int fd);"

-- Nameless, so that this file can be loaded twice; the comment keeps busted, which remembers C types by their text,
-- from taking it for that of another module.
local owned_fd = ffi.metatype(ffi.typeof "struct { int fd; /* io_object */ }", {
    __gc = function(owner)
        if owner.fd < 0 then return end
        local handle = engine.existing()
        if handle then native.C.ljos_engine_forget(handle, owner.fd, 0) end
        if ledger.is_on then ledger.lost(owner.fd) end
        C.close(owner.fd)
    end,
})

---@class ljos.io_object
local M = {}

--- The common part of a new, closed object.
---@param fields? table  further fields, to be kept
---@return any
function M.new(fields)
    fields = fields or {}
    fields.fd, fields.pending, fields.owner = -1, 0, false
    return fields
end

--- Takes ownership of a descriptor; the object must be closed.
---@param object ljos.IoObject
---@param fd integer
function M.adopt(object, fd)
    object.owner = owned_fd(fd)
    object.fd = fd
    if ledger.is_on then ledger.opened(fd, object) end
end

--- Raises EINVAL for what was given in place of an object.
---@param value any
---@param name string  of the class
function M.not_an_object(value, name)
    local class = type(value) == "table" and getmetatable(value)
    error_.argument(1, ("%s expected, got %s"):format(name, type(class) == "string" and class or type(value)))
end

--- Raises EBADF unless the object is open.
---@param object ljos.IoObject
function M.check_open(object)
    if type(object) ~= "table" or not rawget(object, "fd") then M.not_an_object(object, "IO object") end
    if object.fd < 0 then error(error_.system("EBADF", { detail = "the object is closed" }), 0) end
end

--- Whether the object has never been open.
---@param object ljos.IoObject
---@return boolean
function M.is_new(object) return type(object) == "table" and rawget(object, "owner") == false end

--- Raises asio_error.misc.already_open unless the object is closed.
---@param object ljos.IoObject
function M.check_closed(object)
    if object.fd >= 0 then error(asio_error.misc.already_open, 0) end
end

-- Ends ownership; what was in flight ends with ECANCELED.
local function disown(object)
    local fd = object.fd
    in_flight.cancel_all(object)
    in_flight.forget(object)
    object.owner.fd = -1
    object.owner, object.fd = true, -1
    if ledger.is_on then ledger.closed(fd) end
    return fd
end

--- Closes the object; operations in flight end with ECANCELED. Closing a closed object does nothing.
---@param object ljos.IoObject
function M.close(object)
    if object.fd >= 0 then C.close(disown(object)) end
end

--- Closes the object as if it had never been open.
---@param object ljos.IoObject
function M.renew(object)
    M.close(object)
    object.owner = false
end

--- Gives the descriptor away; operations in flight end with ECANCELED.
---@param object ljos.IoObject
---@return integer fd  the caller's now
function M.release(object)
    M.check_open(object)
    return disown(object)
end

--- As `release`, as a file_descriptor object: the `release` method of every class.
---@param object ljos.IoObject
---@return ljos.FileDescriptor
function M.release_descriptor(object) return loading.load("ljos.file_descriptor").new(M.release(object)) end

--- Takes the number out of a file_descriptor object, for `assign` methods.
---@param fd ljos.FileDescriptor
---@param arg integer
---@return integer
function M.take_descriptor(fd, arg) return loading.load("ljos.file_descriptor").take(fd, arg) end

--- Takes over a descriptor; the object must be closed. The `assign` method of most classes.
---@param object ljos.IoObject
---@param fd ljos.FileDescriptor
---@param arg? integer  its position, for the error; 2 unless given
function M.assign(object, fd, arg)
    M.check_closed(object)
    M.adopt(object, M.take_descriptor(fd, arg or 2))
end

--- Cancels the operations in flight; they end with ECANCELED, or with their result where it was faster.
---@param object ljos.IoObject
function M.cancel(object)
    M.check_open(object)
    in_flight.cancel_all(object)
end

--- What it means that a read brought no bytes: raises its error, or asio_error.misc.eof at the end of the stream;
--- returns 0 where none were asked for.
---@param res integer  0 or -errno
---@param buffer ljos.byte_span
---@return integer
function M.no_bytes(res, buffer)
    if res < 0 then error_.check(res) end
    if buffer.len > 0 then error(asio_error.misc.eof, 0) end
    return 0
end

--- The property `is_open` of every class.
---@param object ljos.IoObject
---@return boolean
function M.is_open(object) return object.fd >= 0 end

local function read_only() error(error_.generic "EPERM", 0) end

--- Returns the number of the descriptor, for the calls of ljos.syscall. Every class has this method.
---@param object ljos.IoObject
---@return integer
function M.getfd(object)
    M.check_open(object)
    return object.fd
end

-- Methods that are called once and again: they look at their object themselves (`check_open`), and what another class's
-- object is for them, the kernel says (ENOTSOCK, ...).
local is_hot = {
    accept = true,
    read_some = true,
    read_some_at = true,
    receive = true,
    receive_from = true,
    send = true,
    send_to = true,
    write_some = true,
    write_some_at = true,
}

-- The others may count on the class of their object. Six arguments are as many as any takes.
local function only_for(name, method)
    return function(self, a, b, c, d, e, f)
        if getmetatable(self) ~= name then M.not_an_object(self, name) end
        return method(self, a, b, c, d, e, f)
    end
end

--- Makes the metatable of a class of objects. Unknown keys raise bad_index, new keys EPERM.
---@param name string                                what getmetatable(object) answers
---@param methods table                              may get more until the first object is used
---@param properties table<string, fun(self: table): any>
---@return table
function M.metatable(name, methods, properties)
    local checked = { getfd = only_for(name, M.getfd) }
    local function find(key)
        local method = methods[key]
        if method and not is_hot[key] then method = only_for(name, method) end
        checked[key] = method
        return method
    end
    return {
        __metatable = name,
        __newindex = read_only,
        __index = function(self, key)
            local method = checked[key] or find(key)
            if method then return method end
            local property = properties[key]
            if property then return property(self) end
            error_.bad_index(name, key)
        end,
    }
end

--- Makes the two functions that make objects of a class.
---@param metatable table  what `metatable` made
---@return fun(fd?: ljos.FileDescriptor): any new  a closed object, or one that owns `fd`
---@return fun(number: integer): any adopt         one that owns a descriptor's number; for library modules
function M.constructors(metatable)
    --- Makes a closed object, or one that a file_descriptor's number goes to: `fd` is closed then.
    ---@param fd? ljos.FileDescriptor
    local function new(fd)
        local object = setmetatable(M.new(), metatable)
        if fd ~= nil then M.assign(object, fd, 1) end
        return object
    end
    --- Makes an object of a descriptor's number; for library modules.
    local function adopt(number)
        local object = setmetatable(M.new(), metatable)
        M.adopt(object, number)
        return object
    end
    return new, adopt
end

return M
