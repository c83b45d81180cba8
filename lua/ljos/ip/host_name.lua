--- The host's name: gethostname(2).
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"

ffi.cdef "int gethostname(char *, size_t);"

local size = 256 -- longer than any: HOST_NAME_MAX is 64 on Linux

--- Gets the current host name. Source: seed 003, "ip.host_name".
---@return string
return function()
    local name = ffi.new("char[?]", size)
    if ffi.C.gethostname(name, size) < 0 then error_.check(-ffi.errno(), { detail = "gethostname" }) end
    return ffi.string(name)
end
