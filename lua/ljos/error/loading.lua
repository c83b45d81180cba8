--- Loading of parts: modules of ours that are loaded when a program first uses them, and why that failed.
---
--- Where no descriptor is left, or files are out of reach, `require` says that the file is not there. What it says is
--- compared with what the kernel says of a file that is.
---
--- Errors:   raises ljos.Error of category system where no file can be opened; else what `require` raises
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
---@class ljos.error.loading
local M = {}

--- Returns what is to be raised for a message of `require`: an Error where no file can be opened, else the message.
---@param name string  of the module
---@param message any
---@return any
function M.explain(name, message)
    local is_missing = type(message) == "string" and message:find("module '[^']+' not found:\n")
    local file, problem, errno
    if is_missing then
        file, problem, errno = io.open "/dev/null"
    end
    if file then file:close() end
    if not problem then return message end
    local ok, error_ = pcall(require, "ljos.error") -- of the same fate, unless it was loaded
    if not ok then return ("%s\n\tno file can be opened: %s"):format(message, problem) end
    return error_.system(errno, { detail = "cannot load " .. name })
end

--- Loads a module as `require` does.
---@param name string
---@return any
function M.load(name)
    local loaded = package.loaded[name]
    if loaded then return loaded end
    local ok, module = pcall(require, name)
    if ok then return module end
    error(M.explain(name, module), 0)
end

return M
