-- Loaded by busted before the specs (.busted, `helper`): after each spec file the open descriptors, the child
-- processes, the mounts and the fibers are what they were, or the file fails.
--
-- A descriptor that only the collector closes may outlive its file: a slot of the stack that nobody has written since
-- may hold its owner. So it is a leak if it is there after the next file, too.
local busted = require "busted"
local collect = require "collect"
local lfs = require "lfs"
require "surroundings"

local function slurp(path)
    local file = io.open(path, "r")
    if not file then return "" end
    local text = file:read "*a"
    file:close()
    return text
end

local spawn, loop ---@type ljos.fiber.spawn, ljos.loop

-- Each probe returns a set: what there is -> how to name it.

local function descriptors()
    local set, own = {}, lfs.symlinkattributes("/proc/self", "target")
    for name in lfs.dir "/proc/self/fd" do
        local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
        -- The directory being listed has a descriptor of its own.
        if target and name:find "^%d+$" and target ~= "/proc/" .. own .. "/fd" then
            set[name .. " " .. target] = "descriptor " .. name .. " -> " .. target
        end
    end
    return set
end

local function children()
    local set = {}
    for task in lfs.dir "/proc/self/task" do
        for pid in slurp("/proc/self/task/" .. task .. "/children"):gmatch "%d+" do
            set[pid] = "child " .. pid .. ": " .. slurp("/proc/" .. pid .. "/cmdline"):gsub("%z", " ")
        end
    end
    return set
end

local function mounts()
    local set = {}
    for line in slurp("/proc/self/mountinfo"):gmatch "[^\n]+" do
        set[line] = "mount " .. line
    end
    return set
end

-- By name: a record may be used again for another fiber, which is as much of a leak.
local function fibers()
    local set = {}
    for record in spawn.each_live() do
        set[tostring(record)] = "fiber: " .. loop.describe_wait(record)
    end
    return set
end

local probes = { descriptors, children, mounts, fibers }

local function snapshot()
    collect()
    local sets = {}
    for i, probe in ipairs(probes) do
        sets[i] = probe()
    end
    return sets
end

local REPORTED = {}
local suspects = {} -- descriptors that may still be collected: key -> the file that left them, or REPORTED

-- Adds what the suspects have become to `lines`.
local function look_at_suspects(there, lines)
    for key, file in pairs(suspects) do
        if not there[key] then
            suspects[key] = nil
        elseif file ~= REPORTED then
            lines[#lines + 1] = ("left behind by %s: %s"):format(file, there[key])
            suspects[key] = REPORTED
        end
    end
end

local function differences(before, file)
    local lines, after = {}, snapshot()
    for i, probe in ipairs(probes) do
        for key, name in pairs(before[i]) do
            if not after[i][key] and not suspects[key] then lines[#lines + 1] = "gone: " .. name end
        end
        if probe == descriptors then look_at_suspects(after[i], lines) end
        for key, name in pairs(after[i]) do
            if not before[i][key] then
                if probe == descriptors then
                    suspects[key] = file
                else
                    lines[#lines + 1] = "left behind: " .. name
                end
            end
        end
    end
    table.sort(lines)
    return lines
end

-- busted turns an error raised by a subscriber into one of the spec file, or of the suite.
local function fail(name, lines)
    if #lines > 0 then error(name .. ":\n" .. table.concat(lines, "\n"), 0) end
end

-- The engine of the main state lives as long as the process; it is no leak of the first spec that needs it.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
require("ljos.loop.engine").handle()
-- So does the sealed copy of the runner that actors start from, where it was built.
pcall(function() require("ljos.actor.runner").fd() end)

spawn, loop = require "ljos.fiber.spawn", require "ljos.loop"

local before

busted.subscribe({ "file", "start" }, function()
    before = snapshot()
    return nil, true
end)

busted.subscribe({ "file", "end" }, function(file)
    fail(file.name, differences(before, file.name))
    return nil, true
end)

busted.subscribe({ "suite", "end" }, function()
    local lines = {}
    collect()
    look_at_suspects(descriptors(), lines)
    for _, line in ipairs(lines) do
        print(line) -- the summary has been written
    end
    fail("at the end", lines)
    return nil, true
end)
