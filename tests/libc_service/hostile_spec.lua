-- libc_service: a slave that keeps to no rules. The master drops what is no request, with all that came in it.
local attacks = require "actor.attacks"
local asio_error = require "ljos.asio_error"
local error_ = require "ljos.error"
local inbox = require "ljos.inbox"
local lfs = require "lfs"
local libc_service = require "ljos.libc_service"
local served = require "libc_service.served"

-- What the bodies can use: `packet{bytes}` sends bytes over the service's socket, with descriptors beside them; `pair`
-- makes the two ends of an answer's way. 6 is the socket: the first descriptor that the actor is granted.
local TOOLS = [[
ffi.cdef[=[
struct hostile_vector { const void *base; size_t length; };
struct hostile_rights { size_t length; int level, type; int fds[300]; };
struct hostile_message {
    void *name; unsigned name_length; struct hostile_vector *vectors; size_t count;
    void *control; size_t control_length; int flags;
};
int64_t sendmsg(int, const struct hostile_message *, int);
int64_t recv(int, void *, size_t, int);
int socketpair(int, int, int, int *);
int pipe(int *);
int listen(int, int);
int dup(int);
]=]
local rights = ffi.new "struct hostile_rights"
local function packet(bytes, fds)
    local vector = ffi.new("struct hostile_vector[1]", { { bytes, #bytes } })
    rights.length, rights.level, rights.type = 16 + 4 * #fds, 1, 1
    for i, fd in ipairs(fds) do rights.fds[i - 1] = fd end
    local message = ffi.new("struct hostile_message", { vectors = vector, count = 1 })
    if #fds > 0 then
        message.control, message.control_length = rights, math.ceil((16 + 4 * #fds) / 8) * 8
    end
    return call(C.sendmsg(6, message, 0))
end
local ends = ffi.new "int[2]"
local function pair(kind)
    assert(C.socketpair(1, kind or 5, 0, ends) == 0)
    return ends[0], ends[1]
end
-- A request: the number of the function, the lengths of its texts, the texts.
local function request(number, length1, length2, texts, port)
    local fields = ffi.new("uint32_t[11]", number, 0, 0, 0, 0, port or 0, 0, 0, 0, length1, length2)
    return ffi.string(fields, 44) .. ("\0"):rep(16) .. texts
end
local NONE = 0xffffffff
-- Sends a packet whose answer would come to one end of a pair; true if it was dropped: that end is closed.
local function is_dropped(bytes, more, answer_to)
    local own, theirs = pair()
    local fds = { answer_to or theirs }
    for _, fd in ipairs(more or {}) do fds[#fds + 1] = fd end
    packet(bytes, fds)
    C.close(theirs)
    local count = answer_to and 0 or call(C.recv(own, ffi.new "char[256]", 256, 0))
    C.close(own)
    return count == 0
end
local function count_descriptors()
    local count = 0
    ffi.cdef "int fcntl(int, int, ...);"
    for fd = 0, 400 do
        if C.fcntl(fd, 1) >= 0 then count = count + 1 end
    end
    return count
end
]]

local function open_descriptors()
    local count = 0
    for _ in lfs.dir "/proc/self/fd" do
        count = count + 1
    end
    return count
end

-- Answers what is a request with 7.
local function seven(master)
    if master.function_ == "getaddrinfo" then return master:send "again" end
    master:send(master.function_:find "stat" and -1 or 7)
end

local function run(code, handler) return served.run(TOOLS .. code, handler or seven) end

describe("libc_service, before a hostile slave,", function()
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    it("answers a request that is one, as a control", function()
        local code = [[
            local s = C.socket(1, 1, 0)
            return not is_dropped(request(2, 2, NONE, "/a")) and not is_dropped(request(3, 2, 1, "/ab"))
                and not is_dropped(request(10, 2, NONE, "/a"), { s }) and not is_dropped(request(16, 0, 0, ""))
        ]]
        assert.is_true(run(code))
    end)

    it("drops what does not add up", function()
        local code = [[
            local s = C.socket(1, 1, 0)
            local cases = {
                { "x" },
                { request(2, 2, NONE, "/a"):sub(1, 59) },
                { request(2, 2, NONE, "/a") .. "x" },
                { request(2, 3, NONE, "/a") },
                { request(2, NONE, NONE, "") },
                { request(2, NONE, 2, "/a") },
                { request(2, 2, 0, "/a") },
                { request(3, 2, NONE, "/a") },
                { request(2, 4096, NONE, ("a"):rep(4096)) },
                { request(2, 0x80000002, NONE, "/a") },
                { request(3, 0xfffffffe, 4, "/a") },
                { request(2, 2, NONE, "\0a") },
                { request(17, 2, NONE, "/a") },
                { request(0x80000000, 2, NONE, "/a") },
                { request(NONE, 2, NONE, "/a") },
                { request(11, NONE, NONE, "", 65536), { s } },
                { request(11, 0, NONE, ""), { s } },
                { request(11, NONE, NONE, "") },       -- no socket
                { request(2, 2, NONE, "/a"), { s } },  -- a descriptor too many
                { request(10, 2, NONE, "/a"), { s, s } },
                { ("x"):rep(20000) },
            }
            for i, case in ipairs(cases) do
                if not is_dropped(case[1], case[2]) then return i end
            end
            return C.unlink "/a"
        ]]
        assert.equal(7, run(code))
    end)

    it("sends no answer to what is no end of a socket pair", function()
        local code = [[
            assert(C.pipe(ends) == 0)
            local reading, writing = ends[0], ends[1]
            local listener, client = C.socket(1, 5, 0), C.socket(1, 5, 0)
            local name, length = un "\0ljos-hostile-server"
            assert(tonumber(C.syscall(%d, ffi.cast("long", listener), name, ffi.cast("long", length))) == 0)
            assert(C.listen(listener, 1) == 0)
            assert(tonumber(C.syscall(%d, ffi.cast("long", client), name, ffi.cast("long", length))) == 0)
            local stream = pair(1)
            local directory = tonumber(C.syscall(%d, ffi.cast("long", -100), "/", ffi.cast("long", 0)))
            for _, fd in ipairs { writing, listener, client, stream, directory, C.socket(1, 5, 0), 6 } do
                is_dropped(request(2, 2, NONE, "/never"), {}, fd)
            end
            return C.unlink "/a"
        ]]
        local numbers = attacks.number_of
        local heard = {}
        local result = run(code:format(numbers "bind", numbers "connect", numbers "openat"), function(master)
            heard[#heard + 1] = tostring(master.path)
            seven(master)
        end)
        assert.equal(7, result)
        assert.same({ "/a" }, heard)
    end)

    it("loses the answer to whom does not listen, and waits for none", function()
        local code = [[
            local own, theirs = pair()
            -- As much as fits: the answer has no room.
            ffi.cdef "int64_t send(int, const void *, size_t, int);"
            while C.send(theirs, ("x"):rep(1000), 1000, 0x40) > 0 do end
            packet(request(2, 2, NONE, "/b"), { theirs })
            local gone, left = pair()
            packet(request(2, 2, NONE, "/b"), { left })
            C.close(gone)
            return C.unlink "/a"
        ]]
        assert.equal(7, run(code))
    end)

    it("keeps none of the descriptors of ten thousand random packets", function()
        local seed = tonumber(os.getenv "LJOS_SEED") or os.time()
        local code = ([[
            math.randomseed(%d)
            local random = math.random
            local function flip(bytes)
                local at = random(#bytes)
                return bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1)
            end
            local function text() return ("/abc"):rep(random(0, 20)) end
            local own, theirs = pair()
            local before = count_descriptors()
            for _ = 1, 10000 do
                local first, second = text(), text()
                local number = random(0, 18)
                if number ~= 3 and number ~= 16 and random(8) > 1 then second = nil end
                local bytes = request(number, #first, second and #second or NONE, first .. (second or ""))
                for _ = 1, random(0, 3) do
                    if random(2) == 1 then bytes = flip(bytes) end
                end
                if random(10) == 1 then bytes = bytes:sub(1, random(#bytes)) end
                local fds = {}
                for i = 1, random(2) == 1 and 1 or random(0, 4) do
                    fds[i] = random(4) > 1 and theirs or random(0, 2)
                end
                local sent = packet(bytes, fds)
                if sent ~= #bytes then return sent end
                -- Answers pile up otherwise.
                while C.recv(own, ffi.new "char[256]", 256, 0x40) > 0 do end
            end
            return C.unlink "/a" * 1000 + count_descriptors() - before
        ]]):format(seed)
        require "collect"()
        local before = open_descriptors()
        local requests = 0
        local master, slave = libc_service.new()
        local channel = served.start(TOOLS .. code, slave)
        local serving = served.serve(master, function(asked)
            requests = requests + 1
            seven(asked)
        end)
        assert.equal(7000, inbox:receive(), "LJOS_SEED=" .. seed)
        attacks.finish(channel)
        assert.is_nil(serving:join())
        assert.is_false((pcall(inbox.receive, inbox)))
        require "collect"()
        assert.is_true(open_descriptors() <= before, "LJOS_SEED=" .. seed)
        assert.is_true(requests > 100, "the packets are all alike")
    end)

    it("takes an empty packet for the end, and goes on if it is asked to", function()
        local master, slave = libc_service.new()
        local channel = served.start(TOOLS .. 'packet("", { (pair()) }) return C.unlink "/a"', slave)
        assert.equal(asio_error.misc.eof, select(2, pcall(master.receive, master)))
        master:receive()
        master:send(7)
        assert.equal(7, inbox:receive())
        attacks.finish(channel)
        master:close()
    end)

    it("is not believed by a slave whose master sends nonsense", function()
        local master, slave = libc_service.new()
        local channel = served.start('return call(C.unlink "/a")', slave)
        master:receive()
        local answer_to = rawget(master, "answer_to")
        require("ljos.syscall").send(answer_to:getfd(), "nonsense")
        assert.equal(-error_.errno_of.EACCES, inbox:receive())
        attacks.finish(channel)
        master:close()
    end)
end)
