--- Lines of ljos.syscall.spec: calls on open files.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
lseek            fd:fd offset:int=0 whence:SEEK=set | wide
fsync            fd:fd | ok
fdatasync        fd:fd | ok
syncfs           fd:fd | ok
sync             | ok
sync_file_range  fd:fd offset:int=0 count:int=0 flags:SYNC_FILE_RANGE | ok
ftruncate        fd:fd length:int | ok
fallocate        fd:fd mode:FALLOC_FL offset:int=0 len:int | ok
posix_fallocate  fd:fd offset:int=0 len:int | fallocate fd 0 offset len | ok
fadvise          fd:fd advice:POSIX_FADV offset:int=0 len:int=0 | fadvise64 fd offset len advice | ok
readahead        fd:fd offset:int count:int | ok
fchmod           fd:fd mode:MODE | ok
fchdir           fd:fd | ok
flock            fd:fd operation:LOCK | ok
tee              from:fd to:fd len:int flags:SPLICE_F | int
close_range      first:int last:int=4294967295 flags:CLOSE_RANGE | ok
vhangup          | ok
]]
