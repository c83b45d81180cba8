--- Lines of ljos.syscall.spec: sockets.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
listen           fd:fd backlog:int=4096 | ok
shutdown         fd:fd how:SHUT | ok
]]
