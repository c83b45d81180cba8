-- A child that waits to be killed: its pid. `make` is S.fork, or another call that makes a child.
local S = require "ljos.syscall"

---@param make? fun(): integer?, ljos.Error?
---@return integer
return function(make)
    local pid = assert((make or S.fork)())
    while pid == 0 do
        S.pause()
    end
    return pid
end
