--- Sets of capabilities: what a process or a file may do beyond its user's rights.
---
--- A set has three flags, "effective", "inheritable" and "permitted"; each is two 32-bit words with a bit per
--- capability. The layout is the kernel's (capget(2)); the names are the kernel's, in lower case.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local native = require "ljos.native"

local band, bnot, bor, lshift, rshift = bit.band, bit.bnot, bit.bor, bit.lshift, bit.rshift

---@class ljos.system.linux_capabilities.set
local M = {}

---@class ljos.system.CapabilitySet
---@field effective integer[]    two words
---@field inheritable integer[]
---@field permitted integer[]
---@field nsowner integer        the user id that is root in the namespace a file's capabilities are for

M.MAX = 63 -- the highest number that fits

-- In the order in which libcap writes them: "eip".
M.flags = { "effective", "inheritable", "permitted" }

local is_flag = { effective = true, inheritable = true, permitted = true }
local number_of, name_of = {}, {} ---@type table<string, integer>, table<integer, string>
for name, number in native.constants "CAP" do
    number_of[name:lower()] = number
    name_of[number] = name:lower()
end
M.name_of, M.number_of = name_of, number_of

--- The number of capabilities that have a name.
M.count = 0
while name_of[M.count] do
    M.count = M.count + 1
end

--- Returns the number of a capability; raises EINVAL for what is none.
---@param name any  "cap_chown", in any case
---@param arg integer|string  the argument's position or name, for the error
---@return integer
function M.check_name(name, arg)
    local number = number_of[type(name) == "string" and name:lower() or ""]
    return number or error_.argument(arg, "name of a capability expected, got " .. tostring(name))
end

--- Returns `flag` when it is the name of one, else raises EINVAL.
---@param flag any
---@param arg integer|string
---@return string
function M.check_flag(flag, arg)
    if not is_flag[flag] then
        error_.argument(arg, "effective, inheritable or permitted expected, got " .. tostring(flag))
    end
    return flag
end

--- Makes an empty set.
---@return ljos.system.CapabilitySet
function M.new() return { effective = { 0, 0 }, inheritable = { 0, 0 }, permitted = { 0, 0 }, nsowner = 0 } end

--- Tells whether a flag has a capability.
---@param set ljos.system.CapabilitySet
---@param flag string
---@param number integer
---@return boolean
function M.has(set, flag, number)
    local word = set[flag][number < 32 and 1 or 2]
    return band(rshift(word, number % 32), 1) == 1
end

--- Raises or lowers a capability of a flag.
---@param set ljos.system.CapabilitySet
---@param flag string
---@param number integer
---@param value boolean
function M.put(set, flag, number, value)
    local words, index = set[flag], number < 32 and 1 or 2
    local mask = lshift(1, number % 32)
    words[index] = value and bor(words[index], mask) or band(words[index], bnot(mask))
end

--- Copies a flag of one set to a flag of another, or of the same.
---@param to ljos.system.CapabilitySet
---@param to_flag string
---@param from ljos.system.CapabilitySet
---@param from_flag string
function M.fill(to, to_flag, from, from_flag)
    to[to_flag][1], to[to_flag][2] = from[from_flag][1], from[from_flag][2]
end

return M
