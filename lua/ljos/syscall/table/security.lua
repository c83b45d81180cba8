--- Lines of ljos.syscall.spec: sandboxing, keys, tracing.
---
--- Errors:   never; it is a text
--- Suspends: never
--- Needs:    nothing; a call that the kernel lacks answers ENOSYS
-- luacheck: no max line length
return [[
landlock_create_ruleset attr:landlock_ruleset_attr flags:LANDLOCK_CREATE_RULESET | landlock_create_ruleset attr #attr flags | fd
landlock_restrict_self ruleset:fd flags:LANDLOCK_RESTRICT_SELF | ok
seccomp          operation:SECCOMP flags:SECCOMP_FILTER_FLAG args:ptr | int
lsm_list_modules ids:buf size:buf flags:int=0 | int
lsm_get_self_attr attr:LSM_ATTR ctx:buf size:buf flags:LSM_FLAG | int
lsm_set_self_attr attr:LSM_ATTR ctx:ptr size:int flags:int=0 | ok
add_key          kind:path description:path payload:ptr length:int keyring:KEY_SPEC | int
request_key      kind:path description:path callout:ptr keyring:int=0 | int
keyctl           operation:KEYCTL a:ptr b:ptr d:ptr e:ptr | int
ptrace           request:PTRACE pid:int=0 addr:ptr data:ptr | wide
]]
