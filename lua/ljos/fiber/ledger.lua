--- The ledger of descriptors: which are open, who opened them, and where.
---
--- Every object that owns a descriptor enters it here while tracing is on (fiber/trace.lua), and strikes it out when it
--- closes it or gives it away. What is left is not closed; an object that is collected with its descriptor open is
--- reported on stderr. While tracing is off, owners look at `is_on` and do nothing.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local uncaught = require "ljos.fiber.uncaught"

---@class ljos.fiber.ledger
local M = { is_on = false }

---@class ljos.LedgerEntry
---@field object any     weak
---@field where string   "server.lua:31"
---@field by string      the fiber's name
---@field inside any     what `inside` gave `start` said

local entries = {} ---@type table<integer, ljos.LedgerEntry>
local weak = { __mode = "v" }
local place ---@type fun(): string, string  where the running code is, and who runs it
local is_quiet = false
local inside ---@type fun(): any
local function nowhere() return false end

--- Begins with an empty ledger.
---@param place_ fun(): string, string
---@param quiet? boolean  what is collected is not reported
---@param inside_? fun(): any  what each entry is to remember, for `report`
function M.start(place_, quiet, inside_)
    entries, place, is_quiet, inside, M.is_on = {}, place_, quiet or false, inside_ or nowhere, true
end

--- Closes the ledger, and forgets what is in it.
function M.stop()
    entries, M.is_on = {}, false
end

--- Enters a descriptor.
---@param fd integer
---@param object any
function M.opened(fd, object)
    local where, by = place()
    entries[fd] = setmetatable({ object = object, where = where, by = by, inside = inside() }, weak)
end

--- Strikes a descriptor out.
---@param fd integer
function M.closed(fd) entries[fd] = nil end

local function describe(fd, entry)
    local kind = entry.object and getmetatable(entry.object)
    kind = type(kind) == "string" and "  " .. kind or ""
    return ("fd %d%s  opened at %s by %s"):format(fd, kind, entry.where, entry.by)
end

--- Strikes a descriptor out whose object is being collected, and says so on stderr.
---@param fd integer
function M.lost(fd)
    local entry = entries[fd]
    entries[fd] = nil
    if entry and not is_quiet then uncaught.print("ljos: collected without being closed: " .. describe(fd, entry)) end
end

--- Returns a line for each descriptor that was opened since tracing began and is not closed.
---@param is_wanted? fun(inside: any): boolean
---@return string
function M.report(is_wanted)
    local numbers, lines = {}, {}
    for fd, entry in pairs(entries) do
        if not is_wanted or is_wanted(entry.inside) then numbers[#numbers + 1] = fd end
    end
    table.sort(numbers)
    for i, fd in ipairs(numbers) do
        lines[i] = describe(fd, entries[fd])
    end
    return table.concat(lines, "\n")
end

return M
