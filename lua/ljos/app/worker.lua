--- The worker: what runs inside an actor, in app mode.
---
--- In a process the runner calls `prepare` before the process is confined, and the function it returns afterwards:
--- that one is where the module's first line runs. In a thread that is `run_in_thread`. Sources come out of the boot
--- record; what is not there is read from the actor's own file system, if it has one. The modules of ljos are part of
--- the runner, so they load in a sandbox too.
---
--- Errors:   an uncaught error of the module is reported on stderr
--- Suspends: never
--- Needs:    the runner, or a thread of `ljos.actor.thread`
local actor_inbox = require "ljos.actor.inbox"
local app = require "ljos.app"
local context = require "ljos.actor.context"
local engine = require "ljos.loop.engine"
local exit = require "ljos.system.exit"
local module_system = require "ljos.module_system"
local quit = require "ljos.app.quit"

---@class ljos.app.worker
local M = {}

local INBOX = 3

---@class ljos.app.BootRecord: { [string]: string }
---@field file string     the root module's file
---@field root? string    its package's directory, absent for a package that is one file
---@field names string    its place there, joined by "/"
---@field leaf? string    whether it is a leaf
---@field directory? string  messages name files relative to it
---@field engine? string

-- The cache, keyed by absolute paths.
local function sources_of(boot)
    local sources = {}
    for key, text in pairs(boot) do
        local file = key:match "^source(.*)$"
        if file then sources[file] = text end
    end
    return sources
end

-- Reads the cache before the file system.
local function reader(sources)
    return function(file)
        if sources[file] then return sources[file] end
        return module_system.read_file(file)
    end
end

---@param boot ljos.app.BootRecord
local function load_root(boot)
    local sources = sources_of(boot)
    local system = app.module_system { read = reader(sources), sources = sources, directory = boot.directory }
    local names = {}
    for name in (boot.names or ""):gmatch "[^/]+" do
        names[#names + 1] = name
    end
    local place = { root = boot.root or false, names = names, is_leaf = boot.leaf ~= nil }
    return system:load_root(boot.file, "worker", place --[[@as ljos.Module]])
end

-- The descriptors that were granted by name; the module's argument.
local function granted(boot)
    local grants = {}
    for key, value in pairs(boot) do
        local name = key:match "^grant/(.*)$"
        if name then
            grants[name] = require("ljos.file_descriptor").new(tonumber(value) --[[@as integer]])
        end
    end
    return grants
end

-- Seed 003, "inbox": one that the main fiber has not imported by its end is closed.
local function close_unused_inbox()
    if not package.loaded["ljos.inbox"] then actor_inbox.own():close() end
end

local function run(boot)
    return app.run_main(function()
        load_root(boot)(granted(boot))
        close_unused_inbox()
    end)
end

--- Takes the inbox and loads what the module may need; returns the function that runs it and gives the exit code.
---@param boot ljos.app.BootRecord
---@return fun(): integer
function M.prepare(boot)
    engine.choose((boot.engine or "") --[[@as "epoll"]])
    actor_inbox.add_source(actor_inbox.own(), INBOX)
    io.stdout:setvbuf "no"
    app.ignore_sigpipe()
    quit.arm()
    -- What the engine opens for itself is no question for a master.
    if boot.libc_service then engine.handle() end
    return function() return run(boot) end
end

--- Runs an actor in the Lua state of its thread, to its end. The standard streams and what signals do belong to the
--- process and stay as they are.
---@param boot ljos.app.BootRecord
function M.run_in_thread(boot)
    engine.choose((boot.engine or "") --[[@as "epoll"]])
    context.enter(tonumber(boot.concurrency_hint))
    rawset(os, "exit", exit.leave_thread)
    run(boot)
end

return M
