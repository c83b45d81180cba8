--- Stand-ins: signals that ljos listens to for as long as the program does not.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.system.stand_in
local M = {}

local give_up_of = {} ---@type table<integer, fun()>

--- Notes that ljos listens to a signal.
---@param signal integer
---@param give_up fun()
function M.put(signal, give_up) give_up_of[signal] = give_up end

--- Leaves a signal to the program, for good.
---@param signal integer
function M.leave(signal)
    local give_up = give_up_of[signal]
    give_up_of[signal] = nil
    if give_up then give_up() end
end

return M
