--- Options of sockets: numbers and booleans, and structs for those that have one.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local number, flag = fd.number, argument.flag
local t = types.t

---@class ljos.syscall.call.option
local M = {}

local groups =
    { SOCKET = "SO", IP = "IP", IPV6 = "IPV6", TCP = "TCP", UDP = "UDP", NETLINK = "NETLINK", PACKET = "PACKET" }

local function option(level, name)
    local lev
    if type(level) == "string" then
        lev = c.SOL[level] or c.IPPROTO[level]
        if not lev then argument.wrong(2, "socket option level", level) end
    else
        lev = argument.integer(level, 2)
    end
    if type(name) == "number" then return lev, name end
    local group
    if lev == c.SOL.SOCKET then
        group = c.SO
    else
        for key, options in pairs(groups) do
            if c.IPPROTO[key] == lev or c.SOL[key] == lev then group = c[options] end
        end
    end
    return lev, flag(group or c.SO, name, 3)
end

local SOCKET = { LINGER = "linger", RCVTIMEO = "timeval", SNDTIMEO = "timeval", PEERCRED = "ucred" }
local socket_structs = {} ---@type table<integer, string>  by number
for name, struct in pairs(SOCKET) do
    socket_structs[c.SO[name]] = struct
end

-- The type of the struct that an option has, or nil.
local function struct_of(level, opt)
    if level == c.SOL.SOCKET then return socket_structs[opt] end
    if level == c.IPPROTO.TCP and opt == c.TCP.INFO then return "tcp_info" end
end

local setsockopt, getsockopt = kernel.call("setsockopt", "iiipi"), kernel.call("getsockopt", "iiipp")
local int1, length = ffi.new "int[1]", ffi.new "uint32_t[1]"

--- setsockopt(2): the value is a boolean, a number, a string (with its length), a struct or the table that makes one. A
--- time is a number of seconds, too.
function M.setsockopt(file, level, name, value, len)
    local lev, opt = option(level, name)
    local kind = struct_of(lev, opt)
    if type(value) == "table" or type(value) == "number" and kind == "timeval" then
        value = argument.struct(t[kind or "linger"], value, 4)
    elseif value == nil or type(value) == "boolean" then
        value = value and 1 or 0
    end
    if type(value) == "number" then
        int1[0] = value
        value, len = int1, 4
    elseif type(value) == "string" then
        len = len or #value
    end
    argument.pointer(value, 4)
    return kernel.done(setsockopt(number(file, 1), lev, opt, value, argument.size(len or ffi.sizeof(value), 5, value)))
end

--- getsockopt(2): a number, or the struct that the option has ("linger", "rcvtimeo", "peercred", ...); with a buffer or
--- struct that one filled, nil, and the length.
function M.getsockopt(file, level, name, value, len)
    local lev, opt = option(level, name)
    local kind = struct_of(lev, opt)
    local target = argument.buffer(value, 4)
    if value == nil then target = kind and t[kind]() or int1 end
    int1[0] = 0
    length[0] = argument.size(len or ffi.sizeof(target), 5, target)
    local res = getsockopt(number(file, 1), lev, opt, target, length)
    if res < 0 then return kernel.failed(res) end
    if value ~= nil then return value, nil, length[0] end
    return kind and target or int1[0]
end

return M
