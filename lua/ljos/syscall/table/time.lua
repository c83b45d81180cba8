--- Lines of ljos.syscall.spec: clocks and timers.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
clock_settime    clock:CLOCK time:timespec | ok
]]
