--- Files: `file.stream`, `file.random_access`, and the algorithms over the latter.
---
--- Errors:   raises ljos.Error
--- Suspends: all functions
--- Needs:    nothing beyond Linux 5.15
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local handle = require "ljos.file.handle"
local stream = require "ljos.stream"

---@class ljos.file
local M = {
    stream = require "ljos.file.stream",
    random_access = require "ljos.file.random_access",
}

local function check_minimum(minimum, buffer, arg)
    if type(minimum) ~= "number" or not (minimum >= 0 and minimum <= #buffer) then
        error_.argument(arg, "a number of bytes from 0 to the buffer's length expected")
    end
end

--- Reads at least `minimum` bytes at `offset` into `buffer`; returns how many. Seed 003, "file.read_at_least_at".
---@param io_object ljos.file.RandomAccess
---@param offset integer
---@param buffer ljos.byte_span
---@param minimum integer
---@return integer
function M.read_at_least_at(io_object, offset, buffer, minimum)
    stream.check_method(io_object, "read_some_at", 1)
    handle.check_offset(offset, 2)
    byte_span.check(buffer, 3)
    check_minimum(minimum, buffer, 4)
    local done = 0
    while done < minimum do
        done = done + io_object:read_some_at(offset + done, buffer:sub(done + 1))
    end
    return done
end

--- Fills `buffer` from `offset` on; returns its length. Seed 003, "file.read_all_at".
---@param io_object ljos.file.RandomAccess
---@param offset integer
---@param buffer ljos.byte_span
---@return integer
function M.read_all_at(io_object, offset, buffer)
    byte_span.check(buffer, 3)
    return M.read_at_least_at(io_object, offset, buffer, #buffer)
end

--- Writes at least `minimum` bytes of `buffer` at `offset`; returns how many. Seed 003, "file.write_at_least_at".
---@param io_object ljos.file.RandomAccess
---@param offset integer
---@param buffer ljos.byte_span
---@param minimum integer
---@return integer
function M.write_at_least_at(io_object, offset, buffer, minimum)
    stream.check_method(io_object, "write_some_at", 1)
    handle.check_offset(offset, 2)
    byte_span.check(buffer, 3)
    check_minimum(minimum, buffer, 4)
    local done = 0
    while done < minimum do
        done = done + io_object:write_some_at(offset + done, buffer:sub(done + 1))
    end
    return done
end

--- Writes all of `buffer` at `offset`; returns its length. Seed 003, "file.write_all_at".
---@param io_object ljos.file.RandomAccess
---@param offset integer
---@param buffer ljos.byte_span|string
---@return integer
function M.write_all_at(io_object, offset, buffer)
    local span = (type(buffer) == "string" and byte_span.append(buffer) or buffer) --[[@as ljos.byte_span]]
    byte_span.check(span, 3)
    return M.write_at_least_at(io_object, offset, span, #span)
end

return M
