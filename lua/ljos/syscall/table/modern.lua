--- Lines of ljos.syscall.spec: the rest of the tables of numbers, as they are.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
set_robust_list  head:ptr length:int | ok
get_robust_list  pid:int head:buf8 length:buf8 | ok
restart_syscall  | int!
modify_ldt       func:int ptr:buf count:size | int
set_thread_area  descriptor:ptr | ok
get_thread_area  descriptor:buf16 | ok
ustat            dev:int buf:buf32 | ok
uselib           path:path | ok
uretprobe        | int
uprobe           | int
]]
