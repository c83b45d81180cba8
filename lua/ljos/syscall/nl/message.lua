--- Netlink messages: built from names and values, read back into tables.
---
--- Attributes are written as name, value pairs; a table as value is a nested list. Attributes that this file does not
--- know are kept as raw bytes under their number: what a newer kernel says never raises.
---
--- Errors:   returns nil, ljos.Error; unknown names of attributes to send raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     writing and reading share the one table of attributes
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"
local extent = require "ljos.syscall.extent"
local fail = require("ljos.syscall.blame").fail

local c, t = S.c, S.t

---@class ljos.syscall.nl.message
local M = {}

local HEADER = ffi.sizeof(native.struct "nlmsghdr")

local function pad(text) return text .. ("\0"):rep(-#text % 4) end
local function bytes(value)
    local size = type(value) == "cdata" and not tonumber(value) and extent.of(value)
    if not size then return fail("a struct or an array expected, got " .. tostring(value)) end
    return ffi.string(ffi.cast("const char *", value), size)
end
M.bytes = bytes

-- How the value of an attribute is written and read, by group and name. "nest:GROUP" is a list of attributes.
local kinds = {
    IFLA = {
        ADDRESS = "mac",
        BROADCAST = "mac",
        PERM_ADDRESS = "mac",
        IFNAME = "string",
        QDISC = "string",
        IFALIAS = "string",
        MTU = "u32",
        LINK = "u32",
        TXQLEN = "u32",
        MASTER = "u32",
        WEIGHT = "u32",
        OPERSTATE = "u8",
        LINKMODE = "u8",
        LINKINFO = "nest:IFLA_INFO",
        STATS = "struct:rtnl_link_stats",
        STATS64 = "struct:rtnl_link_stats64",
        GROUP = "u32",
        NET_NS_PID = "u32",
        NET_NS_FD = "u32",
        PROMISCUITY = "u32",
        NUM_TX_QUEUES = "u32",
        NUM_RX_QUEUES = "u32",
        CARRIER = "u8",
        MIN_MTU = "u32",
        MAX_MTU = "u32",
        GSO_MAX_SIZE = "u32",
        GSO_MAX_SEGS = "u32",
        PROTO_DOWN = "u8",
        ALT_IFNAME = "string",
    },
    IFLA_INFO = { KIND = "string", SLAVE_KIND = "string" },
    IFLA_VLAN = { ID = "u16", PROTOCOL = "u16", FLAGS = "struct:ifla_vlan_flags" },
    IFLA_MACVLAN = { MODE = "u32", FLAGS = "u16" },
    IFLA_VXLAN = {
        ID = "u32",
        LINK = "u32",
        TTL = "u8",
        TOS = "u8",
        LEARNING = "u8",
        GROUP = "address",
        LOCAL = "address",
        PORT = "be16",
    },
    IFLA_BR = {
        FORWARD_DELAY = "u32",
        HELLO_TIME = "u32",
        MAX_AGE = "u32",
        STP_STATE = "u32",
        PRIORITY = "u16",
        VLAN_FILTERING = "u8",
        ROOT_ID = "bridge",
        BRIDGE_ID = "bridge",
        GROUP_ADDR = "mac",
        MULTI_BOOLOPT = "bytes",
    },
    IFLA_VRF = { TABLE = "u32" },
    IFLA_IPVLAN = { MODE = "u16" },
    IFA = {
        ADDRESS = "address",
        LOCAL = "address",
        BROADCAST = "address",
        ANYCAST = "address",
        LABEL = "string",
        CACHEINFO = "struct:ifa_cacheinfo",
        FLAGS = "u32",
        RT_PRIORITY = "u32",
    },
    RTA = {
        DST = "address",
        SRC = "address",
        GATEWAY = "address",
        PREFSRC = "address",
        IIF = "u32",
        OIF = "u32",
        PRIORITY = "u32",
        TABLE = "u32",
        FLOW = "u32",
        CACHEINFO = "struct:rta_cacheinfo",
        METRICS = "nest:RTAX",
        PREF = "u8",
        MARK = "u32",
        UID = "u32",
    },
    RTAX = {},
    NDA = {
        DST = "address",
        LLADDR = "mac",
        PROBES = "u32",
        VLAN = "u16",
        PORT = "be16",
        VNI = "u32",
        IFINDEX = "u32",
        MASTER = "u32",
        CACHEINFO = "struct:nda_cacheinfo",
    },
    VETH_INFO = { PEER = "peer" },
}

local widths = { u8 = "uint8_t[1]", u16 = "uint16_t[1]", u32 = "uint32_t[1]", u64 = "uint64_t[1]" }
local info_groups = {
    vlan = "IFLA_VLAN",
    macvlan = "IFLA_MACVLAN",
    macvtap = "IFLA_MACVLAN",
    veth = "VETH_INFO",
    vxlan = "IFLA_VXLAN",
    bridge = "IFLA_BR",
    vrf = "IFLA_VRF",
    ipvlan = "IFLA_IPVLAN",
}

-- An address from text, bytes of the family when it is given.
local function to_address(value)
    if type(value) == "string" then value = value:find(":", 1, true) and t.in6_addr(value) or t.in_addr(value) end
    return bytes(value)
end

local function integer_bytes(width, value)
    local cell = ffi.new(widths[width])
    cell[0] = type(value) == "boolean" and (value and 1 or 0) or value
    return bytes(cell)
end

local encode

local function encode_value(kind, value, context)
    local nested = kind and kind:match "^nest:(.*)"
    if type(value) == "table" and value.index and kind ~= "peer" then value = value.index end
    if kind == "peer" then
        -- {t.ifinfomsg, {}, name, value ...}: the struct that comes first may be written down.
        if type(value[1]) ~= "string" then value = { unpack(value, 3) } end
        return bytes(t.ifinfomsg()) .. encode("IFLA", value, {})
    elseif nested or type(value) == "table" then
        return encode(nested or context.info or "IFLA", value, context)
    elseif widths[kind] then
        return integer_bytes(kind, value)
    elseif kind == "be16" then
        return integer_bytes("u16", require("ljos.syscall.type.address").swap16(value))
    elseif kind == "mac" then
        return bytes(type(value) == "string" and t.macaddr(value) or value)
    elseif kind == "address" then
        return to_address(value)
    elseif type(value) == "number" then
        return integer_bytes("u32", value)
    elseif type(value) == "string" then
        return value .. "\0"
    end
    return bytes(value)
end

--- Writes a list of name, value pairs.
function encode(group, list, context)
    local parts = {}
    for i = 1, #list, 2 do
        local name, value = list[i], list[i + 1]
        local number = c[group][name]
        if number == nil then argument.wrong(name or "attribute", "an attribute of " .. group, name) end
        local upper = type(name) == "string" and name:upper() or name
        local kind = kinds[group] and kinds[group][upper]
        if group == "IFLA_INFO" and upper == "KIND" then context.info = info_groups[value] end
        if group == "IFLA" and (upper == "NET_NS_FD") then
            value = require("ljos.syscall.fd").number(value, "net_ns_fd")
        end
        if group == "IFLA_MACVLAN" and upper == "MODE" then value = c.MACVLAN_MODE[value] end
        local text = encode_value(kind, value, context)
        local head = t.rtattr()
        head.rta_len, head.rta_type = 4 + #text, number
        parts[#parts + 1] = pad(bytes(head) .. text)
    end
    return table.concat(parts)
end

local names_by_number = {}
local function name_of(group, number)
    local names = names_by_number[group]
    if not names then
        names = {}
        -- Of two names for a number, the one that this file knows, else the first of the alphabet.
        for name, value in pairs(c[group] or {}) do
            local known, other = kinds[group] and kinds[group][name], names[value]
            if not other or known or (not (kinds[group] and kinds[group][other:upper()]) and name:lower() < other) then
                names[value] = name:lower()
            end
        end
        names_by_number[group] = names
    end
    return names[number]
end
M.name_of = name_of

local decode, decode_value

function decode_value(kind, data, size, family)
    if kind == "string" then return (ffi.string(data, size):gsub("%z+$", "")) end
    if widths[kind] and size >= ffi.sizeof(widths[kind]) then
        local cell = ffi.new(widths[kind])
        ffi.copy(cell, data, ffi.sizeof(widths[kind]))
        return tonumber(cell[0])
    end
    if kind == "bridge" and size == 8 then -- priority and address, as sysfs writes them
        local b = ffi.cast("uint8_t *", data)
        return ("%02x%02x.%02x%02x%02x%02x%02x%02x"):format(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7])
    end
    if kind == "mac" and size == 6 then return t.macaddr(ffi.cast("uint8_t *", data)) end
    if kind == "address" then
        if size == 4 then return t.in_addr(ffi.cast("uint8_t *", data)) end
        if size == 16 then return t.in6_addr(ffi.cast("uint8_t *", data)) end
    end
    local nested, struct = kind and kind:match "^nest:(.*)", kind and kind:match "^struct:(.*)"
    if nested then return decode(nested, data, size, family) end
    if struct then
        local value = t[struct]()
        ffi.copy(value, data, math.min(size, ffi.sizeof(value) --[[@as integer]]))
        return value
    end
    local width = kind == "number" and "u" .. size * 8
    if widths[width] then return decode_value(width, data, size, family) end
    return ffi.string(data, size)
end

--- Reads attributes into a table by lower-case name; unknown ones by number, as bytes.
function decode(group, data, size, family)
    local attributes, at = {}, 0
    data = ffi.cast("uint8_t *", data)
    while at + 4 <= size do
        local head = ffi.cast(native.struct "rtattr" .. " *", data + at)
        local len = tonumber(head.rta_len)
        if len < 4 or at + len > size then break end
        local number = bit.band(head.rta_type, 0x3fff)
        local name = name_of(group, number)
        local kind = name and kinds[group] and kinds[group][name:upper()] or group == "IFLA_BR" and "number" or nil
        if group == "IFLA_INFO" and name == "data" and info_groups[attributes.kind] then
            kind = "nest:" .. info_groups[attributes.kind]
        end
        attributes[name or number] = decode_value(kind, data + at + 4, len - 4, family)
        at = at + bit.band(len + 3, bit.bnot(3))
    end
    return attributes
end
M.decode = decode

--- Builds a message: type, flags, the struct that follows the header, and attributes.
function M.build(kind, flags, body, group, attributes, sequence)
    local text = pad(bytes(body)) .. (attributes and encode(group, attributes, {}) or "")
    local head = t.nlmsghdr()
    head.nlmsg_len, head.nlmsg_type = HEADER + #text, argument.flag(c.RTM, kind, "type")
    head.nlmsg_flags, head.nlmsg_seq = argument.flag(c.NLM_F, flags, "flags"), sequence or 1
    return bytes(head) .. text
end

-- The struct after the header, the group of the attributes, and the name of each message.
local bodies = {}
for name, body in pairs {
    LINK = { "ifinfomsg", "IFLA" },
    ADDR = { "ifaddrmsg", "IFA" },
    ROUTE = { "rtmsg", "RTA" },
    NEIGH = { "ndmsg", "NDA" },
} do
    for _, verb in ipairs { "NEW", "DEL", "GET" } do
        local number = c.RTM[verb .. name]
        if number then bodies[number] = { struct = body[1], group = body[2], op = (verb .. name):lower() } end
    end
end

--- Reads the messages in a buffer: a list of {type, op, body, attributes, error, done}.
function M.parse(buffer, size)
    local list, at = {}, 0
    local data = ffi.cast("uint8_t *", buffer)
    while at + HEADER <= size do
        local head = ffi.cast(native.struct "nlmsghdr" .. " *", data + at)
        local len = tonumber(head.nlmsg_len)
        if len < HEADER or at + len > size then break end
        local message = { type = head.nlmsg_type, flags = head.nlmsg_flags, seq = tonumber(head.nlmsg_seq) }
        local known = bodies[message.type]
        if message.type == c.NLMSG.ERROR then
            local code = ffi.cast("int32_t *", data + at + HEADER)[0]
            message.op = "error"
            message.errno = -code
        elseif message.type == c.NLMSG.DONE then
            message.op, message.done = "done", true
        elseif known then
            message.op = known.op
            local body = t[known.struct]()
            local body_size = ffi.sizeof(body) --[[@as integer]]
            ffi.copy(body, data + at + HEADER, math.min(body_size, len - HEADER))
            message.body = body
            local start = HEADER + bit.band(body_size + 3, bit.bnot(3))
            message.attributes = len > start and decode(known.group, data + at + start, len - start, body.family) or {}
        end
        list[#list + 1] = message
        at = at + bit.band(len + 3, bit.bnot(3))
    end
    return list
end

return M
