--- Acceptors: what those of all families share.
---
--- `methods` gives a class its methods but `open`, `bind` and `assign`, which know addresses.
---
--- Errors:   raises ljos.Error
--- Suspends: accept, wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"

local check_open = io_object.check_open
local ECONNABORTED = error_.errno_of.ECONNABORTED

---@class ljos.socket.acceptor
local M = {}

---@class ljos.Acceptor: ljos.IoObject
---@field is_open boolean
---@field listen fun(self, backlog?: integer)
---@field wait fun(self, wait_type: "read"|"write"|"error")
---@field close fun(self)
---@field cancel fun(self)
---@field release fun(self): ljos.FileDescriptor
---@field set_option fun(self, name: string, value: boolean)
---@field get_option fun(self, name: string): boolean

--- Adds the common methods to those of a class.
---@param methods table
---@param options table<string, true>      what the class has, beside "enable_connection_aborted"
---@param adopt fun(fd: integer): table    makes a socket of an accepted descriptor
function M.methods(methods, options, adopt)
    methods.listen = socket.listen
    methods.wait = socket.wait
    methods.close = io_object.close
    methods.cancel = io_object.cancel
    methods.release = io_object.release_descriptor

    --- Sets an option: "debug", of TCP also "reuse_address", "reuse_port", "v6_only". "enable_connection_aborted" says
    --- whether `accept` raises ECONNABORTED for a peer that left before it was accepted; else it waits for the next.
    function methods:set_option(name, value)
        if name ~= "enable_connection_aborted" then return socket.set_option(self, options, name, value) end
        error_.check_type(value, "boolean", 3)
        check_open(self)
        rawset(self, "connection_aborted", value)
    end

    --- Gets an option.
    ---@param name string
    ---@return boolean
    function methods:get_option(name)
        if name ~= "enable_connection_aborted" then return (socket.get_option(self, options, name)) end
        check_open(self)
        return rawget(self, "connection_aborted") or false
    end

    --- Waits for a connection and returns its socket.
    function methods:accept()
        check_open(self)
        local res = operation.accept(self, "accept")
        while res == -ECONNABORTED and not rawget(self, "connection_aborted") do
            check_open(self)
            res = operation.accept(self, "accept")
        end
        if res < 0 then error_.check(res) end
        return adopt(res)
    end
end

return M
