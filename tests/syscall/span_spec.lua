local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local t = S.t

describe("a byte span as a buffer", function()
    it("is filled up to its length, and no further", function()
        local file = assert(S.memfd_create "span")
        assert(file:write "abcdef")
        local span = byte_span.append "......"
        assert.equal(2, file:pread(span:sub(2, 3), nil, 1))
        assert.equal(".bc...", tostring(span))
        assert.equal(1, file:pread(span:sub(5), 1, 5))
        assert.equal(".bc.f.", tostring(span))
        file:seek(0)
        assert.equal(3, file:read(span:first(3)))
        assert.equal("abc.f.", tostring(span))
        assert.equal(0, file:read(span:first(0)))
        file:close()
    end)

    it("is written", function()
        local file = assert(S.memfd_create "span")
        local span = byte_span.append "abcdef"
        assert.equal(6, file:write(span))
        assert.equal(2, file:write(span:sub(2), 2))
        assert.equal(2, file:pwrite(span:first(2), nil, 4))
        assert.equal(
            "abcdabbc",
            S.pread(file, t.buffer(8), 8, 0) == 8 and S.util.readfile("/proc/self/fd/" .. file:getfd())
        )
        file:close()
    end)

    it("goes through sockets and vectors", function()
        local _, _, a, b = assert(S.socketpair("unix", "stream"))
        local span = byte_span.new(4)
        assert.equal(2, a:send(byte_span.append "ab"))
        assert.equal(2, b:recv(span))
        assert.equal("ab\0\0", tostring(span))
        assert.equal(5, a:writev { byte_span.append "xyz", { byte_span.append "12345", 2 } })
        assert.equal(5, b:readv { span, 1 })
        assert.equal("xyz1", tostring(span))
        a:close()
        b:close()
    end)

    it("is filled with random bytes", function()
        local span = byte_span.new(64)
        assert.equal(64, S.getrandom(span))
        assert.not_equal(("\0"):rep(64), tostring(span))
    end)
end)
