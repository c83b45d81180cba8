--- Namespaces: their kinds by name, and which of them it was that the kernel refused.
---
--- clone(2) says of several no more than that one of them cannot be had, and a limit on their number looks like a full
--- disk (ENOSPC). So they are tried one by one, by children that end at once.
---
--- Errors:   returned
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local native = require "ljos.native"
local process = require "ljos.process"

local band, bor = bit.band, bit.bor
local namespace = native.constant_table "namespace"
local EAGAIN, ENOMEM = error_.errno_of.EAGAIN, error_.errno_of.ENOMEM

---@class ljos.process.namespaces
local M = {}

--- Name and CLONE_NEW*; the user namespace first, in which the others may be made.
M.KINDS = {
    { "user", namespace.CLONE_NEWUSER },
    { "mount", namespace.CLONE_NEWNS },
    { "net", namespace.CLONE_NEWNET },
    { "pid", namespace.CLONE_NEWPID },
    { "ipc", namespace.CLONE_NEWIPC },
    { "uts", namespace.CLONE_NEWUTS },
}

--- Finds the first kind that the kernel refuses, after a start that failed.
---@param err any          of process.start
---@param flags integer    CLONE_NEW*
---@return string? name    nil where the start failed of something else
---@return integer errno   0 then
function M.refused(err, flags)
    if not error_.is_error(err) or err.step ~= "clone" or err.code == EAGAIN or err.code == ENOMEM then
        return nil, 0
    end
    local base = 0
    for _, kind in ipairs(M.KINDS) do
        local name, flag = kind[1], kind[2] --[[@as integer]]
        local errno = band(flags, flag) ~= 0 and process.probe_namespaces(bor(base, flag) --[[@as integer]])
        if errno then return name, errno end
        if name == "user" then base = band(flags, flag) end
    end
    return nil, 0
end

return M
