--- Tracing: what a program remembers about its fibers while it is asked to.
---
--- While tracing is on, each fiber has a note: who spawned it, where, since when it waits. The notes are kept by two
--- hooks, one in `spawn` and one in place of coroutine.resume, which also measures how long a fiber runs in one go and
--- warns of one that keeps the others waiting. While it is off, neither hook is there.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local ledger = require "ljos.fiber.ledger"
local loop = require "ljos.loop"
local spawn = require "ljos.fiber.spawn"
local uncaught = require "ljos.fiber.uncaught"

local getinfo, now, resume, running = debug.getinfo, loop.now, coroutine.resume, coroutine.running

---@class ljos.fiber.trace
local M = {}

---@class ljos.FiberNote
---@field parent ljos.FiberRecord
---@field parent_id integer
---@field where? string  where it was spawned
---@field born number    seconds of the monotonic clock
---@field since number   when it last gave control back
---@field at? string      of the main fiber: where that was

-- By fiber number; each spawn makes the note anew.
local notes = {} ---@type table<integer, ljos.FiberNote>
local is_on = false
local hog_seconds = 0.1

-- "@lua/ljos/", in an actor "@ljos.": the library's own frames are of no interest.
local LIBRARY = getinfo(1, "S").source:match "^(.*)fiber[./]trace[^/]*$" or "@ljos/"

-- Function -> its file's short name; false for the library's own and for C functions.
local files = setmetatable({}, { __mode = "k" })
local function file_of(f)
    local file = files[f]
    if file == nil then
        local info = getinfo(f, "S")
        file = info.what ~= "C" and info.source:sub(1, #LIBRARY) ~= LIBRARY and info.short_src .. ":"
        files[f] = file
    end
    return file
end

--- Says where a stack is in the user's code: "file.lua:12"; nil when it is nowhere there.
---@param co thread|nil  nil: the running one
---@param level integer
---@return string?
function M.where(co, level)
    while true do
        local info
        if co then
            info = getinfo(co, level, "fl")
        else
            info = getinfo(level + 1, "fl")
        end
        if not info then return nil end
        local file = info.func and file_of(info.func)
        if file then return file .. info.currentline end
        level = level + 1
    end
end

--- Says where a fiber is, as far as its stack can be seen: that of the main fiber only from that fiber itself.
---@param fiber ljos.FiberRecord
---@return string?
function M.place_of(fiber)
    if fiber.wait == spawn.everything then return nil end
    -- Above is `yield`.
    if fiber.co and fiber.co ~= running() then return M.where(fiber.co, 1) end
    if fiber == loop.current() or not running() then return M.where(nil, 2) end
    local note = notes[fiber.id]
    return note and note.at
end

local function spawned(fiber)
    if not is_on then return end
    local parent = loop.current()
    local time = now()
    local where = M.where(nil, 3) or "?"
    notes[fiber.id] = { parent = parent, parent_id = parent.id, where = where, born = time, since = time }
end

-- A fiber gave control back.
local function ran(fiber, co, seconds)
    if seconds <= hog_seconds then return end
    local name, where = spawn.name_of(fiber), M.where(co, 0) or "its end"
    uncaught.print(("ljos: %s ran %.3f s without letting others run, now at %s"):format(name, seconds, where))
end

local function traced_resume(co)
    if not is_on then return resume(co) end
    local fiber = loop.current()
    local began = now()
    local ok, what = resume(co)
    local ended = now()
    local note = notes[fiber.id]
    if note then note.since = ended end
    ran(fiber, co, ended - began)
    return ok, what
end

-- The same for the main fiber, which runs while the loop does not. What it does outside of all waits after tracing
-- began counts as well.
local function around(run)
    local left = now()
    return function()
        if not is_on then return run() end
        local time = now()
        ran(loop.main, nil, time - left)
        notes[0].since, notes[0].at = time, M.where(nil, 1)
        local woken = run()
        left = now()
        return woken
    end
end

--- Says where the running code is, and who runs it; for the ledger.
---@return string where
---@return string by
function M.running_code() return M.where(nil, 1) or "?", spawn.name_of(loop.current()) end

--- Begins tracing; waits are timed from the main fiber's next wait on. A fiber that runs longer than `seconds` in one
--- go is reported on stderr.
---@param seconds? number  0.1 unless given
function M.start(seconds)
    if seconds and (type(seconds) ~= "number" or seconds <= 0) then error_.argument(1, "number of seconds expected") end
    hog_seconds = seconds or 0.1
    is_on = true
    notes[0] = { parent = loop.main, parent_id = 0, born = now(), since = now() }
    spawn.watch(spawned)
    loop.instrument { resume = traced_resume, around = around }
    if not ledger.is_on then ledger.start(M.running_code) end
end

--- Ends tracing and forgets all notes.
function M.stop()
    is_on = false
    notes = {}
    spawn.watch(false)
    loop.instrument {}
    ledger.stop()
end

---@return boolean
function M.is_on() return is_on end

---@param fiber ljos.FiberRecord
---@return ljos.FiberNote?
function M.note_of(fiber) return notes[fiber.id] end

return M
