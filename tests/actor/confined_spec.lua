-- What an actor can do in a sandbox, with the compiler and without: all of ljos that what it was granted has a use for.
local attacks = require "actor.attacks"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local ip = require "ljos.ip"
local needs = require "needs"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local SIZE = 3e6 -- more than a socket buffers

-- Each is the body of an actor.
local WORKS = {
    ["timers and fibers"] = [[
        local time, mutex, condition_variable = require "time", require "mutex", require "condition_variable"
        local lock, changed, value = mutex.new(), condition_variable.new(), 0
        local fibers = {}
        for i = 1, 10 do
            fibers[i] = spawn(function()
                time.sleep(0.001 * i)
                lock:lock()
                value = value + 1
                lock:unlock()
                changed:notify_all()
            end)
        end
        lock:lock()
        while value < 10 do changed:wait(lock) end
        lock:unlock()
        for i = 1, 10 do fibers[i]:join() end
        local timer = time.steady_timer.new()
        timer:expires_after(0.001)
        timer:wait()
    ]],
    ["sockets within itself"] = [[
        local unix, byte_span, stream = require "unix", require "byte_span", require "stream"
        local name = require("filesystem").path.new "@ljos-confined"
        local acceptor = unix.stream.acceptor.new()
        acceptor:open()
        acceptor:bind(name)
        acceptor:listen()
        local server = spawn(function()
            local peer = acceptor:accept()
            stream.write_all(peer, "hello")
            peer:close()
        end)
        local client = unix.stream.socket.new()
        client:open()
        client:connect(name)
        local buffer = byte_span.new(5)
        stream.read_all(client, buffer)
        assert(tostring(buffer) == "hello")
        server:join()
        client:close()
        acceptor:close()
        local a, b = unix.datagram.socket.pair()
        a:send(byte_span.append "datagram")
        assert(b:receive(byte_span.new(20)) == 8)
        a:close()
        b:close()
    ]],
    ["pipes"] = [[
        local pipe, byte_span, stream = require "pipe", require "byte_span", require "stream"
        local reading, writing = pipe.pair()
        local writer = spawn(function()
            stream.write_all(writing, ("x"):rep(200000))
            writing:close()
        end)
        local buffer = byte_span.new(200000)
        stream.read_all(reading, buffer)
        writer:join()
        reading:close()
    ]],
    ["files, with locks"] = [[
        local file, byte_span = require "file", require "byte_span"
        local random = file.random_access.new(fds.file:dup())
        file.write_all_at(random, 0, "0123456789")
        random:lock()
        random:unlock()
        local buffer = byte_span.new(4)
        assert(random:read_some_at(3, buffer) == 4 and tostring(buffer) == "3456")
        random:resize(5)
        assert(random.size == 5)
        random:close()
    ]],
    ["a connection that it was granted, and a file sent over it"] = ([[
        local file, ip = require "file", require "ip"
        local connection = ip.tcp.socket.new()
        connection:assign("v4", fds.connection:dup())
        connection:set_option("tcp_no_delay", true)
        local random = file.random_access.new(fds.large:dup())
        assert(connection:send_file(random, 0, %d) == %d)
        connection:close()
        random:close()
    ]]):format(SIZE, SIZE),
    ["signals"] = [[
        local system = require "system"
        local set = system.signal.set.new(system.signal.SIGUSR1)
        local waiting = spawn(function() return set:wait() end)
        this_fiber.yield()
        C.kill(C.getpid(), system.signal.SIGUSR1)
        assert(waiting:join() == system.signal.SIGUSR1)
    ]],
    ["names, in the pool, where they cannot be resolved"] = [[
        local ok, err = pcall(require("ip").tcp.get_address_info, "ljos.invalid", "80")
        assert(not ok and not tostring(err):find "Operation not permitted", tostring(err))
    ]],
    ["text"] = [[
        local regex = require "regex"
        assert(regex.match(regex.new { pattern = "^([a-z]+)=([0-9]+)$", grammar = "ecma" }, "answer=42"))
        assert(format("{:>5}", 42) == "   42")
    ]],
}

describe("a sandboxed actor still has", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    -- Both ends of a connection of this process; what comes out of one is read by a fiber, which counts it.
    local function connection()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        local near = ip.tcp.dial("127.0.0.1:" .. acceptor.local_port)
        local far = acceptor:accept()
        acceptor:close()
        return near, far:release()
    end

    local function count_of(near)
        local byte_span, count = require "ljos.byte_span", 0
        local buffer = byte_span.new(65536)
        pcall(function()
            while true do
                count = count + near:read_some(buffer)
            end
        end)
        near:close()
        return count
    end

    local function works(code, jit)
        local directory = temporary_directory.make()
        text_file.write(directory .. "/file", "")
        text_file.write(directory .. "/large", ("x"):rep(SIZE))
        local near, far = connection()
        local fds = {
            file = fs.open(directory .. "/file", { "read_write" }),
            large = fs.open(directory .. "/large", { "read_only" }),
            connection = far,
        }
        local counting = require("ljos.fiber").spawn(function() return count_of(near) end)
        local result = attacks.inside("local fds = ... " .. code .. ' return "done"', { fds = fds, jit = jit })
        for _, fd in pairs(fds) do
            fd:close()
        end
        return result, counting:join()
    end

    for name, code in pairs(WORKS) do
        it(name, function()
            for _, jit in ipairs { true, false } do
                local result, count = works(code, jit)
                assert.equal("done", result)
                assert.equal(code:find "send_file" and SIZE or 0, count)
            end
        end)
    end
end)
