--- Names to addresses and back: getaddrinfo(3) and getnameinfo(3).
---
--- What is numeric is answered at once; everything else goes to a thread of the engine's pool, which asks the C
--- library, and so /etc/hosts, DNS and whatever nsswitch.conf names. A canceled question is abandoned: the fiber goes
--- on at once, and the thread frees what it owns when the C library returns.
---
--- Errors:   raises ljos.Error of asio_error.netdb and asio_error.addrinfo, and system errors
--- Suspends: address_info, name_info
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local socket = require "ljos.socket"

local C, c, eai = native.C, socket.constants, native.constant_table "resolve"
local error, ipairs, tonumber, tostring, type = error, ipairs, tonumber, tostring, type
local bor = bit.bor

---@class ljos.ip.resolve
local M = {}

---@class ljos.ip.AddressInfo
---@field address ljos.ip.Address
---@field port integer
---@field canonical_name? string  with the flag "canonical_name"

---@class ljos.ip.NameInfo
---@field host_name string     the address in digits where it has no name
---@field service_name string  the port in digits where it has no name

-- What getaddrinfo(3) answers, as Boost.Asio names it.
local failures = {
    [-eai.EAI_AGAIN] = function() return asio_error.netdb.host_not_found_try_again end,
    [-eai.EAI_BADFLAGS] = function() return asio_error.basic.invalid_argument end,
    [-eai.EAI_FAIL] = function() return asio_error.netdb.no_recovery end,
    [-eai.EAI_FAMILY] = function() return asio_error.basic.address_family_not_supported end,
    [-eai.EAI_MEMORY] = function() return asio_error.basic.no_memory end,
    [-eai.EAI_SERVICE] = function() return asio_error.addrinfo.service_not_found end,
    [-eai.EAI_SOCKTYPE] = function() return asio_error.addrinfo.socket_type_not_supported end,
}

local function check(outcome, what)
    if outcome == 0 then return end
    if outcome < 0 then error_.check(outcome, { detail = what }) end
    local failure = failures[outcome]
    local err = failure and failure() or asio_error.netdb.host_not_found -- EAI_NONAME, EAI_NODATA, EAI_ADDRFAMILY
    err.detail = what
    error(err, 0)
end

local handle_out = ffi.new "const struct ljos_resolution *[1]"
local function owned() return ffi.gc(handle_out[0], C.ljos_resolve_free) end

local flag_bits = {
    address_configured = eai.AI_ADDRCONFIG,
    all_matching = eai.AI_ALL,
    canonical_name = eai.AI_CANONNAME,
    passive = eai.AI_PASSIVE,
    v4_mapped = eai.AI_V4MAPPED,
}
local default_flags = bor(eai.AI_ADDRCONFIG, eai.AI_V4MAPPED)

local function flags_of(names)
    if names == nil then return default_flags, false end
    error_.check_type(names, "table", 3)
    local bits, wants_name = 0, false
    for _, name in ipairs(names) do
        local flag = flag_bits[name]
        if not flag then error_.argument(3, ("unknown flag %q"):format(tostring(name))) end
        bits = bor(bits, flag)
        wants_name = wants_name or name == "canonical_name"
    end
    return bits, wants_name
end

-- The service as text, and whether it is a number (or none at all).
local function service_of(service)
    if type(service) == "number" then return tostring(endpoint.check_port(service, 2)), true end
    if type(service) ~= "string" then error_.argument(2, "string or integer expected, got " .. type(service)) end
    local number = service:find "^%d+$" and tonumber(service)
    if number and number > 65535 then error_.argument(2, "a port is at most 65535, got " .. service) end
    return service, number or service == ""
end

local room = 1025
local text = ffi.new("char[?]", room)
local function read_text(question, which) return ffi.string(text, C.ljos_resolve_text(question, which, text, room)) end

local function read_endpoints(question, wants_name)
    local list = {}
    local name = wants_name and read_text(question, C.LJOS_RESOLVE_HOST) or nil
    repeat
        local addr, port = address.from_resolution(question, #list)
        if addr then list[#list + 1] = { address = addr, port = port, canonical_name = name } end
    until not addr
    return list
end

local hints = ffi.new "int[4]"

--- Makes the function that resolves host and service for a family and a protocol.
---@param family integer    AF_*
---@param kind integer      SOCK_*
---@param protocol integer  IPPROTO_*
---@return fun(host: string|ljos.ip.Address, service: string|integer, flags?: string[]): ljos.ip.AddressInfo[]
function M.address_info(family, kind, protocol)
    --- Resolves a host and a service, of the family that the name says. Suspends, unless both are numeric. Flags are
    --- "address_configured" and "v4_mapped" (these two unless told), "all_matching", "canonical_name", "passive".
    --- Raises asio_error.netdb.host_not_found and its like. Source: getaddrinfo(3); seed 003, "ip.get_address_info".
    ---@param host string|ljos.ip.Address  "" for this host
    ---@param service string|integer  a port, its number as text, or a name of services(5); "" for none
    ---@param flags? string[]
    ---@return ljos.ip.AddressInfo[]
    return function(host, service, flags)
        local is_address = address.is(host)
        if not is_address and type(host) ~= "string" then
            error_.argument(1, "string or ip.address expected, got " .. type(host))
        end
        local service_text, is_number = service_of(service)
        local bits, wants_name = flags_of(flags)
        if is_address then bits = bor(bit.band(bits, bit.bnot(eai.AI_ADDRCONFIG)), eai.AI_NUMERICHOST) end
        loop.enter()
        local host_text = tostring(host)
        local what = host_text .. ":" .. service_text
        hints[0], hints[1], hints[2], hints[3] = bits, family, kind, protocol
        if C.ljos_resolve_new(host_text, #host_text, service_text, #service_text, hints, handle_out) < 0 then
            error_.argument(1, "no NUL expected in a name")
        end
        local question = owned()
        local outcome = is_number and C.ljos_resolve_numeric(question) or -eai.EAI_NONAME
        if outcome == -eai.EAI_NONAME and not (is_address and is_number) then
            outcome = operation.resolve(question, "get_address_info " .. what)
        end
        check(outcome, what)
        return read_endpoints(question, wants_name)
    end
end

--- Makes the function that finds the names of an endpoint.
---@param kind integer  SOCK_*
---@return fun(a: ljos.ip.Address|string, port: integer): ljos.ip.NameInfo[]
function M.name_info(kind)
    local flags = kind == c.SOCK_DGRAM and eai.NI_DGRAM or 0
    --- Finds the names of an endpoint: a list of one. Suspends. Source: getnameinfo(3); seed 003, "ip.get_name_info".
    ---@param a ljos.ip.Address|string
    ---@param port integer
    ---@return ljos.ip.NameInfo[]
    return function(a, port)
        a = address.of(a, 1)
        endpoint.check_port(port, 2)
        local what = endpoint.tostring(a, port)
        C.ljos_resolve_new_reverse(a --[[@as ffi.cdata*]], port, flags, handle_out)
        local question = owned()
        check(operation.resolve(question, "get_name_info " .. what), what)
        return {
            {
                host_name = read_text(question, C.LJOS_RESOLVE_HOST),
                service_name = read_text(question, C.LJOS_RESOLVE_SERVICE),
            },
        }
    end
end

return M
