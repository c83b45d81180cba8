local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local lfs = require "lfs"
local text_file = require "text_file"
local timeout = require "ljos.timeout"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

ffi.cdef [[
int fsync(int);
int posix_fadvise(int, int64_t, int64_t, int);
]]
local POSIX_FADV_DONTNEED = 4

local function raised(f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    return err
end

local path
before_each(function() path = os.tmpname() end)
after_each(function() os.remove(path) end)

describe("file.stream", function()
    it("writes to /dev/kmsg, of which poll(2) does not say that it takes something", function()
        local log = file.stream.new()
        if not pcall(log.open, log, "/dev/kmsg", { "write_only" }) then
            return pending "/dev/kmsg is not ours to write"
        end
        local too_much = ("x"):rep(3000) -- the kernel keeps nothing of it
        local ok, err = fiber.pcall(timeout, 5, log.write_some, log, byte_span.append(too_much))
        log:close()
        assert.is_true(ok or err.EINVAL, tostring(err))
    end)

    -- epoll takes them, as poll(2) tells of their changes.
    for _, name in ipairs { "/proc/self/mounts", "/sys/kernel/uevent_seqnum" } do
        it(("reads %s, which can be watched, and is a file all the same"):format(name), function()
            if not lfs.attributes(name) then return pending("there is no " .. name) end
            local buffer = byte_span.new(4)
            local function read_all()
                local s, parts = file.stream.new(), {}
                s:open(name, { "read_only" })
                while true do
                    local ok, n = fiber.pcall(s.read_some, s, buffer)
                    if not ok then
                        s:close()
                        return table.concat(parts), n
                    end
                    parts[#parts + 1] = tostring(buffer:first(n))
                end
            end
            local function read_second()
                local random = file.random_access.new()
                random:open(name, { "read_only" })
                local n = random:read_some_at(1, buffer)
                random:close()
                return tostring(buffer:first(n))
            end
            -- The machine may change it at any moment.
            local text, got, err, second
            repeat
                text = text_file.read(name)
                got, err = spawn(read_all):join()
                second = read_second()
            until text == text_file.read(name)
            assert.equal(text, got)
            assert.equal(asio_error.misc.eof, err)
            assert.equal(text:sub(2, 1 + #second), second)
        end)
    end

    it("writes and reads at its own position", function()
        local s = file.stream.new()
        s:open(path, { "read_write", "truncate" })
        assert.equal(5, s:write_some(byte_span.append "hello"))
        assert.equal(5, s.size)
        assert.equal(0, s:seek(0, "set"))
        local buffer = byte_span.new(3)
        assert.equal(3, s:read_some(buffer))
        assert.equal("hel", tostring(buffer))
        assert.equal(2, s:read_some(buffer))
        assert.equal(asio_error.misc.eof, raised(s.read_some, s, buffer))
        assert.equal(4, s:seek(-1, "end"))
        assert.equal(1, s:read_some(buffer))
        assert.equal(3, s:seek(-2, "end"))
        assert.equal(2, s:read_some(buffer))
        assert.equal(5, s:seek(0, "cur"))
        s:resize(2)
        assert.equal(2, s.size)
        s:close()
        s:close()
        assert.is_false(s.is_open)
    end)

    it("appends when opened so", function()
        for _ = 1, 2 do
            local s = file.stream.new()
            s:open(path, { "append", "write_only" })
            s:write_some(byte_span.append "ab")
            s:close()
        end
        local f = assert(io.open(path))
        assert.equal("abab", f:read "*a")
        f:close()
    end)

    it("creates, refuses what exists, and truncates", function()
        os.remove(path)
        local s = file.stream.new()
        assert.is_true(raised(s.open, s, path, { "read_only" }).ENOENT)
        s:open(path, { "write_only", "create", "exclusive" })
        s:close()
        assert.is_true(raised(s.open, s, path, { "write_only", "create", "exclusive" }).EEXIST)
        assert.is_false(s.is_open)
    end)

    it("names the argument that is wrong", function()
        local s = file.stream.new()
        assert.equal(3, raised(s.open, s, path, { "read_only", "write_only" }).arg)
        assert.equal(3, raised(s.open, s, path, { "nonsense" }).arg)
        assert.equal(2, raised(s.open, s, 17, { "read_only" }).arg)
        assert.is_true(raised(s.read_some, s, byte_span.new(1)).EBADF)
        s:open(path, { "read_only" })
        assert.is_true(raised(s.write_some, s, byte_span.append "x").EBADF)
        assert.equal(2, raised(s.resize, s, -1).arg)
        assert.equal(3, raised(s.seek, s, 0, "middle").arg)
        s:close()
    end)

    it("gives each byte to one of several readers, also where the disk must be asked", function()
        local BLOCK, BLOCKS = 4096, 2560
        local f = assert(io.open(path, "w"))
        for i = 1, BLOCKS do
            f:write(("%-64d"):format(i):rep(BLOCK / 64))
        end
        f:close()
        local s = file.stream.new()
        s:open(path, { "read_only" })
        local fd = s:release()
        local number = tonumber(tostring(fd):match "%d+")
        ffi.C.fsync(number)
        ffi.C.posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED)
        s:assign(fd)
        local seen, count, readers = {}, 0, {}
        for r = 1, 8 do
            readers[r] = spawn(function()
                local buffer = byte_span.new(BLOCK)
                while true do
                    local ok, n = pcall(s.read_some, s, buffer)
                    if not ok then return assert.equal(asio_error.misc.eof, n) end
                    assert.equal(BLOCK, n)
                    local block = tonumber(tostring(buffer:first(64)))
                    assert.is_nil(seen[block])
                    seen[block], count = true, count + 1
                end
            end)
        end
        for r = 1, 8 do
            readers[r]:join()
        end
        assert.equal(BLOCKS, count)
        assert.equal(BLOCK * BLOCKS, s:seek(0, "cur"))
        s:close()
    end)

    it("forgets a reader that is cancelled while it waits for its turn", function()
        local s = file.stream.new()
        s:open(path, { "read_write" })
        s:write_some(byte_span.append(("x"):rep(8192)))
        s:seek(0, "set")
        local fd = s:release()
        local number = tonumber(tostring(fd):match "%d+")
        ffi.C.fsync(number)
        ffi.C.posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED)
        s:assign(fd)
        local total, readers = 0, {}
        for r = 1, 8 do
            readers[r] = spawn(function()
                local n = s:read_some(byte_span.new(2048))
                total = total + n
            end)
        end
        yield()
        for r = 1, 8, 2 do
            readers[r]:cancel()
        end
        for r = 1, 8 do
            pcall(readers[r].join, readers[r])
        end
        assert.equal(total, s:seek(0, "cur"))
        assert.equal(0, s.pending)
        s:close()
    end)

    it("reads and writes what is kept in memory only", function()
        local name = "/dev/shm/" .. path:gsub("/", "_")
        local s = file.stream.new()
        s:open(name, { "read_write", "create" })
        os.remove(name)
        for i = 1, 100 do
            assert.equal(3, s:write_some(byte_span.append(("%03d"):format(i))))
        end
        s:seek(-3, "end")
        local buffer = byte_span.new(10)
        assert.equal(3, s:read_some(buffer))
        assert.equal("100", tostring(buffer:first(3)))
        assert.equal(asio_error.misc.eof, raised(s.read_some, s, buffer))
        s:close()
    end)

    it("hands its descriptor over", function()
        local s = file.stream.new()
        s:open(path, { "read_write" })
        s:write_some(byte_span.append "moved")
        local other = file.random_access.new(s:release())
        assert.is_false(s.is_open)
        local buffer = byte_span.new(10)
        assert.equal(5, other:read_some_at(0, buffer))
        other:close()
    end)
end)

describe("file.random_access", function()
    it("reads and writes at offsets, through the algorithms too", function()
        local f = file.random_access.new()
        f:open(path, { "read_write" })
        assert.equal(10, file.write_all_at(f, 100, "0123456789"))
        assert.equal(110, f.size)
        local buffer = byte_span.new(4)
        assert.equal(4, file.read_all_at(f, 103, buffer))
        assert.equal("3456", tostring(buffer))
        assert.equal(4, f:read_some_at(106, byte_span.new(50)))
        assert.equal(1, f:read_some_at(109, byte_span.new(50)))
        assert.equal(asio_error.misc.eof, raised(f.read_some_at, f, 110, buffer))
        assert.equal(asio_error.misc.eof, raised(file.read_all_at, f, 108, buffer))
        assert.equal(2, file.read_at_least_at(f, 108, buffer, 2))
        assert.equal(2, raised(f.read_some_at, f, -1, buffer).arg)
        assert.equal(2, raised(f.read_some_at, f, 0.5, buffer).arg)
        f:close()
    end)
end)
