package.path = "lua/compat/?.lua;" .. package.path

local S = require "ljos.syscall"
local L = require "syscall"
local close = require "close_all"
local t = S.t

-- What makes one descriptor, or two, from a table of functions.
local makers = {
    open = function(T) return T.open "/dev/null" end,
    openat = function(T) return T.openat("fdcwd", "/dev/null", "rdonly") end,
    creat = function(T) return T.creat("/dev/null", "0600") end,
    dup = function(T) return T.dup(0) end,
    pipe = function(T) return T.pipe() end,
    pipe2 = function(T) return T.pipe2 "nonblock" end,
    socket = function(T) return T.socket("inet", "stream") end,
    socketpair = function(T) return T.socketpair("unix", "stream, nonblock") end,
    signalfd = function(T) return T.signalfd "usr2" end,
    eventfd = function(T) return T.eventfd() end,
    timerfd_create = function(T) return T.timerfd_create() end,
    inotify_init = function(T) return T.inotify_init() end,
    epoll_create = function(T) return T.epoll_create() end,
    memfd_create = function(T) return T.memfd_create "inherit" end,
    posix_openpt = function(T) return T.posix_openpt "rdwr, noctty" end,
    openpt = function(T) return T.openpt "rdwr, noctty" end,
}

-- The FD_CLOEXEC of all descriptors among the results.
local function is_closing(...)
    assert(...)
    local closing
    for i = 1, select("#", ...) do
        local file = select(i, ...)
        if type(file) == "cdata" then
            local bit = S.fcntl(file, "getfd") == 1
            assert(closing == nil or closing == bit)
            closing = bit
        end
    end
    close(...)
    return closing
end

describe("a descriptor", function()
    for name, make in pairs(makers) do
        it("of " .. name .. " is close-on-exec from ljos.syscall, and not from ljsyscall's table", function()
            assert.is_true(is_closing(make(S)))
            assert.is_false(is_closing(make(L)))
        end)
    end

    it("is what its flags say in both tables", function()
        for _, T in ipairs { S, L } do
            assert.is_true(is_closing(T.open("/dev/null", "rdonly, cloexec")))
            assert.is_true(is_closing(T.open("/dev/null", S.c.O.CLOEXEC)))
            assert.is_true(is_closing(T.socket("inet", "stream, cloexec")))
            assert.is_true(is_closing(T.pipe "cloexec"))
            assert.is_false(is_closing(T.open("/dev/null", "rdonly, NoCloexec")))
            assert.is_false(is_closing(T.open("/dev/null", S.c.O("rdwr", "nocloexec"))))
            assert.is_false(is_closing(T.creat("/dev/null", nil, "nocloexec")))
            assert.is_false(is_closing(T.dup(0, nil, "nocloexec")))
            assert.is_false(is_closing(T.socketpair("unix", "stream, nonblock, nocloexec")))
        end
    end)

    it("hands its origin on to those made from it", function()
        for _, T in ipairs { S, L } do
            local closing = T == S
            local directory = assert(T.open("/dev", "directory, rdonly"))
            assert.equal(closing, is_closing(directory:openat("null", "rdonly")))
            assert.equal(closing, is_closing(directory:dup()))
            local again = assert(directory:dup())
            assert.equal(closing, is_closing(again:dup()))
            close(directory, again)
            local listener = assert(T.socket("inet", "stream"))
            assert(listener:bind(t.sockaddr_in(0, "loopback")) and listener:listen())
            for _, accept in ipairs {
                function() return listener:accept() end,
                function() return T.accept(listener) end,
                function() return T.accept(listener, t.sockaddr_storage()) end,
                function() return listener:accept4(nil, nil, "nonblock") end,
            } do
                local client = assert(T.socket("inet", "stream"))
                assert(client:connect(listener:getsockname()))
                local peer = assert(accept())
                assert.equal(closing, is_closing(peer))
                client:close()
            end
            listener:close()
        end
    end)

    it("received with a message is as its socket", function()
        for _, T in ipairs { S, L } do
            local _, _, a, b = assert(T.socketpair("unix", "stream"))
            assert(T.util.sendfds(a, 0))
            local got = assert(T.util.recvcmsg(b))
            assert.equal(T == S, is_closing(got.fd[1]))
            close(a, b)
        end
    end)

    it("that t.fd adopts is of the table that was asked for its types", function()
        local program = [[
            package.path = "lua/?.lua;lua/?/init.lua;lua/compat/?.lua"
            local S, L = require "ljos.syscall", require "syscall"
            local number = S.open("/dev/null"):nogc():getfd()
            local function is_closing(T) return T.t.fd(number):nogc():dup():fcntl "getfd" == 1 end
            assert(is_closing(S) and not is_closing(L) and L.t == S.t)
        ]]
        assert.equal(0, os.execute("luajit -e '" .. program .. "'"))
    end)

    it("of ljsyscall's table is open in the program that execve starts", function()
        local _, _, r, w = assert(L.pipe())
        local command = ("echo inherited >/proc/self/fd/%d"):format(w:getfd())
        local pid = assert(L.fork())
        if pid == 0 then
            L.execve("/bin/sh", { "sh", "-c", command }, {})
            L._exit(1)
        end
        assert(L.waitpid(pid))
        w:close()
        assert.equal("inherited\n", r:read())
        r:close()
    end)

    it("that could not be made is reported as before", function()
        local ok, err = L.open("/nosuch/file", "rdonly")
        assert.is_nil(ok)
        assert.is_true(err.NOENT)
        local raised, wrong = pcall(L.open, "/dev/null", "nosuchflag")
        assert.is_false(raised)
        assert.equal(2, wrong.arg)
    end)
end)

describe("ljsyscall's table", function()
    it("has everything else of ljos.syscall", function()
        assert.equal(S.t, L.t)
        assert.equal(S.getpid, L.getpid)
        assert.equal(S.O_CREAT, L.O_CREAT)
        assert.is_nil(L.nosuchfunction)
    end)
end)
