-- A directory for one test, removed after it: `local directory = temporary_directory()` in a test or a setup.
local ffi = require "ffi"

ffi.cdef "char *mkdtemp(char *);"

local made = {}

-- Specs put paths into commands of the shell, and compile programs, which a mount with `noexec` would not run.
local function suits(parent)
    local program = "f=$(mktemp -p %s) && chmod +x $f && $f; status=$?; rm -f $f; exit $status"
    return not parent:find "[^%w/._-]" and os.execute(("{ %s; } 2>/dev/null"):format(program:format(parent))) == 0
end

local parent_of_all = os.getenv "TMPDIR" or "/tmp"
if not suits(parent_of_all) then parent_of_all = suits "/tmp" and "/tmp" or "/var/tmp" end

local M = {}

--- Makes a directory, in `parent` or where temporary files are, and returns its path.
function M.make(parent)
    local template = (parent or parent_of_all) .. "/ljos-test-XXXXXX"
    local text = ffi.new("char[?]", #template + 1, template)
    assert(ffi.C.mkdtemp(text) ~= nil, "mkdtemp failed")
    made[#made + 1] = ffi.string(text)
    return made[#made]
end

-- Where a test took permissions away, an ordinary user gives them back first.
local REMOVE = "rm -rf '%s' 2>/dev/null || { chmod -R u+rwX '%s'; rm -rf '%s'; }"

--- Removes what `make` made.
function M.remove_all()
    for i, path in ipairs(made) do
        os.execute(REMOVE:format(path, path, path))
        made[i] = nil
    end
end

return M
