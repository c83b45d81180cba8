-- What this process lacks to do what root does, as a reason for `pending`, or nil: `lacks("chown", "setuid")` looks for
-- these capabilities. Root of a container has few, and root of a user namespace may be the only user in it.
local S = require "ljos.syscall"
local text_file = require "text_file"

-- Specs change to small ids of their own choice.
local IDS = 65535
local takes_ids = { chown = true, setgid = true, setuid = true }

local function ids_are_mapped(file)
    for first, count in text_file.read("/proc/self/" .. file):gmatch "(%d+)%s+%d+%s+(%d+)" do
        if tonumber(first) == 0 and tonumber(count) >= IDS then return true end
    end
    return false
end

---@param ... string  capabilities
---@return string?
return function(...)
    if S.geteuid() ~= 0 then return "needs root" end
    local effective = S.capget().effective
    for _, name in ipairs { ... } do
        if not effective[name] then return "needs cap_" .. name end
        if takes_ids[name] and not (ids_are_mapped "uid_map" and ids_are_mapped "gid_map") then
            return "needs ids other than root's"
        end
    end
end
