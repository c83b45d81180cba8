--- Lines of ljos.syscall.spec: sandboxing, keys, tracing.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
-- luacheck: no max line length
return [[
landlock_restrict_self ruleset:fd flags:LANDLOCK_RESTRICT_SELF | ok
]]
