--- Options of UDP sockets: those of all sockets, and those that IPv4 and IPv6 know under different names.
---
--- Which of the two a socket needs is asked of the kernel (SO_DOMAIN), so that it is right for sockets that came from
--- elsewhere too. Group memberships are requests of their own: an address and an interface, laid out natively.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address = require "ljos.ip.address"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local socket = require "ljos.socket"

local c, checked = socket.constants, socket.checked
local type = type

---@class ljos.ip.udp.options
local M = {}

local common =
    socket.option_set "debug broadcast do_not_route send_buffer_size receive_buffer_size reuse_address v6_only"

local function boolean(name) return { kind = "boolean", level = 0, name = c[name] } end
local function hops(name) return { kind = "integer", level = 0, name = c[name], most = 255 } end

local by_family = {
    [c.AF_INET] = {
        multicast_loop = boolean "IP_MULTICAST_LOOP",
        multicast_hops = hops "IP_MULTICAST_TTL",
        unicast_hops = hops "IP_TTL",
    },
    [c.AF_INET6] = {
        multicast_loop = boolean "IPV6_MULTICAST_LOOP",
        multicast_hops = hops "IPV6_MULTICAST_HOPS",
        unicast_hops = hops "IPV6_UNICAST_HOPS",
    },
}
local levels = { [c.AF_INET] = c.IPPROTO_IP, [c.AF_INET6] = c.IPPROTO_IPV6 }
for family, rows in pairs(by_family) do
    for _, row in pairs(rows) do
        row.level = levels[family]
    end
end

local domain = { kind = "integer", level = c.SOL_SOCKET, name = c.SO_DOMAIN }
local function family_of(object) return (socket.get_row(object, domain, "family")) end

local function row_of(object, name) return by_family[c.AF_INET][name] and by_family[family_of(object)][name] end

-- An interface as its IPv4 address or its index: what joining takes. Without one, the kernel chooses.
local function interface_of(value, arg)
    if value == nil then return nil, 0 end
    if type(value) == "number" and value >= 0 and value <= 0x7fffffff and value % 1 == 0 then return nil, value end
    if type(value) == "string" then value = address.of(value, arg) end
    if address.is(value) and value.is_v4 then return value, 0 end
    return error_.argument(arg, "an interface's index or IPv4 address expected")
end

local request = ffi.new "int[5]"

---@param group any              ljos.ip.Address
---@param interface_address any  ljos.ip.Address or nil
---@param index any              integer
---@return integer # its length
local function fill_request(group, interface_address, index)
    return native.C.ljos_ip_membership(group, interface_address, index, request)
end

local function membership(name_v4, name_v6)
    return function(object, option, group, interface)
        group = address.of(group, 3)
        if not group.is_multicast then error_.argument(3, "a multicast address expected, got " .. tostring(group)) end
        local interface_address, index = interface_of(interface, 4)
        if interface == nil and group.is_v6 then index = group.scope_id end
        io_object.check_open(object)
        local length = fill_request(group, interface_address, index)
        local level, name = c.IPPROTO_IP, c[name_v4]
        if group.is_v6 then
            if interface_address then error_.argument(4, "an interface's index expected for an IPv6 group") end
            level, name = c.IPPROTO_IPV6, c[name_v6]
        end
        checked(ffi.C.setsockopt(object.fd, level, name, request, length), { option = option })
    end
end

-- Only the interface of the request counts, the group is none.
local function multicast_interface(object, option, interface)
    if interface == nil then error_.argument(3, "an interface's index or IPv4 address expected, got nil") end
    local interface_address, index = interface_of(interface, 3)
    if family_of(object) == c.AF_INET then
        local length = fill_request(address.any_v4(), interface_address, index)
        checked(ffi.C.setsockopt(object.fd, c.IPPROTO_IP, c.IP_MULTICAST_IF, request, length), { option = option })
        return
    end
    if interface_address then error_.argument(3, "an interface's index expected for an IPv6 socket") end
    request[0] = index
    checked(ffi.C.setsockopt(object.fd, c.IPPROTO_IPV6, c.IPV6_MULTICAST_IF, request, 4), { option = option })
end

local requests = {
    join_multicast_group = membership("IP_ADD_MEMBERSHIP", "IPV6_ADD_MEMBERSHIP"),
    leave_multicast_group = membership("IP_DROP_MEMBERSHIP", "IPV6_DROP_MEMBERSHIP"),
    multicast_interface = multicast_interface,
}

--- Sets an option: "reuse_address", "broadcast", "multicast_loop", "multicast_hops", "unicast_hops", "v6_only",
--- "do_not_route", "debug"; in bytes "send_buffer_size", "receive_buffer_size". "join_multicast_group" and
--- "leave_multicast_group" take an address and, if wanted, the interface's index or IPv4 address; "multicast_interface"
--- takes the interface alone. Source: seed 003, "ip.udp.socket".
---@param object ljos.IoObject
---@param name string
---@param value boolean|integer|ljos.ip.Address|string
---@param interface? integer|ljos.ip.Address|string
function M.set(object, name, value, interface)
    local request_of = requests[name]
    if request_of then return request_of(object, name, value, interface) end
    local row = row_of(object, name)
    local plain = value --[[@as boolean|integer]]
    if row then return socket.set_row(object, row, name, plain) end
    socket.set_option(object, common, name, plain)
end

--- Gets an option that can be got.
---@param object ljos.IoObject
---@param name string
---@return boolean|integer
function M.get(object, name)
    local row = row_of(object, name)
    if row then return (socket.get_row(object, row, name)) end
    return (socket.get_option(object, common, name))
end

return M
