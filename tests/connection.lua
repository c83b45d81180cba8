-- Connected sockets for specs, and what specs do with them again and again.
local byte_span = require "ljos.byte_span"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"

local yield = fiber.this_fiber.yield

local M = {}

-- Accepts the connection of `client`. (Another program may have connected to a port that it knew from before.)
local function accept_from(client, acceptor, accepted)
    accepted = accepted or acceptor:accept()
    while client.local_port ~= accepted.remote_port do
        accepted:close()
        accepted = acceptor:accept()
    end
    return accepted
end
M.accept_from = accept_from

--- Two ends of a TCP connection.
function M.tcp_pair()
    local acceptor = ip.tcp.listen "127.0.0.1:0"
    local a = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
    local b = accept_from(a, acceptor)
    acceptor:close()
    return a, b
end

function M.close(...)
    for i = 1, select("#", ...) do
        (select(i, ...)):close()
    end
end

--- Has objects closed in the end, by a trial's `defer`; returns them.
function M.closing(defer, ...)
    for i = 1, select("#", ...) do
        local object = select(i, ...)
        defer(function() object:close() end)
    end
    return ...
end

--- What `read_some` has to give.
function M.read(stream, size)
    local buffer = byte_span.new(size or 100)
    return tostring(buffer:first(stream:read_some(buffer)))
end

--- What `receive` has to give.
function M.receive(socket, ...)
    local buffer = byte_span.new(100)
    return tostring(buffer:first(socket:receive(buffer, ...)))
end

--- Calls `put()`, which adds to what `sent()` tells, until whoever waits for room in it gets none any more.
function M.fill(put, sent)
    local before
    repeat
        before = sent()
        local filler = fiber.spawn(function()
            while true do
                put()
            end
        end)
        for _ = 1, 20 do
            yield()
        end
        filler:cancel()
        filler:join()
    until sent() == before
end

return M
