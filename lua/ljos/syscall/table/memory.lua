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
mseal            addr:ptr length:int flags:int=0 | ok
remap_file_pages addr:ptr size:int prot:PROT pgoff:int=0 flags:MAP | ok
memfd_create     name:path flags:MFD+ | fd
memfd_secret     flags:O+ | fd
userfaultfd      flags:O+ | fd
pkey_alloc       flags:int=0 rights:PKEY | int
pkey_free        pkey:int | ok
pkey_mprotect    addr:ptr length:int prot:PROT pkey:int | ok
map_shadow_stack addr:ptr size:int flags:SHADOW_STACK | wide
brk              addr:ptr | wide
]]
