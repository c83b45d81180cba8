--- Seccomp filters: which system calls a process may make, written as rules.
---
--- `compile` makes the bytes of a classic BPF program of a table of rules. `system.seccomp_set_mode_filter`,
--- `system.spawn` and the init scripts of actors take them. The kernel runs the program before each call: what comes in
--- another architecture's way (32-bit code, x32) is foreign and no rule sees it; then the first rule that fits decides,
--- and `default` where none does. An installed filter stays for good, and what the process starts has it, too; a
--- further one can only take more away. What goes through an io_uring is no call, and not seen.
---
--- Errors:   raises ljos.Error; `arg` names the rule
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local check_list = require "ljos.error.list"
local error_ = require "ljos.error"
local native = require "ljos.native"

local floor, type = math.floor, type
local check_type, fail = error_.check_type, error_.argument
local BPF, RET, SYS = native.constant_table "BPF", native.constant_table "SECCOMP_RET", native.constant_table "SYS"
local AUDIT_ARCH = native.constant_table "AUDIT_ARCH"

---@class ljos.seccomp
local M = {}

---@class ljos.SeccompRules
---@field default string   the action for calls that no rule fits
---@field foreign? string  the action for calls of another architecture; "kill_process" by default
---@field [integer] ljos.SeccompRule  tried in this order

---@class ljos.SeccompRule
---@field [1] string           the action
---@field [2] string|string[]  the calls, by the kernel's names; with "?" where not every architecture has it
---@field [integer] any        comparisons, {"int"|"long", position, operator, value}, all of which must hold

-- Instructions --------------------------------------------------------------------------------------------------

local LOAD, AND, RETURN = BPF.BPF_LD + BPF.BPF_W + BPF.BPF_ABS, BPF.BPF_ALU + BPF.BPF_AND, BPF.BPF_RET
local EQUAL, GREATER, AT_LEAST = BPF.BPF_JMP + BPF.BPF_JEQ, BPF.BPF_JMP + BPF.BPF_JGT, BPF.BPF_JMP + BPF.BPF_JGE

local DATA = native.struct "seccomp_data"
local NUMBER, ARCH, ARGUMENTS = ffi.offsetof(DATA, "nr"), ffi.offsetof(DATA, "arch"), ffi.offsetof(DATA, "args")
local OWN_ARCH = jit.arch == "arm64" and AUDIT_ARCH.AUDIT_ARCH_AARCH64 or AUDIT_ARCH.AUDIT_ARCH_X86_64
local X32_BIT = jit.arch == "x64" and 0x40000000 -- __X32_SYSCALL_BIT: the same AUDIT_ARCH, other calls

-- Jumps are relative to the instruction that follows; a block's are in words until its length is known.
local function add(code, operation, k, if_true, if_false)
    code[#code + 1] = { operation, if_true or 0, if_false or 0, k }
end

-- Actions -------------------------------------------------------------------------------------------------------

local ACTIONS = {}
for name in ("allow log trap user_notif kill_thread kill_process"):gmatch "%S+" do
    ACTIONS[name] = RET["SECCOMP_RET_" .. name:upper()]
end
local MAX_DATA, MAX_ERRNO = 0xffff, 4095

local function action_of(text, arg)
    check_type(text, "string", arg)
    if ACTIONS[text] then return ACTIONS[text] end
    local name, data = text:match "^(%l+)%(([%w_]+)%)$"
    local number = tonumber(data) or error_.errno_of[data]
    local most = name == "errno" and MAX_ERRNO or name == "trace" and MAX_DATA or -1
    if not number or number % 1 ~= 0 or number < 0 or number > most then fail(arg, ("no action is %q"):format(text)) end
    return RET["SECCOMP_RET_" .. name:upper()] + number
end

-- Comparisons ---------------------------------------------------------------------------------------------------

-- What an operator makes of the lower words, and before that of the upper ones; a jump goes to the end of the
-- comparison ("pass"), to the end of the block ("fail"), or on (0).
local OPERATORS = {
    ["=="] = { EQUAL, 0, "fail", { { EQUAL, 0, "fail" } } },
    ["~="] = { EQUAL, "fail", 0, { { EQUAL, 0, "pass" } } },
    [">"] = { GREATER, 0, "fail", { { GREATER, "pass", 0 }, { EQUAL, 0, "fail" } } },
    [">="] = { AT_LEAST, 0, "fail", { { GREATER, "pass", 0 }, { EQUAL, 0, "fail" } } },
    ["<"] = { AT_LEAST, "fail", 0, { { GREATER, "fail", 0 }, { EQUAL, 0, "pass" } } },
    ["<="] = { GREATER, "fail", 0, { { GREATER, "fail", 0 }, { EQUAL, 0, "pass" } } },
}
OPERATORS["&"] = OPERATORS["=="] -- of what the mask leaves

local int64, uint64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"

local LOWEST, HIGHEST = { int = -2 ^ 31, long = -2 ^ 53 }, { int = 2 ^ 32 - 1, long = 2 ^ 53 }

-- A value as two words, the lower one first; negative numbers as in two's complement.
local function words_of(value, width, arg)
    if width == "long" and (ffi.istype(int64, value) or ffi.istype(uint64, value)) then
        local bits = ffi.cast(uint64, value)
        return tonumber(bits % 2 ^ 32), tonumber(bits / 2 ^ 32)
    end
    local fits = type(value) == "number" and value % 1 == 0 and value >= LOWEST[width] and value <= HIGHEST[width]
    if not fits then
        local got = type(value) == "number" and tostring(value) or type(value)
        fail(arg, ("a number that fits into the type %s expected, got %s"):format(width, got))
    end
    return value % 2 ^ 32, floor(value / 2 ^ 32) % 2 ^ 32
end

local function add_comparison(code, comparison, arg)
    check_list(comparison, arg)
    local width, position, operator, value = comparison[1], comparison[2], comparison[3], comparison[4]
    local compare = OPERATORS[operator]
    if width ~= "int" and width ~= "long" then fail(arg .. "/1", 'the argument\'s type expected, "int" or "long"') end
    if type(position) ~= "number" or position % 1 ~= 0 or position < 1 or position > 6 then
        fail(arg .. "/2", "the argument's position expected, from 1 to 6")
    end
    if not compare then fail(arg .. "/3", "one of == ~= < <= > >= & expected, got " .. tostring(operator)) end
    local low, high = words_of(value, width, arg .. "/4")
    local low_mask, high_mask
    if operator == "&" then
        low_mask, high_mask = low, high
        low, high = words_of(comparison[5], width, arg .. "/5")
    elseif #comparison > 4 then
        fail(arg .. "/5", "only & has a mask and a value")
    end
    local offset, first = ARGUMENTS + 8 * (position - 1), #code + 1 -- both architectures are little-endian
    if width == "long" then
        add(code, LOAD, offset + 4)
        if high_mask then add(code, AND, high_mask) end
        for _, jump in ipairs(compare[4]) do
            add(code, jump[1], high, jump[2], jump[3])
        end
    end
    add(code, LOAD, offset)
    if low_mask then add(code, AND, low_mask) end
    add(code, compare[1], low, compare[2], compare[3])
    for at = first, #code do
        for which = 2, 3 do
            if code[at][which] == "pass" then code[at][which] = #code - at end
        end
    end
end

-- Rules ---------------------------------------------------------------------------------------------------------

local MAX_JUMP = 255

-- What follows the test of a call's number: the comparisons, and the action where they hold. Where they do not, the
-- number is loaded again, because the comparisons have loaded arguments in its place.
local function block_of(rule, arg)
    local block = {}
    for i = 3, #rule do
        add_comparison(block, rule[i], ("%s/%d"):format(arg, i))
    end
    local compares = #block > 0
    add(block, RETURN, action_of(rule[1], arg .. "/1"))
    if compares then add(block, LOAD, NUMBER) end
    if #block > MAX_JUMP then fail(arg, "too many comparisons in one rule") end
    for at, instruction in ipairs(block) do
        for which = 2, 3 do
            if instruction[which] == "fail" then instruction[which] = #block - 1 - at end
        end
    end
    return block
end

local function add_all(code, number, block)
    add(code, EQUAL, number, 0, #block)
    for _, instruction in ipairs(block) do
        code[#code + 1] = instruction
    end
end

local function add_rule(code, rule, arg)
    check_list(rule, arg)
    local block, names = block_of(rule, arg), rule[2]
    if type(names) == "string" then names = { names } end
    check_list(names, arg .. "/2")
    for _, name in ipairs(names) do
        local wanted, may_be_absent = tostring(name):match "^(.-)(%??)$"
        local number = SYS["__NR_" .. wanted]
        if not number and may_be_absent == "" then fail(arg .. "/2", "no system call is named " .. wanted) end
        if number then add_all(code, number, block) end
    end
end

local FILTER = native.struct "sock_filter" .. "[?]"

local function assemble(code)
    if #code > BPF.BPF_MAXINSNS then
        fail(1, ("%d instructions; the kernel takes %d"):format(#code, BPF.BPF_MAXINSNS))
    end
    local program = ffi.new(FILTER, #code)
    for i, instruction in ipairs(code) do
        local to = program[i - 1]
        to.code, to.jt, to.jf, to.k = instruction[1], instruction[2], instruction[3], instruction[4]
    end
    return ffi.string(program, ffi.sizeof(program) --[[@as integer]])
end

--- Compiles rules into a BPF program.
---
--- A rule is {action, calls, comparisons...}: {"errno(EPERM)", {"ptrace", "bpf"}}, or with the first argument's value
--- {"allow", "socket", {"int", 1, "==", 1}}. The actions are "allow", "log", "errno(EPERM)" with any errno,
--- "kill_process", "kill_thread", "trap" (SIGSYS), "trace(7)" and "user_notif".
---
--- A comparison is of unsigned numbers: of 32 bits where the man page says int, unsigned or mode_t ("int"; the kernel
--- does not look at the other half of the register either), of 64 bits for long, size_t, off_t and pointers ("long").
--- {"int", 2, "&", mask, value} compares what the mask leaves. What a pointer leads to cannot be asked.
---
--- EINVAL naming the rule ("2/1": its action) for what it cannot mean. So is a call that this architecture has not,
--- unless its name ends in "?": {"mkdir?", "mkdirat"}. Source: seccomp(2).
---@param rules ljos.SeccompRules
---@return string bpf_fprogram
function M.compile(rules)
    check_type(rules, "table", 1)
    for key in pairs(rules) do
        local is_rule = type(key) == "number" and key % 1 == 0 and key >= 1 and key <= #rules
        if not is_rule and key ~= "default" and key ~= "foreign" then
            fail(tostring(key), "seccomp.compile has no such option")
        end
    end
    local default = action_of(rules.default, "default")
    local foreign = action_of(rules.foreign == nil and "kill_process" or rules.foreign, "foreign")
    local code = {}
    add(code, LOAD, ARCH)
    add(code, EQUAL, OWN_ARCH, 1, 0)
    add(code, RETURN, foreign)
    add(code, LOAD, NUMBER)
    if X32_BIT then
        add(code, AT_LEAST, X32_BIT, 0, 1)
        add(code, RETURN, foreign)
    end
    for i = 1, #rules do
        add_rule(code, rules[i], tostring(i))
    end
    add(code, RETURN, default)
    return assemble(code)
end

return M
