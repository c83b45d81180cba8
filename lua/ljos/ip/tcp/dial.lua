--- Dialing: Happy Eyeballs, version 2 (RFC 8305).
---
--- The addresses of both families are asked for at the same time: first by one question, and where that has no answer
--- in a twentieth of a second, by one for each family, too. The first attempt starts with the answer for IPv6, or a
--- twentieth of a second after that for IPv4 alone; what comes later joins the queue.
--- The families alternate; the next attempt starts when the newest has failed, or has had no answer for a quarter of a
--- second, which it goes on waiting for. The first connection wins, the others are canceled. Questions and attempts
--- are tasks of one group, so a deadline or a cancellation of the caller holds for all; no socket is left behind.
---
--- Within a family the order is getaddrinfo's (RFC 6724).
---
--- Errors:   raises ljos.Error: that of the attempt that failed last, or of resolving
--- Suspends: yes
--- Needs:    nothing beyond Linux 5.15
local asio_error = require "ljos.asio_error"
local channel = require "ljos.channel"
local connect = require "ljos.ip.connect"
local loop = require "ljos.loop"
local socket = require "ljos.ip.tcp.socket"
local task_group = require "ljos.task_group"
local timeout = require "ljos.timeout"

local error, pcall, remove = error, pcall, table.remove

---@class ljos.ip.tcp.dial
local M = {}

-- RFC 8305, section 8: "Resolution Delay" and "Connection Attempt Delay", recommended values.
local RESOLUTION_DELAY, ATTEMPT_DELAY = 0.05, 0.25

---@alias ljos.ip.tcp.Question fun(): ljos.ip.AddressInfo[]

---@class ljos.ip.tcp.Race
---@field group ljos.TaskGroup
---@field connect fun(endpoint: ljos.ip.AddressInfo): ljos.ip.tcp.Socket
---@field v6 ljos.ip.AddressInfo[]  not tried yet
---@field v4 ljos.ip.AddressInfo[]  not tried yet
---@field last "v6"|"v4"|nil        the family that was tried last
---@field asking table<string, true>  questions without an answer: "v6", "v4", "all"
---@field answered table<string, true> those with one
---@field running integer           attempts without a result
---@field started integer           attempts
---@field not_before number         when the next one may start: seconds of the loop's clock
---@field failure any               what to raise where nothing connects
---@field news table[]              results of tasks that have not been looked at
---@field signal ljos.FiberChannel  holds something when there are news

local function tell(race, report)
    race.news[#race.news + 1] = report
    race.signal:try_send(true)
end

-- The answer to "all" is without news about a family that has answered.
local function add(race, endpoints)
    for i = 1, #endpoints do
        local name = endpoints[i].address.is_v6 and "v6" or "v4"
        local family = race[name]
        if not race.answered[name] then family[#family + 1] = endpoints[i] end
    end
end

local function has_untried(race) return #race.v6 + #race.v4 > 0 end

-- The next endpoint to try: of the other family than the last one, where there is one.
local function take(race)
    local family = race.last == "v6" and "v4" or "v6"
    if #race[family] == 0 then family = family == "v6" and "v4" or "v6" end
    race.last = family
    return remove(race[family], 1)
end

local function ask(race, family, question)
    race.asking[family] = true
    race.group:spawn(function()
        local ok, answer = pcall(question)
        tell(race, { answers = family, endpoints = ok and answer, err = answer })
    end)
end

local function attempt(race)
    local endpoint, number = take(race), race.started + 1
    race.started, race.running = number, race.running + 1
    race.not_before = loop.now() + ATTEMPT_DELAY
    race.group:spawn(function()
        local ok, sock = pcall(race.connect, endpoint)
        tell(race, { attempt = number, sock = ok and sock, err = sock })
    end)
end

local function heed_answer(race, report)
    local asking = race.asking
    asking[report.answers] = nil
    -- One answer for all is as good as two for the halves.
    if report.answers == "all" or not asking.v6 and not asking.v4 then race.asking = {} end
    if report.endpoints then
        add(race, report.endpoints)
        race.answered[report.answers] = true
    elseif not race.failure or race.failure == asio_error.netdb.host_not_found then
        race.failure = report.err
    end
    if race.started == 0 then race.not_before = race.asking.v6 and loop.now() + RESOLUTION_DELAY or 0 end
end

local function heed_attempt(race, report)
    if report.sock then return report.sock end
    race.running, race.failure = race.running - 1, report.err
    if report.attempt == race.started or race.running == 0 then race.not_before = 0 end
end

-- Looks at what has happened; returns the first connection.
local function heed(race)
    while race.news[1] do
        local report = remove(race.news, 1)
        if report.answers then
            heed_answer(race, report)
        else
            local sock = heed_attempt(race, report)
            if sock then return sock end
        end
    end
end

-- Waits for news, for `seconds` at the most.
local function wait(race, seconds)
    local signal = race.signal
    if not seconds then return signal:receive() end
    local ok, err = pcall(timeout --[[@as function]], seconds, signal.receive, signal)
    local failure = err --[[@as ljos.Error]]
    if not ok and not failure.ETIMEDOUT then error(err, 0) end
end

local function run(race)
    while true do
        local untried = has_untried(race)
        if untried and loop.now() >= race.not_before then
            attempt(race)
        elseif untried then
            wait(race, race.not_before - loop.now())
        elseif race.running > 0 or next(race.asking) then
            wait(race)
        else
            error(race.failure, 0)
        end
        local sock = heed(race)
        if sock then
            race.group:cancel()
            return sock
        end
    end
end

-- Attempts that succeeded too late, or that nobody waits for any more.
local function finish(race, ok, ...)
    for _, report in ipairs(race.news) do
        if report.sock then report.sock:close() end
    end
    if not ok then error((...), 0) end
    return ...
end

local function connect_to(e)
    local sock = socket.new()
    local ok, err = connect.attempt(sock, e.address, e.port)
    if ok then return sock end
    error(err, 0)
end

local function new_race(connector)
    return {
        connect = connector or connect_to,
        v6 = {},
        v4 = {},
        asking = {},
        answered = {},
        running = 0,
        started = 0,
        not_before = 0,
        news = {},
        signal = channel.new(1),
    }
end

-- The question for one family, asked only when that for both is slow to be answered.
local function later(race, family, question)
    return function()
        loop.sleep(RESOLUTION_DELAY)
        return race.asking[family] and question() or {}
    end
end

--- Connects to the first endpoint that answers, of those that the questions bring to light.
---@param v6 ljos.ip.tcp.Question
---@param v4 ljos.ip.tcp.Question
---@param connector? fun(endpoint: ljos.ip.AddressInfo): any  connects, in place of a TCP socket
---@param all? ljos.ip.tcp.Question  for both families, asked before the others
---@return ljos.ip.tcp.Socket
function M.by_name(v6, v4, connector, all)
    local race = new_race(connector)
    return finish(
        race,
        pcall(task_group.run, function(group)
            race.group = group
            if all then ask(race, "all", all) end
            ask(race, "v6", all and later(race, "v6", v6) or v6) -- first, as the RFC has it
            ask(race, "v4", all and later(race, "v4", v4) or v4)
            return run(race)
        end)
    )
end

--- Connects to the first of the endpoints that answers.
---@param endpoints ljos.ip.AddressInfo[]  at least one
---@param connector? fun(endpoint: ljos.ip.AddressInfo): any  connects, in place of a TCP socket
---@return ljos.ip.tcp.Socket
function M.by_endpoints(endpoints, connector)
    if #endpoints == 1 then return (connector or connect_to)(endpoints[1]) end
    local race = new_race(connector)
    add(race, endpoints)
    return finish(
        race,
        pcall(task_group.run, function(group)
            race.group = group
            return run(race)
        end)
    )
end

return M
