--- UNIX acceptors: sockets that listen at a path or an abstract name, and `listen`, which makes one.
---
--- Errors:   raises ljos.Error
--- Suspends: accept, wait
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.socket.acceptor"
local address = require "ljos.unix.address"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local path = require "ljos.filesystem.path"
local socket = require "ljos.socket"
local unix_socket = require "ljos.unix.socket"

local AF_UNIX = socket.constants.AF_UNIX
local AT_FDCWD, NOFOLLOW = calls.constants.AT_FDCWD, calls.constants.AT_SYMLINK_NOFOLLOW
local PERMISSIONS = 0x1ff -- 0777

---@class ljos.unix.acceptor
local M = {}

---@class ljos.unix.Acceptor: ljos.Acceptor
---@field local_path ljos.filesystem.Path
---@field open fun(self)
---@field bind fun(self, pathname: ljos.filesystem.Path|string)
---@field assign fun(self, fd: ljos.FileDescriptor)

--- Makes a class of acceptors.
---@param name string   what getmetatable answers
---@param kind integer  SOCK_*
---@param adopt fun(fd: integer): table  makes a socket of an accepted descriptor
---@return { new: fun(fd?: ljos.FileDescriptor): any }
function M.class(name, kind, adopt)
    --- Opens the acceptor, which must be closed: socket(2).
    local function open(self) socket.open(self, AF_UNIX, kind) end
    local methods = { bind = unix_socket.bind, assign = io_object.assign, open = open }
    acceptor.methods(methods, socket.option_set "debug", adopt)
    local new = io_object.constructors(io_object.metatable(name, methods, {
        is_open = unix_socket.properties.is_open,
        local_path = unix_socket.properties.local_path,
    }))
    return { new = new }
end

-- The file that bind(2) makes has the socket's own mode less the umask, so nobody gets in between the two calls; and
-- whoever can put another file there in between does not get one's mode changed through a symbolic link.
local function bind_with_mode(object, ep, mode)
    calls.check(calls.fchmod(object.fd, mode), "fchmod", ep)
    object:bind(ep, 1)
    if address.is_abstract(ep) then return end
    local res = calls.fchmodat(AT_FDCWD, ep, mode, NOFOLLOW)
    if res >= 0 then return end
    calls.unlinkat(AT_FDCWD, ep, 0)
    calls.check(res, "chmod", ep)
end

--- Makes the function `listen(ep, mode)` of a class.
---@param new fun(): any
---@return fun(ep: string, mode?: integer): any
function M.listener(new)
    --- Makes an acceptor that listens at a path, or at an abstract name ("\0name"). With a `mode` (filesystem.mode),
    --- the path has those permissions from the beginning. An existing path is EADDRINUSE. Source: seed 003,
    --- "unix.listen".
    ---@param ep string
    ---@param mode? integer
    return function(ep, mode)
        local text = path.string_of(ep, 1)
        if mode ~= nil then
            error_.check_type(mode, "number", 2)
            mode = bit.band(mode, PERMISSIONS)
        end
        local object = new()
        object:open()
        local ok, err = pcall(function()
            if mode then
                bind_with_mode(object, text, mode)
            else
                object:bind(text, 1)
            end
            object:listen()
        end)
        if ok then return object end
        object:close()
        error(err, 0)
    end
end

return M
