-- Random traffic: one fiber reads, others wait, peek and cancel beside it; every byte arrives once and in order, and
-- nobody waits for what is there already. LJOS_SEED repeats a run.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local pipe = require "ljos.pipe"
local time = require "ljos.time"
local timeout = require "ljos.timeout"
local unix = require "ljos.unix"

local random, spawn, yield = math.random, fiber.spawn, fiber.this_fiber.yield

local seed = tonumber(os.getenv "LJOS_SEED") or os.time()

-- Calls a method with a deadline that may come first; nil where that or a cancellation ended it, false at the end of
-- the stream.
local function try(seconds, object, name, ...)
    local ok, result = pcall(timeout --[[@as function]], seconds, object[name], object, ...)
    if ok then return result or true end
    if result == asio_error.misc.eof then return false end
    if not (result.ETIMEDOUT or result.ECANCELED) then error(result, 0) end
    return nil
end

local function pause()
    if random() < 0.5 then return yield() end
    time.sleep(random() * 0.001)
end

local function content(from, count)
    local span = byte_span.new(count)
    for i = 1, count do
        span[i] = (from + i) % 251
    end
    return span
end

local FOREVER = 1e6
local cancels -- whether this round cancels what others do, which also wakes a reader that was forgotten

-- Writes so many bytes, some of them in attempts that are canceled. Now and then it goes on only when all has been
-- read, so that nothing that comes later helps a reader that was forgotten.
local function write(writer, total, disturb, progress)
    local written = 0
    while written < total do
        local part = content(written, math.min(random(1, random(1, 60000)), total - written))
        local seconds = random() < 0.3 and random() * 0.002 or FOREVER
        written = written + (try(seconds, writer, "write_some", part) or 0)
        if random() < 0.3 then disturb() end
        local waits = random() < 0.5
        while waits and progress.read < written do
            pause()
        end
    end
end

-- Reads until the end; returns how many bytes came.
local function read(reader, disturb, progress)
    local buffer, got = byte_span.new(60000), 0
    while true do
        local part = buffer:sub(1, random(1, random(1, 60000)))
        local seconds = cancels and random() < 0.3 and random() * 0.002 or FOREVER
        local count = try(seconds, reader, "read_some", part)
        if count == false then return got end
        if count then assert.equal(content(got, count), part:first(count)) end
        got = got + (count or 0)
        progress.read = got
        if random() < 0.3 then disturb() end
    end
end

local function tcp_disturbance(object)
    local kind = random(5)
    if kind == 1 then
        try(0.001, object, "receive", byte_span.new(random(1000)), { "peek" })
    elseif kind == 2 then
        if cancels then object:cancel() end
    else
        try(random() * 0.002, object, "wait", ({ "read", "write", "error" })[kind - 2])
    end
end

local function cancel(object)
    if cancels and object.is_open and random() < 0.3 then object:cancel() end
    pause()
end

-- What one fiber does again and again beside the others.
local function keep_doing(disturb, object)
    return spawn(function()
        while object.is_open do
            disturb(object)
            pause()
        end
    end)
end

local function round(pair, disturb, finish)
    local a, b = pair()
    local total = random(200000)
    cancels = random() < 0.5
    local function disturb_here() disturb(random() < 0.5 and a or b) end
    local progress = { read = 0 }
    local others = { keep_doing(disturb, a), keep_doing(disturb, b) }
    local writing = spawn(function()
        write(a, total, disturb_here, progress)
        finish(a)
    end)
    local got = timeout(20, read, b, disturb_here, progress)
    writing:join()
    connection.close(a, b)
    for _, other in ipairs(others) do
        pcall(other.join, other) -- it may have met the closed object
    end
    assert.equal(total, got)
end

local function shut_down(socket) socket:shutdown "send" end

local function pipe_pair()
    local reader, writer = pipe.pair()
    return writer, reader
end

describe("random traffic", function()
    local function property(title, ...)
        local arguments = { ... }
        it(title, function()
            math.randomseed(seed)
            local ok, err = pcall(function()
                for _ = 1, 15 do
                    round(unpack(arguments))
                end
            end)
            if not ok then error(("LJOS_SEED=%d: %s"):format(seed, tostring(err)), 0) end
        end)
    end

    property("over TCP arrives once and in order", connection.tcp_pair, tcp_disturbance, shut_down)
    property("over UNIX streams arrives once and in order", unix.stream.socket.pair, cancel, shut_down)
    property("over pipes arrives once and in order", pipe_pair, cancel, function(writer) writer:close() end)
end)
