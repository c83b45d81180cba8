-- Operations on descriptors: pipes, sockets, files, signals, processes. See trial.lua.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local fs = require "ljos.filesystem"
local io_object = require "ljos.io_object"
local ip = require "ljos.ip"
local lfs = require "lfs"
local pipe = require "ljos.pipe"
local stream = require "ljos.stream"
local system = require "ljos.system"
local unix = require "ljos.unix"
local text_file = require "text_file"

local accept_from, closing, tcp_pair = connection.accept_from, connection.closing, connection.tcp_pair
local yield = fiber.this_fiber.yield

local function nothing() end

local function udp_pair()
    local a, b = ip.udp.socket.new(), ip.udp.socket.new()
    for _, s in ipairs { a, b } do
        s:open "v4"
        s:bind(ip.address.loopback_v4(), 0)
    end
    a:connect(ip.address.loopback_v4(), b.local_port)
    b:connect(ip.address.loopback_v4(), a.local_port)
    return a, b
end

local PATH = { PATH = "/bin:/usr/bin" }
-- A new file, in memory where that can be had.
local function temporary()
    local path = os.tmpname()
    if not lfs.attributes "/dev/shm" then return path end
    os.remove(path)
    return "/dev/shm/ljos-" .. path:match "[^/]*$"
end

local TEXT = "0123456789"

-- Reads what is left up to the end of the stream.
local function drain(reader)
    local text, buffer = {}, byte_span.new(65536)
    while true do
        local ok, n = pcall(reader.read_some, reader, buffer)
        if not ok then
            assert(n == asio_error.misc.eof, n)
            return table.concat(text)
        end
        text[#text + 1] = tostring(buffer:first(n))
    end
end

-- `pair()` gives a reader and a writer. What `read(reader, buffer)` did not take is still there.
local function read_case(pair, read)
    return function(defer)
        local reader, writer = pair()
        closing(defer, reader, writer)
        local buffer = byte_span.new(#TEXT)
        local got = ""
        return {
            run = function()
                local n = read(reader, buffer)
                got = tostring(buffer:first(n))
                return n
            end,
            help = function() writer:write_some(byte_span.append(TEXT)) end,
            finish = function()
                yield()
                writer:close()
                assert(got .. drain(reader) == TEXT, "bytes are lost")
            end,
        }
    end
end

-- A partner that reads to the end of the stream and counts.
local function counting(reader)
    local counted = { bytes = 0, ended = false }
    local function help()
        local buffer = byte_span.new(65536)
        pcall(function()
            while true do
                counted.bytes = counted.bytes + reader:read_some(buffer)
            end
        end)
        counted.ended = true
    end
    return counted, help
end

-- The stream is full, so that the victim waits; the partner reads until the writer is done.
local function write_case(pair, write)
    return function(defer)
        local reader, writer = pair()
        closing(defer, reader, writer)
        pcall(function() writer:set_option("send_buffer_size", 4096) end) -- not for pipes
        local block = byte_span.new(65536)
        local sent = 0
        local counted, help = counting(reader)
        connection.fill(function() sent = sent + writer:write_some(block) end, function() return sent end)
        return {
            run = function()
                local n = write(writer, block)
                sent = sent + n
                return n
            end,
            help = help,
            finish = function()
                writer:close()
                while not counted.ended do
                    yield()
                end
                assert(counted.bytes == sent, ("%d bytes sent, %d received"):format(sent, counted.bytes))
            end,
        }
    end
end

-- Sockets that keep messages apart: what one does not receive the next does, whole.
local function message_case(pair, receive)
    return function(defer)
        local a, b = closing(defer, pair())
        local buffer = byte_span.new(100)
        return {
            run = function() return receive(b, buffer) end,
            help = function() a:send(byte_span.append(TEXT)) end,
            finish = function(result)
                local n = result and result[1] or b:receive(buffer)
                assert(tostring(buffer:first(n)) == TEXT, "a message is lost")
            end,
        }
    end
end

local function file_case(open, run)
    return function(defer)
        local path = temporary()
        defer(function() os.remove(path) end)
        text_file.write(path, TEXT)
        local f = open()
        f:open(path, { "read_write" })
        closing(defer, f)
        return {
            run = function()
                yield()
                return run(f)
            end,
            finish = function(result)
                local buffer = byte_span.new(100)
                local again = file.random_access.new()
                again:open(path, { "read_only" })
                local n = again:read_some_at(0, buffer)
                again:close()
                local text = tostring(buffer:first(n))
                assert(text == TEXT or text == "abcde56789", "half a write: " .. text)
                assert(not result or result[1] == 5, "a result is lost")
            end,
        }
    end
end

local function lock_case(open)
    return function(defer)
        local path = temporary()
        defer(function() os.remove(path) end)
        local a, b, c = open(), open(), open()
        for _, f in ipairs { a, b, c } do
            f:open(path, { "read_write", "create" })
        end
        closing(defer, a, b, c)
        a:lock()
        return {
            run = function()
                b:lock()
                return true
            end,
            help = function() a:unlock() end,
            finish = function(result)
                assert(c:try_lock() == not result, "a lock is lost, or kept")
                if result then
                    b:unlock()
                else
                    c:unlock()
                end
            end,
        }
    end
end

local function open_case(class, mine, other)
    return function(defer)
        local path = temporary()
        os.remove(path)
        fs.mkfifo(path, fs.mode(6, 0, 0))
        defer(function() os.remove(path) end)
        local a, b = class.new(), class.new()
        closing(defer, a, b)
        return {
            run = function()
                a:open(path, { mine })
                return true
            end,
            help = function()
                yield()
                b:open(path, { other })
            end,
            finish = function(result)
                assert(a.is_open == (result ~= nil), "a file is lost")
                if not result then a:open(path, { mine }) end
            end,
        }
    end
end

local function reversed(pair)
    return function()
        local a, b = pair()
        return b, a
    end
end

local function read_some(reader, buffer) return reader:read_some(buffer) end
local function receive(socket, buffer) return socket:receive(buffer) end
local function read_all(reader, buffer)
    stream.read_all(reader, buffer)
    return #buffer
end
local function write_some(writer, buffer) return writer:write_some(buffer) end

local stream_pairs = {
    { "pipe", pipe.pair },
    { "tcp", reversed(tcp_pair) },
    { "unix.stream", unix.stream.socket.pair },
}
local message_pairs = {
    { "udp", udp_pair },
    { "unix.datagram", unix.datagram.socket.pair },
    { "unix.seqpacket", unix.seqpacket.socket.pair },
}

local operations = {}
local function add(name, make, options)
    options = options or {}
    options[1], options[2] = name, make
    operations[#operations + 1] = options
end

for _, row in ipairs(stream_pairs) do
    add(row[1] .. " read_some", read_case(row[2], read_some))
    add(row[1] .. " read_all", read_case(row[2], read_all))
    add(row[1] .. " write_some", write_case(row[2], write_some))
end
for _, row in ipairs(message_pairs) do
    add(row[1] .. " receive", message_case(row[2], receive))
end
add("tcp receive", read_case(reversed(tcp_pair), receive))
add("udp receive_from", message_case(udp_pair, function(s, buffer) return (s:receive_from(buffer)) end))
add(
    "unix.seqpacket receive_with_fds",
    message_case(unix.seqpacket.socket.pair, function(s, buffer) return (s:receive_with_fds(buffer, 2)) end)
)

for _, kind in ipairs { "stream", "random_access" } do
    add("file." .. kind .. ":lock", lock_case(file[kind].new))
    add("file." .. kind .. ":open for reading", open_case(file[kind], "read_only", "write_only"))
    add("file." .. kind .. ":open for writing", open_case(file[kind], "write_only", "read_only"))
end
add("file.stream:read_some", file_case(file.stream.new, function(f) return f:read_some(byte_span.new(5)) end))
add("file.stream:write_some", file_case(file.stream.new, function(f) return f:write_some(byte_span.append "abcde") end))
add(
    "file.random_access:write_some_at",
    file_case(file.random_access.new, function(f) return f:write_some_at(0, byte_span.append "abcde") end)
)
add(
    "file.random_access:read_some_at",
    file_case(file.random_access.new, function(f) return f:read_some_at(3, byte_span.new(5)) end)
)

local function sync(f)
    f:sync_all()
    return 5
end
add("file.stream:sync_all", file_case(file.stream.new, sync))
add("file.random_access:sync_all", file_case(file.random_access.new, sync))

local function accept_case(listen, dial, is_tcp)
    return function(defer)
        local acceptor, address = listen(defer)
        closing(defer, acceptor)
        local accepted, client
        return {
            run = function()
                accepted = acceptor:accept()
                return true
            end,
            help = function() client = dial(address) end,
            finish = function()
                while not client do
                    yield()
                end
                if is_tcp then
                    accepted = accept_from(client, acceptor, accepted)
                else
                    accepted = accepted or acceptor:accept()
                end
                -- The connection is the client's.
                client:write_some(byte_span.append "x")
                local buffer = byte_span.new(1)
                assert(accepted:read_some(buffer) == 1)
                accepted:close()
                client:close()
            end,
        }
    end
end

local function listen_tcp()
    local acceptor = ip.tcp.listen "127.0.0.1:0"
    return acceptor, "127.0.0.1:" .. acceptor.local_port
end
local function listen_unix(defer)
    local path = os.tmpname()
    os.remove(path)
    defer(function() os.remove(path) end)
    return unix.stream.listen(path), path
end

-- Connecting: canceled or not, the acceptor goes on, and no descriptor is left (the mock loop looks).
local function connect_case(listen, connect)
    return function(defer)
        local acceptor, address = listen(defer)
        closing(defer, acceptor)
        local connected
        return {
            run = function()
                yield()
                connected = connect(address, defer)
                return true
            end,
            finish = function()
                if connected then
                    local peer = acceptor:accept()
                    peer:close()
                    connected:close()
                end
            end,
        }
    end
end

local function connect_tcp(address, defer)
    local s = ip.tcp.socket.new()
    closing(defer, s)
    s:open "v4"
    s:connect(ip.address.loopback_v4(), tonumber(address:match "%d+$"))
    return s
end

add("ip.tcp.acceptor:accept", accept_case(listen_tcp, ip.tcp.dial, true))
add("unix.stream.acceptor:accept", accept_case(listen_unix, unix.stream.dial))
add("ip.tcp.socket:connect", connect_case(listen_tcp, connect_tcp))
add("ip.tcp.dial", connect_case(listen_tcp, ip.tcp.dial))
add("unix.stream.dial", connect_case(listen_unix, unix.stream.dial))
add("acceptor:wait", function(defer)
    local acceptor, address = listen_tcp()
    closing(defer, acceptor)
    local client
    return {
        run = function()
            acceptor:wait "read"
            return true
        end,
        help = function() client = ip.tcp.dial(address) end,
        finish = function()
            while not client do
                yield()
            end
            acceptor:accept():close()
            client:close()
        end,
    }
end)
add("ip.tcp.get_address_info", function()
    return {
        run = function() return ip.tcp.get_address_info("localhost", "80") end,
        finish = function(result) assert(not result or #result[1] > 0) end,
    }
end, { slow = true })
add("system.signal.set:wait", function(defer)
    local signal = system.signal
    local set = signal.set.new(signal.SIGUSR2)
    defer(function()
        set:clear()
        io_object.close(set) -- else its descriptor stays until it is collected
    end)
    return {
        run = function() return set:wait() end,
        help = function() signal.raise(signal.SIGUSR2) end,
        finish = function(result) assert((result and result[1] or set:wait()) == signal.SIGUSR2, "lost") end,
    }
end)
add("subprocess:wait", function()
    local child = system.spawn { program = "sleep", arguments = { "sleep", "1000" }, environment = PATH }
    return {
        run = function()
            child:wait()
            return true
        end,
        help = function() child:kill(system.signal.SIGTERM) end,
        finish = function()
            child:wait()
            assert(child.exit_signal == system.signal.SIGTERM)
        end,
    }
end, { slow = true })
add("stream.write_all", function(defer)
    local reader, writer = pipe.pair()
    closing(defer, reader, writer)
    local block = byte_span.new(300000)
    local counted, help = counting(reader)
    return {
        run = function() stream.write_all(writer, block) end,
        help = help,
        finish = function(result)
            writer:close()
            while not counted.ended do
                yield()
            end
            assert(result == nil or counted.bytes == 300000)
        end,
    }
end)
add("buffers stay the operation's", function(defer)
    local reader, writer = pipe.pair()
    closing(defer, reader, writer)
    return {
        -- Nobody but the loop knows the span; a canceled read must not write to what has become of its memory.
        run = function() return reader:read_some(byte_span.new(4096)) end,
        help = function()
            collectgarbage()
            writer:write_some(byte_span.append(TEXT))
        end,
        finish = nothing,
    }
end)

return operations
