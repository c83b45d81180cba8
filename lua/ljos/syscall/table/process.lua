--- Lines of ljos.syscall.spec: processes, signals and the scheduler.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
return [[
gettid           | int
getpgrp          | libc:getpgrp | int
getpgid          pid:int=0 | int
setpgid          pid:int=0 pgid:int=0 | ok
getsid           pid:int=0 | int
setsid           | int
kill             pid:int signal:SIG | ok
killpg           pgrp:int signal:SIG | libc:killpg pgrp signal | ok
tkill            tid:int signal:SIG | ok
tgkill           tgid:int tid:int signal:SIG | ok
pause            | ppoll nil 0 nil nil 0 | ok!
alarm            seconds:int=0 | libc:alarm seconds | int
_exit            status:EXIT=0 | exit_group status | ok
exit_group       status:EXIT=0 | ok
unshare          flags:CLONE | ok
setns            fd:fd nstype:CLONE | ok
sched_yield      | ok
sched_setscheduler pid:int=0 policy:SCHED param:sched_param=0 | ok
sched_getscheduler pid:int=0 | int
sched_get_priority_max policy:SCHED | int
sched_get_priority_min policy:SCHED | int
sched_setparam   pid:int=0 param:sched_param=0 | ok
sched_setattr    pid:int=0 attr:sched_attr flags:int=0 | ok
personality      persona:PER | int
pidfd_open       pid:int flags:PIDFD | fd
pidfd_getfd      pidfd:fd target:int flags:int=0 | fd
pidfd_send_signal pidfd:fd signal:SIG info:siginfo flags:PIDFD | ok
process_mrelease pidfd:fd flags:int=0 | ok
kcmp             pid1:int pid2:int kind:KCMP a:int=0 b:int=0 | int
membarrier       cmd:MEMBARRIER flags:MEMBARRIER=0 cpu:int=0 | int
ioprio_get       which:IOPRIO_WHO who:int=0 | int
ioprio_set       which:IOPRIO_WHO who:int=0 ioprio:int | ok
set_tid_address  address:ptr | int
rseq             area:ptr len:int flags:int=0 sig:int | ok
rt_sigqueueinfo  pid:int signal:SIG info:siginfo | ok
rt_tgsigqueueinfo tgid:int tid:int signal:SIG info:siginfo | ok
sigaltstack      new:buf24 old:buf24 | ok
arch_prctl       code:ARCH address:ptr | ok
]]
