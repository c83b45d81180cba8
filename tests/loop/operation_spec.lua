-- Operations that no class of objects shows by itself.
local error_ = require "ljos.error"
local ffi = require "ffi"
local fiber = require "ljos.fiber"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local plain_pipe = require "plain_pipe"

local SYS = native.constant_table "SYS"
ffi.cdef "int getpid(void);"

describe("a system call in the pool", function()
    local function call(number, fd, buffer, length)
        local address = buffer and tonumber(ffi.cast("uintptr_t", ffi.cast("void *", buffer)))
        return operation.call(buffer, "call", number, fd, address, length)
    end

    it("answers its result, or -errno", function()
        assert.equal(ffi.C.getpid(), call(SYS.__NR_getpid))
        assert.equal(-error_.errno_of.EBADF, call(SYS.__NR_read, 2 ^ 30))
    end)

    it("has a thread although others wait in theirs, also when threads have been idle", function()
        for _ = 1, 3 do
            call(SYS.__NR_getpid)
            local readers, writers = {}, {}
            for i = 1, 3 do
                local reading, writing = plain_pipe.pair()
                local byte = ffi.new "char[1]"
                readers[i] = fiber.spawn(function()
                    local count = call(SYS.__NR_read, reading:getfd(), byte, 1)
                    reading:close()
                    return count
                end)
                writers[i] = writing
            end
            fiber.this_fiber.yield()
            for i = 3, 1, -1 do
                assert.equal(1, call(SYS.__NR_write, writers[i]:getfd(), ffi.new("char[1]", 65), 1))
                assert.equal(1, readers[i]:join())
                writers[i]:close()
            end
        end
    end)
end)
