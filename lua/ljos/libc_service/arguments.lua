--- Arguments: what a call is about, as seed 003, "libc_service.master", has it: paths, lists of names, addresses.
---
--- Errors:   never; what means nothing is refused with nil
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local address_ = require "ljos.ip.address"
local native = require "ljos.native"
local open = require "ljos.filesystem.open"
local path_ = require "ljos.filesystem.path"
local wire = require "ljos.libc_service.wire"

local band = bit.band
local constants, protocols = native.constant_table "path", native.constant_table "socket"

---@class ljos.libc_service.arguments
local M = {}

-- Texts come with their lengths; a NUL would make another path of it for the C library.
local function path_of(text) return not text:find("\0", 1, true) and path_.make(text) or nil end

-- As `ljos.unix` names sockets: an abstract one begins with "@", and a file of such a name is given by its directory.
local function socket_path(text)
    if text:byte(1) == 0 then return path_.make((text:gsub("%z", "@"))) end
    if text:byte(1) == 64 then text = "./" .. text end
    return path_of(text)
end

local function address_of(request, version) return address_.from_bytes(version, request.address, request.scope) end

local function mode_of(request)
    local makes = band(request.flags, constants.O_CREAT) ~= 0
        or band(request.flags, constants.O_TMPFILE) == constants.O_TMPFILE
    return makes and band(request.mode, 0xfff) or nil
end

local function access_mode(amode)
    if amode == 0 then return "f" end
    local names = {}
    for i, name in ipairs { "x", "w", "r" } do
        if band(amode, 2 ^ (i - 1)) ~= 0 then table.insert(names, 1, name) end
    end
    return names
end

local PROTOCOLS = { [protocols.IPPROTO_TCP] = "tcp", [protocols.IPPROTO_UDP] = "udp" }

-- Each gives the names of the arguments and, in their order, the values.
local readers = {}

local OPEN, PATH, BOTH = { "path", "flags", "mode" }, { "path" }, { "path1", "path2" }
local ACCESS, MKDIR, NAME = { "path", "amode" }, { "path", "mode" }, { "node", "service", "protocol" }
local INET, INET6 = { "ipv4_addr", "port" }, { "ipv6_addr", "port" }

function readers.open(request)
    local path = path_of((wire.texts(request)))
    return OPEN, path, open.names_of(request.flags, request.resolve), mode_of(request)
end
readers.openat = readers.open

for _, name in ipairs { "unlink", "stat", "lstat", "rmdir" } do
    readers[name] = function(request) return PATH, path_of((wire.texts(request))) end
end

function readers.rename(request)
    local first, second = wire.texts(request)
    second = path_of(second)
    return BOTH, second and path_of(first), second
end

function readers.access(request) return ACCESS, path_of((wire.texts(request))), access_mode(request.amode) end
readers.eaccess = readers.access

function readers.mkdir(request) return MKDIR, path_of((wire.texts(request))), band(request.mode, 0xfff) end

for _, name in ipairs { "connect_", "bind_" } do
    readers[name .. "unix"] = function(request) return PATH, socket_path((wire.texts(request))) end
    readers[name .. "inet"] = function(request) return INET, address_of(request, 4), request.port end
    readers[name .. "inet6"] = function(request) return INET6, address_of(request, 6), request.port end
end

function readers.getaddrinfo(request)
    local node, service = wire.texts(request)
    return NAME, node, service, PROTOCOLS[request.protocol]
end

---@class ljos.libc_service.Call
---@field name string
---@field names string[]  of the arguments
---@field [integer] any   their values, in that order
---@field called ljos.libc_service.Function

--- Reads a request that `wire.check` has accepted.
---@param called ljos.libc_service.Function
---@param request ffi.cdata*  a struct ljos_libc_request
---@return ljos.libc_service.Call?  nil: its path is none
function M.read(called, request)
    local names, first, second, third = readers[called.name](request)
    if first == nil then return nil end
    return { name = called.name, called = called, names = names, first, second, third }
end

return M
