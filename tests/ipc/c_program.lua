-- A C program for a test: `c_program.run(source, argument...)`, or nil where there is no compiler.
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local M = {}

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Whether there is a C compiler.
function M.has_compiler() return os.execute "cc --version >/dev/null 2>&1" == 0 end

--- Compiles a program and returns the command that runs it.
---@param source string
---@param options? string  for the compiler: "-shared -fPIC" makes a library, whose path is returned
function M.compile(source, options)
    local directory = temporary_directory.make()
    local file_name = directory .. "/program.c"
    text_file.write(file_name, source)
    local binary = quoted(directory .. "/program")
    local command = ("cc -Wall %s -o %s %s -pthread -lrt -ldl"):format(options or "", binary, quoted(file_name))
    assert(os.execute(command) == 0)
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
