--- The dump: what all fibers are doing, as text.
---
--- A line for each fiber: its name, what it waits for, where it is suspended. While tracing is on (trace.lua) also for
--- how long, where it was spawned, and whose child it is, as a tree.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"
local spawn = require "ljos.fiber.spawn"
local submission = require "ljos.loop.submission"
local trace = require "ljos.fiber.trace"

local extras, main = cancellation.extras, loop.main
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
    local text, object = loop.describe_wait(fiber), submission.object_of(fiber)
    if not object then return text end
    local ok, whom = pcall(peer, object)
    return ok and text .. " " .. whom or text
end

-- What few fibers have: a name, a cancellation.
local function describe_extra(extra, before, wait)
    if extra.name then before = before .. ("%q  "):format(extra.name) end
    return before .. wait .. (extra.canceled and "  canceled" or "")
end

local function describe(fiber, time)
    local extra, note = extras[fiber.id], trace.note_of(fiber)
    local wait = describe_wait(fiber)
    if note and fiber.wait and wait ~= "ready" then wait = ("%s, %.1f s"):format(wait, time - note.since) end
    local line = spawn.name_of(fiber) .. "  "
    line = extra and describe_extra(extra, line, wait) or line .. wait
    local where = trace.place_of(fiber)
    if where then line = line .. "  at " .. where end
    if note and note.where then line = line .. "  spawned at " .. note.where end
    return line
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

-- Without tracing nobody knows whose child a fiber is.
local function flat()
    local lines, n, time = { describe(main, loop.now()) }, 1, loop.now()
    for fiber in spawn.each_live() do
        n = n + 1
        lines[n] = "  " .. describe(fiber, time)
    end
    return concat(lines, "\n")
end

local function tree()
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
    loop.at_home(function() text = trace.is_on() and tree() or flat() end)
    return text
end

return M
