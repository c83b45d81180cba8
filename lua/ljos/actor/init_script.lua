--- The environment of init scripts: the table `C`, the helpers, `arg` and `errexit` (seed 003, "init.script").
---
--- The script runs before the actor, in a Lua state of its own whose memory the runner wipes afterwards. Every call
--- returns its result and the errno (0 for none); while the global `errexit` is true, which it is at first, a
--- call that fails aborts the process.
---
--- Errors:   see `errexit`; a wrong argument raises
--- Suspends: never; nothing here knows the loop
--- Needs:    the runner
local ffi = require "ffi"
local calls = require "ljos.actor.init_script.calls"
local constants = require "ljos.actor.init_script.constants"
local messages = require "ljos.actor.init_script.messages"

ffi.cdef "void abort(void); char *strerror(int);"

local function abort(name, errno)
    io.stderr:write(("init.script: %s: %s\n"):format(name, ffi.string(ffi.C.strerror(errno))))
    io.stderr:flush()
    ffi.C.abort()
end

-- mode(7, 5, 5)
local function mode(user, group, other) return bit.bor(bit.lshift(user, 6), bit.lshift(group, 3), other) end

-- A wrong argument is an error of the script's own line, and says which call it was.
local function complain(name, err)
    local what = tostring(err):gsub("^[^%s:]+:%d+: ", ""):gsub("'%?'", ("'%s'"):format(name))
    error(name .. ": " .. what, 3)
end

-- The errno is the last result, the second or the third.
local function checked(environment, name, call)
    return function(...)
        local ok, result, second, third = pcall(call, ...)
        if not ok then complain(name, result) end
        local errno = third or second
        if errno ~= nil and errno ~= 0 and environment.errexit then abort(name, errno) end
        return result, second, third
    end
end

local function make_environment(arg)
    local environment = { arg = arg, errexit = true, mode = mode }
    local C = {}
    for name, call in pairs(calls) do
        C[name] = checked(environment, name, call)
    end
    for name, helper in pairs(messages) do
        environment[name] = checked(environment, name, helper)
    end
    environment.set_no_new_privs, C.set_no_new_privs = C.set_no_new_privs, nil
    environment.C = setmetatable(C, { __index = constants.find })
    return setmetatable(environment, { __index = _G })
end

--- Runs an init script.
---@param script string
---@param arg integer?  the descriptor that came with it
return function(script, arg)
    local chunk = assert(loadstring(script, "=init.script"))
    setfenv(chunk, make_environment(arg))
    chunk()
end
