-- A C program for a test: `c_program.run(source, argument...)`, or nil where there is no compiler.
local temporary_directory = require "temporary_directory"

local M = {}

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Whether there is a C compiler.
function M.has_compiler() return os.execute "cc --version >/dev/null 2>&1" == 0 end

--- Compiles a program and returns the command that runs it.
function M.compile(source)
    local directory = temporary_directory.make()
    local file = assert(io.open(directory .. "/program.c", "w"))
    file:write(source)
    file:close()
    local binary = quoted(directory .. "/program")
    assert(os.execute(("cc -Wall -o %s %s -pthread -lrt"):format(binary, quoted(directory .. "/program.c"))) == 0)
    return binary
end

--- Runs a compiled program and returns what it writes.
function M.run(command, ...)
    for _, argument in ipairs { ... } do
        command = command .. " " .. quoted(tostring(argument))
    end
    local pipe = assert(io.popen(command .. " 2>&1"))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

return M
