--- Surroundings: the environment and the standard streams of an actor's process, from named parameters.
---
--- Errors:   raises EINVAL naming the parameter
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"

---@class ljos.actor.surroundings
local M = {}

--- "NAME=value" for each entry; nothing is inherited.
---@param environment table<string, string>?
---@param arg string  the parameter's name
---@return string[]
function M.environment(environment, arg)
    local strings = {}
    if environment == nil then return strings end
    error_.check_type(environment, "table", arg)
    for name, value in pairs(environment) do
        error_.check_type(name, "string", arg)
        error_.check_type(value, "string", arg)
        strings[#strings + 1] = name .. "=" .. value
    end
    return strings
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
        elseif value ~= nil then
            stdio[number] = file_descriptor.number_of(value, prefix .. name)
        end
    end
    return stdio
end

return M
