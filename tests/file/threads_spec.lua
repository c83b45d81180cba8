-- Files where the kernel has no thread to give: neither the ring's nor the pool's.
local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local in_child = require "in_child"
local lacks = require "lacks"
local stream = require "ljos.stream"
local temporary_directory = require "temporary_directory"
local time = require "ljos.time"

local FIBERS, SIZE, NOBODY = 4, 1000000, 65534

-- The limit on processes does not bind root.
local function forbid_threads()
    if S.geteuid() == 0 then
        assert(S.setresgid(NOBODY, NOBODY, NOBODY))
        assert(S.setresuid(NOBODY, NOBODY, NOBODY))
    end
    assert(S.setrlimit("nproc", { cur = 0, max = 0 }))
end

local function each(f)
    local fibers = {}
    for i = 1, FIBERS do
        fibers[i] = fiber.spawn(function() f(i) end)
    end
    for i = 1, FIBERS do
        fibers[i]:join()
    end
end

describe("a process that may have no more threads", function()
    after_each(temporary_directory.remove_all)

    it("writes and reads files all the same, several at a time", function()
        local lacking = S.geteuid() == 0 and lacks("setgid", "setuid")
        if lacking then return pending(lacking) end
        local path = temporary_directory.make() .. "/file"
        in_child(function()
            local written, read = file.stream.new(), file.random_access.new()
            written:open(path, { "create", "read_write" })
            read:open(path, { "read_only" })
            time.sleep(0) -- the engine is there before the ids change
            forbid_threads()
            each(function(i) stream.write_all(written, byte_span.append(string.char(i):rep(SIZE))) end)
            assert(written.size == FIBERS * SIZE)
            local counts = { 0, 0, 0, 0 }
            each(function(part)
                local buffer = byte_span.new(SIZE)
                assert(file.read_all_at(read, (part - 1) * SIZE, buffer) == SIZE)
                for i = 1, FIBERS do
                    counts[i] = counts[i] + select(2, tostring(buffer):gsub(string.char(i), ""))
                end
            end)
            for i = 1, FIBERS do
                assert(counts[i] == SIZE, i)
            end
        end)
    end)
end)
