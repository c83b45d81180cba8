-- Ways out of a sandbox through files, with the host's files in sight (without the protection `mount`), where nothing
-- but Landlock and the seccomp filter is left: each works outside, as the same code in this process shows.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local ffi = require "ffi"
local fs = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local needs = require "needs"
local plain_pipe = require "plain_pipe"
local sandbox = require "ljos.sandbox"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local E = error_.errno_of
local inside, outside, number_of = attacks.inside, attacks.outside, attacks.number_of

local IN_SIGHT = { "mount" }
local O_RDONLY, O_WRONLY = 0, 1

describe("with the host's files in sight a sandbox", function()
    local it = needs.sandboxes(it)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    local function in_sight(code) return inside(code, { without = { unpack(IN_SIGHT) } }) end

    -- A file that everybody may write to, in a directory that everybody may.
    local function open_file()
        local directory = temporary_directory.make()
        local path = directory .. "/file"
        text_file.write(path, "content")
        os.execute(("chmod 777 '%s' && chmod 666 '%s'"):format(directory, path))
        return path
    end

    local function opening(path, flags) return ('return closing(C.open("%s", %d))'):format(path, flags) end

    it("cuts no file by opening it, and links none", function()
        local path = open_file()
        local O_TRUNC = 512
        assert.equal(-E.EACCES, in_sight(opening(path, O_WRONLY + O_TRUNC)))
        assert.equal("content", text_file.read(path))
        assert.equal(0, outside(opening(path, O_WRONLY + O_TRUNC)))
        local link = ('return raw(%d, -100, "%s", -100, "%s2", 0)'):format(number_of "linkat", path, path)
        local denied = in_sight(link)
        assert.is_true(denied == -E.EACCES or denied == -E.EXDEV, tostring(denied))
        assert.equal(0, outside(link))
    end)

    it("changes no mode, no owner, no times and no attributes, which Landlock does not know", function()
        local path = open_file()
        for name, arguments in pairs {
            fchmodat = '-100, "%s", 438',
            fchownat = '-100, "%s", -1, -1, 0',
            utimensat = '-100, "%s", 0, 0',
            setxattr = '"%s", "user.ljos", "x", 1, 0',
        } do
            local code = ("return raw(%d, %s)"):format(number_of(name), arguments:format(path))
            local control = outside(code)
            assert.is_true(control == 0 or name == "setxattr" and control == -E.EOPNOTSUPP, name .. control)
            assert.equal(name .. " " .. -E.EPERM, name .. " " .. in_sight(code))
        end
    end)

    it("leads nowhere by /proc, whose links go around every path", function()
        for _, link in ipairs { "self/root/etc/passwd", "self/cwd/.", "thread-self/root/etc/passwd" } do
            local path = "/proc/" .. link
            assert.equal(0, outside(opening(path, O_RDONLY)))
            assert.equal(-E.EACCES, in_sight(opening(path, O_RDONLY)))
            assert.equal(-E.ENOENT, inside(opening(path, O_RDONLY)))
        end
    end)

    it("sets no parameter of the kernel and reads none of its memory", function()
        for path, flags in pairs {
            ["/proc/sys/kernel/core_pattern"] = O_WRONLY,
            ["/proc/sysrq-trigger"] = O_WRONLY,
            ["/proc/kcore"] = O_RDONLY,
            ["/proc/kallsyms"] = O_RDONLY,
            ["/sys/kernel/mm/transparent_hugepage/enabled"] = O_WRONLY,
        } do
            if outside(opening(path, flags)) == 0 then
                local answer = in_sight(opening(path, flags))
                assert.is_true(answer == -E.EACCES or answer == -E.EPERM, path .. answer)
                assert.equal(-E.ENOENT, inside(opening(path, flags)))
            end
        end
        assert.equal(0, outside(opening("/proc/kallsyms", O_RDONLY))) -- the control, for every user
    end)

    it("reads the memory of neither its parent nor its sibling", function()
        local sibling =
            sandbox.spawn { source = "require('inbox'):receive()", without = { "memory", "pid", "landlock" } }
        assert.equal(0, outside(opening("/proc/self/mem", O_RDONLY)))
        for _, pid in ipairs { ffi.C.getpid(), sibling.child_pid } do
            assert.equal(-E.EACCES, in_sight(opening(("/proc/%d/mem"):format(pid), O_RDONLY)))
        end
        sibling:kill()
        attacks.finish(sibling)
    end)

    it("makes no device", function()
        local path = open_file() .. ".null"
        local code = ('return raw(%d, -100, "%s", 8630, 259)'):format(number_of "mknodat", path) -- S_IFCHR, /dev/null
        if not lacks("mknod", "setuid") then assert.equal(0, outside(code)) end
        os.remove(path)
        local answer = in_sight(code)
        assert.is_true(answer == -E.EACCES or answer == -E.EPERM, tostring(answer))
    end)

    it("stays nobody, whoever owns the program that it starts", function()
        if lacks("chown", "setuid", "setgid") then return pending "needs root" end
        local directory = temporary_directory.make()
        local path = directory .. "/id"
        os.execute(("chmod 755 '%s' && cp $(command -v id) '%s' && chmod 4755 '%s'"):format(directory, path, path))
        local control = assert(io.popen(("setpriv --reuid 65534 --clear-groups '%s' -u"):format(path)))
        local is_root = control:read "*l" == "0"
        control:close()
        if not is_root then return pending "this file system knows no set-user-id programs" end
        local reading, writing = plain_pipe.pair()
        local actor = sandbox.spawn {
            source = ([[
                local ffi = require "ffi"
                ffi.cdef "int execve(const char *, const char *const *, const char *const *);"
                ffi.C.execve("%s", ffi.new("const char *[3]", { "id", "-u" }), ffi.new "const char *[1]")
            ]]):format(path),
            stdout = writing,
            without = { "mount", "landlock", "seccomp" },
        }
        writing:close()
        assert.equal("65534\n", plain_pipe.read_all(reading))
        attacks.finish(actor)
    end)

    it("is granted the file that it may read, and no way from there to write to it", function()
        local path = open_file()
        local file = fs.open(path, { "read_only" })
        local code = ([[
            ffi.cdef "int ftruncate(int, int64_t);"
            local fd = (...).file:getfd()
            return call(C.ftruncate(fd, 0)) .. " " .. closing(C.open("/proc/self/fd/" .. fd, %d))
        ]]):format(O_WRONLY)
        local options = { fds = { file = file }, without = { unpack(IN_SIGHT) } }
        local answer = inside(code, options)
        file:close()
        assert.is_true(answer == ("%d %d"):format(-E.EINVAL, -E.EACCES), answer)
        assert.equal("content", text_file.read(path))
    end)
end)
