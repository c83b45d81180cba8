-- Files read and written whole, with nothing of the library.
local M = {}

function M.write(path, ...)
    local file = assert(io.open(path, "w"))
    assert(file:write(...))
    file:close()
end

function M.read(path)
    local file = assert(io.open(path))
    local text = file:read "*a"
    file:close()
    return text
end

return M
