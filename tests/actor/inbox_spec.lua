-- Channels and the inbox within one process: delivery, order, addresses, descriptors, ends, and senders that misbehave.
local ffi = require "ffi"
local actor_inbox = require "ljos.actor.inbox"
local channel = require "ljos.actor.channel"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local file_descriptor = require "ljos.file_descriptor"
local native = require "ljos.native"
local plain_pipe = require "plain_pipe"
local process = require "ljos.process"
local wire = require "ljos.actor.wire"

local pipe = plain_pipe.pair

ffi.cdef [[
int close(int fd);
int dup(int fd);
int fcntl(int fd, int command, ...);
int64_t read(int fd, void *buffer, size_t size);
int64_t write(int fd, const void *buffer, size_t size);
int64_t send(int fd, const void *data, size_t size, int flags);
int64_t sendmsg(int fd, const struct ljos_message *message, int flags);
]]

local inbox = actor_inbox.own()

local function is_open(fd) return ffi.C.fcntl(fd, 1) >= 0 end

-- The lowest number that is free: equal before and after where nothing leaked.
local function lowest_free()
    local fd = ffi.C.dup(0)
    ffi.C.close(fd)
    return fd
end

-- An address of this process' own inbox, and the bare descriptor behind it for senders that misbehave.
local function address()
    local fd = channel.make_own_address()
    return channel.new(fd), fd
end

local function fails(expected, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_core(err, expected) or err.sym == expected, tostring(err))
end

-- sendmsg(2) of raw bytes with descriptors.
local function send_raw(fd, bytes, fds)
    local message, vector = ffi.new "struct ljos_message[1]", ffi.new "struct ljos_vector[1]"
    local data = ffi.new("uint8_t[?]", #bytes + 1, bytes)
    local control = ffi.new("uint64_t[?]", 256)
    vector[0].base, vector[0].len = data, #bytes
    message[0].vectors, message[0].vector_count, message[0].control = vector, 1, control
    local numbers = ffi.new("int[?]", math.max(#fds, 1))
    for i, number in ipairs(fds) do
        numbers[i - 1] = number
    end
    assert(native.C.ljos_message_put_fds(message, 2048, numbers, #fds) == 0)
    local sent = ffi.C.sendmsg(fd, message, 0)
    assert(sent == #bytes, ffi.errno())
end

local function bytes_of(value)
    local message, fds = ffi.new "struct ljos_wire_message", ffi.new "int[20]"
    return ffi.string(message, (wire.encode(message, value, fds)))
end

describe("actor.inbox", function()
    -- Ends every address that a test left.
    after_each(function()
        collectgarbage()
        fails("no_senders", function()
            while true do
                inbox:receive()
            end
        end)
    end)

    it("is an rx-channel, an address of it an ipc_actor_channel", function()
        local ch = address()
        assert.equal("rx-channel", getmetatable(inbox))
        assert.equal("ipc_actor_channel", getmetatable(ch))
        fails("bad_index", function() return ch.nonsense end)
        fails("bad_index", function() return inbox.nonsense end)
        fails("PERM", function() ch.field = 1 end)
        fails("INVAL", function() return ch.child_pid end)
        fails("INVAL", ch.kill, ch)
        fails("INVAL", ch.detach, ch)
        ch:close()
    end)

    it("delivers in the order of sending, to a receiver that comes later", function()
        local ch = address()
        for i = 1, 5 do
            ch:send(i)
        end
        ch:close()
        for i = 1, 5 do
            assert.equal(i, inbox:receive())
        end
        fails("no_senders", inbox.receive, inbox)
    end)

    it("delivers to a receiver that waits", function()
        local ch = address()
        local receiver = fiber.spawn(function() return inbox:receive() end)
        fiber.spawn(function() ch:send { text = "hello" } end):detach()
        assert.same({ text = "hello" }, receiver:join())
        ch:close()
    end)

    it("raises no_senders when the last address ends while a receiver waits", function()
        local ch = address()
        local receiver = fiber.spawn(function() inbox:receive() end)
        fiber.spawn(function() ch:close() end):detach()
        fails("no_senders", receiver.join, receiver)
    end)

    it("hears several addresses, also one that comes while it waits", function()
        local first = address()
        local receiver = fiber.spawn(function() return inbox:receive(), inbox:receive(), inbox:receive() end)
        fiber.this_fiber.yield()
        local second = address()
        second:send "second"
        fiber.this_fiber.yield()
        first:send "first"
        fiber.this_fiber.yield()
        local third = address()
        third:send "third"
        local got = { receiver:join() }
        table.sort(got)
        assert.same({ "first", "second", "third" }, got)
        first:close()
        second:close()
        third:close()
    end)

    it("goes on with the others when one address ends", function()
        local first, second = address(), address()
        first:close()
        second:send(2)
        assert.equal(2, inbox:receive())
        second:close()
    end)

    it("loses no message when a waiting receiver is canceled", function()
        local ch = address()
        local receiver = fiber.spawn(function() inbox:receive() end)
        fiber.this_fiber.yield()
        receiver:cancel()
        receiver:join()
        assert.is_true(receiver.cancellation_caught)
        ch:send "still here"
        assert.equal("still here", inbox:receive())
        ch:close()
    end)

    it("has one receiver at a time", function()
        local ch = address()
        local first = fiber.spawn(function() return inbox:receive() end)
        fiber.this_fiber.yield()
        fails("BUSY", inbox.receive, inbox)
        ch:send(1)
        assert.equal(1, first:join())
        ch:close()
    end)

    it("refuses a message before anything is sent or made", function()
        local ch = address()
        local free = lowest_free()
        fails("INVAL", ch.send, ch, { dest = inbox, bad = {} })
        fails("INVAL", ch.send, ch, nil)
        fails("INVAL", ch.send, ch, { inbox, ch })
        assert.equal(free, lowest_free())
        ch:close()
    end)

    it("raises channel_closed on a channel closed here, EPIPE when the receiver is gone", function()
        local ch = address()
        ch:close()
        ch:close()
        fails("channel_closed", ch.send, ch, 1)
        local reading, writing = channel.pair(true)
        ffi.C.close(reading)
        local orphan = channel.new(writing)
        fails("PIPE", orphan.send, orphan, 1)
        orphan:close()
    end)

    it("carries descriptors as duplicates", function()
        local ch = address()
        local reading, writing = pipe()
        ch:send { out = writing }
        local received = inbox:receive().out
        assert.equal("file_descriptor", getmetatable(received))
        assert.is_true(ffi.C.fcntl(file_descriptor.number_of(received, 1), 1) == 1) -- FD_CLOEXEC
        assert.are_not.equal(file_descriptor.number_of(writing, 1), file_descriptor.number_of(received, 1))
        assert(ffi.C.write(file_descriptor.number_of(received, 1), "x", 1) == 1)
        local buffer = ffi.new "char[2]"
        assert(ffi.C.read(file_descriptor.number_of(reading, 1), buffer, 2) == 1)
        received:close()
        ch:send(reading)
        inbox:receive():close()
        reading:close()
        fails("BADF", ch.send, ch, reading)
        writing:close()
        ch:close()
    end)

    it("carries a descriptor that the sender closes while the message is under way", function()
        local ch = address()
        local reading, writing = pipe()
        local sending = fiber.spawn(function() ch:send(writing) end)
        fiber.this_fiber.yield()
        writing:close()
        local other = file_descriptor.new(ffi.C.dup(0)) -- has its number now, most likely
        local received = inbox:receive()
        sending:join()
        assert.equal("fifo", received.type)
        for _, each in ipairs { received, reading, other } do
            each:close()
        end
        ch:close()
    end)

    it("carries addresses: of others, and of itself", function()
        local ch = address()
        ch:send { other = ch, own = inbox }
        local message = inbox:receive()
        ch:close()
        message.other:send "by the copy"
        assert.equal("by the copy", inbox:receive())
        message.own:send "by the new one"
        assert.equal("by the new one", inbox:receive())
        message.other:close()
        message.own:close()
    end)

    it("carries a table full of addresses", function()
        local ch = address()
        local all = {}
        for i = 1, 20 do
            all["a" .. i] = i % 2 == 0 and ch or inbox
        end
        ch:send(all)
        local received = inbox:receive()
        for i = 1, 20 do
            received["a" .. i]:send(i)
            assert.equal(i, inbox:receive())
            received["a" .. i]:close()
        end
        ch:close()
    end)

    it("counts an address inside a message that was not received as a sender", function()
        local ch = address()
        ch:send { inner = ch }
        ch:close()
        local inner = inbox:receive().inner
        inner:send "alive"
        assert.equal("alive", inbox:receive())
        inner:close()
    end)

    it("suspends a sender whose receiver does not receive", function()
        local ch = address()
        local sent = 0
        local sender = fiber.spawn(function()
            for i = 1, 5000 do
                ch:send(i)
                sent = i
            end
            ch:close()
        end)
        for _ = 1, 5 do
            fiber.this_fiber.yield()
        end
        assert.is_true(sent < 5000)
        for i = 1, 5000 do
            assert.equal(i, inbox:receive())
        end
        sender:join()
    end)

    it("keeps a sender waiting while the process is stopped and continued", function()
        local ch = address()
        local sender = fiber.spawn(function()
            fiber.scope_cleanup_push(function() ch:close() end)
            for i = 1, 1000 do
                ch:send(i)
            end
        end)
        local script = "for i in 1 2 3 4 5 6 7 8 9; do kill -STOP $PPID; sleep 0.01; kill -CONT $PPID; sleep 0.01; done"
        process.wait(process.start { paths = { "/bin/sh" }, arguments = { "sh", "-c", script } })
        for i = 1, 1000 do
            assert.equal(i, inbox:receive())
        end
        sender:join()
    end)

    describe("drops the address, and only that one, of a sender that", function()
        local good, bad, bad_fd, free

        before_each(function()
            good = address()
            free = lowest_free()
            bad, bad_fd = address()
        end)

        -- The bad address is gone, what came with its message is closed, and the good one works.
        local function survives()
            good:send "good"
            assert.equal("good", inbox:receive())
            fails("PIPE", bad.send, bad, 1)
            bad:close()
            collectgarbage()
            assert.equal(free, lowest_free())
            good:close()
        end

        it("sends nothing", function()
            send_raw(bad_fd, "", {})
            survives()
        end)

        it("sends too little", function()
            send_raw(bad_fd, bytes_of({ a = "b" }):sub(1, -2), {})
            survives()
        end)

        it("sends more than the largest message", function()
            send_raw(bad_fd, ("x"):rep(wire.BYTES + 1), {})
            survives()
        end)

        it("sends random bytes", function()
            send_raw(bad_fd, ("\255"):rep(500), {})
            survives()
        end)

        it("sends a descriptor that the message does not speak of", function()
            send_raw(bad_fd, bytes_of(1), { 0 })
            survives()
        end)

        it("sends a descriptor with nothing else", function()
            send_raw(bad_fd, "", { 0, 0, 0 })
            survives()
        end)

        it("sends more descriptors than fit", function()
            local many = {}
            for i = 1, 100 do
                many[i] = 0
            end
            send_raw(bad_fd, bytes_of { a = 1 }, many)
            survives()
        end)

        it("promises a descriptor and sends none", function()
            local reading, writing = pipe()
            send_raw(bad_fd, bytes_of { a = reading }, {})
            reading:close()
            writing:close()
            survives()
        end)

        it("sends a descriptor that is no socket as an address", function()
            send_raw(bad_fd, bytes_of { a = good, b = good }, { bad_fd, 0 })
            survives()
        end)
    end)

    it("lets a child be reaped while the only fiber receives", function()
        local good = address()
        -- It ends once the receiver blocks, or just before: either must do.
        local child = process.start { paths = { "/bin/sleep" }, arguments = { "sleep", "0.01" } }
        -- What happens when it was reaped ends the wait: there is no sender then.
        child.ended = function() good:close() end
        fails("no_senders", inbox.receive, inbox)
        assert.equal(0, child.code)
    end)

    it("closes what was sent with the message that a closed inbox never received", function()
        -- The end of this state's own inbox would end it for the other tests: an inbox elsewhere stands for it.
        local reading, writing = channel.pair(true)
        local ch = channel.new(writing)
        local pipe_reading, pipe_writing = pipe()
        ch:send(pipe_writing)
        pipe_writing:close()
        ffi.C.close(reading)
        local buffer = ffi.new "char[1]"
        assert(ffi.C.read(file_descriptor.number_of(pipe_reading, 1), buffer, 1) == 0)
        pipe_reading:close()
        ch:close()
        assert.is_false(is_open(writing))
    end)
end)
