--- ljos: Linux systems programming for LuaJIT.
---
--- `require "ljos"` is a table whose fields load the public modules when first used: `ljos.fiber`, `ljos.ip`, ...
---
--- Errors:   raises ljos.Error
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15

if not rawget(_G, "jit") then error("ljos needs LuaJIT (https://luajit.org); this is " .. _VERSION, 0) end

---@class ljos
---@field _VERSION string
local M = { _VERSION = "0.1.0" }

--- Returns the name of the engine that carries the operations: "io_uring" or "epoll".
---@return "io_uring"|"epoll"
function M.engine() return require("ljos.loop.engine").name() end

-- A copy, because an Error may be shared.
local function with_traceback(err, traceback)
    local context = { traceback = traceback }
    for key, value in pairs(err) do
        context[key] = value
    end
    return require("ljos.error").new(err.category, err.code, context)
end

--- Runs `f(...)` as the main fiber and returns when it and all fibers have ended; re-raises what `f` raised: a string
--- with the traceback below it; an equal Error with the traceback in its field `traceback`, which tostring shows, too.
---@param f fun(...: any)
---@param ... any
function M.run(f, ...)
    local ok, err, traceback = require("ljos.fiber").run(f, ...)
    if ok then return end
    traceback = traceback and traceback:match "^%s*(.*)"
    if type(err) == "string" and traceback then err = err .. "\n" .. traceback end
    if require("ljos.error").is_error(err) then err = with_traceback(err, traceback) end
    error(err, 0)
end

-- Of a file that cannot be opened `require` says that it is not there.
local function not_loaded(message)
    local file, problem = io.open "/dev/null"
    if not file then return ("%s\n\tno file can be opened: %s"):format(message, problem) end
    file:close()
    return message
end

return setmetatable(M, {
    __index = function(self, name)
        local ok, module = pcall(require, "ljos." .. tostring(name))
        if not ok then error(not_loaded(module), 2) end
        rawset(self, name, module)
        return module
    end,
})
