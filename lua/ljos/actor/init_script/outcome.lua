--- The outcome of a call in an init script: its result, and the errno or 0 (seed 003, "init.script").
---
--- Errors:   none raised
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"

---@class ljos.actor.init_script.outcome
local M = {}

--- Of a function of the C library, called just now.
---@param result number|ffi.cdata*
---@return integer result, integer errno
function M.of_libc(result)
    result = tonumber(result) --[[@as integer]]
    return result, result < 0 and ffi.errno() or 0
end

--- Of a call that answers -errno.
---@param result integer
---@return integer result, integer errno
function M.of_kernel(result)
    if result < 0 then return -1, -result end
    return result, 0
end

return M
