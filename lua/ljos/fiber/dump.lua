--- The dump: what all fibers are doing, as text.
---
--- A line for each fiber: its name, what it waits for, where it is suspended. While tracing is on (trace.lua) also for
--- how long, where it was spawned, and whose child it is, as a tree.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local spawn = require "ljos.fiber.spawn"
local trace = require "ljos.fiber.trace"

local extras, main, operations = cancellation.extras, loop.main, loop.operations
local concat, pcall, tostring = table.concat, pcall, tostring

---@class ljos.fiber.dump
local M = {}

--- Names the running fiber, for dumps.
---@param name string
function M.set_name(name)
    error_.check_type(name, "string", 1)
    cancellation.extra_of(loop.current()).name = name
end

-- Raises where the object has no peer, or none at the moment.
local function peer(object)
    local address, port = tostring(object.remote_address), object.remote_port
    return (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, port)
end

local function describe_wait(fiber)
    local text = loop.describe_wait(fiber)
    if fiber.wait ~= operations then return text end
    local ok, whom = pcall(peer, operations.object_of(fiber))
    return ok and text .. " " .. whom or text
end

local function describe(fiber, time)
    local extra, note = extras[fiber.id], trace.note_of(fiber)
    local words = { spawn.name_of(fiber) }
    if extra and extra.name then words[#words + 1] = ("%q"):format(extra.name) end
    words[#words + 1] = describe_wait(fiber)
    if note and fiber.wait and words[#words] ~= "ready" then
        words[#words] = words[#words] .. (", %.1f s"):format(time - note.since)
    end
    if extra and extra.canceled then words[#words + 1] = "canceled" end
    local where = trace.place_of(fiber)
    if where then words[#words + 1] = "at " .. where end
    if note and note.where then words[#words + 1] = "spawned at " .. note.where end
    return concat(words, "  ")
end

-- The children of each fiber that has not ended, in order of their numbers; orphans are the main fiber's.
local function family()
    local children, alive = {}, { [main] = true }
    for fiber in spawn.each_live() do
        alive[fiber] = true
    end
    for fiber in spawn.each_live() do
        local note = trace.note_of(fiber)
        local parent = note and note.parent or main
        -- A record may have been used again for another fiber.
        if not alive[parent] or note and parent.id ~= note.parent_id or parent == fiber then parent = main end
        local list = children[parent]
        if not list then
            list = {}
            children[parent] = list
        end
        list[#list + 1] = fiber
    end
    return children
end

local function dump()
    local lines, time, children = {}, loop.now(), family()
    local shown = {}
    local function show(fiber, indent)
        if shown[fiber] then return end
        shown[fiber] = true
        lines[#lines + 1] = indent .. describe(fiber, time)
        for _, child in ipairs(children[fiber] or {}) do
            show(child, indent .. "  ")
        end
    end
    show(main, "")
    -- Records that were used again can form a circle away from the main fiber.
    for fiber in spawn.each_live() do
        show(fiber, "  ")
    end
    return concat(lines, "\n")
end

--- Returns one line for each fiber that has not ended; children are indented below the fiber that spawned them.
---@return string
function M.dump()
    local text
    loop.at_home(function() text = dump() end)
    return text
end

return M
