-- Ways out of a sandbox through processes, memory and sockets: each works outside, as the same code in this process
-- shows, and is denied inside with the errno that names the protection.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local ffi = require "ffi"
local file_descriptor = require "ljos.file_descriptor"
local inbox = require "ljos.inbox"
local lacks = require "lacks"
local needs = require "needs"
local programs = require "actor.programs"
local sandbox = require "ljos.sandbox"

local E = error_.errno_of
local inside, outside, number_of = attacks.inside, attacks.outside, attacks.number_of

ffi.cdef "int socket(int, int, int); int connect(int, const void *, unsigned); int close(int); int getpid(void);"

-- Looks for a text in all memory of this process. It gets the text's bytes plus one, so that it holds no copy itself.
local SEARCH = [[
    ffi.cdef "int64_t read(int, void *, size_t);"
    local function slurp(path)
        local fd, buffer, parts = C.open(path, 0), ffi.new "char[65536]", {}
        assert(fd >= 0, path)
        repeat
            local count = tonumber(C.read(fd, buffer, 65536))
            parts[#parts + 1] = ffi.string(buffer, math.max(count, 0))
        until count <= 0
        C.close(fd)
        return table.concat(parts)
    end
    local function holds(memory, size, shifted, length)
        for i = 0, size - length do
            local matching = 0
            while matching < length and memory[i + matching] == shifted[matching] - 1 do matching = matching + 1 end
            if matching == length then return true end
        end
        return false
    end
    local function search(text)
        local shifted = ffi.new("uint8_t[?]", #text, text)
        local CHUNK, found, total = 1048576, 0, 0
        local chunk, there = ffi.new("uint8_t[?]", CHUNK), ffi.new "uint64_t[2]"
        local here = ffi.new("struct { void *base; size_t size; }", { chunk, CHUNK })
        for first, last in slurp("/proc/self/maps"):gmatch "(%x+)%-(%x+) rw" do
            local at, finish = tonumber(first, 16), tonumber(last, 16)
            while at < finish do
                there[0], there[1] = at, math.min(CHUNK, finish - at)
                local size = raw(process_vm_readv, C.getpid(), here, 1, there, 1, 0)
                if size <= 0 then break end
                total = total + size
                if holds(chunk, size, shifted, #text) then found = found + 1 end
                at = at + size
            end
        end
        return (found > 0 and "found" or "not found") .. (total > 100000 and "" or " in too little")
    end
]]

describe("a sandbox and its surroundings:", function()
    local it = needs.sandboxes(it)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    it("nothing of the parent's memory is in the actor's", function()
        local secret = ("secret-%d-%s"):format(ffi.C.getpid(), tostring(math.random()):rep(2))
        local shifted = secret:gsub(".", function(byte) return string.char(byte:byte() + 1) end)
        local code = ("local process_vm_readv = %d "):format(number_of "process_vm_readv") .. SEARCH
        code = code .. ("return search %q"):format(shifted)
        assert.equal("found", outside(code))
        assert.equal("not found", inside(code, { without = { "mount", "landlock", "pid", "seccomp" } }))
        assert.is_truthy(secret) -- alive until here
    end)

    it("its process leaves no core and is called what it is", function()
        local limit = ("local l = ffi.new 'uint64_t[2]' raw(%d, 0, 4, 0, l) return tostring(l[1])"):format(
            number_of "prlimit64"
        ) -- RLIMIT_CORE
        assert.equal("0ULL", inside(limit))
        local channel = sandbox.spawn { source = "require('inbox'):receive()" }
        local line = assert(io.open(("/proc/%d/cmdline"):format(channel.child_pid))):read "*a"
        channel:kill()
        attacks.finish(channel)
        assert.equal("ljos-actor\0", line)
    end)

    it("no user id gives it capabilities again", function()
        local code = "return C.prctl(27, 0, 0, 0, 0)" -- PR_GET_SECUREBITS
        assert.equal(0, outside(code))
        -- NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE and their locks, and the lock of KEEP_CAPS.
        assert.equal(0xef, inside(code))
    end)

    it("it is in none of the parent's groups, where that is root", function()
        if lacks("setgid", "setuid") then return pending "only root may leave groups" end
        local program = programs.start(
            ([[
            package.path = %q
            local attacks = require "actor.attacks"
            local code = "return raw(%d, 0, 0)"
            print(attacks.outside(code), attacks.inside(code))
        ]]):format(package.path, number_of "getgroups"),
            { "setpriv", "--groups", "1,2,3" }
        )
        local line = program:read_line()
        program:wait()
        assert.equal("3\t0", line)
    end)

    it("a pidfd signals nobody who is not in sight", function()
        local code = ("return raw(%d, %%s, 0, 0, 0)"):format(number_of "pidfd_send_signal")
        local pidfd = file_descriptor.new(programs.pidfd_open(ffi.C.getpid()))
        assert.equal(0, outside(code:format(tostring(pidfd:getfd()))))
        local options = { fds = { parent = pidfd }, allow = { "kernel" } }
        local answer = inside(code:format "(...).parent:getfd()", options)
        pidfd:close()
        assert.is_true(answer == -E.EPERM or answer == -E.EINVAL, tostring(answer))
    end)

    it("no thread of the parent is in sight", function()
        local pid = ffi.C.getpid()
        local code = ("return raw(%d, %d, %d, 0)"):format(number_of "tgkill", pid, pid)
        assert.equal(0, outside(code))
        local answer = inside(code)
        assert.is_true(answer == -E.ESRCH or answer == -E.EPERM, tostring(answer))
        -- Also where the numbers are the same: Landlock alone.
        if attacks.landlock_abi() < 6 then return end
        answer = inside(code, { without = { "pid" } })
        assert.is_true(answer == -E.EPERM, tostring(answer))
    end)

    it("nobody outside meets a socket that it has named", function()
        local name = ("\0ljos-sandbox-%d"):format(ffi.C.getpid())
        local listen = ([[
            ffi.cdef "int listen(int, int);"
            local address, name = ffi.new "struct attack_sockaddr_un", "\0%s"
            address.family = 1
            ffi.copy(address.path, name, #name)
            local fd = C.socket(1, 1, 0)
            local result = call(C.bind(fd, address, 2 + #name))
            return result == 0 and call(C.listen(fd, 5)) or result
        ]]):format(name:sub(2))
        outside "" -- declares the struct
        local address = ffi.new "struct attack_sockaddr_un"
        address.family = 1
        ffi.copy(address.path, name, #name)
        local function connect()
            local fd = ffi.C.socket(1, 1, 0)
            local result = ffi.C.connect(fd, address, 2 + #name)
            local errno = ffi.errno()
            ffi.C.close(fd)
            return result == 0 and 0 or -errno
        end
        local source = attacks.PRELUDE
            .. ([[
                local inbox = require "inbox"
                local result = (function() %s end)()
                inbox:receive():send(result)
                inbox:receive()
            ]]):format(listen)
        local function met(without)
            local channel = sandbox.spawn { source = source, without = without }
            channel:send(inbox)
            assert.equal(0, inbox:receive())
            local result = connect()
            channel:kill()
            attacks.finish(channel)
            return result
        end
        assert.equal(-E.ECONNREFUSED, met {})
        assert.equal(0, met { "net", "landlock" })
    end)

    it("its pipes have the size that the kernel gives", function()
        local code = [[
            ffi.cdef "int pipe(int *);"
            local ends = ffi.new "int[2]"
            C.pipe(ends)
            local result = call(C.fcntl(ends[0], 1031, ffi.cast("int", 1048576))) -- F_SETPIPE_SZ
            C.close(ends[0])
            C.close(ends[1])
            return result
        ]]
        assert.equal(1048576, outside(code))
        assert.equal(-E.EPERM, inside(code))
    end)

    it("a program with threads confines the actor alone, and the whole of it", function()
        local ip = require "ljos.ip"
        pcall(ip.tcp.get_address_info, "localhost", "80") -- in the pool
        local function confined(status) return status:match "Seccomp:%s*(%d)" end
        local util = require "ljos.syscall.util"
        local function states(pid)
            local set, count = {}, 0
            for task in util.ls(("/proc/%s/task"):format(pid)) do
                if tonumber(task) then
                    local file = io.open(("/proc/%s/task/%s/status"):format(pid, task))
                    local text = file and file:read "*a" -- nil where the thread has ended meanwhile
                    if text then
                        set[confined(text)], count = true, count + 1
                    end
                    if file then file:close() end
                end
            end
            return set, count
        end
        local before = states "self"
        local channel = sandbox.spawn {
            source = [[
                local inbox, ip = require "inbox", require "ip"
                pcall(ip.tcp.get_address_info, "localhost", "80")
                inbox:receive():send "started"
                inbox:receive()
            ]],
            without = { "pid", "landlock" },
        }
        channel:send(inbox)
        assert.equal("started", inbox:receive())
        local own = states "self"
        local its, threads = states(channel.child_pid)
        channel:kill()
        attacks.finish(channel)
        assert.same(before, own)
        assert.same({ ["2"] = true }, its)
        assert.is_true(threads > 1)
    end)
end)
