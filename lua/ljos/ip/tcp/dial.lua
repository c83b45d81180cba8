--- Dialing: Happy Eyeballs (RFC 8305) over the endpoints of a name.
---
--- The endpoints come sorted (RFC 6724); the families are made to alternate. An attempt starts when the one before has
--- failed, or has had no answer for a quarter of a second, which it goes on waiting for: the first connection wins,
--- the others are canceled. All attempts are tasks of one group, so a deadline or a cancellation of the caller holds
--- for everything, name resolution included, and no socket is left behind.
---
--- Errors:   raises ljos.Error: that of resolving, or of the attempt that failed last
--- Suspends: yes
--- Needs:    nothing beyond Linux 5.15
local channel = require "ljos.channel"
local connect = require "ljos.ip.connect"
local error_ = require "ljos.error"
local socket = require "ljos.ip.tcp.socket"
local task_group = require "ljos.task_group"
local timeout = require "ljos.timeout"

local error, pcall = error, pcall

---@class ljos.ip.tcp.dial
local M = {}

-- RFC 8305, section 5: "Connection Attempt Delay", recommended value.
local DELAY = 0.25

--- Orders endpoints so that the families alternate, beginning with that of the first; within a family the order stays.
--- Source: RFC 8305, section 4.
---@param endpoints ljos.ip.AddressInfo[]
---@return ljos.ip.AddressInfo[]
function M.interleave(endpoints)
    local first, other, ordered = {}, {}, {}
    for i = 1, #endpoints do
        local is_first = endpoints[i].address.is_v4 == endpoints[1].address.is_v4
        local list = is_first and first or other
        list[#list + 1] = endpoints[i]
    end
    for i = 1, math.max(#first, #other) do
        ordered[#ordered + 1] = first[i]
        ordered[#ordered + 1] = other[i]
    end
    return ordered
end

-- One attempt: puts a connected socket or an error into `reports`, which has room for all.
local function attempt(reports, endpoint)
    local sock = socket.new()
    local ok, err = connect.attempt(sock, endpoint.address, endpoint.port)
    reports:try_send(ok and sock or err)
end

-- Waits for a report, for DELAY at the most where there is another endpoint to try; nil when none came.
local function next_report(reports, has_more)
    if not has_more then return reports:receive() end
    local ok, report = pcall(timeout --[[@as function]], DELAY, reports.receive, reports)
    if ok then return report end
    local err = report --[[@as ljos.Error]]
    if not err.ETIMEDOUT then error(err, 0) end
end

local function race(group, reports, endpoints)
    local started, running, last_error = 0, 0, nil
    while started < #endpoints or running > 0 do
        if started < #endpoints then
            started, running = started + 1, running + 1
            local endpoint = endpoints[started]
            group:spawn(function() attempt(reports, endpoint) end)
        end
        local report = next_report(reports, started < #endpoints)
        if report and error_.is_error(report) then
            running, last_error = running - 1, report
        elseif report then
            group:cancel()
            return report
        end
    end
    error(last_error, 0)
end

-- Attempts that succeeded too late, or that nobody waits for any more.
local function close_rest(reports)
    repeat
        local report = reports:try_receive()
        if report and not error_.is_error(report) then report:close() end
    until not report
end

local function finish(reports, ok, ...)
    close_rest(reports)
    if not ok then error((...), 0) end
    return ...
end

--- Connects to the endpoint that answers first.
---@param endpoints ljos.ip.AddressInfo[]  at least one
---@return ljos.ip.tcp.Socket
function M.connect_any(endpoints)
    if #endpoints == 1 then
        local sock = socket.new()
        local ok, err = connect.attempt(sock, endpoints[1].address, endpoints[1].port)
        if not ok then error(err, 0) end
        return sock
    end
    endpoints = M.interleave(endpoints)
    local reports = channel.new(#endpoints)
    return finish(reports, pcall(task_group.run, function(group) return race(group, reports, endpoints) end))
end

return M
