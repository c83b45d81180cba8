--- Control groups, found through /proc and the mounts.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"

---@class ljos.syscall.cgroup
local M = {}

--- The groups of a process: {name of the controllers = {name, path}}; cgroup v2 is under "".
function M.cgroups(pid)
    local text, err = S.util.proc(pid or "self").cgroup, nil
    if not text then return nil, err end
    local groups = {}
    for number, name, path in text:gmatch "(%d+):([^:]*):([^\n]*)\n" do
        groups[name] = { hierarchy = tonumber(number), name = name, path = path }
    end
    return groups
end

--- Mounts a hierarchy: {source =, target = | dir =, flags =, data = "cpu"}; type "cgroup" unless another is given.
function M.mount(options)
    if type(options) ~= "table" then argument.wrong(1, "{target =, data =}", options) end
    return S.mount(
        options.source or "cgroup",
        options.target or options.dir,
        options.type or "cgroup",
        options.flags,
        options.data
    )
end

return M
