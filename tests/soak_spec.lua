-- Many of everything at once, and nothing left behind. Bounded: a few seconds.
local byte_span = require "ljos.byte_span"
local ffi = require "ffi"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local lfs = require "lfs"
local loop = require "ljos.loop"
local time = require "ljos.time"
local text_file = require "text_file"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

ffi.cdef [[
struct ljos_test_rlimit { uint64_t soft, hard; };
int getrlimit(int resource, struct ljos_test_rlimit *limit);
int setrlimit(int resource, const struct ljos_test_rlimit *limit);
]]
local RLIMIT_NOFILE = 7

local function descriptors()
    local count = 0
    for _ in lfs.dir "/proc/self/fd" do
        count = count + 1
    end
    return count
end

local function collected()
    for _ = 1, 3 do
        collectgarbage()
    end
    return collectgarbage "count"
end

-- Runs `work` twice; what the second run leaves behind is a leak (the first one fills pools and compiles).
local function leaves_nothing(work)
    work()
    local memory, open = collected(), descriptors()
    work()
    local after = collected()
    local still_open = descriptors()
    assert.is_true(still_open <= open, ("%d descriptors became %d"):format(open, still_open))
    assert.is_true(after < memory * 1.1, ("%d KB grew to %d KB"):format(memory, after))
    local operations, timers = loop.load()
    assert.equal(0, operations)
    assert.equal(0, timers)
    assert.equal(0, fiber.count())
end

-- Raises the soft limit on descriptors to the hard one; how many connections fit.
local function room_for(connections)
    local limit = ffi.new "struct ljos_test_rlimit"
    ffi.C.getrlimit(RLIMIT_NOFILE, limit)
    limit.soft = limit.hard
    ffi.C.setrlimit(RLIMIT_NOFILE, limit)
    return math.min(connections, tonumber(limit.soft) - 100)
end

describe("soak", function()
    it("holds 10,000 connections, loses half of them in the middle of a message, and forgets them all", function()
        local wanted = 10000
        local count = room_for(wanted)
        if count < wanted then
            pending("only " .. count .. " connections fit into RLIMIT_NOFILE")
            return
        end
        leaves_nothing(function()
            local served, broken, open = 0, 0, 0
            local function serve(socket)
                local buffer = byte_span.new(64)
                local got = 0
                open = open + 1
                local ok = pcall(function()
                    while got < 10 do
                        got = got + socket:read_some(buffer)
                    end
                    socket:write_some(buffer:first(1))
                end)
                if ok then
                    served = served + 1
                else
                    broken = broken + 1
                end
                socket:close()
                open = open - 1
            end
            local acceptor = ip.tcp.listen "127.0.0.1:0"
            local accepting = spawn(function()
                while true do
                    local socket = acceptor:accept()
                    spawn(function() serve(socket) end):detach()
                end
            end)
            local result = os.tmpname()
            os.execute(
                ("LUA_PATH='lua/?.lua;lua/?/init.lua;;' luajit tests/programs/soak_clients.lua %d %d %s &"):format(
                    acceptor.local_port,
                    count,
                    result
                )
            )
            while open < count do
                time.sleep(0.01)
            end
            text_file.write(result, "go")
            while served + broken < count do
                time.sleep(0.001)
            end
            assert.equal(count / 2, served)
            repeat -- the client writes its result last
                time.sleep(0.01)
                local file = assert(io.open(result))
                local answers = file:read "*n"
                file:close()
            until answers
            os.remove(result)
            accepting:cancel()
            accepting:join()
            acceptor:close()
        end)
    end)

    it("cancels at random moments, over all operations side by side, and loses nothing", function()
        -- SOAK=1000000 for the whole of it; a few seconds else. The program prints its seed.
        local count, seed = tonumber(os.getenv "SOAK") or 5000, os.time()
        local pipe = assert(io.popen(("luajit tests/programs/cancel_soak.lua %d %d 2>&1"):format(count, seed)))
        local output = pipe:read "*a"
        pipe:close()
        assert.matches("%d+ cancellations in %d+ trials of %d+ operations [^\n]*\n$", output)
    end)

    it("loses nothing while signals interrupt it", function()
        local pipe =
            assert(io.popen(("SIGNALS=1 luajit tests/programs/cancel_soak.lua 5000 %d 2>&1"):format(os.time())))
        local output = pipe:read "*a"
        pipe:close()
        assert.matches("%d+ cancellations in %d+ trials of %d+ operations [^\n]*\n$", output)
    end)

    it("holds 100,000 sleeping fibers, wakes half, cancels half, and forgets them all", function()
        leaves_nothing(function()
            local woken, handles = 0, {}
            for i = 1, 50000 do
                spawn(function()
                    time.sleep(0.2 + i % 100 / 1000)
                    woken = woken + 1
                end):detach()
                handles[i] = spawn(function() time.sleep(3600) end)
            end
            yield()
            for i = 1, #handles do
                handles[i]:cancel()
            end
            local caught = 0
            for i = 1, #handles do
                handles[i]:join()
                if handles[i].cancellation_caught then caught = caught + 1 end
            end
            assert.equal(50000, caught)
            while woken < 50000 do
                time.sleep(0.01)
            end
        end)
    end)
end)
