--- Lines of ljos.syscall.spec: notification and asynchronous input and output.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
eventfd          init:int=0 flags:EFD+ | eventfd2 init flags | fd
timerfd_create   clock:CLOCK=monotonic flags:TFD+ | fd
inotify_init     flags:IN_INIT+ | inotify_init1 flags | fd
epoll_create     flags:EPOLLCREATE+ | epoll_create1 flags | fd
io_destroy       ctx:int | ok
io_uring_enter   fd:fd submit:int=0 complete:int=0 flags:IORING_ENTER sig:ptr size:int=0 | int!
io_uring_register fd:fd opcode:IORING_REGISTER arg:ptr count:int=0 | int
futex_wake       addr:ptr mask:int count:int=1 flags:FUTEX2 | int
futex_wait       addr:ptr value:int mask:int flags:FUTEX2 timeout:timespec clock:CLOCK=monotonic | ok!
]]
