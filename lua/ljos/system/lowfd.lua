--- system.get_lowfd: the descriptors 3 to 9 that the program was started with.
---
--- What was inherited is looked at once, when this module is loaded: in app mode before anything else, in library mode
--- with `ljos.system`. Inherited descriptors are never close-on-exec, so those that ljos or its host has made meanwhile
--- are told apart, unless they were opened without O_CLOEXEC, as io.open does.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local loading = require "ljos.error.loading"
local master = require "ljos.system.master"

local fcntl = calls.fcntl
local F_GETFD, F_SETFD, FD_CLOEXEC = calls.constants.F_GETFD, calls.constants.F_SETFD, calls.constants.FD_CLOEXEC

local FIRST, LAST = 3, 9
local is_inherited = {}
for fd = FIRST, LAST do
    is_inherited[fd] = fcntl(fd, F_GETFD, 0) == 0
end

--- Takes over an inherited descriptor, once (seed 003, "system.get_lowfd"). From then on it is close-on-exec.
---@param fd integer
---@return ljos.FileDescriptor? # nil when it was not inherited, or was taken already
return function(fd)
    if type(fd) ~= "number" then error_.argument(1, "integer expected, got " .. type(fd)) end
    master.check "get_lowfd"
    if not is_inherited[fd] then return nil end
    is_inherited[fd] = false
    error_.check(fcntl(fd, F_SETFD, FD_CLOEXEC), { detail = "fcntl(F_SETFD)" })
    return loading.load("ljos.file_descriptor").new(fd)
end
