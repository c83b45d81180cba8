--- Lines of ljos.syscall.spec: the rest of the tables of numbers, as they are.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
set_robust_list  head:ptr length:int | ok
get_robust_list  pid:int head:buf length:buf | ok
restart_syscall  | int!
modify_ldt       func:int ptr:ptr count:int | int
set_thread_area  descriptor:ptr | ok
get_thread_area  descriptor:buf | ok
ustat            dev:int buf:buf | ok
uselib           path:path | ok
uretprobe        | int
uprobe           | int
]]
