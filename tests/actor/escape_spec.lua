-- Ways out of a sandbox that others were left by: each works outside, as the same code in this process shows, and is
-- denied inside with the errno that names the protection. What a sandbox is by itself is in sandbox_spec.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local ffi = require "ffi"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local needs = require "needs"
local sandbox = require "ljos.sandbox"
local S = require "ljos.syscall"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local waiting_child = require "waiting_child"

local E = error_.errno_of

-- What the attacks here need beyond the common prelude.
local PRELUDE = [[
ffi.cdef "int openat(int, const char *, int, ...); int fchdir(int); int truncate(const char *, int64_t);"
ffi.cdef "int unlink(const char *); int rename(const char *, const char *); int link(const char *, const char *);"
ffi.cdef "int symlink(const char *, const char *); int mknod(const char *, unsigned, unsigned long);"
ffi.cdef "int access(const char *, int); int getsid(int);"
ffi.cdef "int execve(const char *, const char *const *, const char *const *);"
ffi.cdef "int64_t sendto(int, const void *, size_t, int, const void *, unsigned);"
]]
local function outside(code, ...) return attacks.outside(PRELUDE .. code, ...) end
local function inside(code, options) return attacks.inside(PRELUDE .. code, options) end

describe("out of a sandbox", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    -- A directory where everybody may do everything, so that it is not the file's mode that denies.
    local function open_directory()
        local path = temporary_directory.make()
        text_file.write(path .. "/file", "content")
        os.execute(("chmod 777 '%s' && chmod 666 '%s/file'"):format(path, path))
        return path
    end

    describe("Landlock by itself, with the host's files in sight, leaves no way to", function()
        local function without_mount(code)
            local path = open_directory()
            -- Every attack begins with the file in its place, inside as outside.
            local text = ('local file, other = "%s/file", "%s/other" '):format(path, path) .. code
            assert.equal(0, outside(text))
            os.execute(("rm -rf '%s/other' && echo content >'%s/file' && chmod 666 '%s/file'"):format(path, path, path))
            return inside(text, { without = { "mount" } })
        end

        for name, code in pairs {
            ["read a file"] = "return closing(C.open(file, 0))",
            ["write to a file"] = "return closing(C.open(file, 1))",
            ["cut a file"] = "return call(C.truncate(file, 1))",
            ["make a file"] = "return closing(C.open(other, 66, 438))",
            ["make a directory"] = "return call(C.mkdir(other, 448))",
            ["make a symbolic link"] = "return call(C.symlink(file, other))",
            ["make a FIFO"] = "return call(C.mknod(other, 4480, 0))",
            ["remove a file"] = "return call(C.unlink(file))",
            ["rename a file"] = "return call(C.rename(file, other))",
            ["list a directory"] = 'return closing(C.open((file:gsub("/file$", "")), 65536))',
        } do
            it(name, function() assert.equal(-E.EACCES, without_mount(code)) end)
        end

        it("run a program", function()
            if attacks.landlock_abi() < 3 then return pending "this kernel's Landlock does not stand in for seccomp" end
            local code = "return call(C.execve('/bin/true', ffi.new('const char *[1]'), ffi.new('const char *[1]')))"
            assert.equal(0, outside "return call(C.access('/bin/true', 1))")
            assert.equal(-E.EACCES, inside(code, { without = { "mount", "seccomp" } }))
        end)
    end)

    it("the empty root by itself leaves no file to open, where Landlock is done without", function()
        local code = 'return closing(C.open("/etc/passwd", 0))'
        assert.equal(0, outside(code))
        assert.equal(-E.ENOENT, inside(code, { without = { "landlock" } }))
    end)

    describe("a granted directory leads to no file", function()
        local path, directory
        before_each(function()
            path = open_directory()
            directory = fs.open(path, { "path", "directory" })
        end)
        after_each(function() directory:close() end)

        for name, code in pairs {
            ["in it"] = 'return closing(C.openat(..., "file", 0))',
            ["above it"] = 'return closing(C.openat(..., "../../../../../../etc/passwd", 0))',
            ["as the working directory"] = [[
                assert(C.fchdir(...) == 0)
                return closing(C.open("file", 0))
            ]],
        } do
            it(name, function()
                local here = fs.open(".", { "path", "directory" })
                local result = outside(code, directory:getfd())
                assert.equal(0, ffi.C.fchdir(here:getfd())) -- S.fchdir would look for its module
                here:close()
                assert.equal(0, result)
                local granted = ("return (function(...) %s end)((...).there:getfd())"):format(code)
                assert.equal(-E.EACCES, inside(granted, { fds = { there = directory }, allow = { "directory" } }))
            end)
        end
    end)

    it("the runner that other actors start from cannot be written to", function()
        local channel = sandbox.spawn { source = "require('inbox'):receive()" }
        local exe = ("/proc/%d/exe"):format(channel.child_pid)
        local readable = S.open(exe, "rdonly")
        if readable then readable:close() end
        local _, err = S.open(exe, "wronly")
        channel:kill()
        attacks.finish(channel)
        if not readable then return pending "this user may not look at the process" end
        assert.is_truthy(err and (err.PERM or err.TXTBSY or err.ACCES), tostring(err))
    end)

    it("the session of the parent, and its terminal with it, is out of reach", function()
        local code = "return C.getsid(0)"
        assert.is_true(outside(code) >= 0) -- 0: begun outside of the namespace that the tests run in
        assert.equal(0, inside(code, { without = { "session" } })) -- likewise: it is the parent's
        assert.is_true(inside(code) > 0)
    end)

    it("no signal's mask or disposition of the parent comes along", function()
        local code = ([[
            local set = ffi.new "uint64_t[1]"
            assert(C.syscall(%d, ffi.cast("long", 0), nil, set, ffi.cast("long", 8)) == 0)
            local actions = ffi.new "uintptr_t[4]"
            assert(C.syscall(%d, ffi.cast("long", 12), nil, actions, ffi.cast("long", 8)) == 0)
            return tostring(set[0]) .. " " .. tostring(actions[0])
        ]]):format(attacks.number_of "rt_sigprocmask", attacks.number_of "rt_sigaction")
        local before = assert(S.sigprocmask("setmask", "usr1"))
        local ignored = assert(S.sigaction("usr2", "ign"))
        local own, its = outside(code), inside(code)
        assert(S.sigprocmask("setmask", before))
        assert(S.sigaction("usr2", "dfl"))
        assert.is_truthy(ignored)
        assert.equal("512ULL 1ULL", own)
        assert.equal("0ULL 0ULL", its)
    end)

    it("no datagram gets out, and no raw packet", function()
        outside ""
        local udp = [[
            local address = ffi.new "struct attack_sockaddr_in"
            address.family, address.address, address.port[0] = 2, 0x0100007f, 99
            local fd = C.socket(2, 2, 0)
            local result = call(C.sendto(fd, "x", 1, 0, address, 16))
            C.close(fd)
            return result
        ]]
        assert.equal(1, outside(udp))
        assert.equal(-E.ENETUNREACH, inside(udp, { without = { "seccomp" } }))
        assert.equal(-E.EBADF, inside(udp)) -- there is no such socket in the first place
        for _, socket in ipairs { "2, 3, 1", "17, 3, 0" } do -- ICMP, AF_PACKET
            local code = ("return closing(C.socket(%s))"):format(socket)
            if not lacks("net_raw", "setuid") then assert.equal(0, outside(code)) end
            assert.equal(-E.EPERM, inside(code, { without = { "seccomp" } }))
            assert.equal(-E.EPERM, inside(code))
        end
    end)

    it("a signal to everybody reaches nobody", function()
        local other = waiting_child() -- somebody, wherever the tests run
        local control = outside "return call(C.kill(-1, 0))"
        S.kill(other, "kill")
        S.waitpid(other)
        assert.equal(0, control)
        local result = inside "return call(C.kill(-1, 0))"
        assert.is_true(result == -E.ESRCH or result == -E.EPERM, tostring(result))
    end)

    it("the memory of the parent cannot be read", function()
        local code = ([[
            local target, copy = ffi.new("char[8]", "secret"), ffi.new "char[8]"
            local there = ffi.new("struct { void *base; size_t size; }", { target, 8 })
            local here = ffi.new("struct { void *base; size_t size; }", { copy, 8 })
            local one, zero = ffi.cast("long", 1), ffi.cast("long", 0)
            return call(C.syscall(%d, ffi.cast("long", %%s), here, one, there, one, zero))
        ]]):format(attacks.number_of "process_vm_readv")
        assert.equal(8, outside(code:format "C.getpid()"))
        local result = inside(code:format(ffi.C.getpid()))
        assert.is_true(result == -E.ESRCH or result == -E.EPERM, tostring(result))
    end)
end)
