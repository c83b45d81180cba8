--- Lines of ljos.syscall.spec: the machine as a whole.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
finit_module     fd:fd params:path flags:MODULE_INIT | ok
delete_module    name:path flags:O | ok
ioperm           from:int num:int on:int | ok
iopl             level:int | ok
lookup_dcookie   cookie:int buf:buf len:size | int
sysfs            option:int a:ptr b:ptr | int
]]
