--- Netfilter's control socket.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    a kernel with ip_tables
local ffi = require "ffi"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"

local t, c = S.t, S.c

---@class ljos.syscall.netfilter
local M = {}

--- A raw socket, on which the options of iptables are set.
function M.socket(family) return S.socket(family or "inet", "raw", "raw") end

--- The revision of an extension, "icmp" by default: the kernel's answer.
function M.version(family, name)
    if type(name) ~= "nil" and type(name) ~= "string" then argument.wrong(2, "name of an extension", name) end
    local socket, err = M.socket(family)
    if not socket then return nil, err end
    local request = t.xt_get_revision()
    local text = name or "icmp"
    if #text >= ffi.sizeof(request.name) then argument.wrong(2, "name of an extension", name) end
    ffi.copy(request.name, text)
    local value, why = socket:getsockopt("ip", c.IPT_SO_GET.REVISION_MATCH, request)
    socket:close()
    if not value then return nil, why end
    return value.revision
end

return M
