-- Filters compiled from rules, asked on real calls: each in a child that puts it before its own.
local S = require "ljos.syscall"
local ffi = require "ffi"
local in_child = require "in_child"
local native = require "ljos.native"
local raised = require "raised"
local seccomp = require "ljos.seccomp"
local system = require "ljos.system"
local text_file = require "text_file"

local SYS, libc = native.constant_table "SYS", ffi.C
ffi.cdef 'long spec_seccomp_call(long, ...) __asm__("syscall");'

-- An error of no call used here: what the filters answer.
local REFUSED = native.constant_table("E").EXFULL

local function long(value) return ffi.cast("int64_t", value) end

-- The errno of fcntl(-1, a, b): with a filter that lets it pass EBADF.
local function refuses(a, b)
    libc.spec_seccomp_call(SYS.__NR_fcntl, long(-1), long(a), long(b))
    return ffi.errno() == REFUSED
end

local function install(rules)
    system.set_no_new_privs()
    system.seccomp_set_mode_filter(seccomp.compile(rules))
end

-- The exit status or the signal of a child that runs `f` under a filter.
local function fate(rules, f)
    local pid = assert(S.fork())
    if pid == 0 then
        pcall(function()
            assert(S.setrlimit("core", { cur = 0, max = 0 }))
            install(rules)
            f()
        end)
        S._exit(7)
    end
    local _, _, status = assert(S.waitpid(pid))
    return status.WIFSIGNALED and -status.WTERMSIG or status.EXITSTATUS
end

-- What an operator means, of unsigned numbers given as two words.
local ORACLE = {
    ["=="] = function(a, b) return a == b end,
    ["~="] = function(a, b) return a ~= b end,
    ["<"] = function(a, b) return a < b end,
    ["<="] = function(a, b) return a <= b end,
    [">"] = function(a, b) return a > b end,
    [">="] = function(a, b) return a >= b end,
}

-- Runs a program as bpf(4) says; `data` has the 32-bit words of struct seccomp_data by their offset.
local function interpret(program, data)
    local code = ffi.cast("struct ljos_sock_filter *", ffi.cast("const char *", program))
    local count, at, A = #program / 8, 0, 0
    while true do
        assert(at < count, "ran past the end")
        local i = code[at]
        at = at + 1
        if i.code == 0x20 then
            A = data[i.k]
        elseif i.code == 0x54 then
            A = bit.band(A, i.k) % 2 ^ 32
        elseif i.code == 0x06 then
            return i.k
        else
            local holds = i.code == 0x15 and A == i.k or i.code == 0x25 and A > i.k or i.code == 0x35 and A >= i.k
            assert(i.code == 0x15 or i.code == 0x25 or i.code == 0x35, "no such instruction")
            at = at + (holds and i.jt or i.jf)
        end
    end
end

-- What the rules say of a call, without words or jumps. `arguments` are uint64_t.
local function decide(rules, name, arguments)
    for _, rule in ipairs(rules) do
        local fits = false
        for _, other in ipairs(rule[2]) do
            fits = fits or other == name
        end
        for i = 3, #rule do
            local width, position, operator, value, masked = unpack(rule[i], 1, 5)
            local modulus = width == "int" and 0x100000000ULL or nil
            local given = arguments[position]
            if operator == "&" then
                given, value, operator = bit.band(given, ffi.cast("uint64_t", value)), masked, "=="
            end
            value = ffi.cast("uint64_t", value)
            if modulus then
                given, value = given % modulus, value % modulus
            end
            fits = fits and ORACLE[operator](given, value)
        end
        if fits then return rule[1] end
    end
    return rules.default
end

describe("seccomp.compile", function()
    it("decides as the rules do, whatever they are", function()
        local seed = os.time()
        math.randomseed(seed)
        local names = { "read", "write", "close", "fcntl", "getpid" }
        local operators = { "==", "~=", "<", "<=", ">", ">=", "&" }
        local words = { 0ULL, 1ULL, 2ULL, 0x7fffffffULL, 0x80000000ULL, 0xffffffffULL }
        local function pick(list) return list[math.random(#list)] end
        local function number() return pick(words) + pick(words) * 0x100000000ULL end
        local RET = native.constant_table "SECCOMP_RET"
        for _ = 1, 3000 do
            local rules = { default = "errno(1)" }
            for i = 1, math.random(0, 5) do
                local rule = { ("errno(%d)"):format(i + 1), { pick(names), pick(names) } }
                for _ = 1, math.random(0, 4) do
                    local width, operator = pick { "int", "long" }, pick(operators)
                    local function value() return width == "int" and tonumber(pick(words)) or number() end
                    rule[#rule + 1] = { width, math.random(6), operator, value(), operator == "&" and value() or nil }
                end
                rules[i] = rule
            end
            local program = seccomp.compile(rules)
            for _ = 1, 20 do
                local name, arguments = pick(names), {}
                local data = { [0] = SYS["__NR_" .. name], [4] = jit.arch == "x64" and 0xc000003e or 0xc00000b7 }
                for i = 1, 6 do
                    arguments[i] = number()
                    data[8 + 8 * i] = tonumber(arguments[i] % 0x100000000ULL)
                    data[12 + 8 * i] = tonumber(arguments[i] / 0x100000000ULL)
                end
                local expected = RET.SECCOMP_RET_ERRNO + tonumber(decide(rules, name, arguments):match "%d+")
                assert.equal(expected, interpret(program, data), "seed " .. seed)
            end
        end
    end)

    it("compares arguments of 32 and 64 bits by every operator, as arithmetic does", function()
        local uint64 = ffi.typeof "uint64_t"
        local numbers = {
            0ULL,
            1ULL,
            2ULL,
            0x7fffffffULL,
            0x80000000ULL,
            0xffffffffULL,
            0x100000000ULL,
            0x100000001ULL,
            0x1ffffffffULL,
            0x8000000000000000ULL,
            0xffffffffffffffffULL,
        }
        for operator, holds in pairs(ORACLE) do
            for _, width in ipairs { "int", "long" } do
                for _, value in ipairs(numbers) do
                    local fits = width == "long" or value <= 0xffffffffULL
                    if fits then
                        local given = width == "int" and tonumber(value) or value
                        local rule = { "errno(EXFULL)", "fcntl", { width, 2, operator, given } }
                        in_child(function()
                            install { default = "allow", rule }
                            for _, number in ipairs(numbers) do
                                local seen = width == "int" and number % 0x100000000ULL or number
                                local expected = holds(ffi.cast(uint64, seen), ffi.cast(uint64, value))
                                local words = ("%s: %s %s %s"):format(width, seen, operator, value)
                                assert(refuses(number, 0) == expected, words)
                            end
                        end)
                    end
                end
            end
        end
    end)

    it("compares what a mask leaves", function()
        in_child(function()
            install {
                default = "allow",
                { "errno(EXFULL)", "fcntl", { "int", 2, "&", 0x0f, 0x05 } },
                { "errno(EXFULL)", "fcntl", { "long", 3, "&", 0xff00000000ULL, 0x1200000000ULL } },
            }
            assert(refuses(0x05, 0) and refuses(0xf5, 0) and refuses(0x7700000005, 0))
            assert(not refuses(0x07, 0) and not refuses(0x04, 0) and not refuses(0x50, 0))
            assert(refuses(0, 0x1200000000) and refuses(0, 0x3412abcdef01))
            assert(not refuses(0, 0x12) and not refuses(0, 0x1300000000))
        end)
    end)

    it("takes numbers below zero for what the kernel sees of them", function()
        in_child(function()
            install {
                default = "allow",
                { "errno(EXFULL)", "fcntl", { "int", 2, "==", -5 } },
                { "errno(EXFULL)", "fcntl", { "long", 3, "==", -6 } },
            }
            assert(refuses(-5, 0) and refuses(0xfffffffb, 0) and not refuses(5, 0))
            assert(refuses(0, -6) and not refuses(0, 0xfffffffa))
        end)
    end)

    it("applies the first rule that fits, of which all comparisons hold", function()
        in_child(function()
            install {
                default = "errno(EXFULL)",
                { "errno(EXFULL)", "fcntl", { "int", 2, ">=", 10 }, { "int", 2, "<", 20 }, { "long", 3, "~=", 3 } },
                { "allow", { "fcntl", "getpid" } },
                { "errno(EXFULL)", "fcntl" },
                -- What the child itself still does.
                {
                    "allow",
                    { "write", "exit_group", "mmap", "munmap", "mprotect", "brk", "madvise", "futex", "mremap" },
                },
            }
            assert(refuses(10, 0) and refuses(19, 4) and not refuses(9, 0) and not refuses(20, 0))
            assert(not refuses(15, 3))
            assert(libc.spec_seccomp_call(SYS.__NR_getpid) > 0)
            assert(libc.spec_seccomp_call(SYS.__NR_getppid) == -1 and ffi.errno() == REFUSED)
        end)
    end)

    it("holds filters of thousands of instructions, and no more", function()
        local names = {}
        for name in pairs(SYS) do
            if name ~= "__NR_fcntl" then names[#names + 1] = name:match "^__NR_(.*)$" end
        end
        local long_list = { "allow", names }
        in_child(function()
            install {
                default = "allow",
                long_list,
                { "allow", names, { "int", 1, "==", 5 } },
                { "errno(EXFULL)", "fcntl" },
            }
            assert(refuses(0, 0))
        end)
        local rules = { default = "allow" }
        for i = 1, 8 do
            rules[i] = long_list
        end
        assert.equal(1, raised("EINVAL", seccomp.compile, rules).arg)
        local rule = { "allow", "fcntl" }
        for i = 3, 100 do
            rule[i] = { "long", 1, ">", i }
        end
        assert.equal("1", raised("EINVAL", seccomp.compile, { default = "allow", rule }).arg)
    end)

    it("knows the kernel's actions", function()
        local function get() libc.spec_seccomp_call(SYS.__NR_getpriority, long(0), long(0)) end
        local function acting(action) return { default = "allow", { action, "getpriority" } } end
        local SIGSYS = native.constant_table("signal").SIGSYS
        assert.equal(7, fate(acting "allow", get))
        assert.equal(7, fate(acting "log", get))
        assert.equal(-SIGSYS, fate(acting "kill_process", get))
        assert.equal(-SIGSYS, fate(acting "trap", get))
        assert.equal(-SIGSYS, fate(acting "kill_thread", get)) -- its only one
        -- Nobody traces it: trace(2) is ENOSYS then.
        local function exit_with_errno(number)
            return function()
                if libc.spec_seccomp_call(SYS.__NR_getpriority, long(0), long(0)) == -1 then S._exit(ffi.errno()) end
                S._exit(number)
            end
        end
        local ENOSYS = native.constant_table("E").ENOSYS
        assert.equal(ENOSYS, fate(acting "trace(3)", exit_with_errno(0)))
        assert.equal(ENOSYS, fate(acting "user_notif", exit_with_errno(0)))
        assert.equal(99, fate(acting "errno(99)", exit_with_errno(0)))
        assert.equal(1, fate(acting "errno(EPERM)", exit_with_errno(0)))
    end)

    it("has no rule see calls of another architecture", function()
        local arch = jit.arch
        if arch ~= "x64" then return pending "x32 and int 0x80 are of x86-64" end
        local has_host_filter = text_file.read("/proc/self/status"):find "Seccomp:%s*2"
        if has_host_filter then return pending "a seccomp filter of the host stands before ours" end
        local SIGSYS = native.constant_table("signal").SIGSYS
        local X32_GETPID = 0x40000000 + SYS.__NR_getpid
        local function x32() libc.spec_seccomp_call(X32_GETPID) end
        assert.equal(-SIGSYS, fate({ default = "allow" }, x32))
        assert.equal(7, fate({ default = "allow", foreign = "allow" }, x32))
        local function errno_of_x32()
            assert(libc.spec_seccomp_call(X32_GETPID) == -1)
            S._exit(ffi.errno())
        end
        assert.equal(REFUSED, fate({ default = "allow", foreign = "errno(EXFULL)" }, errno_of_x32))

        -- mov eax, 20 (getpid of i386); int 0x80; ret
        local code = "\184\20\0\0\0\205\128\195"
        local function entry_of_32_bits()
            local memory = assert(S.mmap(nil, 4096, "read, write, exec", "private, anonymous", -1, 0))
            ffi.copy(memory, code, #code)
            return ffi.cast("int (*)(void)", memory)
        end
        local function i386() entry_of_32_bits()() end
        local outside = assert(S.fork())
        if outside == 0 then
            i386()
            S._exit(7)
        end
        local _, _, status = assert(S.waitpid(outside))
        if status.WIFSIGNALED then return pending "this kernel has no calls of i386" end
        assert.equal(-SIGSYS, fate({ default = "allow" }, i386))
    end)

    it("passes over calls that this architecture need not have", function()
        in_child(function()
            install { default = "allow", { "errno(EXFULL)", { "of_another_architecture?", "fcntl?" } } }
            assert(refuses(0, 0))
        end)
        local without, with = { default = "allow" }, { default = "allow", { "allow", "none?" } }
        assert.equal(seccomp.compile(without), seccomp.compile(with))
    end)

    it("says what is wrong with a rule", function()
        local function arg_of(...)
            local rules = { default = "allow", ... }
            return raised("EINVAL", seccomp.compile, rules).arg
        end
        assert.equal(1, raised("EINVAL", seccomp.compile).arg)
        assert.equal("default", raised("EINVAL", seccomp.compile, {}).arg)
        assert.equal("defaults", raised("EINVAL", seccomp.compile, { default = "allow", defaults = 1 }).arg)
        assert.equal("foreign", raised("EINVAL", seccomp.compile, { default = "allow", foreign = "deny" }).arg)
        for _, action in ipairs {
            "deny",
            "errno",
            "errno(ENONSENSE)",
            "errno(5000)",
            "errno(-1)",
            "trace(70000)",
            "allow(1)",
            "kill(1)",
            "errno(0.5)",
        } do
            assert.equal("2/1", arg_of({ "allow", "read" }, { action, "read" }), action)
        end
        assert.equal("1/2", arg_of { "allow" })
        assert.equal("1/2", arg_of { "allow", "opne" })
        assert.equal("1/2", arg_of { "allow", { "read", 5 } })
        assert.equal("1/2/x", arg_of { "allow", { x = "read" } })
        assert.equal("1/when", arg_of { "allow", "read", when = {} })
        assert.equal("1/3", arg_of { "allow", "read", 5 })
        assert.equal("1/3/1", arg_of { "allow", "read", { 1, "==", 5 } })
        assert.equal("1/3/2", arg_of { "allow", "read", { "int", 0, "==", 5 } })
        assert.equal("1/3/2", arg_of { "allow", "read", { "int", 7, "==", 5 } })
        assert.equal("1/3/3", arg_of { "allow", "read", { "int", 1, "=", 5 } })
        assert.equal("1/3/4", arg_of { "allow", "read", { "int", 1, "==" } })
        assert.equal("1/3/4", arg_of { "allow", "read", { "int", 1, "==", 0.5 } })
        assert.equal("1/3/4", arg_of { "allow", "read", { "int", 1, "==", 2 ^ 32 } })
        assert.equal("1/3/4", arg_of { "allow", "read", { "int", 1, "==", 5ULL } })
        assert.equal("1/3/4", arg_of { "allow", "read", { "long", 1, "==", 2 ^ 60 } })
        assert.equal("1/3/5", arg_of { "allow", "read", { "int", 1, "&", 5 } })
        assert.equal("1/3/5", arg_of { "allow", "read", { "int", 1, "==", 5, 6 } })
        assert.matches("^[12]$", arg_of(nil, { "allow", "read" }))
    end)
end)
