--- Lines of ljos.syscall.spec: memory. mmap and mremap, whose results are addresses, are in memory.lua.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
munmap           addr:ptr length:int | ok
mprotect         addr:ptr length:int prot:PROT | ok
msync            addr:ptr length:int flags:MSYNC | ok
madvise          addr:ptr length:int advice:MADV | ok
mlock            addr:ptr length:int | ok
mlock2           addr:ptr length:int flags:MLOCK | ok
munlock          addr:ptr length:int | ok
mlockall         flags:MCL | ok
munlockall       | ok
mincore          addr:ptr length:int vec:buf | ok
mseal            addr:ptr length:int flags:int=0 | ok
remap_file_pages addr:ptr size:int prot:PROT pgoff:int=0 flags:MAP | ok
memfd_create     name:path flags:MFD+ | fd
memfd_secret     flags:O+ | fd
userfaultfd      flags:O+ | fd
pkey_alloc       flags:int=0 rights:PKEY | int
pkey_free        pkey:int | ok
pkey_mprotect    addr:ptr length:int prot:PROT pkey:int | ok
process_madvise  pidfd:fd iov:ptr count:int advice:MADV flags:int=0 | int
mbind            addr:ptr length:int mode:MPOL mask:ptr maxnode:int=0 flags:int=0 | ok
set_mempolicy    mode:MPOL mask:ptr maxnode:int=0 | ok
get_mempolicy    mode:buf mask:buf maxnode:int=0 addr:ptr flags:int=0 | ok
set_mempolicy_home_node addr:ptr length:int node:int flags:int=0 | ok
migrate_pages    pid:int maxnode:int old:ptr new:ptr | int
move_pages       pid:int count:int pages:ptr nodes:ptr status:buf flags:int=0 | int
map_shadow_stack addr:ptr size:int flags:SHADOW_STACK | wide
brk              addr:ptr | wide
shmget           key:int size:int flags:int | int
shmctl           id:int cmd:int buf:ptr | int
shmdt            addr:ptr | ok
semget           key:int count:int flags:int | int
semop            id:int ops:ptr count:int | ok!
semtimedop       id:int ops:ptr count:int timeout:timespec | ok!
msgget           key:int flags:int | int
msgsnd           id:int message:ptr size:int flags:int=0 | ok!
msgrcv           id:int message:buf size:int kind:int=0 flags:int=0 | int!
msgctl           id:int cmd:int buf:ptr | int
]]
