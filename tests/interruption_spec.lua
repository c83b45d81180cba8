-- A signal five times a millisecond, whose handler has system calls interrupted (no SA_RESTART): nothing may notice.
local S = require "ljos.syscall"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local fs = require "ljos.filesystem"
local in_child = require "in_child"
local ip = require "ljos.ip"
local pipe = require "ljos.pipe"
local stream = require "ljos.stream"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local unix = require "ljos.unix"

local spawn = fiber.spawn

-- Counts what comes until the end.
local function drain(reader)
    local count, buffer = 0, byte_span.new(65536)
    while true do
        local ok, n = pcall(reader.read_some, reader, buffer)
        if not ok then
            assert(n == asio_error.misc.eof, tostring(n))
            return count
        end
        count = count + n
    end
end

-- `write(writer)` fills a stream in a fiber of its own and returns how much there was.
local function carries(reader, writer, write)
    local f = spawn(function()
        local ok, sent = pcall(write, writer)
        writer:close()
        return ok and sent or tostring(sent)
    end)
    local received, sent = drain(reader), f:join()
    assert(received == sent, sent)
    reader:close()
end

local SIZE = 8 * 1024 * 1024
local function fill(writer) return stream.write_all(writer, byte_span.new(SIZE)) end

local subjects = {
    ["TCP, pipes and UNIX sockets"] = function()
        local a, b = connection.tcp_pair()
        carries(a, b, fill)
        local reader, writer = pipe.pair()
        carries(reader, writer, fill)
        local c, d = unix.stream.socket.pair()
        carries(c, d, fill)
    end,
    ["sending a file, and copying it"] = function(directory)
        local f = file.random_access.new()
        f:open(directory .. "/file", { "create", "read_write" })
        file.write_all_at(f, 0, byte_span.new(SIZE))
        for _ = 1, 30 do
            local a, b = connection.tcp_pair()
            carries(a, b, function(socket) return socket:send_file(f, 0, SIZE) end)
        end
        f:close()
        fs.copy_file(directory .. "/file", directory .. "/copy")
        assert(fs.file_size(directory .. "/copy") == SIZE)
    end,
    ["locks and FIFOs"] = function(directory)
        local waiting = {}
        for i = 1, 5 do
            waiting[i] = spawn(function()
                local f = file.stream.new()
                f:open(directory .. "/lock", { "create", "read_write" })
                for _ = 1, 20 do
                    f:lock()
                    fiber.this_fiber.yield()
                    f:unlock()
                end
                f:close()
            end)
        end
        for _, f in ipairs(waiting) do
            f:join()
        end
        fs.mkfifo(directory .. "/fifo", fs.mode(6, 0, 0))
        for _ = 1, 20 do
            local reader, writer = file.stream.new(), file.stream.new()
            local f = spawn(function() reader:open(directory .. "/fifo", { "read_only" }) end)
            writer:open(directory .. "/fifo", { "write_only" })
            f:join()
            reader:close()
            writer:close()
        end
    end,
    ["programs and names"] = function()
        for _ = 1, 20 do
            local result = system.run { program = "sh", arguments = { "sh", "-c", "printf %70000s; exit 3" } }
            assert(#result.stdout == 70000 and result.exit_code == 3)
            assert(#ip.tcp.get_address_info("localhost", 80, {}) > 0)
        end
    end,
}

describe("signals that interrupt", function()
    after_each(temporary_directory.remove_all)
    for title, subject in pairs(subjects) do
        it("do not disturb " .. title, function()
            local directory = temporary_directory.make()
            in_child(function()
                local count = 0
                assert(S.sigaction("alrm", { handler = function() count = count + 1 end }))
                assert(S.setitimer("real", { interval = 0.0002, value = 0.0002 }))
                subject(directory)
                assert(S.setitimer("real", { interval = 0, value = 0 }))
                assert(count > 0)
            end)
        end)
    end
end)
