--- The text form of capability sets, as libcap reads and writes it.
---
--- "cap_chown,cap_kill=ep cap_setuid+i": clauses between blanks; each a list of capabilities (names, numbers,
--- "all", or nothing before "=", which is "all") and operations on them. The writer takes the flags that most
--- capabilities have as the ground, and lists what differs.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local set_ = require "ljos.system.linux_capabilities.set"

local band, bnot = bit.band, bit.bnot
local concat = table.concat

---@class ljos.system.linux_capabilities.text
local M = {}

-- Flags as bits, and their letters in the order of the output.
local BIT = { effective = 1, permitted = 2, inheritable = 4 }
local LETTERS = { { "e", 1 }, { "i", 4 }, { "p", 2 } }
local FLAG_OF = { e = "effective", i = "inheritable", p = "permitted" }

local function state_of(set, number)
    local state = 0
    for flag, bits in pairs(BIT) do
        if set_.has(set, flag, number) then state = state + bits end
    end
    return state
end

local function letters_of(state)
    local text = ""
    for _, letter in ipairs(LETTERS) do
        if band(state, letter[2]) ~= 0 then text = text .. letter[1] end
    end
    return text
end

-- The capabilities from `first` to `last` that have a state, as "cap_chown,cap_kill".
local function list_of(states, state, first, last)
    local names = {}
    for number = first, last do
        if states[number] == state then names[#names + 1] = set_.name_of[number] or tostring(number) end
    end
    return concat(names, ",")
end

-- The state of most named capabilities, the lowest of equals.
local function ground_of(states)
    local count = {}
    for state = 0, 7 do
        count[state] = 0
    end
    for number = 0, set_.count - 1 do
        count[states[number]] = count[states[number]] + 1
    end
    local ground = 7
    for state = 6, 0, -1 do
        if count[state] >= count[ground] then ground = state end
    end
    return ground, count
end

--- Writes a set. Source: cap_to_text(3).
---@param set ljos.system.CapabilitySet
---@return string
function M.write(set)
    local states = {}
    for number = 0, set_.MAX do
        states[number] = state_of(set, number)
    end
    local ground, count = ground_of(states)
    local text = "=" .. letters_of(ground)
    for state = 7, 0, -1 do
        if state ~= ground and count[state] > 0 then
            local raised, lowered = band(state, bnot(ground)), band(bnot(state), ground)
            local clause = list_of(states, state, 0, set_.count - 1)
            local operator = "+"
            -- "= cap_chown+ep" is written "cap_chown=ep".
            if text == "=" then
                text, operator = "", "="
            else
                clause = " " .. clause
            end
            text = text .. clause
            if raised ~= 0 then text = text .. operator .. letters_of(raised) end
            if lowered ~= 0 then text = text .. "-" .. letters_of(lowered) end
        end
    end
    for state = 7, 1, -1 do
        local clause = list_of(states, state, set_.count, set_.MAX)
        if clause ~= "" then text = text .. " " .. clause .. "+" .. letters_of(state) end
    end
    return text
end

-- A number as strtoul(3) reads it with base 0.
local function number_in(word)
    local base = word:find "^0[xX]%x+$" and 16 or word:find "^0[0-7]*$" and 8 or word:find "^[1-9]%d*$" and 10
    local number = base and tonumber(word, base)
    return number and number <= set_.MAX and number or nil
end

-- The capabilities of a list, as a set of numbers; nil when it is none. The empty list is all; "all" are those that
-- have names, whatever stands before it.
local function read_list(text)
    local numbers = {}
    for word in (text == "" and "all" or text):gmatch "([^,]*),?" do
        local lower = word:lower()
        if lower == "all" then
            numbers = {}
            for number = 0, set_.count - 1 do
                numbers[number] = true
            end
        elseif word ~= "" then
            local number = set_.number_of[lower] or number_in(word)
            if not number then return nil end
            numbers[number] = true
        end
    end
    return numbers
end

local function apply(set, numbers, flag, value)
    for number in pairs(numbers) do
        set_.put(set, flag, number, value)
    end
end

-- Applies "=ep", "+e", "-i", ... in turn; false when they are no operations.
local function operate(set, numbers, listed, operations)
    local first, rest = operations:sub(1, 1), operations
    if first == "=" then
        for _, flag in ipairs(set_.flags) do
            apply(set, numbers, flag, false)
        end
        local letters
        letters, rest = operations:match "^=([eip]*)(.*)$"
        for letter in letters:gmatch "." do
            apply(set, numbers, FLAG_OF[letter], true)
        end
    end
    while rest ~= "" do
        local sign, letters, after = rest:match "^([+-])([eip]+)(.*)$"
        if not sign or not listed then return false end
        for letter in letters:gmatch "." do
            apply(set, numbers, FLAG_OF[letter], sign == "+")
        end
        rest = after
    end
    return true
end

--- Reads a set. Source: cap_from_text(3).
---@param text string
---@return ljos.system.CapabilitySet? # nil when it is none
function M.read(text)
    local set = set_.new()
    if text:find("\0", 1, true) then return nil end
    for clause in text:gmatch "%S+" do
        local list, operations = clause:match "^([%w_,]*)([=+-].*)$"
        if not list or list:find "^," or list:find ",$" or list:find ",," then return nil end
        local numbers = read_list(list)
        if not numbers or not operate(set, numbers, list ~= "", operations) then return nil end
    end
    return set
end

return M
