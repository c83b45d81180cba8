--- Types of rtnetlink.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail

local M = {}

-- Type, prefix, and the fields that take names of a group.
local described = {
    nlmsghdr = { "nlmsg_", "len pid seq", { type = "RTM", flags = "NLM_F" } },
    ifinfomsg = { "ifi_", "index", { family = "AF", type = "ARPHRD", flags = "IFF", change = "IFF" } },
    ifaddrmsg = { "ifa_", "prefixlen index", { family = "AF", flags = "IFA_F", scope = "RT_SCOPE" } },
    rtmsg = {
        "rtm_",
        "dst_len src_len tos",
        {
            family = "AF",
            table = "RT_TABLE",
            protocol = "RTPROT",
            scope = "RT_SCOPE",
            type = "RTN",
            flags = "RTM_F",
        },
    },
    rtgenmsg = { "rtgen_", "", { family = "AF" } },
    rtattr = { "rta_", "len type", {} },
    ndmsg = { "ndm_", "ifindex", { family = "AF", state = "NUD", flags = "NTF", type = "RTN" } },
    ndtmsg = { "ndtm_", "", { family = "AF" } },
    ifa_cacheinfo = { "ifa_", "", {} },
    nlmsgerr = { "", "", {} },
    rta_cacheinfo = { "rta_", "", {} },
    nda_cacheinfo = { "ndm_", "", {} },
    ndt_config = { "ndtc_", "", {} },
    ndt_stats = { "ndts_", "", {} },
    rtnl_link_stats = { "", "", {} },
    fdb_entry = { "", "", {} },
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name)
    local prefix, short, groups = unpack(described[name])
    local get, set = {}, {}
    for field, group in pairs(groups) do
        local full = prefix .. field
        get[field] = function(self) return tonumber(self[full]) end
        set[field] = function(self, value)
            local number = c[group][value]
            if number == nil then fail("invalid " .. field .. " " .. tostring(value)) end
            self[full] = number
        end
    end
    struct.define(name, { prefix = prefix, short = short, get = get, set = set })
end

return M
