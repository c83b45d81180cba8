-- What every function does with wrong arguments, with tables, and with failures.
local S = require "ljos.syscall"
local byte_span = require "ljos.byte_span"
local ffi = require "ffi"
local source_files = require "source_files"
local c, t = S.c, S.t

local function line() return debug.getinfo(2, "l").currentline end

describe("a wrong argument", function()
    -- name of the mistake -> the call, the argument, a word of what is allowed
    local mistakes = {
        ["flag"] = { function() S.open("/dev/null", "rdonly, nosuch") end, 2, "cloexec" },
        ["mode"] = { function() S.creat("/nosuch/x", "rw-r--r--") end, 2, "MODE" },
        ["path"] = { function() S.stat(nil) end, 1, "path" },
        ["path with a NUL"] = { function() S.chdir "/tmp\0/x" end, 1, "NUL" },
        ["descriptor"] = { function() S.fsync "nosuch" end, 1, "descriptor" },
        ["number"] = { function() S.ftruncate(1, "long") end, 2, "number" },
        ["buffer"] = { function() S.read(0, "text", 3) end, 2, "buffer" },
        ["count"] = { function() S.read(0, t.buffer(3)) end, 3, "number" },
        ["negative count"] = { function() S.read(0, t.buffer(3), -1) end, 3, "number of bytes" },
        ["negative length"] = { function() S.write(1, "text", -1) end, 3, "number of bytes" },
        ["negative room"] = { function() S.recv(0, t.buffer(3), -1) end, 3, "number of bytes" },
        ["negative place"] = { function() S.pread(0, t.buffer(3), -1, 0) end, 3, "number of bytes" },
        ["struct"] = { function() S.fstat(0, t.timespec()) end, 2, "stat" },
        ["time"] = { function() S.nanosleep "soon" end, 1, "time" },
        ["field"] = { function() S.setrlimit("nofile", { curr = 1 }) end, 2, "curr" },
        ["signal"] = { function() S.kill(0, "nosuch") end, 2, "term" },
        ["address"] = { function() S.bind(0, 5) end, 2, "address" },
        ["whence"] = { function() S.lseek(0, 0, "nowhere") end, 3, "cur" },
        ["NaN"] = { function() S.ftruncate(1, 0 / 0) end, 2, "number" },
        ["terminal's settings"] = { function() S.cfsetispeed({}, 9600) end, 1, "termios" },
        ["table of attributes"] = { function() S.xattr("/tmp", { ["user.x"] = 5 }) end, "user.x", "string" },
        ["memory of a request"] = { function() S.ioctl(0, "TIOCGWINSZ", t.buffer(1)) end, 3, "memory of 8 bytes" },
        ["memory of a number"] = { function() S.ioctl(0, 0x80045430, t.buffer(1)) end, 3, "memory of 4 bytes" },
        ["memory of a command"] = { function() S.shmctl(0, "info", t.buffer(1)) end, 3, "memory of 112 bytes" },
        ["memory of an old call"] = { function() S.ustat(0, t.buffer(1)) end, 2, "memory of 32 bytes" },
        ["address of another family"] = { function() S.inet_ntop("inet6", t.in_addr()) end, 2, "in6_addr" },
        ["no address"] = { function() S.inet_ntop("inet", nil) end, 2, "address" },
        ["byte span for a struct"] = { function() S.fstat(0, byte_span.new(8)) end, 2, "stat" },
        ["byte span for a buffer"] = { function() S.getdents(0, byte_span.new(8)) end, 2, "buffer" },
    }
    -- Counts of more than the buffer holds, in the call and its position.
    local small, wide, span = t.buffer(3), ffi.new "uint64_t[1]", byte_span.new(3)
    local too_many = {
        read = { function() S.read(0, small, 4) end, 3 },
        ["read of a struct"] = { function() S.read(0, t.timespec(), 17) end, 3 },
        ["read of eight bytes"] = { function() S.read(0, wide, 9) end, 3 },
        ["read of a part"] = { function() S.read(0, t.utsname().nodename, 66) end, 3 },
        ["read of a span"] = { function() S.read(0, span, 4) end, 3 },
        write = { function() S.write(1, small, 4) end, 3 },
        pread = { function() S.pread(0, small, 4, 0) end, 3 },
        pwrite = { function() S.pwrite(1, small, 4, 0) end, 3 },
        recv = { function() S.recv(0, small, 4) end, 3 },
        recvfrom = { function() S.recvfrom(0, small, 4) end, 3 },
        send = { function() S.send(0, small, 4) end, 3 },
        sendto = { function() S.sendto(0, small, 4, 0, t.sockaddr_in()) end, 3 },
        getrandom = { function() S.getrandom(small, 4) end, 2 },
        getcwd = { function() S.getcwd(small, 4) end, 2 },
        getdents = { function() S.getdents(0, small, 4) end, 3 },
        inotify_read = { function() S.inotify_read(0, small, 4) end, 3 },
        syslog = { function() S.syslog(3, small, 4) end, 3 },
        mincore = { function() S.mincore(small, 4 * S.getpagesize(), small) end, 3 },
        mq_timedreceive = { function() S.mq_timedreceive(0, small, 4) end, 3 },
        mq_timedsend = { function() S.mq_timedsend(0, small, 4) end, 3 },
        msgrcv = { function() S.msgrcv(0, small, 4) end, 3 },
        msgsnd = { function() S.msgsnd(0, small, 4) end, 3 },
        readv = { function() S.readv(0, { { small, 4 } }) end, 2 },
        preadv2 = { function() S.preadv2(0, { 2, { small, 4 } }) end, 2 },
        ["readv of a span"] = { function() S.readv(0, { { span, 4 } }) end, 2 },
    }
    for name, case in pairs(too_many) do
        mistakes["more bytes than there are: " .. name] = { case[1], case[2], "bytes" }
    end
    for name, mistake in pairs(mistakes) do
        it("is named, and its line: " .. name, function()
            local ok, err = pcall(mistake[1])
            assert.is_false(ok)
            assert.equal(mistake[2], err.arg)
            assert.matches(mistake[3], tostring(err), 1, true)
            local where = debug.getinfo(mistake[1], "S")
            assert.equal(("%s:%d"):format(where.short_src, where.linedefined), err.where)
            assert.equal(1, tostring(err):find(err.where, 1, true))
            assert.equal(c.E.INVAL, err.errno)
        end)
    end

    it("is named where the first argument is no descriptor, in every call that takes one", function()
        -- Some calls look at another argument first: one of these is right for it.
        local others = {
            {},
            { 1, 1, 1, 1 },
            { "x", 1 },
            { 1, 1, ffi.new "int[1]" },
            { t.sockaddr_in() },
            { "now", t.termios() },
            { t.buffer(1), 1, 0 },
            { { "x" } },
            { { { iov = { "x" } } } },
        }
        local count = 0
        for _, file in ipairs(source_files.below("lua/ljos/syscall/call", "*.lua")) do
            for name in file.source:gmatch "\nfunction M%.([%w_]+)%(file[,)]" do
                local blamed = false
                for _, rest in ipairs(others) do
                    local ok, err = pcall(S[name], "nosuch", unpack(rest))
                    assert.is_false(ok, name)
                    blamed = blamed or err.arg == 1
                end
                assert.is_true(blamed, name)
                count = count + 1
            end
        end
        assert.is_true(count > 40)
    end)

    it("of a constructor or a group is a string with the line", function()
        for _, wrong in ipairs {
            function() local _ = t.in_addr "not an address" end,
            function() local _ = t.sigset "nosuch" end,
            function() local _ = t.stat().nosuch end,
            function() local _ = t.timespec "x" end,
            function() local _ = c.O.nosuch end,
            function() local _ = t.capabilities().effective.nosuch end,
            function() local _ = t.iovecs { print } end,
            function() local _ = t.sockaddr_un(("x"):rep(200)) end,
            function() local _ = t.sockaddr_in("http") end,
            function() local _ = t.ucred { pid = "x" } end,
            function() t.timespec().sec = "x" end,
            function() t.termios().speed = 12345 end,
            function() t.perf_event_attr().type = "nosuch" end,
            function() local _ = t.bpf_insns(2, { {}, {}, {} }) end,
            function() local _ = t.sock_filters(2 ^ 32 + 1, { {} }) end,
            function() local _ = t.cmsghdr("socket", "rights", { print }) end,
            function() t.msghdr({ control = t.buffer(8) }).controllen = 9 end,
        } do
            local ok, message = pcall(wrong)
            assert.is_false(ok)
            local where = debug.getinfo(wrong, "S")
            assert.matches(("%s:%d: "):format(where.short_src, where.linedefined), tostring(message), 1, true)
        end
    end)

    it("is not the int of a file system's request, which says long", function()
        local flags = 0x80086601 -- FS_IOC_GETFLAGS
        local ok, err = S.ioctl(-1, flags, t.int1())
        assert.is_nil(ok)
        assert.is_true(err.BADF)
    end)

    it("leaves everything as it was", function()
        local path = "/tmp/ljos-argument-spec-" .. S.getpid()
        assert(S.util.writefile(path, "kept", "0600"))
        assert.is_false(pcall(S.util.writefile, path, 5, "0600"))
        local has_attributes = S.setxattr(path, "user.kept", "1")
        assert.is_false(pcall(S.xattr, path, { ["user.a"] = "1", ["user.b"] = 5 }))
        assert.equal("kept", S.util.readfile(path))
        if has_attributes then assert.same({ ["user.kept"] = "1" }, S.xattr(path)) end
        S.unlink(path)
    end)

    it("of a method is at the line of the call", function()
        local fd = assert(S.memfd_create "x")
        local here, ok, err
        ok, err = pcall(function()
            here = line() + 1
            fd:lseek(0, "nowhere")
        end)
        fd:close()
        assert.is_false(ok)
        assert.matches(":" .. here .. "$", err.where)
    end)
end)

describe("a table", function()
    it("is never changed", function()
        local copies = {}
        local function keep(value)
            local copy = {}
            for key, item in pairs(value) do
                copy[key] = type(item) == "table" and keep(item) or item
            end
            copies[#copies + 1] = { value, copy }
            return copy
        end
        local arguments = {
            iov = { "ab", "c" },
            pair = { 1, 2 },
            limit = { cur = 64, max = -1 },
            event = { events = "in", u64 = 5 },
            fds = { { fd = 1, events = "out" } },
            how = { flags = "rdonly", mode = 0 },
            lock = { type = "rdlck", whence = "set", start = 0, len = 1 },
            timer = { interval = { 1, 2 }, value = 3 },
            addr = { family = "inet", port = 0, addr = "127.0.0.1" },
            msg = { iov = { "x" } },
            sets = { readfds = { 0 } },
        }
        keep(arguments)
        local fd, ep = assert(S.memfd_create "x"), assert(S.epoll_create())
        local socket = assert(S.socket("inet", "dgram"))
        local a, b = select(3, assert(S.socketpair("unix", "dgram")))
        fd:writev(arguments.iov)
        fd:futimens(arguments.pair)
        S.prlimit(0, "nofile", nil)
        t.rlimit(arguments.limit)
        ep:epoll_ctl("add", a, arguments.event)
        S.poll(arguments.fds, 0)
        assert(S.openat2(nil, "/dev/null", arguments.how)):close()
        fd:fcntl("setlk", arguments.lock)
        t.itimerspec(arguments.timer)
        socket:bind(arguments.addr)
        a:sendmsg(arguments.msg)
        S.select(arguments.sets, 0)
        for _, pair in ipairs(copies) do
            assert.same(pair[2], pair[1])
        end
        for _, one in ipairs { fd, ep, socket, a, b } do
            one:close()
        end
    end)
end)

describe("a failure", function()
    it("is one cached Error per errno, and makes no garbage", function()
        local _, first = S.close(-1)
        local _, second = S.fsync(-1)
        assert.is_true(rawequal(first, second))
        local stat, buffer = t.stat(), t.buffer(8)
        local close, read, fstat, getpriority = S.close, S.read, S.fstat, S.getpriority
        local function fail()
            local a, b = close(-1)
            local x, d = read(-1, buffer, 8)
            local e, f = fstat(-1, stat)
            local g, h = S.stat "/no/such/file"
            if
                S.ioctl(-1, "TCGETS")
                or S.readlink "/no/such"
                or S.accept(0)
                or S.getpeername(0)
                or S.fsync(-1)
                or S.recvfrom(0)
            then
                error()
            end
            return a or x or e or g or (b and d and f and h and getpriority)
        end
        -- Interpreted, where nothing is optimised away, and no trace is made.
        jit.off()
        for _ = 1, 100 do
            fail()
        end
        -- The least of some rounds: the test runner's own garbage is none of ours.
        local grown = math.huge
        for _ = 1, 5 do
            collectgarbage()
            collectgarbage "stop"
            local before = collectgarbage "count"
            for _ = 1, 1000 do
                fail()
            end
            grown = math.min(grown, collectgarbage "count" - before)
            collectgarbage "restart"
        end
        jit.on()
        assert.is_true(grown < 1, grown .. " KB in 10000 failures")
    end)
end)

describe("loading", function()
    it("takes little memory for a first call", function()
        local pipe = assert(io.popen [[luajit -e '
            package.path = "lua/?.lua;lua/?/init.lua"
            collectgarbage() collectgarbage "stop"
            local before = collectgarbage "count"
            require("ljos.syscall").getpid()
            io.write(collectgarbage "count" - before)' ]])
        local grown = tonumber(pipe:read "*a")
        pipe:close()
        assert.is_true(grown < 300, grown .. " KB")
    end)
end)
