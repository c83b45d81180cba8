--- Capabilities for init scripts: sets from text as in cap_from_text(3), the bounding and the ambient set.
---
--- Errors:   EINVAL for text that makes no sense
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local SYS = native.constant_table "SYS"
local numbers = native.constant_table "CAP"
local PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_SECUREBITS = 24, 47, 28
local AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR = 2, 3, 4

native.declare [[
long syscall(long number, ...);
struct ljos_init_cap_sets { struct { uint32_t e, p, i; } half[2]; };
]]

local M = {}

local function answer(result)
    result = tonumber(result) --[[@as integer]]
    return result, result < 0 and ffi.errno() or 0
end

-- "cap_net_raw" -> 13
local function number_of(name)
    local number = type(name) == "string" and numbers[name:upper()]
    if not number then error_.argument(1, "no capability is named " .. tostring(name)) end
    return number
end

local function each_capability(list)
    local chosen = {}
    if list == "" or list == "all" then
        for number = 0, numbers.CAP_LAST_CAP or 40 do
            chosen[#chosen + 1] = number
        end
    else
        for name in list:gmatch "[^,]+" do
            chosen[#chosen + 1] = number_of(name)
        end
    end
    return chosen
end

local function change(sets, number, flag, present)
    local half, mask = sets.half[number < 32 and 0 or 1], bit.lshift(1, number % 32)
    local old = bit.tobit(half[flag])
    half[flag] = bit.band(present and bit.bor(old, mask) or bit.band(old, bit.bnot(mask)), -1) % 2 ^ 32
end

-- One operator and its flags, for each capability of the clause.
local function apply(sets, chosen, operator, flags)
    for _, number in ipairs(chosen) do
        for flag in ("epi"):gmatch "." do
            local named = flags:find(flag, 1, true) ~= nil
            if operator == "=" then
                change(sets, number, flag, named)
            elseif named then
                change(sets, number, flag, operator == "+")
            end
        end
    end
end

--- Parses "cap_net_raw,cap_chown=ep cap_kill+i", "=", "all=ep", ...
---@param text string
---@return ffi.cdata*
local function parse(text)
    local sets = ffi.new "struct ljos_init_cap_sets"
    for clause in text:gmatch "%S+" do
        local list, operations = clause:match "^([%w_,]*)([=+-].*)$"
        if not list or not operations or operations:find "[^=+%-epi]" then
            return error_.argument(1, "not a capability clause: " .. clause)
        end
        local chosen = each_capability(list)
        for operator, flags in operations:gmatch "([=+-])([epi]*)" do
            apply(sets, chosen, operator, flags)
        end
    end
    return sets
end

--- cap_set_proc(text)
function M.cap_set_proc(text)
    local header = ffi.new("uint32_t[2]", 0x20080522, 0)
    return answer(ffi.C.syscall(SYS.__NR_capset, header, parse(text)))
end

local function prctl(option, a, b)
    local zero = ffi.cast("long", 0)
    local function long(value) return ffi.cast("long", value) end
    return answer(ffi.C.syscall(SYS.__NR_prctl, long(option), long(a), long(b or 0), zero, zero))
end

--- cap_drop_bound(name)
function M.cap_drop_bound(name) return prctl(PR_CAPBSET_DROP, number_of(name)) end

--- cap_set_ambient(name, present)
function M.cap_set_ambient(name, present)
    return prctl(PR_CAP_AMBIENT, present and AMBIENT_RAISE or AMBIENT_LOWER, number_of(name))
end

function M.cap_reset_ambient() return prctl(PR_CAP_AMBIENT, AMBIENT_CLEAR) end

function M.cap_set_secbits(bits) return prctl(PR_SET_SECUREBITS, bits) end

return M
