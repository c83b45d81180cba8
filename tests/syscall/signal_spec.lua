-- What a handler in Lua needs stays for as long as the process: each test has one of its own.
local S = require "ljos.syscall"
local in_child = require "in_child"
local waiting_child = require "waiting_child"
local c, t = S.c, S.t

-- Has SIGALRM call `f` once, while the caller waits. (It rings again and again, because a signal that comes just before
-- the call it is meant for is not heard by it.)
local function on_alarm(f)
    local is_due = true
    assert(S.signal("alrm", function()
        if not is_due then return end
        is_due = false
        f()
    end))
    assert(S.setitimer("real", { interval = 0.05, value = 0.01 }))
end

describe("a signal", function()
    it("is handled by a Lua function once the call that it came in returns", function()
        in_child(function()
            local seen = {}
            assert(
                S.sigaction(
                    "usr1",
                    function(signal, info) seen[#seen + 1] = { signal, info.signame, info.pid, info.code } end
                )
            )
            assert(S.kill(S.getpid(), "usr1"))
            assert(#seen == 1 and seen[1][1] == c.SIG.USR1 and seen[1][2] == "USR1")
            assert(seen[1][3] == S.getpid() and seen[1][4] == c.SI.USER)
            assert(S.sigqueue(S.getpid(), "usr1", 42))
            assert(#seen == 2 and seen[2][4] == c.SI.QUEUE)
        end)
    end)

    it("is handled by what a table or a struct says", function()
        in_child(function()
            local count = 0
            local function handler() count = count + 1 end
            local old = t.sigaction()
            assert(S.sigaction("pipe", { handler = handler, mask = "usr2", flags = "restart" }, old))
            assert(old.handler == c.SIGACT.DFL)
            assert(S.kill(S.getpid(), "pipe"))
            assert(S.sigaction("pipe", nil, old))
            assert(old.handler == handler and old.mask.usr2)
            assert(S.signal("pipe", "ign") == handler)
            assert(S.kill(S.getpid(), "pipe"))
            assert(count == 1)
            assert(S.sigaction("pipe", old))
            assert(S.kill(S.getpid(), "pipe"))
            assert(count == 2)
            local object = t.sighandler(handler)
            assert(S.signal("pipe", object) == handler)
            object:free()
            assert(S.signal("pipe", "dfl") == handler)
            assert(S.signal("pipe", "ign") == "DFL")
            assert(S.signal("pipe", "dfl") == "IGN")
        end)
    end)

    it("interrupts what waits, and its handler has run then", function()
        in_child(function()
            local rang = 0
            local function ring() rang = rang + 1 end
            on_alarm(ring)
            local ok, err = S.pause()
            assert(ok == nil and err.INTR and rang == 1)
            on_alarm(ring)
            local _, _, remaining = S.nanosleep(1000)
            assert(remaining.time > 900 and rang == 2)
        end)
    end)

    -- call(mask, seconds): waits for what never comes.
    local waits = {
        ppoll = function(mask, seconds) return S.ppoll({}, seconds, mask) end,
        pselect = function(mask, seconds) return S.pselect({}, seconds, mask) end,
        epoll_pwait = function(mask, seconds) return S.epoll_pwait(S.epoll_create(), nil, seconds * 1000, mask) end,
        epoll_pwait2 = function(mask, seconds) return S.epoll_pwait2(S.epoll_create(), nil, seconds, mask) end,
        io_pgetevents = function(mask, seconds) return S.io_pgetevents(S.io_setup(1), 1, 1, seconds, mask) end,
    }
    for name, wait in pairs(waits) do
        it("is let in by the mask of " .. name .. ", and by no other", function()
            in_child(function()
                local count = 0
                assert(S.signal("usr1", function() count = count + 1 end))
                assert(S.sigprocmask("block", "usr1"))
                assert(S.kill(S.getpid(), "usr1"))
                local ok, err = wait("usr1", 0)
                if not ok and err.NOSYS then return name .. " is not there" end
                assert(ok and count == 0)
                ok, err = wait("usr2", 1000)
                assert(not ok and err.INTR and count == 1)
            end)
        end)
    end

    it("runs its handler while a read goes on, and an error of the handler ends the read", function()
        in_child(function()
            local _, _, r, w = S.pipe()
            on_alarm(function() w:write "from the handler" end)
            assert(r:read() == "from the handler")
            local ok, why = pcall(function()
                on_alarm(function() error("enough", 0) end)
                r:read()
            end)
            assert(not ok and why == "enough")
        end)
    end)

    -- Each makes a call that waits, and a function that ends the wait; what the call answers is true.
    local endings = {
        waitpid = function()
            local pid = waiting_child()
            return function() return S.waitpid(pid) == pid end, function() S.kill(pid, "kill") end
        end,
        recvmsg = function()
            local _, _, a, b = assert(S.socketpair("unix", "dgram"))
            return function() return S.recvmsg(a, { iov = { 10 } }) ~= nil end, function() b:write "x" end
        end,
        ["fcntl setlkw"] = function()
            local file = assert(S.memfd_create "x")
            local path = "/proc/self/fd/" .. file:getfd()
            local lock = { type = "wrlck", start = 0, len = 1 }
            assert(file:fcntl("ofd_setlk", lock))
            local other = assert(S.open(path, "rdwr"))
            local function unlock() file:fcntl("ofd_setlk", { type = "unlck", start = 0, len = 1 }) end
            return function() return other:fcntl("ofd_setlkw", lock) ~= nil end, unlock
        end,
    }
    for name, ending in pairs(endings) do
        it("runs its handler while a call goes on: " .. name, function()
            in_child(function()
                local wait, finish = ending()
                on_alarm(finish)
                assert(wait())
            end)
        end)
    end

    it("may use in its handler what the interrupted call uses", function()
        in_child(function()
            local a, b = assert(S.socket("inet", "dgram")), assert(S.socket("inet", "dgram"))
            assert(a:bind(t.sockaddr_in(0, "loopback")) and b:bind(t.sockaddr_in(0, "loopback")))
            local _, _, r, w = assert(S.pipe())
            local unix = assert(S.socket("unix", "dgram"))
            local function use_all()
                assert(unix:getsockname().unnamed)
                local _, _, r2, w2 = assert(S.pipe())
                local file = assert(S.memfd_create "x")
                assert(file:write "0123456789" and file:splice(7, w2, nil, 1) == 1 and r2:read() == "7")
                assert(b:sendto("datagram", 8, 0, a:getsockname()) and w:write "piped")
            end
            on_alarm(use_all)
            local mine = t.sockaddr_in()
            local text, _, from = a:recvfrom(nil, 100, 0, mine)
            assert(text == "datagram" and from == mine and mine.port == b:getsockname().port)
            assert(r:read() == "piped")
            on_alarm(use_all)
            local out = assert(S.memfd_create "out")
            assert(r:splice(nil, out, 3, 5) == 5 and out:stat().size == 8)
        end)
    end)

    it("reaches the handlers of a program that computes when it asks", function()
        in_child(function()
            local seen = false
            assert(S.signal("alrm", function() seen = true end))
            assert(S.setitimer("real", { interval = 0, value = 0.005 }))
            while not seen do
                S.dispatch_signals()
            end
        end)
    end)

    it(
        "that has no handler leaves the calls as they are",
        function() assert.equal(S.getpid, require("ljos.syscall.call.identity").getpid) end
    )

    it("is refused where it or its handler is none", function()
        for _, bad in ipairs { { "nosuch", "ign" }, { "usr1", "nosuch" }, { "usr1", {}, {} }, { 0 / 0, "ign" } } do
            assert.is_false(pcall(S.sigaction, bad[1], bad[2], bad[3]))
        end
        in_child(function()
            local none, why = S.sigaction("kill", function() end)
            assert(not none and why.INVAL)
            assert(S.signal("usr1", function() end) and S.kill(S.getpid(), "usr1"))
        end)
        local ok, err = S.sigaction("kill", "ign")
        assert.is_nil(ok)
        assert.is_true(err.INVAL)
    end)
end)
