--- Permission bits: numbers from their parts.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local constants = require("ljos.filesystem.calls").constants
local error_ = require "ljos.error"

local bor, lshift = bit.bor, bit.lshift

---@class ljos.filesystem.mode
local M = {}

local names = {
    set_uid = constants.S_ISUID,
    set_gid = constants.S_ISGID,
    sticky_bit = constants.S_ISVTX,
}

local function digit(value, arg)
    if type(value) ~= "number" or value < 0 or value > 7 or value % 1 ~= 0 then
        error_.argument(arg, "integer from 0 to 7 expected, got " .. tostring(value))
    end
    return value
end

--- Makes permission bits: `mode(7, 5, 5)` is 0755; `mode("set_uid")` is S_ISUID. Source: seed 003,
--- "filesystem.mode".
---@param user integer|"set_uid"|"set_gid"|"sticky_bit"
---@param group? integer
---@param other? integer
---@return integer
function M.mode(user, group, other)
    if type(user) == "string" then
        return names[user] or error_.argument(1, ("%q is none of set_uid, set_gid, sticky_bit"):format(user))
    end
    return bor(lshift(digit(user, 1), 6), lshift(digit(group, 2), 3), digit(other, 3))
end

--- Returns `value` when it is permission bits (0 to 07777), else raises EINVAL.
---@param value any
---@param arg integer|string  the argument's position or name, for the error
---@return integer
function M.check(value, arg)
    if type(value) ~= "number" or value < 0 or value > 0xfff or value % 1 ~= 0 then
        error_.argument(arg, "permission bits (0 to 4095) expected, got " .. tostring(value))
    end
    return value
end

return M
