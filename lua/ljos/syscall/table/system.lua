--- Lines of ljos.syscall.spec: the machine as a whole.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
init_module      image:ptr length:int params:path | ok
finit_module     fd:fd params:path flags:MODULE_INIT | ok
delete_module    name:path flags:O | ok
kexec_load       entry:int count:int segments:ptr flags:KEXEC | ok
kexec_file_load  kernel:fd initrd:int=-1 length:int cmdline:path flags:KEXEC | ok
ioperm           from:int num:int on:int | ok
iopl             level:int | ok
lookup_dcookie   cookie:int buf:buf len:int | int
sysfs            option:int a:ptr b:ptr | int
]]
