local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local generic_error = require "ljos.generic_error"
local stream = require "ljos.stream"

-- A stream that moves at most as many bytes per call as the next of `sizes` says, then raises EOF.
local function source(text, sizes)
    local input = { at = 0, calls = 0 }
    function input:read_some(buffer)
        self.calls = self.calls + 1
        if self.at == #text then error(asio_error.misc.eof, 0) end
        local count = buffer:copy(text:sub(self.at + 1, self.at + (sizes[self.calls] or 1)))
        self.at = self.at + count
        return count
    end
    return input
end

local function sink(sizes)
    local output = { calls = 0, text = "" }
    function output:write_some(buffer)
        self.calls = self.calls + 1
        local size = sizes[self.calls]
        if type(size) == "table" then error(size, 0) end
        local piece = tostring(buffer):sub(1, size or 1)
        self.text = self.text .. piece
        return #piece
    end
    return output
end

local function caught(f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    return err
end

describe("stream.write_all", function()
    it("writes everything in spite of short writes, and returns the length", function()
        local out = sink { 3, 1, 0, 2, 100 }
        assert.equal(11, stream.write_all(out, byte_span.append "hello world"))
        assert.equal("hello world", out.text)
        assert.equal(5, out.calls)
    end)

    it("takes strings", function()
        local out = sink { 4, 4, 4 }
        assert.equal(12, stream.write_all(out, "twelve bytes"))
        assert.equal("twelve bytes", out.text)
    end)

    it("does not write what is empty", function()
        local out = sink {}
        assert.equal(0, stream.write_all(out, ""))
        assert.equal(0, stream.write_all(out, byte_span.new(0)))
        assert.equal(0, out.calls)
    end)

    it("passes the stream's error on, as it is", function()
        local broken = asio_error.basic.broken_pipe
        local out = sink { 3, broken }
        assert.is_true(rawequal(broken, caught(stream.write_all, out, "hello")))
        assert.equal("hel", out.text)
    end)
end)

describe("stream.write_at_least", function()
    it("stops once the minimum is reached and returns what was written", function()
        local out = sink { 2, 3, 100 }
        assert.equal(5, stream.write_at_least(out, byte_span.append "hello world", 4))
        assert.equal("hello", out.text)
    end)

    it("does nothing for a minimum of 0", function() assert.equal(0, stream.write_at_least(sink {}, "x", 0)) end)

    it("refuses a minimum above the buffer's length", function()
        local err = caught(stream.write_at_least, sink {}, byte_span.new(3), 4)
        assert.is_true(err == generic_error.EINVAL)
        assert.equal(3, err.arg)
    end)
end)

describe("stream.read_all", function()
    it("fills the buffer in spite of short reads", function()
        local input, buffer = source("hello world", { 3, 1, 0, 100 }), byte_span.new(8)
        assert.equal(8, stream.read_all(input, buffer))
        assert.equal("hello wo", tostring(buffer))
        assert.equal(8, input.at)
    end)

    it("does not read into an empty buffer", function()
        local input = source("x", {})
        assert.equal(0, stream.read_all(input, byte_span.new(0)))
        assert.equal(0, input.calls)
    end)

    it("raises EOF when the stream ends early; the bytes read are in the buffer", function()
        local buffer = byte_span.with_zeros(8)
        assert.is_true(caught(stream.read_all, source("abc", { 2 }), buffer) == asio_error.misc.eof)
        assert.equal("abc\0\0\0\0\0", tostring(buffer))
    end)
end)

describe("stream.read_at_least", function()
    it("takes more than the minimum when more comes", function()
        local input, buffer = source("hello world", { 3, 6, 100 }), byte_span.new(20)
        assert.equal(9, stream.read_at_least(input, buffer, 5))
        assert.equal("hello wor", tostring(buffer:first(9)))
    end)

    it("refuses a minimum that is no number in range", function()
        for _, minimum in ipairs { -1, 4, 0 / 0, "2", false } do
            local err = caught(stream.read_at_least, source("", {}), byte_span.new(3), minimum)
            assert.is_true(err == generic_error.EINVAL)
            assert.equal(3, err.arg)
        end
    end)
end)

describe("a composed operation", function()
    it("names the argument that is wrong", function()
        for _, name in ipairs { "write_all", "write_at_least", "read_all", "read_at_least" } do
            local err = caught(stream[name], nil, byte_span.new(1), 1)
            assert.is_true(err == generic_error.EINVAL)
            assert.equal(1, err.arg)
            err = caught(stream[name], { read_some = true, write_some = true }, 42, 1)
            assert.is_true(err == generic_error.EINVAL)
            assert.equal(2, err.arg)
        end
    end)

    it("refuses a count that the stream cannot have moved", function()
        for _, count in ipairs { 5, -1, 0 / 0, "3", false } do
            local liar = { read_some = function() return count end, write_some = function() return count end }
            assert.is_true(caught(stream.read_all, liar, byte_span.new(4)) == generic_error.EINVAL)
            assert.is_true(caught(stream.write_all, liar, "four") == generic_error.EINVAL)
        end
    end)
end)
