--- The machine's ABI, as ljsyscall names it.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"

---@class ljos.syscall.abi
return {
    os = ffi.os:lower(),
    host = ffi.os:lower(),
    types = ffi.os:lower(),
    arch = ffi.arch,
    le = ffi.abi "le",
    be = ffi.abi "be",
    abi32 = ffi.abi "32bit",
    abi64 = ffi.abi "64bit",
}
