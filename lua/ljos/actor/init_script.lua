--- Init scripts: Lua that runs before the actor, in a Lua state of its own, whose memory the runner wipes afterwards
--- (seed 003, "init.script").
---
--- Errors:   see `environment`
--- Suspends: never; nothing here knows the loop
--- Needs:    the runner
local make_environment = require "ljos.actor.init_script.environment"

--- Runs an init script.
---@param script string
---@param arg integer?  the descriptor that came with it
return function(script, arg)
    local chunk = assert(loadstring(script, "=init.script"))
    setfenv(chunk, make_environment(arg))
    chunk()
end
