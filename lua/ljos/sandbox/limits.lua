--- Limits: how much of the machine a sandboxed actor may use.
---
--- Each is one of setrlimit(2), which the runner applies; the module checks them and says which are meant. A process
--- with a second memory needs a system call that the filter denies, so the limit of the actor's memory is that of the
--- sandbox.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

---@class ljos.sandbox.limits
local M = {}

---@class ljos.SandboxLimits   math.huge: none
---@field memory? number      bytes of address space; 1 GiB
---@field processes? number   processes and threads, PID 1 among them; 64
---@field files? number       descriptors; 256
---@field file_size? number   bytes of a file that it writes to, beyond which EFBIG is raised; 1 GiB
---@field cpu_time? number    seconds of processor time, after which SIGXCPU ends it; none

local GIB = 2 ^ 30
local DEFAULTS = { memory = GIB, processes = 64, files = 256, file_size = GIB, cpu_time = math.huge }

-- What an actor takes to come to its module's first line, and some.
local LEAST = { memory = 32 * 2 ^ 20, processes = 2, files = 8, file_size = 0, cpu_time = 1 }

local function check(name, value)
    local arg = "limits." .. name
    error_.check_type(value, "number", arg)
    if value ~= math.floor(value) or value > 2 ^ 53 and value < math.huge then
        error_.argument(arg, "a whole number expected")
    end
    if value < LEAST[name] then error_.argument(arg, ("%d at least"):format(LEAST[name])) end
    return value
end

--- Returns the limits as the runner's words.
---@param limits ljos.SandboxLimits?
---@param counts_alone boolean  whether the processes of the actor's user are its own alone
---@return string
function M.words(limits, counts_alone)
    if limits ~= nil then error_.check_type(limits, "table", "limits") end
    limits = limits or {}
    for name in pairs(limits) do
        if not DEFAULTS[name] then error_.argument("limits", "no limit is named " .. tostring(name)) end
    end
    local words = {}
    for name, default in pairs(DEFAULTS) do
        local value = limits[name]
        if value ~= nil then
            check(name, value)
        elseif name ~= "processes" or counts_alone then
            value = default
        end
        if value and value < math.huge then words[#words + 1] = ("%s=%.0f"):format(name, value) end
    end
    return table.concat(words, " ")
end

return M
