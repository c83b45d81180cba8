--- Extents: how much memory a cdata is known to have.
---
--- An array or a struct has its size. A pointer is believed: of what it points to nothing is known.
---
--- Errors:   raises where there is less than is wanted
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local fail = require("ljos.syscall.blame").fail

local tonumber, tostring, type = tonumber, tostring, type

---@class ljos.syscall.extent
local M = {}

local pointers = {} ---@type table<integer, boolean>  by the number of a C type

local function is_pointer(value)
    local id = tonumber(ffi.typeof(value)) --[[@as integer]]
    local known = pointers[id]
    if known == nil then
        local text = tostring(ffi.typeof(value))
        known = text:find "%*[%w ]*&?>$" ~= nil or text:find("(*", 1, true) ~= nil
        pointers[id] = known
    end
    return known
end

--- Returns the size of an array or a struct; nil for a pointer, and for an array at the end of a struct.
---@param value ffi.cdata*
---@return integer?
function M.of(value)
    if is_pointer(value) then return nil end
    local ok, size = pcall(ffi.sizeof --[[@as function]], value)
    return ok and size or nil
end

--- Tells whether a cdata may stand for a struct: it is one, an array of at least its size, or a pointer, which is
--- believed.
---@param ct ffi.ctype*
---@param value ffi.cdata*
---@return boolean
function M.fits(ct, value)
    if ffi.istype(ct, value) or is_pointer(value) then return true end
    local is_array = tostring(ffi.typeof(value)):find "%]>?$" ~= nil
    local has_size, size = pcall(ffi.sizeof --[[@as function]], ct)
    return is_array and has_size and (M.of(value) or 0) >= (size or math.huge)
end

--- Copies what initialises a struct, of which there may not be less than `size` bytes.
---@param target ffi.cdata*
---@param value ffi.cdata*
---@param size integer?  of a type that has one
function M.copy(target, value, size)
    size = size --[[@as integer]]
    local most = M.of(value)
    if tonumber(value) or value == nil or most and most < size then
        fail(("%d bytes expected, got %s"):format(size, tostring(value)))
    end
    ffi.copy(target, value, size)
end

--- Checks that `size` bytes of records can be read from a buffer.
---@param buffer ffi.cdata*
---@param size integer
function M.check_records(buffer, size)
    if type(buffer) ~= "cdata" or buffer == nil or tonumber(buffer) then
        fail("buffer expected, got " .. tostring(buffer))
    end
    local most = M.of(buffer) or math.huge --[[@as number]]
    if type(size) ~= "number" or not (size >= 0 and size <= most) then
        fail("number of bytes in the buffer expected, got " .. tostring(size))
    end
end

return M
