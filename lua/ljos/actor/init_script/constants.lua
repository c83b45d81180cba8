--- The constants of init scripts: `C.O_RDONLY`, `C.MS_PRIVATE`, ... out of the native library's groups.
---
--- Errors:   a name that does not exist is nil
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local native = require "ljos.native"

---@class ljos.actor.init_script.constants
local M = {}

local GROUPS = {
    "E",
    "O",
    "S_I",
    "OK",
    "AT",
    "AT_FDCWD",
    "AF",
    "SOCK",
    "IPPROTO",
    "MS",
    "UMOUNT",
    "FSOPEN",
    "FSCONFIG",
    "FSMOUNT",
    "MOVE_MOUNT",
    "OPEN_TREE",
    "FSPICK",
    "MOUNT_ATTR",
    "namespace",
    "socket",
    "file",
    "CLONE",
    "PR",
}

-- securebits(7), in no kernel header that a crate carries: bits and their locks, the same on all architectures.
local known = { AF_LOCAL = 1 }
for i, name in ipairs { "NOROOT", "NO_SETUID_FIXUP", "KEEP_CAPS", "NO_CAP_AMBIENT_RAISE" } do
    known["SECBIT_" .. name] = 2 ^ (2 * i - 2)
    known["SECBIT_" .. name .. "_LOCKED"] = 2 ^ (2 * i - 1)
end

--- For `__index` of the table `C`.
---@param name string
---@return integer?
function M.find(_, name)
    if known[name] then return known[name] end
    for _, group in ipairs(GROUPS) do
        local value = native.constant_table(group)[name]
        if value then return value end
    end
end

return M
