--- The constants of init scripts: `C.O_RDONLY`, `C.MS_PRIVATE`, ... out of the native library's groups.
---
--- Errors:   a name that does not exist is nil; one of FreeBSD's raises
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
    "SECBIT",
    "PR",
}

-- The manual writes ENOPROTOOPT so.
local ALIASES = { AF_LOCAL = "AF_UNIX", ENOPROTOPT = "ENOPROTOOPT" }

local ON_FREEBSD = {}
for name in
    ([[O_EXEC O_SEARCH O_RESOLVE_BENEATH O_EMPTY_PATH MNT_RDONLY MNT_NOEXEC MNT_NOSUID MNT_NOATIME MNT_SNAPSHOT
    MNT_SUIDDIR MNT_SYNCHRONOUS MNT_ASYNC MNT_NOCLUSTERR MNT_NOCLUSTERW MNT_NOCOVER MNT_EMPTYDIR MNT_UPDATE MNT_RELOAD
    MNT_BYFSID]]):gmatch "%S+"
do
    ON_FREEBSD[name] = true
end

--- For `__index` of the table `C`.
---@param name string
---@return integer?
function M.find(_, name)
    if ON_FREEBSD[name] then error(("ENOTSUP: C.%s is FreeBSD-only; this is Linux"):format(name), 2) end
    name = ALIASES[name] or name
    for _, group in ipairs(GROUPS) do
        local value = native.constant_table(group)[name]
        if value then return value end
    end
end

return M
