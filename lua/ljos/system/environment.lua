--- system.environment: the environment variables, as they were when this was first asked for.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"

ffi.cdef "extern char **environ;"

---@type table<string, string>
local environment = {}

local variables, i = ffi.C.environ, 0
while variables ~= nil and variables[i] ~= nil do
    local name, value = ffi.string(variables[i]):match "^([^=]+)=(.*)$"
    -- The first counts where there are two, as for getenv(3).
    if name and environment[name] == nil then environment[name] = value end
    i = i + 1
end

return environment
