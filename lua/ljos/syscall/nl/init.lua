--- rtnetlink: interfaces, addresses, routes and neighbours, read and changed.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"
local message = require "ljos.syscall.nl.message"

local c, t = S.c, S.t

---@class ljos.syscall.nl
local M = {}

M.encapnames = setmetatable({}, { __index = function(_, kind) return message.name_of("ARPHRD", kind) end })

--- Opens a netlink socket: `socket("route", {groups = "link, ipv4_ifaddr"})`.
function M.socket(protocol, options)
    local socket, err = S.socket("netlink", "raw", protocol or "route")
    if not socket then return nil, err end
    local addr = t.sockaddr_nl(type(options) == "table" and options or { groups = options })
    local ok, why = socket:bind(addr)
    if not ok then
        socket:close()
        return nil, why
    end
    return socket
end

--- Sends one message.
function M.write(socket, address, kind, flags, body, group, attributes)
    local sequence = ffi.istype(t.fd, socket) and socket:seq() or 1
    local text = message.build(kind, flags, body, group, attributes, sequence)
    return S.sendto(socket, text, #text, 0, address or t.sockaddr_nl())
end

local function receive(socket, buffer, size)
    local n, err = S.recv(socket, buffer, size, "trunc")
    if not n then return nil, err end
    if n > size then return nil, t.error "MSGSIZE" end
    return message.parse(buffer, n)
end

local SIZE = 65536

--- Reads what a socket has: a table of the objects by name and number, with `op`, and `newlink`, `dellink` ... marks.
function M.read(socket, address, size)
    local _ = address
    size = size or SIZE
    local messages, err = receive(socket, argument.fresh(size, 3), size)
    if not messages then return nil, err end
    local interface, result = require "ljos.syscall.nl.interface", {}
    for _, one in ipairs(messages) do
        if one.errno and one.errno ~= 0 then return nil, t.error(one.errno) end
        local object = interface.object(one) --[[@as table?]]
        if object then
            object.op = one.op
            object[one.op] = true
            result[#result + 1] = object
            if object.name then result[object.name] = object end
            result.op = one.op
        end
    end
    return result
end

-- Sends a request and collects the answer: the list of messages of a dump, or true for an acknowledgement.
local function request(kind, flags, body, group, attributes)
    local socket, err = M.socket "route"
    if not socket then return nil, err end
    local ok, why = M.write(socket, nil, kind, flags, body, group, attributes)
    if not ok then
        socket:close()
        return nil, why
    end
    local all, buffer = {}, ffi.new("char[?]", SIZE)
    local is_dump = type(flags) == "string" and flags:find("dump", 1, true)
    while true do
        local messages, failure = receive(socket, buffer, SIZE)
        if not messages then
            socket:close()
            return nil, failure
        end
        for _, one in ipairs(messages) do
            if one.done then
                socket:close()
                return all
            elseif one.errno then
                socket:close()
                if one.errno == 0 then return #all > 0 and all or true end
                return nil, t.error(one.errno)
            end
            all[#all + 1] = one
        end
        if not is_dump and not flags:find("ack", 1, true) and #all > 0 then
            socket:close()
            return all
        end
    end
end
M.request = request

local function list(...)
    if select("#", ...) == 0 then return nil end
    return { ... }
end

-- The number of an interface by object, name or number; nil and the error where none has that name.
local function index_of(interface, position)
    if interface == nil then return 0 end
    if type(interface) == "string" then return S.util.if_nametoindex(interface) end
    local index = type(interface) == "table" and interface.index or interface
    if type(index) ~= "number" then argument.wrong(position, "interface", interface) end
    return index
end

-- A function of an interface, which takes it in each of these ways.
local function of_interface(f)
    return function(interface, ...)
        local index, err = index_of(interface, 1)
        if not index then return nil, err end
        return f(index, ...)
    end
end

local function with_ack(flags, extra)
    local text = extra and ("request, ack, " .. extra) or "request, ack"
    if type(flags) == "string" and flags ~= "" then return text .. ", " .. flags end
    if type(flags) == "number" and flags ~= 0 then
        for name, value in pairs(c.NLM_F) do
            if require("bit").band(flags, value) == value and value >= c.NLM_F.ROOT then text = text .. ", " .. name end
        end
    end
    return text
end

--- The links: an interface list.
function M.getlink(...)
    local messages, err = request("GETLINK", "request, dump", t.ifinfomsg(), "IFLA", list(...))
    if not messages then return nil, err end
    return require("ljos.syscall.nl.interface").links(messages)
end

M.newlink = of_interface(function(index, flags, iflags, change, ...)
    local body = t.ifinfomsg { index = index, flags = iflags or 0, change = change or 0 }
    return request("NEWLINK", with_ack(flags), body, "IFLA", list(...))
end)

M.dellink = of_interface(
    function(index, ...) return request("DELLINK", "request, ack", t.ifinfomsg { index = index }, "IFLA", list(...)) end
)

--- The addresses of a family, of all links.
function M.getaddr(family, ...)
    local messages, err =
        request("GETADDR", "request, dump", t.ifaddrmsg { family = family or "unspec" }, "IFA", list(...))
    if not messages then return nil, err end
    return require("ljos.syscall.nl.interface").addresses(messages)
end

-- Addresses of the host itself reach no further: those of loopback have that scope, as the kernel gives its own.
local function scope_of(attributes)
    for i = 1, #attributes, 2 do
        if attributes[i] == "local" and tostring(attributes[i + 1]):match "^127%." then return "host" end
    end
    return "universe"
end

local function address_request(kind, extra)
    return of_interface(function(index, family, prefixlen, flags, ...)
        local body = t.ifaddrmsg {
            family = family,
            prefixlen = prefixlen or 0,
            flags = flags or 0,
            scope = scope_of { ... },
            index = index,
        }
        return request(kind, with_ack(extra), body, "IFA", list(...))
    end)
end
M.newaddr = address_request("NEWADDR", "create, excl")
local deladdr = address_request "DELADDR"
function M.deladdr(index, family, prefixlen, ...) return deladdr(index, family, prefixlen, 0, ...) end

--- The routes as they come: getroute(family, type, table, protocol, scope, attributes ...).
function M.getroute(family, kind, tab, protocol, scope, ...)
    local body = t.rtmsg {
        family = family or "unspec",
        type = kind or "unspec",
        table = tab or "unspec",
        protocol = protocol or "unspec",
        scope = scope or "universe",
    }
    local messages, err = request("GETROUTE", "request, dump", body, "RTA", list(...))
    if not messages then return nil, err end
    return require("ljos.syscall.nl.route").list(messages, family, kind)
end

--- The routes of a family ("inet") and type ("unicast", "local", ...); all types without one.
function M.routes(family, kind)
    local all, err = M.getroute(family or "inet", kind)
    if not all then return nil, err end
    local links, why = M.getlink()
    if not links then return nil, why end
    local route = require "ljos.syscall.nl.route"
    return route.name_interfaces(route.select(all, family or "inet", kind), links)
end

-- What a caller wrote, over what stands where nothing is written; a struct stays as it is.
local function completed(make, defaults, body, position)
    if type(body) == "cdata" then return argument.room(make, body, position) end
    if body ~= nil and type(body) ~= "table" then argument.wrong(position, "table of fields", body) end
    local full = {}
    for _, fields in ipairs { defaults, body or {} } do
        for key, value in pairs(fields) do
            full[key] = value
        end
    end
    return make(full)
end

local defaults = { table = "main", protocol = "boot", type = "unicast" }
function M.newroute(flags, body, ...)
    return request("NEWROUTE", with_ack(flags), completed(t.rtmsg, defaults, body, 2), "RTA", list(...))
end

--- Deletes a route: without a scope, one of any scope.
function M.delroute(body, ...)
    return request("DELROUTE", "request, ack", completed(t.rtmsg, { scope = "nowhere" }, body, 1), "RTA", list(...))
end

local function neighbour(body, index)
    local full = t.ndmsg(completed(t.ndmsg, {}, body, 2))
    full.ifindex = index
    return full
end
local function neighbour_request(kind, flags)
    return of_interface(
        function(index, body, ...) return request(kind, flags, neighbour(body, index), "NDA", list(...)) end
    )
end
M.newneigh = neighbour_request("NEWNEIGH", with_ack "create, replace")
M.delneigh = neighbour_request("DELNEIGH", "request, ack")
M.getneigh = of_interface(function(index, body, ...)
    local messages, err = request("GETNEIGH", "request, dump", neighbour(body, index), "NDA", list(...))
    if not messages then return nil, err end
    local result = {}
    for _, one in ipairs(messages) do
        local object = require("ljos.syscall.nl.interface").object(one) --[[@as table?]]
        if object and (index == 0 or object.ifindex == index) then result[#result + 1] = object end
    end
    return result
end)

--- All interfaces with their addresses, by name and by 1..n.
function M.interfaces() return require("ljos.syscall.nl.interface").all() end
--- One interface by name.
function M.interface(name)
    local all, err = M.interfaces()
    if not all then return nil, err end
    return all[name]
end
function M.iplink() return M.getlink() end

--- Makes an interface: {name =, type = "dummy" | "vlan" | "veth" | ..., link =, id =, peer = {...}}; other keys of
--- the kind
--- go into its data.
function M.create_interface(options)
    if type(options) ~= "table" then argument.wrong(1, "{name =, type =}", options) end
    local attributes = { "ifname", options.name }
    if options.link then
        local index, err = index_of(options.link, "link")
        if not index then return nil, err end
        attributes[#attributes + 1], attributes[#attributes + 2] = "link", index
    end
    local info, data = { "kind", options.type or "dummy" }, {}
    if options.id then data = { "id", options.id } end
    if options.mode then
        data[#data + 1], data[#data + 2] = "mode", options.mode
    end
    if options.peer then
        local peer = {}
        for key, value in pairs(options.peer) do
            peer[#peer + 1], peer[#peer + 2] = key == "name" and "ifname" or key, value
        end
        data = { "peer", peer }
    end
    if #data > 0 then
        info[#info + 1], info[#info + 2] = "data", data
    end
    attributes[#attributes + 1], attributes[#attributes + 2] = "linkinfo", info
    return M.newlink(0, "create, excl", 0, 0, unpack(attributes))
end

return M
