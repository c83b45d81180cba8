local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local error_ = require "ljos.error"
local ffi = require "ffi"
local fiber = require "ljos.fiber"
local fs = require "ljos.filesystem"
local loop = require "ljos.loop"
local pipe = require "ljos.pipe"
local raised = require "raised"
local raises = require "raises"
local settle = require "settle"
local stream = require "ljos.stream"
local temporary_directory = require "temporary_directory"

ffi.cdef [[
int raise(int);
int sigaddset(void *, int);
int sigpending(void *);
int sigismember(const void *, int);
int pthread_sigmask(int, const void *, void *);
int sigtimedwait(const void *, void *, const void *);
]]

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

local function text(span, count) return tostring(span:first(count)) end

-- Writes until the pipe is full; returns how many bytes that took.
local function fill(writer)
    local chunk, total = byte_span.with_zeros(65536), 0
    local filling = spawn(function()
        while true do
            total = total + writer:write_some(chunk)
        end
    end)
    settle(function() return total end)
    filling:cancel()
    filling:join()
    return total
end

describe("a pipe", function()
    local reader, writer
    before_each(function()
        reader, writer = pipe.pair()
    end)
    after_each(function()
        reader:close()
        writer:close()
    end)

    it("carries bytes one way", function()
        assert.equal("pipe.read_stream", getmetatable(reader))
        assert.equal("pipe.write_stream", getmetatable(writer))
        assert.equal(5, writer:write_some(byte_span.append "hello"))
        local buffer = byte_span.new(100)
        assert.equal("hello", text(buffer, reader:read_some(buffer)))
        raises.core("bad_index", function() return reader.write_some end)
        raises.core("bad_index", function() return writer.read_some end)
    end)

    it("ends with eof after what was written before", function()
        writer:write_some(byte_span.append "last")
        writer:close()
        local buffer = byte_span.new(10)
        assert.equal(4, reader:read_some(buffer))
        assert.equal(asio_error.misc.eof, raises.raised(reader.read_some, reader, buffer))
        assert.equal(0, reader:read_some(byte_span.new(0)))
    end)

    it("wakes a waiting reader when the writer closes", function()
        local f = spawn(function() return raises.raised(reader.read_some, reader, byte_span.new(1)) end)
        yield()
        writer:close()
        assert.equal(asio_error.misc.eof, f:join())
    end)

    it("moves megabytes unharmed, suspending only the writer while it is full", function()
        local size = 4 * 1024 * 1024
        local out, back = byte_span.new(size), byte_span.new(size)
        for i = 1, size, 4096 do
            out[i] = (i / 4096) % 251
        end
        local writing = spawn(function()
            stream.write_all(writer, out)
            writer:close()
        end)
        settle(function() return 0 end)
        stream.read_all(reader, back)
        writing:join()
        assert.is_true(out == back)
    end)

    it("is full at some point, and lets no byte of a canceled write through", function()
        local total = fill(writer)
        assert.is_true(total >= 4096)
        writer:close()
        local buffer = byte_span.new(2 * total)
        assert.equal(total, stream.read_at_least(reader, buffer, total))
        assert.equal(asio_error.misc.eof, raises.raised(reader.read_some, reader, buffer))
    end)

    it("gives a canceled reader's bytes to the next", function()
        local buffer = byte_span.new(10)
        local f = spawn(function() return reader:read_some(buffer) end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        writer:write_some(byte_span.append "kept")
        assert.equal("kept", text(buffer, reader:read_some(buffer)))
        assert.equal(0, (loop.load()))
    end)

    it("ends a waiting read with ECANCELED on cancel, close and release", function()
        for _, how in ipairs { "cancel", "release", "close" } do
            local f = spawn(function() return raises.raised(reader.read_some, reader, byte_span.new(1)) end)
            yield()
            local fd = reader[how](reader)
            assert.equal(error_.system "ECANCELED", f:join())
            if how == "release" then reader:assign(fd) end
        end
        assert.is_false(reader.is_open)
    end)

    it("ends a write that waits for room with ECANCELED on cancel, close and release", function()
        fill(writer)
        for _, how in ipairs { "cancel", "release", "close" } do
            local f = spawn(function() return raises.raised(writer.write_some, writer, byte_span.new(1)) end)
            yield()
            yield()
            local fd = writer[how](writer)
            assert.equal(error_.system "ECANCELED", f:join())
            if how == "release" then writer:assign(fd) end
        end
    end)

    it("serves two waiting readers", function()
        local function read_one()
            local buffer = byte_span.new(1)
            reader:read_some(buffer)
            return tostring(buffer)
        end
        local first, second = spawn(read_one), spawn(read_one)
        yield()
        writer:write_some(byte_span.append "ab")
        local got = { first:join(), second:join() }
        table.sort(got)
        assert.same({ "a", "b" }, got)
    end)

    it("goes through file_descriptor and back", function()
        local fd = reader:release()
        assert.is_false(reader.is_open)
        assert.equal("fifo", fd.type)
        local again = pipe.read_stream.new(fd)
        raised("EBADF", fd.dup, fd)
        writer:write_some(byte_span.append "x")
        assert.equal(1, again:read_some(byte_span.new(2)))
        reader:assign(again:release())
        assert.is_true(reader.is_open)
        local write_fd = writer:release()
        assert.equal(asio_error.misc.already_open, raises.raised(reader.assign, reader, write_fd))
        writer:assign(write_fd)
        assert.equal(1, writer:write_some(byte_span.append "y"))
    end)

    it("works on descriptors that somebody made non-blocking", function()
        for _, each in ipairs { reader, writer } do
            local fd = each:release()
            fd.non_blocking = true
            each:assign(fd)
        end
        local buffer = byte_span.new(4)
        local f = spawn(function() return reader:read_some(buffer) end)
        yield()
        writer:write_some(byte_span.append "late")
        assert.equal(4, f:join())
        local total = fill(writer)
        f = spawn(function() return writer:write_some(byte_span.new(10)) end)
        yield()
        assert.equal(total, stream.read_at_least(reader, byte_span.new(total), total))
        assert.equal(10, f:join())
    end)

    it("is close-on-exec and blocking, as a child expects its standard streams", function()
        for _, each in ipairs { reader, writer } do
            local fd = each:release()
            assert.is_false(fd.non_blocking)
            local info = assert(io.open("/proc/self/fdinfo/" .. tostring(fd):match "%d+$"))
            local flags = tonumber(info:read("*a"):match "flags:%s*(%d+)", 8)
            info:close()
            assert.equal(tonumber("2000000", 8), bit.band(flags, tonumber("2000000", 8)))
            each:assign(fd)
        end
    end)

    it("refuses what is no buffer, and use when closed", function()
        for _, bad in ipairs { 1, "x", {}, true } do
            assert.equal(2, raised("EINVAL", reader.read_some, reader, bad).arg)
            assert.equal(2, raised("EINVAL", writer.write_some, writer, bad).arg)
            assert.equal(1, raised("EINVAL", pipe.read_stream.new, bad).arg)
            local closed = pipe.write_stream.new()
            assert.equal(2, raised("EINVAL", closed.assign, closed, bad).arg)
        end
        raised("EINVAL", reader.read_some, reader)
        reader:close()
        reader:close()
        writer:close()
        raised("EBADF", reader.read_some, reader, byte_span.new(1))
        raised("EBADF", writer.write_some, writer, byte_span.new(1))
        raised("EBADF", reader.cancel, reader)
        raised("EBADF", reader.release, reader)
        raises.core("bad_index", function() return reader.nothing end)
        raises.generic("EPERM", function() reader.anything = 1 end)
    end)

    it("is closed when it is collected", function()
        local fd = reader:release()
        reader = pipe.read_stream.new(fd)
        reader = pipe.read_stream.new()
        collect()
        raised("EPIPE", writer.write_some, writer, byte_span.append "x")
    end)
end)

describe("a named pipe", function()
    it("does as others do", function()
        local path = temporary_directory.make() .. "/fifo"
        fs.mkfifo(fs.path.new(path), fs.mode(6, 0, 0))
        local both = fs.open(path, { "read_write" })
        local reader = pipe.read_stream.new(fs.open(path, { "read_only" }))
        local writer = pipe.write_stream.new(fs.open(path, { "write_only" }))
        both:close()
        local total = fill(writer)
        local waiting = spawn(function() return writer:write_some(byte_span.new(10)) end)
        settle(function() return 0 end)
        assert.equal(total, stream.read_at_least(reader, byte_span.new(total), total))
        assert.equal(10, waiting:join())
        reader:close()
        raised("EPIPE", writer.write_some, writer, byte_span.append "x")
        writer:close()
        temporary_directory.remove_all()
    end)
end)

describe("a pipe without a reader", function()
    local SIGPIPE, SIG_BLOCK, SIG_UNBLOCK = 13, 0, 1

    local function set()
        local signals = ffi.new "uint64_t[16]"
        ffi.C.sigaddset(signals, SIGPIPE)
        return signals
    end
    local function is_pending()
        local signals = ffi.new "uint64_t[16]"
        ffi.C.sigpending(signals)
        return ffi.C.sigismember(signals, SIGPIPE) == 1
    end

    it("raises EPIPE and no SIGPIPE", function()
        local reader, writer = pipe.pair()
        reader:close()
        raised("EPIPE", writer.write_some, writer, byte_span.append "x")
        raised("EPIPE", writer.write_some, writer, byte_span.new(1000000))
        assert.is_false(is_pending())
        writer:close()
    end)

    it("raises EPIPE for a write that waited while it was full", function()
        local reader, writer = pipe.pair()
        fill(writer)
        local f = spawn(function() return raised("EPIPE", writer.write_some, writer, byte_span.append "x") end)
        settle(function() return 0 end)
        reader:close()
        f:join()
        writer:close()
    end)

    it("leaves a SIGPIPE that the host holds back alone", function()
        local reader, writer = pipe.pair()
        reader:close()
        ffi.C.pthread_sigmask(SIG_BLOCK, set(), nil)
        raised("EPIPE", writer.write_some, writer, byte_span.append "x")
        assert.is_false(is_pending())
        ffi.C.raise(SIGPIPE)
        raised("EPIPE", writer.write_some, writer, byte_span.append "x")
        assert.is_true(is_pending())
        ffi.C.sigtimedwait(set(), nil, ffi.new("int64_t[2]"))
        ffi.C.pthread_sigmask(SIG_UNBLOCK, set(), nil)
        writer:close()
    end)

    it("is the same for standard output", function()
        local program = [[
            local ljos = require "ljos"
            ljos.run(function()
                local span, ok, err = ljos.byte_span.new(100), true, nil
                while ok do ok, err = pcall(function() return ljos.system.out:write_some(span) end) end
                io.stderr:write(tostring(err), "\n")
            end)
        ]]
        local command = "{ LUA_PATH='lua/?.lua;lua/?/init.lua;;' luajit -e '%s' | true; } 2>&1"
        local output = assert(io.popen(command:format(program)))
        assert.equal("Broken pipe\n", output:read "*a")
        output:close()
    end)
end)
