--- system.arguments: the command line, as an array.
---
--- First the program that runs (`ljos`, `luajit`), then the script, then the script's arguments (seed page
--- "system.arguments"). Taken from the global `arg` of luajit, which app mode sets for its program; empty where the
--- host gives none.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

local arg = rawget(_G, "arg") or {}

local first = 0
while arg[first - 1] ~= nil do
    first = first - 1
end

---@type string[]
local arguments = { arg[first] }
if first < 0 then arguments[2] = arg[0] end
for i = 1, #arg do
    arguments[#arguments + 1] = arg[i]
end

return arguments
