--- The environment of init scripts and of filters: the table `C`, the helpers, `errexit` (seed 003, "init.script").
---
--- Every call returns its result and the errno (0 for none); while the global `errexit` is true, which it is at first,
--- a call that fails aborts the process.
---
--- Errors:   see `errexit`; a wrong argument raises
--- Suspends: never; nothing here knows the loop
--- Needs:    the runner
local ffi = require "ffi"
local calls = require "ljos.actor.init_script.calls"
local constants = require "ljos.actor.init_script.constants"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local messages = require "ljos.actor.init_script.messages"
local native = require "ljos.native"

ffi.cdef "void abort(void); char *strerror(int);"

local prctl = kernel.call(native.constant("SYS", "__NR_prctl"), "iiiii")

-- The message may find nobody to read it, which is not what the process is to die of. A core would hold what the script
-- knows.
local function abort(name, errno)
    local text = ("init.script: %s: %s\n"):format(name, ffi.string(ffi.C.strerror(errno)))
    native.C.ljos_pipe_write(2, text, #text)
    prctl(native.constant_table("PR").PR_SET_DUMPABLE, 0, 0, 0, 0)
    ffi.C.abort()
end

-- mode(7, 5, 5)
local function mode(user, group, other)
    for i = 1, 3 do
        error_.check_type((select(i, user, group, other)), "number", i)
    end
    return bit.bor(bit.lshift(user, 6), bit.lshift(group, 3), other)
end

-- The errno is the last result, the second or the third. A wrong argument is an error of the script's own line, and
-- says which call it was.
local function finish(environment, name, ok, ...)
    if not ok then
        local what = tostring((...)):gsub("^[^%s:]+:%d+: ", ""):gsub("'%?'", ("'%s'"):format(name))
        error(name .. ": " .. what, 2) -- `finish` stands in its caller's place: a tail call
    end
    local errno = select("#", ...) > 1 and select(select("#", ...), ...) or 0
    if errno ~= 0 and environment.errexit then abort(name, errno) end
    return ...
end

local function checked(environment, name, call)
    return function(...) return finish(environment, name, pcall(call, ...)) end
end

--- Makes an environment.
---@param arg? integer  the descriptor that came with the script
---@return table
return function(arg)
    local environment = { arg = arg, errexit = true }
    local C = {}
    for name, call in pairs(calls) do
        C[name] = checked(environment, name, call)
    end
    for name, helper in pairs(messages) do
        environment[name] = checked(environment, name, helper)
    end
    environment.mode = checked(environment, "mode", mode)
    environment.set_no_new_privs, C.set_no_new_privs = C.set_no_new_privs, nil
    environment.C = setmetatable(C, { __index = constants.find })
    return setmetatable(environment, { __index = _G })
end
