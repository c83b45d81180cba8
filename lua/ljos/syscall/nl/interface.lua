--- Network interfaces as objects: what rtnetlink says of a link and its addresses, and the ways to change them.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local S = require "ljos.syscall"

local c, t = S.c, S.t

---@class ljos.syscall.nl.interface
local M = {}

local function nl() return require "ljos.syscall.nl" end

-- A flag word that answers for each flag by name, and prints those that are set.
local function flags(value, group)
    return setmetatable({ value = value }, {
        __index = function(_, key)
            local flag = type(key) == "string" and c[group][key]
            return type(flag) == "number" and flag ~= 0 and bit.band(value, flag) == flag
        end,
        __tostring = function()
            local names = {}
            for name, flag in pairs(c[group]) do
                if flag ~= 0 and bit.band(flag, flag - 1) == 0 and bit.band(value, flag) ~= 0 then
                    names[#names + 1] = name
                end
            end
            table.sort(names)
            return table.concat(names, " ")
        end,
    })
end
M.flags = flags

local Interface = {}
local methods = {}

Interface.__index = function(self, key)
    if methods[key] then return methods[key] end
    if key == "typename" then return nl().encapnames[rawget(self, "type")] end
    if key == "name" then return rawget(self, "ifname") end
    if type(key) ~= "string" then return nil end
    local upper = key:upper()
    if rawget(c.ARPHRD, upper) then return rawget(self, "type") == c.ARPHRD[upper] end
    if rawget(c.IFF, upper) then return rawget(self, "flags")[upper] end
end

local function show_address(lines, kind, address)
    lines[#lines + 1] = ("          %s addr: %s/%d"):format(kind, tostring(address.addr), address.prefixlen)
end

Interface.__tostring = function(self)
    local lines = { ("%-9s Link encap:%s"):format(self.name, tostring(self.typename)) }
    if self.macaddr then lines[1] = lines[1] .. "  HWaddr " .. tostring(self.macaddr) end
    for _, address in ipairs(self.inet or {}) do
        show_address(lines, "inet", address)
    end
    for _, address in ipairs(self.inet6 or {}) do
        show_address(lines, "inet6", address)
    end
    lines[#lines + 1] = ("          %s MTU: %d"):format(tostring(self.flags), tonumber(self.mtu) or 0)
    return table.concat(lines, "\n")
end

local Plain = {}

local function link(one)
    local a = one.attributes
    local self = {}
    for key, value in pairs(a) do
        self[key] = value
    end
    self.index, self.family, self.type = one.body.index, one.body.family, one.body.type
    self.flags, self.ifname = flags(tonumber(one.body.ifi_flags), "IFF"), a.ifname
    self.macaddr, self.broadcast, self.addrlen = a.address, a.broadcast, a.address and 6 or 0
    self.address = nil -- the method of that name
    self.stats, self.linkinfo, self.kind = a.stats64 or a.stats, a.linkinfo, a.linkinfo and a.linkinfo.kind
    self.inet, self.inet6 = {}, {}
    return setmetatable(self, Interface)
end

local function address(one)
    local a, body = one.attributes, one.body
    local self =
        { index = tonumber(body.ifa_index), family = body.family, prefixlen = body.prefixlen, scope = body.scope }
    for key, value in pairs(a) do
        self[key] = value
    end
    self.addr = a["local"] or a.address
    -- The attribute has all 32 bits; it is a number unless it was cut off.
    self.flags = flags(type(a.flags) == "number" and a.flags or body.flags, "IFA_F")
    return setmetatable(self, Plain)
end

-- ljsyscall's name for what rtnetlink calls dst.
local Neighbour = {
    __index = function(self, key)
        if key == "dest" then return rawget(self, "dst") end
    end,
}

local function neighbour(one)
    local self = {
        ifindex = one.body.ifindex,
        family = one.body.family,
        state = one.body.state,
        flags = one.body.flags,
        type = one.body.type,
    }
    for key, value in pairs(one.attributes) do
        self[key] = value
    end
    return setmetatable(self, Neighbour)
end

local makers = { ifinfomsg = link, ifaddrmsg = address, ndmsg = neighbour }

--- Makes the object of a message; nil for what is none.
function M.object(one)
    if not one.op or not one.body then return nil end
    if one.op:match "link$" then return makers.ifinfomsg(one) end
    if one.op:match "addr$" then return makers.ifaddrmsg(one) end
    if one.op:match "neigh$" then return makers.ndmsg(one) end
    if one.op:match "route$" then return require("ljos.syscall.nl.route").object(one) end
end

local List = {}
List.__tostring = function(self)
    local lines = {}
    for i = 1, #self do
        lines[i] = tostring(self[i])
    end
    return table.concat(lines, "\n")
end
List.__index = {
    refresh = function(self)
        local new, err = M.all()
        if not new then return nil, err end
        for key in pairs(self) do
            self[key] = nil
        end
        for key, value in pairs(new) do
            self[key] = value
        end
        return self
    end,
}

function M.links(messages)
    local list = {}
    for _, one in ipairs(messages) do
        local object = M.object(one) --[[@as table?]]
        if object then
            list[#list + 1] = object
            if object.name then list[object.name] = object end
        end
    end
    return setmetatable(list, List)
end

function M.addresses(messages)
    local list = {}
    for _, one in ipairs(messages) do
        local object = M.object(one)
        if object then list[#list + 1] = object end
    end
    return list
end

--- All links with their addresses.
function M.all()
    local list, err = nl().getlink()
    if not list then return nil, err end
    for _, family in ipairs { "inet", "inet6" } do
        local addresses, why = nl().getaddr(family)
        if not addresses and not why.AFNOSUPPORT then return nil, why end
        for _, one in ipairs(addresses or {}) do
            for i = 1, #list do
                if list[i].index == one.index then table.insert(list[i][family], one) end
            end
        end
    end
    return list
end

--- Reads the interface again.
function methods.refresh(self)
    local list, err = M.all()
    if not list then return nil, err end
    for i = 1, #list do
        if list[i].index == self.index then
            for key in pairs(self) do
                rawset(self, key, nil)
            end
            for key, value in pairs(list[i]) do
                rawset(self, key, value)
            end
            return self
        end
    end
    return nil, t.error "NODEV"
end

local function changed(self, ok, err)
    if not ok then return nil, err end
    return methods.refresh(self)
end

function methods.setflags(self, new, change)
    return changed(self, nl().newlink(self.index, 0, new, change or c.IFF.ALL or 0xffffffff))
end
function methods.up(self) return changed(self, nl().newlink(self.index, 0, "up", "up")) end
function methods.down(self) return changed(self, nl().newlink(self.index, 0, "", "up")) end
function methods.setmtu(self, mtu) return changed(self, nl().newlink(self.index, 0, 0, 0, "mtu", mtu)) end
function methods.setmac(self, mac) return changed(self, nl().newlink(self.index, 0, 0, 0, "address", mac)) end
function methods.rename(self, name) return changed(self, nl().newlink(self.index, 0, 0, 0, "ifname", name)) end
function methods.delete(self) return nl().dellink(self.index) end
--- Moves the interface into the network namespace of a process.
function methods.move_ns(self, pid) return nl().newlink(self.index, 0, 0, 0, "net_ns_pid", pid) end

local function parse(text, bits)
    if type(text) ~= "string" then return text, bits end
    return S.util.inet_name(text, bits)
end

--- Adds an address, "10.0.0.1/24"; for IPv4 its broadcast address too.
function methods.address(self, text, bits)
    local addr, width = parse(text, bits)
    if not addr then return nil, width end
    if require("ffi").sizeof(addr) == 4 then
        local _, broadcast = addr:get_mask_bcast(width)
        return changed(
            self,
            nl().newaddr(self.index, "inet", width, "permanent", "local", addr, "address", addr, "broadcast", broadcast)
        )
    end
    return changed(self, nl().newaddr(self.index, "inet6", width, "permanent", "local", addr, "address", addr))
end

function methods.deladdress(self, text, bits)
    local addr, width = parse(text, bits)
    if not addr then return nil, width end
    local family = require("ffi").sizeof(addr) == 4 and "inet" or "inet6"
    local has_width = bits ~= nil or type(text) == "string" and text:find("/", 1, true) ~= nil
    -- without a width, that of the address as it is: the kernel wants it for inet6
    for _, one in ipairs(not has_width and self[family] or {}) do
        if tostring(one.addr) == tostring(addr) then width = one.prefixlen end
    end
    return changed(self, nl().deladdr(self.index, family, width, "local", addr))
end

return M
