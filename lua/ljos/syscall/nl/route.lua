--- Routes as objects.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local S = require "ljos.syscall"

local c, t = S.c, S.t

---@class ljos.syscall.nl.route
local M = {}

local names = { dest = "dst", source = "src", gw = "gateway" }

local Route = {}
Route.__index = function(self, key)
    if names[key] then return rawget(self, names[key]) end
    return rawget(self, "fields")[key]
end

local function text_of(address, bits, family)
    if address then return tostring(address) .. "/" .. bits end
    return (family == c.AF.INET6 and "::" or "0.0.0.0") .. "/" .. bits
end

Route.__tostring = function(self)
    local parts = { "dst: " .. text_of(self.dst, self.dst_len, self.family) }
    if self.gateway then parts[#parts + 1] = "gateway: " .. tostring(self.gateway) end
    if self.src then parts[#parts + 1] = "src: " .. text_of(self.src, self.src_len, self.family) end
    if self.oif then parts[#parts + 1] = "if: " .. tostring(self.output or self.oif) end
    return table.concat(parts, " ")
end

--- Makes the object of a message.
function M.object(one)
    local body = one.body
    local self = {}
    for key, value in pairs(one.attributes) do
        self[key] = value
    end
    self.fields = {
        family = body.family,
        dst_len = body.dst_len,
        src_len = body.src_len,
        tos = body.tos,
        protocol = body.protocol,
        scope = body.scope,
        type = body.type,
        flags = body.flags,
    }
    if not self.table then self.fields.table = body.table end
    self.table = self.table or body.table
    local any = body.family == c.AF.INET6 and t.in6_addr() or body.family == c.AF.INET and t.in_addr() or nil
    self.dst = self.dst or any
    return setmetatable(self, Route)
end

local List = {}
List.__index = {
    --- The routes whose destination is "addr/len".
    match = function(self, text, bits)
        local addr, width = text, bits
        if type(text) == "string" then
            addr, width = S.util.inet_name(text, bits)
        end
        if not addr then return nil, width end
        local found = { family = self.family, kind = self.kind }
        for i = 1, #self do
            local route = self[i]
            if route.dst_len == width and tostring(route.dst) == tostring(addr) then found[#found + 1] = route end
        end
        return setmetatable(found, List)
    end,
    refresh = function(self)
        local new, err = require("ljos.syscall.nl").routes(self.family, self.kind)
        if not new then return nil, err end
        for i = 1, math.max(#self, #new) do
            self[i] = new[i]
        end
        return self
    end,
}
List.__tostring = function(self)
    local lines = {}
    for i = 1, #self do
        lines[i] = tostring(self[i])
    end
    return table.concat(lines, "\n")
end

function M.list(messages, family, kind)
    local list = { family = family, kind = kind }
    for _, one in ipairs(messages) do
        if one.op == "newroute" then list[#list + 1] = M.object(one) end
    end
    return setmetatable(list, List)
end

--- Names the interfaces of routes: `output` and `input` beside the numbers `oif` and `iif`.
function M.name_interfaces(list, links)
    local by_index = {}
    for i = 1, #links do
        by_index[links[i].index] = links[i].name
    end
    for i = 1, #list do
        list[i].output, list[i].input = by_index[list[i].oif], by_index[list[i].iif]
    end
    return list
end

--- Keeps the routes of a family and type.
function M.select(all, family, kind)
    local list = { family = family, kind = kind }
    local af, number = c.AF[family], kind and c.RTN[kind]
    for i = 1, #all do
        if all[i].family == af and (not number or all[i].type == number) then list[#list + 1] = all[i] end
    end
    return setmetatable(list, List)
end

return M
