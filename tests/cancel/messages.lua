-- More operations on descriptors: records, messages that fill a queue, descriptors in messages, files through sockets,
-- terminals, actors' channels. See trial.lua.
local actor_inbox = require "ljos.actor.inbox"
local byte_span = require "ljos.byte_span"
local channel = require "ljos.actor.channel"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local filesystem = require "ljos.filesystem"
local file = require "ljos.file"
local pipe = require "ljos.pipe"
local serial_port = require "ljos.serial_port"
local stream = require "ljos.stream"
local unix = require "ljos.unix"
local text_file = require "text_file"

local closing = connection.closing
local yield = fiber.this_fiber.yield

local function null() return filesystem.open(filesystem.path.new "/dev/null", { "read_write" }) end

-- A queue of messages that is full, so that the victim waits. What was sent arrives, each message once and in order.
local function full_case(pair, send)
    return function(defer)
        local a, b = closing(defer, pair())
        pcall(function() a:set_option("send_buffer_size", 4096) end)
        local sent = 0
        local function put()
            send(a, byte_span.append(("%05d"):format(sent + 1)), defer)
            sent = sent + 1
        end
        connection.fill(put, function() return sent end)
        local received, buffer = 0, byte_span.new(10)
        local function take()
            local n = b:receive(buffer)
            received = received + 1
            local text = tostring(buffer:first(n))
            assert(text == ("%05d"):format(received), ("message %d is %s"):format(received, text))
        end
        local function take_all()
            while received < sent do
                take()
            end
        end
        local helped = false
        return {
            run = put,
            help = function()
                take_all() -- the kernel wakes a sender when most of the queue is free
                helped = true
            end,
            finish = function()
                while not helped do
                    yield()
                end
                take_all()
                put() -- there is room again, and nothing extra in the queue
                take()
            end,
        }
    end
end

-- A message with a descriptor: it arrives once, with the message or not at all.
local function descriptor_case(pair)
    return function(defer)
        local a, b = closing(defer, pair())
        local buffer = byte_span.new(10)
        local taken = {}
        local function take()
            local n, fds = b:receive_with_fds(buffer, 2)
            for _, fd in ipairs(fds) do
                taken[#taken + 1] = fd
                closing(defer, fd)
            end
            return n
        end
        return {
            run = take,
            help = function()
                local fd = null()
                a:send_with_fds(byte_span.append "x", { fd })
                fd:close()
            end,
            finish = function(result)
                if not result then take() end
                assert(#taken == 1, "a descriptor is lost")
            end,
        }
    end
end

local function send_plain(socket, buffer) socket:send(buffer) end
local function send_with_fd(socket, buffer, defer)
    local fd = closing(defer, null())
    socket:send_with_fds(buffer, { fd })
end

-- One socket that sends to the name of another.
local names = setmetatable({}, { __mode = "k" })
local function named_pair()
    local name = os.tmpname()
    os.remove(name)
    local a, b = unix.datagram.socket.new(), unix.datagram.socket.new()
    a:open()
    b:open()
    b:bind(name)
    names[a] = name
    return a, b
end
local function send_to_name(socket, buffer, defer)
    defer(function() os.remove(names[socket]) end)
    socket:send_to(buffer, names[socket])
end

-- Three lines, in pieces that end elsewhere.
local function write_lines(writer)
    for _, piece in ipairs { "one\nt", "w", "o\nthree" } do
        writer:write_some(byte_span.append(piece))
        for _ = 1, 3 do
            yield()
        end
    end
    writer:close()
end

local function tcp_pair(defer) return closing(defer, connection.tcp_pair()) end

return {
    { "unix.datagram send", full_case(unix.datagram.socket.pair, send_plain), slow = true },
    { "unix.datagram send_to", full_case(named_pair, send_to_name), slow = true },
    { "unix.seqpacket send", full_case(unix.seqpacket.socket.pair, send_plain), slow = true },
    { "unix.seqpacket send_with_fds", full_case(unix.seqpacket.socket.pair, send_with_fd), slow = true },
    { "unix.stream receive_with_fds", descriptor_case(unix.stream.socket.pair) },
    { "unix.datagram receive_with_fds", descriptor_case(unix.datagram.socket.pair) },
    {
        "scanner:get_line",
        function(defer)
            local reader, writer = closing(defer, pipe.pair())
            local scanner = stream.scanner.new { stream = reader }
            local lines = {}
            local function take() lines[#lines + 1] = tostring(scanner:get_line()) end
            return {
                run = function()
                    take()
                    take()
                end,
                help = function() write_lines(writer) end,
                finish = function()
                    while #lines < 3 do
                        take()
                    end
                    assert(table.concat(lines, " ") == "one two three", "a line is lost")
                end,
            }
        end,
    },
    {
        "scanner:each_batch",
        function(defer)
            local reader, writer = closing(defer, pipe.pair())
            local step, batch = stream.scanner.new({ stream = reader }):each_batch()
            local records = 0
            local function take()
                local more = step(batch)
                if more then records = records + more.count end
                return more ~= nil
            end
            return {
                run = function()
                    take()
                    take()
                end,
                help = function() write_lines(writer) end,
                finish = function()
                    while take() do
                    end
                    assert(records == 3, "a record is lost")
                end,
            }
        end,
    },
    {
        "tcp send_file",
        function(defer)
            local a, b = tcp_pair(defer)
            local path = os.tmpname()
            defer(function() os.remove(path) end)
            text_file.write(path, ("0123456789"):rep(1000000))
            local f = file.random_access.new()
            f:open(path, { "read_only" })
            closing(defer, f)
            local got, ended = 0, false
            return {
                run = function() return a:send_file(f, 0, 10000000) end,
                help = function()
                    local buffer = byte_span.new(65536)
                    pcall(function()
                        while true do
                            got = got + b:read_some(buffer)
                        end
                    end)
                    ended = true
                end,
                finish = function(result)
                    a:close()
                    while not ended do
                        yield()
                    end
                    assert(not result or got == 10000000, "bytes are lost")
                end,
            }
        end,
        slow = true,
    },
    {
        "tcp wait",
        function(defer)
            local a, b = tcp_pair(defer)
            return {
                run = function() a:wait "read" end,
                help = function() b:write_some(byte_span.append "x") end,
                finish = function() assert(a:read_some(byte_span.new(1)) == 1) end,
            }
        end,
    },
    {
        "serial_port read_some",
        function(defer)
            local port, slave = serial_port.ptypair()
            local other = serial_port.new(slave)
            closing(defer, port, other)
            local buffer, got = byte_span.new(10), ""
            local function take()
                local n = port:read_some(buffer)
                got = got .. tostring(buffer:first(n))
            end
            return {
                run = take,
                help = function() other:write_some(byte_span.append "x") end,
                finish = function(result)
                    if not result then take() end
                    assert(got == "x", "bytes are lost")
                end,
            }
        end,
    },
    {
        "serial_port send_break",
        function(defer)
            local port, slave = closing(defer, serial_port.ptypair())
            local other = closing(defer, serial_port.new(slave))
            return {
                run = function() port:send_break() end,
                finish = function()
                    other:write_some(byte_span.append "x")
                    assert(port:read_some(byte_span.new(1)) == 1)
                end,
            }
        end,
        slow = true,
    },
    {
        -- One receiver at a time: not side by side.
        "inbox:receive",
        function()
            local inbox = actor_inbox.own()
            local address = channel.new(channel.make_own_address())
            return {
                run = function() return inbox:receive() end,
                help = function() address:send "message" end,
                finish = function(result)
                    local message = result and result[1] or inbox:receive()
                    assert(message == "message", "a message is lost")
                    address:close()
                    assert(not pcall(inbox.receive, inbox)) -- no senders: it lets go of the address
                end,
            }
        end,
        exclusive = true,
    },
    {
        "channel:send",
        function(defer)
            local reading, writing = channel.pair(true)
            local address = channel.new(writing)
            local raw = channel.new(reading)
            closing(defer, address, raw)
            local sent = 0
            connection.fill(function()
                address:send(sent)
                sent = sent + 1
            end, function() return sent end)
            return {
                run = function()
                    local _, err = pcall(address.send, address, "last")
                    if error_.is_core(err, "fiber_canceled") then error(err, 0) end
                    return err
                end,
                -- The receiver's end closes: whoever still waits hears of it.
                help = function() raw:close() end,
                finish = function(result) assert(not result or result[1] == error_.system "EPIPE") end,
            }
        end,
        slow = true,
    },
}
