--- Bridges through their ioctls and rtnetlink.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"

local t, c = S.t, S.c

---@class ljos.syscall.utility.bridge
local M = {}

local function with_socket(f)
    local socket, err = S.socket("local", "stream")
    if not socket then return nil, err end
    local value, why = f(socket)
    socket:close()
    if not value then return nil, why end
    return value
end

function M.if_nametoindex(name, socket)
    local function ask(s)
        local request, err = S.ioctl(s, "SIOCGIFINDEX", t.ifreq { name = name })
        if not request then return nil, err end
        return request.ivalue
    end
    if socket then return ask(socket) end
    return with_socket(ask)
end

-- The name in a buffer of its own: the request takes no length.
local function with_name(request)
    return function(name)
        if type(name) ~= "string" or #name >= c.IFNAMSIZ then argument.wrong(1, "name of an interface", name) end
        local buffer = t.buffer(c.IFNAMSIZ, name)
        return with_socket(function(socket) return S.ioctl(socket, request, buffer) end)
    end
end
M.bridge_add, M.bridge_del = with_name "SIOCBRADDBR", with_name "SIOCBRDELBR"

local function change(request)
    return function(bridge, interface)
        return with_socket(function(socket)
            local index, err = M.if_nametoindex(interface, socket)
            if not index then return nil, err end
            local ifreq = t.ifreq { name = bridge }
            ifreq.ivalue = index
            return S.ioctl(socket, request, ffi.cast("void *", ifreq))
        end)
    end
end
M.bridge_add_interface, M.bridge_del_interface = change "SIOCBRADDIF", change "SIOCBRDELIF"

local Bridges = {
    __tostring = function(self)
        local lines = {}
        for name, bridge in pairs(self) do
            lines[#lines + 1] = ("%s\t%s\t%s"):format(
                name,
                tostring(bridge.bridge.bridge_id),
                table.concat(bridge.brif, " ")
            )
        end
        return table.concat(lines, "\n")
    end,
}

local function sysfs_name(name)
    name = name:gsub("^mcast_", "multicast_"):gsub("_intvl$", "_interval"):gsub("_cnt$", "_count")
    return (name:gsub("^multicast_hash_", "hash_"):gsub("^vlan_default_", "default_"))
end

-- What a bridge is set to. sysfs, which has it too, may be that of another network namespace.
local function settings(link)
    local values = {}
    for name, value in pairs(link.linkinfo.data or {}) do
        if type(name) == "string" then
            values[sysfs_name(name)] = type(value) == "cdata" and tostring(value) or value
        end
    end
    return values
end

--- All bridges by name: {bridge = its settings by sysfs's names, brif = the names of its ports}.
function M.bridge_list()
    local links, err = require("ljos.syscall.nl").getlink()
    if not links then return nil, err end
    local list, by_index = {}, {}
    for _, link in ipairs(links) do
        if link.kind == "bridge" then
            list[link.name] = { bridge = settings(link), brif = {} }
            by_index[link.index] = list[link.name]
        end
    end
    for _, link in ipairs(links) do
        local bridge = by_index[link.master]
        if bridge then table.insert(bridge.brif, link.name) end
    end
    return setmetatable(list, Bridges)
end

return M
