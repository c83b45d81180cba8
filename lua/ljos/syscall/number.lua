--- The numbers of the system calls by name: `number.SYS.getpid`.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local c = require "ljos.syscall.constants"

---@class ljos.syscall.number
---@field SYS table<string, integer>
local SYS = {}
for name, value in pairs(c.SYS) do
    SYS[name:lower()] = value
end
-- The name that the C library has for it, and the one of the other architectures.
SYS.fstatat = SYS.fstatat or rawget(SYS, "newfstatat")
return { SYS = SYS }
