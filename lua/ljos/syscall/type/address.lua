--- Addresses: in_addr, in6_addr, macaddr as values that read and print their text.
---
--- Errors:   raises for malformed text
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local kernel = require "ljos.syscall.kernel"
local extent = require "ljos.syscall.extent"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail

local M = {}
local t = struct.t

local inet_pton = kernel.libc("inet_pton", "int (int, const char *, void *)")
local inet_ntop = kernel.libc("inet_ntop", "const char *(int, const void *, char *, uint32_t)")
local text_buffer = ffi.new "char[64]"

--- Returns the text of an address.
---@param family integer
---@param address ffi.cdata*
---@return string
function M.text(family, address)
    inet_ntop(family, address, text_buffer, 64)
    return ffi.string(text_buffer)
end

--- Fills an address from text; false when the text is none.
function M.parse(family, text, address)
    if type(text) ~= "string" then fail("address expected, got " .. type(text)) end
    return inet_pton(family, text, address) == 1
end

local names4 = { any = "0.0.0.0", loopback = "127.0.0.1", broadcast = "255.255.255.255" }
local names6 = { any = "::", loopback = "::1" }

function M.swap32(value) return bit.bswap(value) % 2 ^ 32 end
function M.swap16(value) return bit.rshift(bit.bswap(value), 16) end

local function define4()
    struct.define("in_addr", {
        get = { addr = function(self) return self.s_addr end },
        new = function(self, value)
            if type(value) == "string" then
                if not M.parse(c.AF.INET, names4[value] or value, self) then
                    fail("malformed IPv4 address " .. value)
                end
            elseif type(value) == "number" then
                self.s_addr = M.swap32(value)
            elseif type(value) == "cdata" then
                extent.copy(self, value, 4)
            elseif value ~= nil then
                fail("IPv4 address expected, got " .. type(value))
            end
        end,
        tostring = function(self) return M.text(c.AF.INET, self) end,
        methods = {
            --- The network mask of `bits`, and the broadcast address of this address in it.
            get_mask_bcast = function(self, bits)
                local mask = bits == 0 and 0 or bit.lshift(-1, 32 - bits) % 2 ^ 32
                local host = M.swap32(self.s_addr)
                return t.in_addr(mask), t.in_addr(bit.bor(host, bit.bnot(mask)) % 2 ^ 32)
            end,
        },
    })
end

local function define6()
    struct.define("in6_addr", {
        struct = "in6_addr",
        get = { s6_addr = function(self) return ffi.cast("uint8_t *", self) end },
        new = function(self, value)
            if type(value) == "string" then
                if not M.parse(c.AF.INET6, names6[value] or value, self) then
                    fail("malformed IPv6 address " .. value)
                end
            elseif type(value) == "cdata" then
                extent.copy(self, value, 16)
            elseif value ~= nil then
                fail("IPv6 address expected, got " .. type(value))
            end
        end,
        tostring = function(self) return M.text(c.AF.INET6, self) end,
        methods = {
            get_mask_bcast = function(self, bits)
                local mask, bcast = t.in6_addr(), t.in6_addr(self)
                local m, b = ffi.cast("uint8_t *", mask), ffi.cast("uint8_t *", bcast)
                for i = 0, 15 do
                    local n = math.max(0, math.min(8, bits - i * 8))
                    m[i] = bit.band(bit.lshift(0xff, 8 - n), 0xff)
                    b[i] = bit.bor(b[i], bit.band(bit.bnot(m[i]), 0xff))
                end
                return mask, bcast
            end,
        },
    })
end

local function define_mac()
    ffi.cdef "struct ljos_macaddr { uint8_t mac_addr[6]; };"
    local ct = ffi.metatype("struct ljos_macaddr", {
        __new = function(ct, value)
            local self = ffi.new(ct)
            if type(value) == "string" then
                local i = 0
                for byte in value:gmatch "%x%x?" do
                    if i < 6 then self.mac_addr[i] = tonumber(byte, 16) end
                    i = i + 1
                end
                if i ~= 6 then fail("malformed MAC address " .. value) end
            elseif type(value) == "cdata" then
                extent.copy(self, value, 6)
            end
            return self
        end,
        __tostring = function(self)
            local parts = {}
            for i = 0, 5 do
                parts[i + 1] = ("%02x"):format(self.mac_addr[i])
            end
            return table.concat(parts, ":")
        end,
        __eq = function(a, b) return tostring(a) == tostring(b) end,
        __len = function(self) return ffi.sizeof(self) end,
    })
    struct.register("macaddr", ct)
end

local definitions = { in_addr = define4, in6_addr = define6, macaddr = define_mac }

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
