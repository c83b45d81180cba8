--- Lines of ljos.syscall.spec: users and groups. The setters go through the C library, which tells all its threads.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
setuid           uid:int | libc:setuid uid | ok
setgid           gid:int | libc:setgid gid | ok
seteuid          uid:int | libc:seteuid uid | ok
setegid          gid:int | libc:setegid gid | ok
setreuid         ruid:int=-1 euid:int=-1 | libc:setreuid ruid euid | ok
setregid         rgid:int=-1 egid:int=-1 | libc:setregid rgid egid | ok
setresuid        ruid:int=-1 euid:int=-1 suid:int=-1 | libc:setresuid ruid euid suid | ok
setresgid        rgid:int=-1 egid:int=-1 sgid:int=-1 | libc:setresgid rgid egid sgid | ok
setfsuid         uid:int | int
setfsgid         gid:int | int
umask            mode:MODE | int
]]
