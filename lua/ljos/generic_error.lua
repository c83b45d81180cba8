--- Generic errors: `generic_error.EINVAL` is a new Error of the category "generic" at each access.
---
--- Every errno(3) of Linux has its name here; the category is the one of wrong arguments and wrong states,
--- while what the kernel answered belongs to "system".
---
--- Errors:   raises bad_index for an unknown name, EPERM for an assignment
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local err = require "ljos.error"

-- Seed 003 spells ENOPROTOOPT without its second O; both spellings work.
local aliases = setmetatable({ ENOPROTOPT = err.errno_of.ENOPROTOOPT }, { __index = err.errno_of })

---@type table<string, ljos.Error>
return err.group(err.generic_category, aliases)
