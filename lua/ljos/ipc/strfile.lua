--- Strings as read-only files.
---
--- A memory file over the bytes of a Lua string, which the handle keeps alive; nothing is copied.
---
--- Errors:   raises strings for wrong arguments and closed handles
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local memory_file = require "ljos.ipc.memory_file"

---@class ljos.ipc.strfile
local M = {}

local function nothing() end

--- Opens a string (seed 004, "ipc.strfile").
---@param str string|number
---@return ljos.ipc.MemoryFile
function M.open(str)
    str = arguments.string(str, 1, "open")
    return memory_file.new {
        base = ffi.cast("uint8_t *", ffi.cast("const char *", str)),
        length = #str,
        readable = true,
        writable = false,
        release = nothing,
        anchor = str,
    }
end

return M
