-- Cancellation of every operation that waits on pipes, terminals and UNIX sockets: what was canceled has done nothing,
-- what was done is never lost.
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local pipe = require "ljos.pipe"
local raises = require "raises"
local serial_port = require "ljos.serial_port"
local settle = require "settle"
local timeout = require "ljos.timeout"
local unix = require "ljos.unix"

local spawn, this_fiber = fiber.spawn, fiber.this_fiber
local span = byte_span.append

local function raw_terminal()
    local master, slave = serial_port.ptypair()
    local name = require("ljos.filesystem").read_symlink("/proc/self/fd/" .. tostring(slave):match "%d+$")
    local port = serial_port.new()
    port:open(tostring(name))
    slave:close()
    return port, master
end

local function reversed(f)
    return function()
        local a, b = f()
        return b, a
    end
end

-- What carries bytes or packets: two ends, how to write and how to read.
local CARRIERS = {
    { name = "a pipe", make = reversed(pipe.pair), write = "write_some", read = "read_some" },
    { name = "a terminal", make = raw_terminal, write = "write_some", read = "read_some" },
    { name = "a master", make = reversed(raw_terminal), write = "write_some", read = "read_some" },
    { name = "unix.stream", make = unix.stream.socket.pair, write = "write_some", read = "read_some" },
    { name = "unix.seqpacket", make = unix.seqpacket.socket.pair, write = "send", read = "receive", packets = true },
    { name = "unix.datagram", make = unix.datagram.socket.pair, write = "send", read = "receive", packets = true },
}
for _, kind in ipairs { "stream", "seqpacket", "datagram" } do
    CARRIERS[#CARRIERS + 1] = {
        name = "unix." .. kind .. " with descriptors",
        make = unix[kind].socket.pair,
        write = function(a, bytes) return a:send_with_fds(bytes, {}) end,
        read = function(b, buffer) return (b:receive_with_fds(buffer, 1)) end,
        packets = kind ~= "stream",
    }
end
CARRIERS[#CARRIERS + 1] = {
    name = "unix.datagram with addresses",
    make = function()
        local a, b = unix.datagram.socket.new(), unix.datagram.socket.new()
        a:open()
        b:open()
        b:bind ""
        return a, b
    end,
    write = function(a, bytes, b) return a:send_to(bytes, b.local_path) end,
    read = function(b, buffer) return (b:receive_from(buffer)) end,
    packets = true,
}

local function operation(of)
    if type(of) == "function" then return of end
    return function(object, buffer) return object[of](object, buffer) end
end

-- Runs `f` in a fiber that is canceled after a while; what `f` returned, or nothing if it was canceled.
local function canceled_after(random, f)
    local running = spawn(f)
    for _ = 1, random(0, 3) do
        if random(2) == 1 then loop.poll(0) end
        this_fiber.yield()
    end
    running:cancel()
    return running:join()
end

-- A generator of its own, so that a seed means the same everywhere.
local function generator(seed)
    local state = seed % 2147483646 + 1
    return function(low, high)
        if not high then
            low, high = 1, low
        end
        state = state * 16807 % 2147483647
        return low + state % (high - low + 1)
    end
end

local function content(from, count)
    local bytes = byte_span.new(count)
    for i = 1, count do
        bytes[i] = (from + i) % 251
    end
    return bytes
end

-- Bytes: what is read is what was written, in order, whatever was canceled meanwhile.
local function move_bytes(random, write, read, rounds)
    local written, got = 0, 0
    local function check(buffer, count)
        for i = 1, count do
            if buffer[i] ~= (got + i) % 251 then error(("byte %d is wrong"):format(got + i)) end
        end
        got = got + count
    end
    for _ = 1, rounds do
        if random(2) == 1 then
            local bytes = content(written, random(1, 3000))
            written = written + (canceled_after(random, function() return write(bytes) end) or 0)
        else
            local buffer = byte_span.new(random(1, 3000))
            local count = canceled_after(random, function() return read(buffer) end)
            if count then check(buffer, count) end
        end
    end
    while got < written do
        local buffer = byte_span.new(5000)
        check(buffer, read(buffer))
    end
    assert.equal(written, got)
end

-- Packets: each is a number, one more than the last.
local function move_packets(random, write, read, rounds)
    local sent, got = 0, 0
    local buffer = byte_span.new(20)
    local function check(count)
        got = got + 1
        assert.equal(tostring(got), tostring(buffer:first(count)))
    end
    for _ = 1, rounds do
        if random(2) == 1 then
            local packet = span(tostring(sent + 1))
            if canceled_after(random, function() return write(packet) end) then sent = sent + 1 end
        else
            local count = canceled_after(random, function() return read(buffer) end)
            if count then check(count) end
        end
    end
    while got < sent do
        check(read(buffer))
    end
end

for _, carrier in ipairs(CARRIERS) do
    describe("cancellation on " .. carrier.name, function()
        local a, b
        local write_with, read_with = operation(carrier.write), operation(carrier.read)
        local function write(bytes) return write_with(a, bytes, b) end
        local function read(buffer) return read_with(b, buffer) end
        before_each(function()
            a, b = carrier.make()
        end)
        after_each(function()
            a:close()
            b:close()
            assert.equal(0, (loop.load()))
        end)

        it("loses nothing", function()
            local seed = os.time()
            local move = carrier.packets and move_packets or move_bytes
            local ok, err = pcall(move, generator(seed), write, read, 2000)
            if not ok then error(("seed %d: %s"):format(seed, tostring(err)), 0) end
        end)

        it("raises fiber_canceled to the fiber, ECANCELED for cancel() and close()", function()
            local bytes = carrier.packets and span "x" or byte_span.with_zeros(4096)
            local done = 0
            local filling = spawn(function()
                while true do
                    write(bytes)
                    done = done + 1
                end
            end)
            settle(function() return done end)
            for _, how in ipairs { "fiber", "cancel", "close" } do
                local writing = how == "fiber" and filling
                    or spawn(function()
                        return raises.raised(function()
                            while true do
                                write(bytes)
                            end
                        end)
                    end)
                settle(function() return 0 end)
                if how == "fiber" then
                    writing:cancel()
                    writing:join()
                    assert.is_true(writing.cancellation_caught)
                else
                    a[how](a)
                    assert.equal(error_.system "ECANCELED", writing:join())
                end
            end
        end)

        it("is not needed where suspending is forbidden: both raise at once", function()
            this_fiber.forbid_suspend()
            local on_write = raises.raised(write, span "x")
            local on_read = raises.raised(read, byte_span.new(1))
            this_fiber.allow_suspend()
            assert.is_true(error_.is_core(on_write, "forbid_suspend_block"))
            assert.is_true(error_.is_core(on_read, "forbid_suspend_block"))
            write(span "y") -- nothing of "x" went out
            local buffer = byte_span.new(2)
            assert.equal("y", tostring(buffer:first(read(buffer))))
        end)

        it("of a reader by a deadline leaves the reader's bytes there", function()
            local err = raises.raised(timeout.run, 0.001, function() return read(byte_span.new(1)) end)
            assert.equal(error_.system "ETIMEDOUT", err)
            write(span "z")
            local buffer = byte_span.new(2)
            assert.equal("z", tostring(buffer:first(read(buffer))))
        end)
    end)
end

describe("cancellation of accept and connect", function()
    it("loses no connection", function()
        local seed = os.time()
        local random = generator(seed)
        for _, kind in ipairs { "stream", "seqpacket" } do
            local acceptor = unix[kind].acceptor.new()
            acceptor:open()
            acceptor:bind ""
            acceptor:listen(1)
            local ep = acceptor.local_path
            local clients, servers = {}, {}
            for _ = 1, 300 do
                if random(2) == 1 then
                    local client = unix[kind].socket.new()
                    client:open()
                    local connected = canceled_after(random, function()
                        client:connect(ep)
                        return true
                    end)
                    if connected then
                        clients[#clients + 1] = client
                    else
                        client:close()
                    end
                else
                    servers[#servers + 1] = canceled_after(random, function() return acceptor:accept() end)
                end
            end
            while #servers < #clients do
                servers[#servers + 1] = acceptor:accept()
            end
            assert.equal(#clients, #servers, "seed " .. seed)
            local f = spawn(function() acceptor:accept() end) -- nobody else is there
            settle(function() return 0 end)
            f:cancel()
            f:join()
            assert.is_true(f.cancellation_caught)
            for i, client in ipairs(clients) do
                client:close()
                servers[i]:close()
            end
            acceptor:close()
        end
        assert.equal(0, (loop.load()))
    end)

    it("of wait leaves the acceptor usable", function()
        local acceptor = unix.stream.listen ""
        local f = spawn(function() acceptor:wait "read" end)
        settle(function() return 0 end)
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        local a = unix.stream.dial(tostring(acceptor.local_path))
        acceptor:wait "read"
        acceptor:accept():close()
        a:close()
        acceptor:close()
    end)

    it("of send_break waits for its end", function()
        local master, slave = serial_port.ptypair()
        local f = spawn(function() master:send_break() end)
        this_fiber.yield()
        f:cancel()
        f:join()
        master:close()
        slave:close()
        assert.equal(0, (loop.load()))
    end)
end)
