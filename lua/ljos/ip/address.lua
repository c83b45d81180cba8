--- IP addresses: one value type for IPv4 and IPv6.
---
--- An address is a small cdata struct (version, bytes in network order, scope). Text, and the socket addresses
--- that the kernel knows, are made by the native library; everything else is computed here. Only `scope_id` can
--- be written.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C = native.C
local error, rawget, tostring, type = error, rawget, tostring, type
local band, istype = bit.band, ffi.istype

---@class ljos.ip.address
local M, is_loaded = native.lasting "ljos.ip.address"
if is_loaded then return M end

---@class ljos.ip.Address
---@field is_loopback boolean
---@field is_multicast boolean
---@field is_unspecified boolean
---@field is_v4 boolean
---@field is_v6 boolean
---@field is_link_local boolean            of IPv6 addresses only, as all that follow
---@field is_multicast_global boolean
---@field is_multicast_link_local boolean
---@field is_multicast_node_local boolean
---@field is_multicast_org_local boolean
---@field is_multicast_site_local boolean
---@field is_site_local boolean
---@field is_v4_mapped boolean
---@field scope_id integer
---@field package bytes ffi.cdata*  16 bytes in network order; the first four when version is 4
---@field package scope integer
---@field package version 4|6
local Address = {}

local ctype = ffi.typeof "struct ljos_ip_address"

---@param version? 4|6
---@return ljos.ip.Address
local function make(version)
    local address = ctype()
    address.version = version or 0
    return address --[[@as ljos.ip.Address]]
end

--- Tells whether `x` is an address object.
---@param x any
---@return boolean
local function is(x) return type(x) == "cdata" and istype(ctype, x) end
M.is = is

-- Functions of the module

local function fill(address, from, ...)
    for i = 1, select("#", ...) do
        address.bytes[from + i - 1] = (select(i, ...))
    end
    return address
end

local function new_v4(a, b, c, d) return fill(make(4), 0, a, b, c, d) end
local function new_v6() return make(6) end

--- Makes an address from text: dotted decimal (IPv4), or hexadecimal with an optional `%scope` (IPv6). Without
--- text: 0.0.0.0.
---@param text? string
---@return ljos.ip.Address
function M.new(text)
    if text == nil then return new_v4(0, 0, 0, 0) end
    error_.check_type(text, "string", 1)
    return M.of(text, 1)
end

--- Returns an address as it is and makes one from a string, for functions that take either.
---@param x ljos.ip.Address|string
---@param arg integer|string  the argument's position or name, for the error
---@return ljos.ip.Address
function M.of(x, arg)
    if is(x) then
        return x --[[@as ljos.ip.Address]]
    end
    if type(x) ~= "string" then error_.argument(arg, "ip.address or string expected, got " .. type(x)) end
    ---@cast x string
    local address = make()
    if
        C.ljos_ip_parse(x, #x, address --[[@as ffi.cdata*]]) < 0
    then
        error_.argument(arg, ("not an IP address: %q"):format(x))
    end
    return address
end

--- Makes the IPv4 address 0.0.0.0.
---@return ljos.ip.Address
function M.any_v4() return new_v4(0, 0, 0, 0) end

--- Makes the IPv6 address ::.
---@return ljos.ip.Address
function M.any_v6() return new_v6() end

--- Makes the IPv4 address 127.0.0.1.
---@return ljos.ip.Address
function M.loopback_v4() return new_v4(127, 0, 0, 1) end

--- Makes the IPv6 address ::1.
---@return ljos.ip.Address
function M.loopback_v6() return fill(new_v6(), 15, 1) end

--- Makes the IPv4 address 255.255.255.255.
---@return ljos.ip.Address
function M.broadcast_v4() return new_v4(255, 255, 255, 255) end

-- Socket addresses, for the modules that own sockets

-- A buffer for any socket address: aligned as sockaddr_storage, and as long.
M.sockaddr_type = ffi.typeof "union { uint64_t align; uint8_t bytes[128]; }"

--- Fills `out` with the sockaddr_in or sockaddr_in6 of an address and a port.
---@param address ljos.ip.Address
---@param port integer  the caller has checked it
---@param out ffi.cdata*  of `sockaddr_type`
---@return integer # the socket address's length
function M.to_sockaddr(address, port, out)
    return C.ljos_ip_to_sockaddr(address --[[@as ffi.cdata*]], port, out)
end

--- Reads a sockaddr_in or sockaddr_in6.
---@param sockaddr ffi.cdata*  of `sockaddr_type`
---@param length integer  what the kernel said
---@return ljos.ip.Address?, integer # address and port; nil and -EAFNOSUPPORT when it is neither
function M.from_sockaddr(sockaddr, length)
    local address = make()
    local port = C.ljos_ip_from_sockaddr(sockaddr, length, address --[[@as ffi.cdata*]])
    if port < 0 then return nil, port end
    return address, port
end

--- Reads an endpoint of an answered question (native `resolve`).
---@param resolution ffi.cdata*  a struct ljos_resolution *
---@param index integer  from 0
---@return ljos.ip.Address?, integer # address and port; nil and -ENOENT behind the last one
function M.from_resolution(resolution, index)
    local address = make()
    local port = C.ljos_resolve_endpoint(resolution, index, address --[[@as ffi.cdata*]])
    if port < 0 then return nil, port end
    return address, port
end

--- Makes an address of its bytes.
---@param version 4|6
---@param bytes ffi.cdata*  uint8_t[16], in network order; of IPv4 the first four
---@param scope integer     of IPv6
---@return ljos.ip.Address
function M.from_bytes(version, bytes, scope)
    local address = make(version)
    ffi.copy(address.bytes, bytes, version == 4 and 4 or 16)
    if version == 6 then address.scope = scope end
    return address
end

--- Takes an address apart: its version, its bytes in network order, its scope.
---@param address ljos.ip.Address
---@return 4|6 version, ffi.cdata* bytes, integer scope
function M.parts(address) return address.version, address.bytes, address.scope end

-- Methods

local function fail_version(self, version)
    error_.argument(1, ("an IPv%d address expected, got %s"):format(version, tostring(self)))
end

--- Makes an IPv4-mapped IPv6 address.
---@param self ljos.ip.Address
---@return ljos.ip.Address
function Address.to_v6(self)
    if not is(self) then error_.argument(1, "ip.address expected, got " .. type(self)) end
    if self.version ~= 4 then fail_version(self, 4) end
    local address = fill(new_v6(), 10, 255, 255)
    ffi.copy(address.bytes + 12, self.bytes, 4)
    return address
end

local function is_v4_mapped(self)
    local bytes = self.bytes
    for i = 0, 9 do
        if bytes[i] ~= 0 then return false end
    end
    return bytes[10] == 255 and bytes[11] == 255
end

--- Makes an IPv4 address from an IPv4-mapped IPv6 address.
---@param self ljos.ip.Address
---@return ljos.ip.Address
function Address.to_v4(self)
    if not is(self) then error_.argument(1, "ip.address expected, got " .. type(self)) end
    if self.version ~= 6 then fail_version(self, 6) end
    if not is_v4_mapped(self) then error_.argument(1, "an IPv4-mapped address expected, got " .. tostring(self)) end
    local address = make(4)
    ffi.copy(address.bytes, self.bytes + 12, 4)
    return address
end

-- Properties

local property, property_v6 = {}, {}

local function is_zero(bytes, last)
    for i = 0, last do
        if bytes[i] ~= 0 then return false end
    end
    return true
end

function property.is_v4(self) return self.version == 4 end
function property.is_v6(self) return self.version == 6 end
function property.is_unspecified(self) return is_zero(self.bytes, 15) end

function property.is_loopback(self)
    local bytes = self.bytes
    if self.version == 4 then return bytes[0] == 127 end
    return bytes[15] == 1 and is_zero(bytes, 14)
end

function property.is_multicast(self)
    local first = self.bytes[0]
    if self.version == 4 then return band(first, 0xf0) == 0xe0 end
    return first == 0xff
end

property_v6.is_v4_mapped = is_v4_mapped
function property_v6.scope_id(self) return self.scope end
function property_v6.is_link_local(self) return self.bytes[0] == 0xfe and band(self.bytes[1], 0xc0) == 0x80 end
function property_v6.is_site_local(self) return self.bytes[0] == 0xfe and band(self.bytes[1], 0xc0) == 0xc0 end

-- RFC 4291, section 2.7: the scope of a multicast address is the low half of its second byte.
local multicast_scopes = { node = 1, link = 2, site = 5, org = 8, global = 14 }
for name, scope in pairs(multicast_scopes) do
    local key = name == "global" and "is_multicast_global" or "is_multicast_" .. name .. "_local"
    property_v6[key] = function(self)
        local bytes = self.bytes
        return bytes[0] == 0xff and band(bytes[1], 0x0f) == scope
    end
end

-- Metamethods

local function compare(a, b)
    if not is(a) then error_.argument(1, "ip.address expected, got " .. type(a)) end
    if not is(b) then error_.argument(2, "ip.address expected, got " .. type(b)) end
    if a.version ~= b.version then return a.version - b.version end
    for i = 0, 15 do
        if a.bytes[i] ~= b.bytes[i] then return a.bytes[i] - b.bytes[i] end
    end
    return a.scope - b.scope
end

local text_size = 80
local text = ffi.new("char[?]", text_size)

local metatable = {
    __metatable = "ip.address",
    __tostring = function(self) return ffi.string(text, C.ljos_ip_format(self, text, text_size)) end,
    __eq = function(a, b) return is(a) and is(b) and compare(a, b) == 0 end,
    __lt = function(a, b) return compare(a, b) < 0 end,
    __le = function(a, b) return compare(a, b) <= 0 end,
    __index = function(self, key)
        local method = rawget(Address, key)
        if method then return method end
        local get = property[key]
        if get then return get(self) end
        local get_v6 = property_v6[key]
        if not get_v6 then error_.bad_index("ip.address", key) end
        if self.version ~= 6 then fail_version(self, 6) end
        return get_v6(self)
    end,
    __newindex = function(self, key, value)
        if key ~= "scope_id" then error(error_.generic("EPERM", { detail = tostring(key) }), 0) end
        if self.version ~= 6 then fail_version(self, 6) end
        if type(value) ~= "number" or value < 0 or value > 0xffffffff or value % 1 ~= 0 then
            error_.argument(3, "scope_id: an unsigned 32-bit integer expected, got " .. tostring(value))
        end
        self.scope = value
    end,
}
ffi.metatype(ctype, metatable)

return M
