-- Pipes as file_descriptor objects, which specs read and write without the loop.
local file_descriptor = require "ljos.file_descriptor"
local S = require "ljos.syscall"

local M = {}

--- Makes a pipe; returns the reading and the writing end.
function M.pair()
    local _, err, reading, writing = S.pipe()
    assert(reading, tostring(err))
    return file_descriptor.new(reading), file_descriptor.new(writing)
end

--- Reads up to the end, and closes.
function M.read_all(fd)
    local parts = {}
    repeat
        parts[#parts + 1] = assert(S.read(fd, nil, 4096))
    until parts[#parts] == ""
    fd:close()
    return table.concat(parts)
end

return M
