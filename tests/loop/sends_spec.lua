-- Sends of fibers that run in one round: put off to its end, and made together.
local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local fiber = require "ljos.fiber"
local in_child = require "in_child"
local ljos = require "ljos"
local loop = require "ljos.loop"
local stream = require "ljos.stream"
local time = require "ljos.time"
local unix = require "ljos.unix"

local spawn = fiber.spawn
local read = connection.read
local span = byte_span.append

local COUNT = 8

local function raised(f, ...)
    local ok, err = pcall(f, ...)
    return not ok and err or nil
end

-- Runs `act(i, near, far)` for COUNT connections whose near ends become readable in one round; returns what the fibers
-- returned, and the far ends.
local function round(pair, act)
    local near, far, fibers, results = {}, {}, {}, {}
    for i = 1, COUNT do
        near[i], far[i] = pair()
        fibers[i] = spawn(function()
            read(near[i])
            return act(i, near[i], far[i], fibers)
        end)
    end
    time.sleep(0.001) -- each waits, and a round without completions has passed: what is sent here is not put off
    for i = 1, COUNT do
        far[i]:write_some(span "go")
    end
    for i, f in ipairs(fibers) do
        results[i] = f:join() or false
    end
    return results, near, far
end

local function close_all(...)
    for i = 1, select("#", ...) do
        for _, socket in ipairs((select(i, ...))) do
            if socket.is_open then socket:close() end
        end
    end
    assert(loop.load() == 0)
end

local function echo(pair)
    local function answer(i) return ("x"):rep(i) end
    local counts, near, far = round(pair, function(i, socket) return socket:write_some(span(answer(i))) end)
    for i = 1, COUNT do
        assert(counts[i] == i and read(far[i]) == answer(i))
    end
    close_all(near, far)
end

local pairs_of = { TCP = connection.tcp_pair, UNIX = unix.stream.socket.pair }

-- Whether this kernel has RWF_NOSIGNAL; without it each send is made when it is asked for.
local function has_nosignal()
    local a, b = unix.stream.socket.pair()
    local written = S.pwritev2(a.fd, { "x" }, -1, 0x100)
    close_all { a, b }
    return written ~= nil
end

-- The first thousand are never put off, and a round that comes in small parts does not count.
local function warm_up()
    for _ = 1, 3000 / COUNT do
        echo(unix.stream.socket.pair)
    end
end

for kind, pair in pairs(pairs_of) do
    describe("sends of one round over " .. kind, function()
        setup(warm_up)

        it("arrive, each where it belongs", function()
            for _ = 1, 3 do
                echo(pair)
            end
        end)

        it("are made at the end of the round", function()
            if ljos.engine() ~= "epoll" then return end -- in one round only if the kernel completes all at once
            if not has_nosignal() then return pending "this kernel has no RWF_NOSIGNAL" end
            -- How many of the eight come in one round is the kernel's affair; it takes four.
            local function count_put_off()
                local order, put_off = {}, 0
                local _, near, far = round(pair, function(i, socket)
                    order[#order + 1] = "begins " .. i
                    socket:write_some(span "x")
                    order[#order + 1] = "ends " .. i
                end)
                close_all(near, far)
                for at, what in ipairs(order) do
                    local i = what:match "begins (%d)"
                    if i and order[at + 1] ~= "ends " .. i then put_off = put_off + 1 end
                end
                return put_off
            end
            local most = 0
            for _ = 1, 50 do
                most = math.max(most, count_put_off())
            end
            assert.is_true(most >= 4, most .. " at the most")
        end)

        it("raise EPIPE or ECONNRESET where the peer is gone, and no SIGPIPE", function()
            local errors, near = round(pair, function(_, socket, peer)
                peer:close()
                local err
                repeat
                    err = raised(socket.write_some, socket, span "to nobody")
                until err
                return err
            end)
            for i = 1, COUNT do
                assert.is_true(errors[i].EPIPE or errors[i].ECONNRESET)
            end
            close_all(near)
        end)

        it("wait for room where there is none, and lose no byte", function()
            local size = 3e5
            local content = ("0123456789"):rep(size / 10)
            local readers = {}
            local written, near, far = round(pair, function(i, socket, peer)
                local other = byte_span.append(content, tostring(i))
                readers[i] = spawn(function()
                    local got = byte_span.new(size + 1)
                    return stream.read_all(peer, got) and tostring(got)
                end)
                return stream.write_all(socket, other)
            end)
            for i = 1, COUNT do
                assert.equal(size + 1, written[i])
                assert.is_true(readers[i]:join() == content .. i)
            end
            close_all(near, far)
        end)

        it("that are canceled before are not made, and later ones are", function()
            local results, near, far = round(pair, function(i, socket, _, fibers)
                if i % 2 == 0 then fibers[i - 1]:cancel() end
                socket:write_some(span("of " .. i))
                return "sent"
            end)
            for i = 1, COUNT do
                -- One that was faster than its cancellation is delivered.
                if results[i] then
                    assert.equal("of " .. i, read(far[i]))
                else
                    near[i]:close()
                    assert.is_true(raised(read, far[i]) ~= nil)
                end
            end
            assert.is_truthy(results[2])
            close_all(near, far)
        end)

        it("of a socket that is closed meanwhile do not reach the number's next owner", function()
            local nears, owners, peers = {}, {}, {}
            local _, near, far = round(pair, function(i, socket)
                nears[i] = socket
                if i % 2 == 1 then return raised(socket.write_some, socket, span "late") end
                if not nears[i - 1] then return end -- who came first is not the spec's to say
                nears[i - 1]:close()
                owners[#owners + 1], peers[#peers + 1] = pair()
            end)
            for _, list in ipairs { owners, peers } do
                for _, socket in ipairs(list) do
                    local _, err = S.recv(socket.fd, nil, 1, "peek, dontwait")
                    assert.is_true(err and err.AGAIN)
                end
            end
            close_all(near, far, owners, peers)
        end)
    end)
end

describe("sends of one round", function()
    it("are made one by one where io_submit(2) is forbidden", function()
        in_child(function()
            local c, t = S.c, S.t
            assert(S.prctl("set_no_new_privs", true))
            local filters = t.sock_filters(4, {
                { "LD,W,ABS", 0 },
                { "JMP,JEQ,K", c.SYS.io_submit, 0, 1 },
                { "RET,K", c.SECCOMP_RET.ERRNO + c.E.PERM },
                { "RET,K", c.SECCOMP_RET.ALLOW },
            })
            assert(S.seccomp("set_mode_filter", 0, t.sock_fprog1 { { 4, filters } }))
            warm_up()
        end)
    end)
end)
