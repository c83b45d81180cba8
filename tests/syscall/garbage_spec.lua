local S = require "ljos.syscall"
local ffi = require "ffi"
local directory = require "ljos.syscall.directory"
local spec = require "ljos.syscall.spec"

-- GARBAGE_ROUNDS random lists of arguments for each function, from GARBAGE_SEED on.
local ROUNDS = tonumber(os.getenv "GARBAGE_ROUNDS" or 15)
local SEED = tonumber(os.getenv "GARBAGE_SEED" or os.time() % 2 ^ 31)

-- Calls that do what they are for whatever they are given: end the process, fork it, wait.
local never =
    { fork = true, vfork = true, pause = true, vhangup = true, restart_syscall = true, set_thread_area = true }
never.uprobe, never.uretprobe = true, true -- for the kernel's own trampolines: SIGILL

-- Calls that end the process, fork it, or wait for good when they are given numbers or nothing: these are given values
-- of wrong types alone.
local harmful = {
    exit = true,
    _exit = true,
    exit_group = true,
    clone = true,
    clone3 = true,
    sleep = true,
    nanosleep = true,
    clock_nanosleep = true,
    wait = true,
    wait3 = true,
    wait4 = true,
    waitpid = true,
    waitid = true,
    sigsuspend = true,
    sigtimedwait = true,
    msgrcv = true,
    reboot = true,
    kill = true,
    tkill = true,
    tgkill = true,
    killpg = true,
    alarm = true,
    poll = true,
    ppoll = true,
    select = true,
    pselect = true,
    brk = true,
    sigqueue = true,
    rt_sigqueueinfo = true,
    rt_tgsigqueueinfo = true,
    setitimer = true,
    fallocate = true, -- takes the memory it is asked for
    posix_fallocate = true,
    futex = true, -- waits for a word that nobody changes
    ["nl.read"] = true,
    ["nl.request"] = true,
    arch_prctl = true,
    sigaltstack = true,
    setrlimit = true, -- of 0, the processor's time
    prlimit = true,
    seccomp = true, -- 0 is the strict mode, which ends the process
    syscall = true,
}

local function names()
    local list = {}
    for _, text in pairs(directory.modules()) do
        for name in text:gmatch "%S+" do
            list[#list + 1] = name
        end
    end
    for name in spec.lines() do
        list[#list + 1] = name
    end
    table.sort(list)
    return list
end

-- Every function that is tried: what it is called, and itself.
local function functions()
    local list = {}
    local function add(name, f)
        if type(f) == "function" or type(f) == "cdata" then list[#list + 1] = { name, f } end
    end
    for _, name in ipairs(names()) do
        if not never[name] then add(name, S[name]) end
    end
    for _, name in ipairs(S.types.names()) do
        add("t." .. name, S.t[name])
    end
    for module, of in pairs {
        util = S.util,
        nl = S.nl,
        cgroup = S.cgroup,
        helpers = require "ljos.syscall.helpers",
        lfs = require "ljos.syscall.lfs",
        netfilter = require "ljos.syscall.netfilter",
    } do
        for name, f in pairs(of) do
            add(module .. "." .. name, f)
        end
    end
    for name, f in pairs(require("ljos.syscall.fd").methods) do
        add("fd:" .. name, f)
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
    return list
end

local closed = S.open "/dev/null"
closed:close()
local garbage = {
    { n = 0 },
    { {}, {}, {}, {}, n = 4 },
    { -1, -1, -1, -1, -1, -1, n = 6 },
    { "garbage", "garbage", "garbage", "garbage", n = 4 },
    { closed, closed, closed, closed, n = 4 },
    { 0 / 0, 1e300, -1e300, n = 3 },
    { print, print, print, n = 3 },
    { n = 6 },
    { 0, 0, 0, 0, 0, 0, n = 6 },
    { 0, 0, n = 6 },
    { 0, n = 6 },
    { "garbage", 0, 0, 0, 0, 0, n = 6 },
    { 0, "garbage", 0, 0, n = 6 },
    { 0, { "garbage" }, { garbage = 1 }, { 1 }, n = 4 },
}
-- A buffer of one byte where more is wanted, in each place.
local short = ffi.new "char[1]"
for i = 1, 5 do
    local zeros, words = { n = 6 }, { n = 6 }
    for j = 1, 5 do
        zeros[j], words[j] = 0, "garbage"
    end
    zeros[i], words[i] = short, short
    garbage[#garbage + 1], garbage[#garbage + 2] = zeros, words
end

local wrong_types = {
    { print, print, print, n = 3 },
    { "garbage", "garbage", "garbage", "garbage", n = 4 },
    { closed, closed, closed, closed, n = 4 },
    { coroutine.create(print), coroutine.create(print), n = 2 },
}

-- What random arguments are drawn from.
local pool = { n = 27 }
pool[2], pool[3], pool[4], pool[5], pool[6] = 0, 1, -1, 3, 4096
pool[7], pool[8], pool[9], pool[10], pool[11] = 2 ^ 31, 2 ^ 32 + 1, -2 ^ 31, 2 ^ 53, 0 / 0
pool[12], pool[13], pool[14], pool[15] = "", "garbage", ("x"):rep(5000), "a\0b"
pool[16], pool[17], pool[18], pool[19] = {}, { {} }, { 1, 2 }, { garbage = 1, fd = -1, events = "in" }
pool[20], pool[21], pool[22], pool[23] = true, false, print, closed
pool[24], pool[25], pool[26] = ffi.new "char[1]", ffi.new "int[1]", ffi.new("int64_t", -1)
pool[27] = ffi.cast("void *", 0)
-- A struct of each type.
for _, name in ipairs(S.types.names()) do
    local ok, value = pcall(function() return S.t[name]() end)
    if ok and type(value) == "cdata" then
        pool.n = pool.n + 1
        pool[pool.n] = value
    end
end

local function random_arguments(random)
    local list = { n = random(6) }
    for i = 1, list.n do
        list[i] = pool[random(pool.n)]
    end
    return list
end

-- Numbers from 1 to n, the same for the same seed and name whatever else is tried.
local function generator(name)
    local state = SEED
    for i = 1, #name do
        state = (state * 31 + name:byte(i)) % 2147483647
    end
    return function(n)
        state = (state * 16807 + 1) % 2147483647
        return math.floor(state / 7) % n + 1
    end
end

-- Where the complaints of the children go.
local COMPLAINTS = 500

-- Lua's own messages name a line of the library instead of the argument. LuaJIT's of read and write, where every
-- nanosecond counts, name both.
local function complain(name, message)
    if type(message) ~= "string" or not message:match "^%S*ljos[/.][%w_/.]+:%d+: " then return end
    if (name:match "read$" or name:match "write$") and message:match "bad argument #2" then return end
    S.write(COMPLAINTS, ("%s: %s\n"):format(name, message))
end

-- Calls one function with everything, in a child of its own that an alarm ends; returns what went wrong. The standard
-- descriptors are anonymous memory: whatever a call does to number 0 is done to nothing else.
local function try(name, f, complaints)
    local pid = assert(S.fork())
    if pid == 0 then
        S.alarm(10)
        local scratch = S.memfd_create "scratch"
        for i = 0, 2 do
            S.dup2(scratch, i):nogc()
        end
        S.dup2(complaints, COMPLAINTS):nogc()
        S.close_range(3, COMPLAINTS - 1)
        S.close_range(COMPLAINTS + 1)
        local function call(arguments)
            local ok, message = pcall(function() return f(unpack(arguments, 1, arguments.n)) end)
            if not ok then complain(name, message) end
        end
        for _, arguments in ipairs(harmful[name] and wrong_types or garbage) do
            call(arguments)
        end
        local random = generator(name)
        for _ = 1, harmful[name] and 0 or ROUNDS do
            call(random_arguments(random))
        end
        S._exit(0)
    end
    local _, _, status = S.waitpid(pid)
    if not status.WIFEXITED then return name .. ": signal " .. tostring(status.WTERMSIG) end
    if status.EXITSTATUS ~= 0 then return name .. ": exit " .. status.EXITSTATUS end
end

-- Leaves for an empty file system in namespaces of its own; false and the reason where the kernel forbids it.
local function leave()
    local uid, gid = S.geteuid(), S.getegid()
    -- What reaches a whole process group, setpriority say, shall not reach the tests.
    assert(S.setsid())
    local ok, err = S.unshare "newuser, newpid, newns, newnet, newuts, newipc"
    if not ok then return false, "unshare: " .. tostring(err) end
    S.util.writefile("/proc/self/setgroups", "deny")
    S.util.writefile("/proc/self/uid_map", "0 " .. uid .. " 1")
    S.util.writefile("/proc/self/gid_map", "0 " .. gid .. " 1")
    for _, step in ipairs {
        function() return S.mount("none", "/", nil, "rec, private") end,
        function() return S.mount("tmpfs", "/tmp", "tmpfs") end,
        function() return S.chroot "/tmp" end,
        function() return S.chdir "/" end,
    } do
        ok, err = step()
        if not ok then return false, "unshare: " .. tostring(err) end
    end
    return true
end

describe("garbage as arguments", function()
    it("gives errors that name the argument, and never a crash", function()
        local _, _, r, w = assert(S.pipe())
        -- What is loaded on demand must be loaded before the files are out of sight.
        local all = functions()
        local outer = assert(S.fork())
        if outer == 0 then
            local ok, err = leave()
            if not ok then
                w:write(err)
                S._exit(0)
            end
            local init = assert(S.fork())
            if init == 0 then
                local failed, complaints = {}, S.memfd_create "complaints"
                for _, one in ipairs(all) do
                    failed[#failed + 1] = try(one[1], one[2], complaints)
                end
                complaints:seek(0)
                failed[#failed + 1] = complaints:read(nil, 8192)
                w:write("done " .. table.concat(failed, "\n"))
                S._exit(0)
            end
            S.waitpid(init)
            S._exit(0)
        end
        w:close()
        local text = r:read(nil, 65536)
        r:close()
        S.waitpid(outer)
        if text:match "^unshare" then return pending(text) end
        assert.equal("done ", text, "GARBAGE_SEED=" .. SEED)
    end)
end)
