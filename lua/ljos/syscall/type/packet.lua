--- Headers of packets: Ethernet, IPv4, UDP, with their checksums.
---
--- Fields under the kernel's names are in network order; the short names are numbers of this machine.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local address = require "ljos.syscall.type.address"
local native = require "ljos.native"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"

local M = {}
local t = struct.t

-- The sum of RFC 1071, before it is folded. Words are taken as they lie in memory: the result is in network order.
local function sum(data, size, total)
    local bytes = ffi.cast("const uint8_t *", data)
    local high, low = 0, 8
    if ffi.abi "be" then
        high, low = 8, 0
    end
    for i = 0, size - 2, 2 do
        total = total + bit.lshift(bytes[i], high) + bit.lshift(bytes[i + 1], low)
    end
    if size % 2 == 1 then total = total + bit.lshift(bytes[size - 1], high) end
    return total
end

local function fold(total)
    while total >= 0x10000 do
        total = total % 0x10000 + math.floor(total / 0x10000)
    end
    return bit.band(bit.bnot(total), 0xffff)
end

local function swapped(field)
    return function(self) return address.swap16(self[field]) end, function(self, value)
        self[field] = address.swap16(value)
    end
end

local function define_ip()
    -- Version and header length share the first byte.
    local function first(self) return ffi.cast("uint8_t *", self) end
    struct.define("iphdr", {
        get = {
            version = function(self) return bit.rshift(first(self)[0], 4) end,
            ihl = function(self) return bit.band(first(self)[0], 15) end,
        },
        set = {
            version = function(self, value)
                first(self)[0] = bit.bor(bit.band(first(self)[0], 15), bit.lshift(value, 4))
            end,
            ihl = function(self, value)
                local byte = first(self)
                byte[0] = bit.bor(bit.band(byte[0], 0xf0), bit.band(value, 15))
            end,
        },
        methods = {
            --- Fills in the header's checksum, and returns it.
            checksum = function(self)
                self.check = 0
                self.check = fold(sum(self, self.ihl * 4, 0))
                return self.check
            end,
        },
    })
end

local function define_udp()
    local get, set = {}, {}
    for short, full in pairs { src = "source", dst = "dest", length = "len" } do
        get[short], set[short] = swapped(full)
    end
    struct.define("udphdr", {
        get = get,
        set = set,
        methods = {
            --- Fills in the checksum of header and body under the addresses of `ip`, and returns it.
            checksum = function(self, ip, body)
                local pseudo = ffi.new "uint32_t[3]"
                pseudo[0], pseudo[1] = ip.saddr, ip.daddr
                local words = ffi.cast("uint16_t *", pseudo + 2)
                words[0], words[1] = address.swap16(c.IPPROTO.UDP), self.len
                self.check = 0
                local total = sum(self, ffi.sizeof(native.struct "udphdr"), sum(pseudo, 12, 0))
                local check = fold(sum(body, self.length - 8, total))
                -- 0 says that there is none (RFC 768)
                self.check = check == 0 and 0xffff or check
                return self.check
            end,
        },
    })
end

local function define_ethernet()
    local function mac(field)
        return function(self) return t.macaddr(self[field]) end, function(self, value)
            ffi.copy(self[field], t.macaddr(value), 6)
        end
    end
    local get, set = {}, {}
    get.dest, set.dest = mac "h_dest"
    get.source, set.source = mac "h_source"
    get.protocol = swapped "h_proto"
    set.protocol = function(self, value) self.h_proto = address.swap16(c.ETH_P[value]) end
    struct.define("ethhdr", { get = get, set = set })
end

local definitions = { iphdr = define_ip, udphdr = define_udp, ethhdr = define_ethernet }

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
