--- Surroundings: the environment and the standard streams of a child, from named parameters.
---
--- Errors:   raises EINVAL naming the parameter
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"

---@class ljos.process.surroundings
local M = {}

--- Raises EINVAL unless `text` is a string that the kernel takes whole.
---@param text any
---@param arg string  the parameter's name
---@return string
function M.check_text(text, arg)
    error_.check_type(text, "string", arg)
    if text:find("\0", 1, true) then error_.argument(arg, "a string cannot hold a NUL byte here") end
    return text
end

local function check_name(name, arg)
    M.check_text(name, arg)
    if name == "" or name:find("=", 1, true) then
        error_.argument(arg, ("%q is no name of an environment variable"):format(name))
    end
end

-- Seed 003, "system.spawn", environment: stands for the pid of the child.
local PID = "\0pid"

--- "NAME=value" for each entry; nothing is inherited.
---@param environment table<string, string>?
---@param arg string          the parameter's name
---@param allow_pid? boolean  whether one value may be "\0pid"
---@return string[]
---@return string? pid_variable  the name of the variable that has it
function M.environment(environment, arg, allow_pid)
    local strings, pid_variable = {}, nil
    if environment == nil then return strings end
    error_.check_type(environment, "table", arg)
    for name, value in pairs(environment) do
        check_name(name, arg)
        if value == PID and allow_pid then
            if pid_variable then error_.argument(arg, 'only one variable may have the value "\\0pid"') end
            pid_variable = name
        else
            strings[#strings + 1] = name .. "=" .. M.check_text(value, arg)
        end
    end
    return strings, pid_variable
end

local STREAMS = { [0] = "stdin", "stdout", "stderr" }

--- The descriptors behind `stdin`, `stdout` and `stderr`; one that is absent will be a closed pipe.
---@param options table
---@param prefix string  of the parameters' names
---@return table<integer, integer>
function M.stdio(options, prefix)
    local stdio = {}
    for number, name in pairs(STREAMS) do
        local value = options[name]
        if value == "share" then
            stdio[number] = number
        elseif type(value) == "string" then
            error_.argument(prefix .. name, ('"share" or file_descriptor expected, got %q'):format(value))
        elseif value ~= nil then
            stdio[number] = file_descriptor.number_of(value, prefix .. name)
        end
    end
    return stdio
end

return M
