--- ljos: Linux systems programming for LuaJIT.
---
--- `require "ljos"` is a table whose fields load the public modules when first used: `ljos.fiber`, `ljos.ip`, ...
---
--- Errors:   raises ljos.Error
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15

if not rawget(_G, "jit") then error("ljos needs LuaJIT (https://luajit.org); this is " .. _VERSION, 0) end

local loading = require "ljos.error.loading"

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

-- The public modules.
local MODULES = {}
for name in
    ([[asio_error byte_span channel condition_variable error error_category fiber file file_descriptor filesystem format
    future generic_error inbox ip libc_service mock_loop mutex pipe recursive_mutex regex sandbox seccomp select
    semaphore serial_port spawn_vm stream system task_group time timeout tls unix ipc syscall]]):gmatch "%S+"
do
    MODULES[#MODULES + 1] = name
end

-- How many letters must be changed, added, left out or swapped with their neighbours to make one word of the other.
local function distance(a, b)
    local before, row = {}, {}
    for j = 0, #b do
        row[j] = j
    end
    for i = 1, #a do
        local above = row
        row = { [0] = i }
        for j = 1, #b do
            local is_same = a:byte(i) == b:byte(j)
            row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (is_same and 0 or 1))
            local is_swapped = i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
            if is_swapped then row[j] = math.min(row[j], before[j - 2] + 1) end
        end
        before = above
    end
    return row[#b]
end

local function field(module, name) return require("ljos." .. module)[name] end

-- What somebody may have meant who wrote ljos.`name`: a module of nearly that name, or what modules have of that name.
local function meant(name)
    local found = {}
    for _, module in ipairs(MODULES) do
        if distance(name, module) <= math.min(2, #module / 3) then found[#found + 1] = "ljos." .. module end
    end
    for _, module in ipairs(MODULES) do
        local ok, value = pcall(field, module, name)
        if ok and value ~= nil then found[#found + 1] = ("ljos.%s.%s"):format(module, name) end
    end
    if #found == 0 then return "there are " .. table.concat(MODULES, ", ") end
    return "did you mean " .. table.concat(found, " or ") .. "?"
end

local function why_not(name, err)
    err = loading.explain("ljos." .. name, err)
    local is_unknown = type(err) == "string"
        and err:find("module 'ljos." .. name .. "' not found", 1, true)
        and not err:find("no file can be opened", 1, true)
    return is_unknown and ("ljos has no module '%s'; %s"):format(name, meant(name)) or err
end

return setmetatable(M, {
    __index = function(self, name)
        name = tostring(name)
        local ok, module = pcall(require, "ljos." .. name)
        if not ok then error(why_not(name, module), 2) end
        rawset(self, name, module)
        return module
    end,
})
