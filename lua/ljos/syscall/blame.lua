--- Mistakes of the caller: errors that carry the caller's line.
---
--- The caller is the first function on the stack that does not belong to `ljos.syscall`, however deep the mistake was
--- found.
---
--- Errors:   it is what raises them
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local Error = require "ljos.error"

local getinfo = debug.getinfo

---@class ljos.syscall.blame
local M = {}

-- The folder of this file, and the name of what ljos.syscall.spec compiles.
local folder = getinfo(1, "S").source:match "^(.*)blame" or "=ljos.syscall."

local function is_ours(source) return source:sub(1, #folder) == folder or source:sub(1, 14) == "=ljos.syscall." end

--- Returns the caller's place, "file:line", or nil where there is none.
---@return string?
function M.position()
    local level = 3
    while true do
        local info = getinfo(level, "Sl")
        if not info then return nil end
        if info.what ~= "C" and not is_ours(info.source) then
            return ("%s:%d"):format(info.short_src, info.currentline)
        end
        level = level + 1
    end
end

--- Raises a message with the caller's place before it.
---@param message string
function M.fail(message)
    local position = M.position()
    error(position and position .. ": " .. message or message, 0)
end

--- Raises EINVAL for a wrong argument, with the caller's place as `where`.
---@param arg integer|string  its position or name
---@param detail string       what was expected and what came
function M.argument(arg, detail)
    local context = { arg = arg, detail = detail, where = M.position() }
    error(Error.generic("EINVAL", context), 0)
end

--- Returns a message without the place that `fail`, or LuaJIT, put before it.
---@param message any
---@return string
function M.without_position(message) return (tostring(message):gsub("^[^\n:]+:%d+: ", "")) end

return M
