-- Descriptors over UNIX sockets of all three types.
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local lfs = require "lfs"
local loop = require "ljos.loop"
local pipe = require "ljos.pipe"
local raised = require "raised"
local raises = require "raises"
local S = require "ljos.syscall"
local settle = require "settle"
local unix = require "ljos.unix"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local span = byte_span.append

local function open_descriptors()
    collect() -- what others left may go at any moment
    local count = 0
    for _ in lfs.dir "/proc/self/fd" do
        count = count + 1
    end
    return count
end

local function close_all(list)
    for _, each in ipairs(list) do
        each:close()
    end
end

local function is_close_on_exec(fd)
    local info = assert(io.open("/proc/self/fdinfo/" .. tostring(fd):match "%d+$"))
    local flags = tonumber(info:read("*a"):match "flags:%s*(%d+)", 8)
    info:close()
    return bit.band(flags, tonumber("2000000", 8)) ~= 0
end

for _, kind in ipairs { "stream", "seqpacket", "datagram" } do
    describe("descriptors over unix." .. kind, function()
        local a, b, reader, writer
        before_each(function()
            a, b = unix[kind].socket.pair()
            reader, writer = pipe.pair()
        end)
        after_each(function() close_all { a, b, reader, writer } end)

        it("arrive beside the bytes, close-on-exec, and stay with the sender", function()
            local fd = writer:release()
            assert.equal(2, a:send_with_fds(span "ab", { fd, fd }))
            local buffer = byte_span.new(10)
            local count, fds, lost = b:receive_with_fds(buffer, 5)
            assert.equal("ab", tostring(buffer:first(count)))
            assert.equal(2, #fds)
            assert.is_nil(lost)
            assert.is_true(is_close_on_exec(fds[1]))
            assert.equal("file_descriptor", getmetatable(fds[1]))
            local copy = pipe.write_stream.new(fds[1])
            copy:write_some(span "through")
            assert.equal(7, reader:read_some(byte_span.new(10)))
            copy:close()
            fds[2]:close()
            writer:assign(fd)
        end)

        it("go both ways", function()
            local fd = reader:release()
            a:send_with_fds(span "1", { fd })
            local _, fds = b:receive_with_fds(byte_span.new(1), 1)
            b:send_with_fds(span "2", fds)
            close_all(fds)
            _, fds = a:receive_with_fds(byte_span.new(1), 1)
            reader:assign(fds[1])
            writer:write_some(span "x")
            assert.equal(1, reader:read_some(byte_span.new(1)))
            fd:close()
        end)

        it("beyond those asked for are closed, and the loss is reported", function()
            local fd = writer:release()
            for asked = 0, 3 do
                local before = open_descriptors()
                a:send_with_fds(span "x", { fd, fd, fd })
                local count, fds, lost = b:receive_with_fds(byte_span.new(1), asked)
                assert.equal(1, count)
                assert.equal(asked, #fds)
                assert.equal(before + asked, open_descriptors())
                assert.same(asked < 3 and { "descriptors_truncated" } or nil, lost)
                close_all(fds)
            end
            fd:close()
        end)

        it("come in any number up to 253; more is EINVAL", function()
            -- Both ends' copies are open at the same time, beside those of the test.
            if S.getrlimit("nofile").cur < 2 * 253 + 100 then return pending "the limit of descriptors is too low" end
            local fd = writer:release()
            local many = {}
            for i = 1, 253 do
                many[i] = fd
            end
            a:send_with_fds(span "x", many)
            local _, fds, lost = b:receive_with_fds(byte_span.new(1), 2 ^ 31)
            assert.equal(253, #fds)
            assert.is_nil(lost)
            close_all(fds)
            many[254] = fd
            assert.equal(3, raised("EINVAL", a.send_with_fds, a, span "x", many).arg)
            fd:close()
        end)

        it("may be none", function()
            assert.equal(1, a:send_with_fds(span "x", {}))
            local count, fds, lost = b:receive_with_fds(byte_span.new(10), 10)
            assert.equal(1, count)
            assert.same({}, fds)
            assert.is_nil(lost)
            a:send_with_fds(span "x", {})
            assert.equal(1, (b:receive_with_fds(byte_span.new(10), 0)))
        end)

        it("are lost with bytes received without asking, and closed", function()
            local fd = writer:release()
            local before = open_descriptors()
            a:send_with_fds(span "x", { fd })
            local receive = kind == "stream" and b.read_some or b.receive
            assert.equal(1, receive(b, byte_span.new(1)))
            assert.equal(before, open_descriptors())
            fd:close()
        end)

        it("may be closed by the sender while the message waits for room", function()
            local fd, chunk, sent = writer:release(), byte_span.new(1000), 0
            local send = kind == "stream" and a.write_some or a.send
            local filling = spawn(function()
                while true do
                    sent = sent + send(a, chunk)
                end
            end)
            settle(function() return sent end)
            filling:cancel()
            filling:join()
            local sending = spawn(function() return a:send_with_fds(span "x", { fd }) end)
            settle(function() return 0 end)
            fd:close()
            local got, fds = 0, {}
            while #fds == 0 do
                local count
                count, fds = b:receive_with_fds(byte_span.new(1000), 1)
                got = got + count
            end
            assert.equal(sent + 1, got)
            assert.equal(1, sending:join())
            assert.equal("fifo", fds[1].type)
            close_all(fds)
        end)

        it("are still there after a canceled receive, and not sent by a canceled send", function()
            local f = spawn(function() return b:receive_with_fds(byte_span.new(1), 1) end)
            yield()
            f:cancel()
            f:join()
            assert.is_true(f.cancellation_caught)
            local fd = writer:release()
            a:send_with_fds(span "x", { fd })
            local _, fds = b:receive_with_fds(byte_span.new(1), 1)
            assert.equal(1, #fds)
            close_all(fds)
            local before = open_descriptors()
            local sent = 0
            local canceled = spawn(function()
                while true do
                    a:send_with_fds(span "x", { fd })
                    sent = sent + 1
                end
            end)
            settle(function() return sent end)
            canceled:cancel()
            canceled:join()
            for _ = 1, sent do
                _, fds = b:receive_with_fds(byte_span.new(1), 1)
                assert.equal(1, #fds)
                close_all(fds)
            end
            assert.equal(0, b:io_control "bytes_readable")
            assert.equal(before, open_descriptors())
            fd:close()
            assert.equal(0, (loop.load()))
        end)

        it("of the wrong type, closed, or in senseless numbers are refused, and nothing leaks", function()
            local fd, closed = writer:release(), reader:release()
            closed:close()
            local before = open_descriptors()
            local x = span "x"
            for _, bad in ipairs { 1, "fds", true } do
                assert.equal(3, raised("EINVAL", a.send_with_fds, a, x, bad).arg)
                assert.equal(3, raised("EINVAL", a.send_with_fds, a, x, { fd, bad }).arg)
                assert.equal(2, raised("EINVAL", a.send_with_fds, a, bad, { fd }).arg)
                assert.equal(2, raised("EINVAL", b.receive_with_fds, b, bad, 1).arg)
            end
            assert.equal(3, raised("EINVAL", a.send_with_fds, a, x, fd).arg) -- not in a list
            assert.equal(3, raised("EBADF", a.send_with_fds, a, x, { fd, closed }).arg)
            for _, bad in ipairs { -1, 0.5, 0 / 0, "1", {} } do
                assert.equal(3, raised("EINVAL", b.receive_with_fds, b, byte_span.new(1), bad).arg)
            end
            assert.equal(3, raised("EINVAL", b.receive_with_fds, b, byte_span.new(1)).arg)
            assert.equal(before, open_descriptors())
            b:close()
            raised("EBADF", b.receive_with_fds, b, byte_span.new(1), 1)
            raised("EBADF", b.send_with_fds, b, x, { fd })
            local err = raises.raised(a.send_with_fds, a, x, { fd })
            assert.is_true(err.EPIPE or err.ECONNREFUSED)
            assert.equal(before - 1, open_descriptors())
            fd:close()
        end)
    end)
end

describe("bytes that came with descriptors", function()
    it("end a read early, and the next one finds what is behind them", function()
        local a, b = unix.stream.socket.pair()
        local reader, writer = pipe.pair()
        local fd = writer:release()
        local buffer = byte_span.new(100)
        local waiting = spawn(function() return b:read_some(buffer) end)
        settle(function() return 0 end)
        a:send_with_fds(span "one", { fd })
        a:send_with_fds(span "two", { fd })
        a:send_with_fds(span "three", { fd })
        assert.equal(3, waiting:join())
        assert.equal(3, b:read_some(buffer))
        assert.equal(5, b:read_some(buffer))
        close_all { a, b, reader, fd }
    end)
end)

describe("descriptors with nothing", function()
    local reader, writer
    before_each(function()
        reader, writer = pipe.pair()
    end)
    after_each(function() close_all { reader, writer } end)

    it("are refused by streams, which could not carry them", function()
        local a, b = unix.stream.socket.pair()
        local fd = writer:release()
        assert.equal(2, raised("EINVAL", a.send_with_fds, a, byte_span.new(0), { fd }).arg)
        close_all { a, b, fd }
    end)

    it("are eof for seqpacket, which closes them", function()
        local a, b = unix.seqpacket.socket.pair()
        local fd = writer:release()
        local before = open_descriptors()
        a:send_with_fds(byte_span.new(0), { fd })
        local err = raises.raised(b.receive_with_fds, b, byte_span.new(1), 1)
        assert.equal(require("ljos.asio_error").misc.eof, err)
        assert.equal(before, open_descriptors())
        close_all { a, b, fd }
    end)

    it("are none where receiving is shut down, whatever came before", function()
        local a, b = unix.datagram.socket.pair()
        local fd = writer:release()
        a:send_with_fds(span "x", { fd })
        local _, fds = b:receive_with_fds(byte_span.new(1), 4)
        assert.equal(1, #fds)
        close_all(fds)
        b:shutdown "receive"
        for _ = 1, 3 do
            -- What the message held before is not taken for what came with this one.
            local count, none, lost = b:receive_with_fds(byte_span.new(1), 4)
            assert.equal(0, count)
            assert.same({}, none)
            assert.is_nil(lost)
        end
        close_all { a, b, fd }
    end)

    it("arrive by datagram", function()
        local a, b = unix.datagram.socket.pair()
        local fd = writer:release()
        a:send_with_fds(byte_span.new(0), { fd })
        local count, fds = b:receive_with_fds(byte_span.new(1), 1)
        assert.equal(0, count)
        assert.equal("fifo", fds[1].type)
        close_all { a, b, fd, fds[1] }
    end)
end)

describe("descriptors between datagram sockets with names", function()
    it("come with their sender", function()
        local a, b = unix.datagram.socket.new(), unix.datagram.socket.new()
        a:open()
        b:open()
        a:bind ""
        b:bind ""
        local reader, writer = pipe.pair()
        local fd = writer:release()
        assert.equal(1, a:send_to_with_fds(span "x", b.local_path, { fd }))
        local count, sender, fds, lost = b:receive_from_with_fds(byte_span.new(10), 1)
        assert.equal(1, count)
        assert.equal(a.local_path, sender)
        assert.equal(1, #fds)
        assert.is_nil(lost)
        a:send_to_with_fds(span "long", b.local_path, { fd })
        local none
        count, sender, none, lost = b:receive_from_with_fds(byte_span.new(2), 0)
        assert.equal(a.local_path, sender)
        assert.equal(2, count)
        assert.same({}, none)
        assert.same({ "truncated", "descriptors_truncated" }, lost)
        assert.equal(4, raised("EINVAL", a.send_to_with_fds, a, span "x", b.local_path, 7).arg)
        assert.equal(3, raised("EINVAL", a.send_to_with_fds, a, span "x", nil, { fd }).arg)
        assert.equal(3, raised("EINVAL", a.send_to_with_fds, a, span "x", 7, { fd }).arg)
        assert.equal(3, raised("EINVAL", b.receive_from_with_fds, b, span "x", -1).arg)
        assert.is_true(error_.is_error(raised("ECONNREFUSED", a.send_to_with_fds, a, span "x", "@nobody-there", {})))
        close_all { a, b, reader, fd, fds[1] }
    end)
end)

describe("a process without room for descriptors", function()
    it("gets those that fit and hears of the loss; duplicating and accepting are EMFILE", function()
        local program = [[
            local ljos = require "ljos"
            local span, pipe, unix = ljos.byte_span.append, ljos.pipe, ljos.unix
            ljos.run(function()
                local a, b = unix.stream.socket.pair()
                local acceptor = unix.stream.listen ""
                local client = unix.stream.dial(tostring(acceptor.local_path))
                local reader, writer = pipe.pair()
                local fd = writer:release()
                a:send_with_fds(span "x", { fd, fd, fd, fd })
                local kept = {}
                while pcall(function() kept[#kept + 1] = fd:dup() end) do end
                kept[1]:close()
                kept[2]:close()
                local count, fds, lost = b:receive_with_fds(ljos.byte_span.new(1), 4)
                print(count, #fds, lost[1])
                local ok, err = pcall(a.send_with_fds, a, span "x", { fd })
                print(err.EMFILE)
                ok, err = pcall(acceptor.accept, acceptor)
                print(err.EMFILE)
                print(select(2, pcall(pipe.pair)).EMFILE)
                fds[1]:close()
                print(a:send_with_fds(span "y", { fd }))
            end)
        ]]
        local command = "ulimit -n 40; LUA_PATH='lua/?.lua;lua/?/init.lua;;' luajit -e '%s' 2>&1"
        local output = assert(io.popen(command:format(program)))
        assert.equal("1\t2\tdescriptors_truncated\n" .. ("true\n"):rep(3) .. "1\n", output:read "*a")
        output:close()
    end)
end)
