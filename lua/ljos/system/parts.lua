--- Parts: the files of ljos.syscall, which load when first used.
---
--- Before something that may put them out of reach they are all loaded, if the program uses that module. Of others it
--- is the program that knows which it needs.
---
--- Errors:   raises what `require` does
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.system.parts
local M = {}

--- Loads them.
function M.load()
    if package.loaded["ljos.syscall"] then require("ljos.syscall.directory").load_all() end
end

return M
