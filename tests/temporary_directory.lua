-- A directory for one test, removed after it: `local directory = temporary_directory()` in a test or a setup.
local ffi = require "ffi"

ffi.cdef "char *mkdtemp(char *);"

local made = {}

local M = {}

--- Makes a directory, in `parent` or where temporary files are, and returns its path.
function M.make(parent)
    local template = (parent or os.getenv "TMPDIR" or "/tmp") .. "/ljos-test-XXXXXX"
    local text = ffi.new("char[?]", #template + 1, template)
    assert(ffi.C.mkdtemp(text) ~= nil, "mkdtemp failed")
    made[#made + 1] = ffi.string(text)
    return made[#made]
end

--- Removes what `make` made.
function M.remove_all()
    for i, path in ipairs(made) do
        os.execute("rm -rf '" .. path .. "'")
        made[i] = nil
    end
end

return M
