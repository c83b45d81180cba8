--- Preloading: a service for programs that have nothing to do with ljos, started by `system.spawn`.
---
--- The dynamic linker loads a library beside the native one into the program (LD_PRELOAD of ld.so(8)), which finds the
--- service by a descriptor that the environment names. What the program starts is served too, where it passes on both.
---
--- Errors:   raises ljos.Error; ENOENT where the library was not installed, ENOTSUP where LD_PRELOAD cannot name it
--- Suspends: never
--- Needs:    a program that is linked dynamically and gains no rights when it is started
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local native = require "ljos.native"
local reply = require "ljos.libc_service.reply"
local slave_ = require "ljos.libc_service.slave"

-- native/libc_service/preload/src/lib.rs has the same name.
local VARIABLE = "LJOS_LIBC_SERVICE"
local LAST_NUMBER = 9 -- the highest that `extra_fds` takes

local function library()
    local path = (native.path:match "^.*/" or "./") .. "libljos_preload.so"
    local absolute, res = calls.realpath(path)
    if not absolute then calls.check(res, "realpath", path) end
    ---@cast absolute string
    -- It would be passed over, and the program not served.
    if absolute:find "[%s:]" then
        local detail = "LD_PRELOAD takes no path with a blank or a colon: " .. absolute
        error(error_.generic("ENOTSUP", { detail = detail }), 0)
    end
    return absolute
end

--- Prepares a slave for a program: what goes into `environment` and `extra_fds` of `system.spawn`, beside what else is
--- to be there. Consumes the slave; close the descriptor once the program is started, so that its end is heard.
--- Raises EINVAL for a slave with filters, which need an actor.
---@param slave ljos.libc_service.Slave
---@param number? integer  that the descriptor has in the program, 3 to 9; 9 unless given
---@return table<string, string> environment
---@return table<integer, ljos.FileDescriptor> extra_fds
return function(slave, number)
    number = number == nil and LAST_NUMBER or reply.integer(number, 3, LAST_NUMBER, 2)
    slave_.check(slave, 1)
    if slave_.has_filters(slave) then error_.argument(1, "a slave with filters, which only an actor can run") end
    local path = library()
    return { LD_PRELOAD = path, [VARIABLE] = tostring(number) }, { [number] = slave_.take(slave) }
end
