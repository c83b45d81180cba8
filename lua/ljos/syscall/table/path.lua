--- Lines of ljos.syscall.spec: calls on names in the file system.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
access           path:path mode:OK | faccessat @AT_FDCWD.FDCWD path mode | ok
chdir            path:path | ok
chroot           path:path | ok
chmod            path:path mode:MODE | fchmodat @AT_FDCWD.FDCWD path mode | ok
fchmodat         dir:at path:path mode:MODE | ok
fchmodat2        dir:at path:path mode:MODE flags:AT | ok
mkdir            path:path mode:MODE | mkdirat @AT_FDCWD.FDCWD path mode | ok
mkdirat          dir:at path:path mode:MODE | ok
rmdir            path:path | unlinkat @AT_FDCWD.FDCWD path @AT.REMOVEDIR | ok
unlink           path:path | unlinkat @AT_FDCWD.FDCWD path 0 | ok
unlinkat         dir:at path:path flags:AT | ok
link             old:path new:path | linkat @AT_FDCWD.FDCWD old @AT_FDCWD.FDCWD new 0 | ok
linkat           olddir:at old:path newdir:at new:path flags:AT | ok
symlink          target:path path:path | symlinkat target @AT_FDCWD.FDCWD path | ok
symlinkat        target:path dir:at path:path | ok
rename           old:path new:path | renameat @AT_FDCWD.FDCWD old @AT_FDCWD.FDCWD new | ok
renameat         olddir:at old:path newdir:at new:path | ok
renameat2        olddir:at old:path newdir:at new:path flags:RENAME | ok
truncate         path:path length:int | ok
acct             path:ptr | ok
pivot_root       new:path old:path | ok
swapon           path:path flags:SWAP_FLAG | ok
swapoff          path:path | ok
umount           target:path flags:UMOUNT | umount2 target flags | ok
removexattr      path:path name:path | ok
lremovexattr     path:path name:path | ok
fremovexattr     fd:fd name:path | ok
inotify_rm_watch fd:fd wd:int | ok
inotify_add_watch fd:fd path:path mask:IN | int
fanotify_init    flags:FAN+ event_flags:O=rdonly | fd
fanotify_mark    fd:fd flags:FAN_MARK mask:FAN dir:at path:ptr | ok
file_setattr     dir:at path:path attr:file_attr flags:AT | file_setattr dir path attr #attr flags | ok
open_tree        dir:at path:path flags:OPEN_TREE+ | fd
open_tree_attr   dir:at path:path flags:OPEN_TREE+ attr:mount_attr | open_tree_attr dir path flags attr #attr | fd
move_mount       fromdir:at from:path todir:at to:path flags:MOVE_MOUNT | ok
fsopen           fsname:path flags:FSOPEN+ | fd
fsmount          fd:fd flags:FSMOUNT+ attr_flags:MOUNT_ATTR | fd
fspick           dir:at path:path flags:FSPICK+ | fd
fsconfig         fd:fd cmd:FSCONFIG key:ptr value:ptr aux:int=0 | ok
mount_setattr    dir:at path:path flags:AT attr:mount_attr | mount_setattr dir path flags attr #attr | ok
open_by_handle_at mount:fd handle:ptr flags:O+ | fd
]]
