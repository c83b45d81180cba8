--- Own places: a file of ours where a message names the caller of a function that the program gave us.
---
--- `error(message, 2)` in a fiber's function puts its caller before the message, and that is no place of the program's.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
---@class ljos.loop.own_place
local M = {}

--- Returns what takes the calling file's name and a line from the front of a message, and lets everything else be.
---@return fun(err: any): any
function M.remover()
    local place = "^" .. debug.getinfo(2, "S").short_src:gsub("%p", "%%%0") .. ":%d+: "
    return function(err) return type(err) == "string" and err:gsub(place, "") or err end
end

return M
