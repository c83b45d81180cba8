--- Constant groups: tables of names that also read flag strings.
---
--- A group holds its upper-case names as plain fields, so `group.CREAT` is a table access. Any other key reaches the
--- metatable, is read as a flag string ("creat, wronly", any case, with or without the C prefix), and the result is
--- remembered there. How a string is read depends on the kind of the group.
---
--- Errors:   raises a string for a flag that does not exist
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local fail = require("ljos.syscall.blame").fail

local bor, band, bnot, floor = bit.bor, bit.band, bit.bnot, math.floor

---@class ljos.syscall.group
local M = {}

local TWO32 = 2 ^ 32

--- What "nocloexec" stands for in every group that has CLOEXEC: a bit above all of the kernel's flags. Only
--- `argument.cloexec` reads it.
M.NOCLOEXEC = 2 ^ 48

--- ORs two flag words of up to 52 bits.
---@param a number
---@param b number
---@return number
local function either(a, b)
    local low = bor(a, b) % TWO32
    if a < TWO32 and b < TWO32 then return low end
    return bor(floor(a / TWO32), floor(b / TWO32)) % TWO32 * TWO32 + low
end
M.either = either

local function without(a, b)
    local low = band(a, bnot(b)) % TWO32
    if a < TWO32 then return low end
    return band(floor(a / TWO32), bnot(floor(b / TWO32))) % TWO32 * TWO32 + low
end

-- Finds one name, in any case, with or without one of the group's C prefixes.
local function find(group, prefixes, name)
    local upper = name:upper()
    local value = rawget(group, upper)
    if value ~= nil then return value end
    for i = 1, #prefixes do
        local prefix = prefixes[i]
        if upper:sub(1, #prefix) == prefix then
            value = rawget(group, upper:sub(#prefix + 1))
            if value ~= nil then return value end
        end
    end
end

local function trim(text) return text:match "^%s*(.-)%s*$" end

local function invalid(name, item) fail(("invalid flag %s for %s"):format(item, name)) end

local function read_list(self, text, item_value)
    text = trim(text)
    if text == "" then return 0 end
    local total = 0
    for item in (text .. ","):gmatch "([^,]*)," do
        item = trim(item)
        if item == "" then fail("empty flag in " .. self.name) end
        local value = item_value(self, item)
        if value == nil then
            -- One unknown name in upper case asks whether it exists: `if c.O.PATH then`.
            if item == text and item:upper() == item then return nil end
            invalid(self.name, item)
        end
        total = either(total, value)
    end
    return total
end

local function plain_item(self, item)
    local value = find(self.group, self.prefixes, item)
    if value == nil and item:upper() == "NOCLOEXEC" and (self.group.CLOEXEC or self.group.FD_CLOEXEC) then
        return M.NOCLOEXEC
    end
    return value
end

local permissions = { u = {}, g = {}, o = {}, a = {} }
for letter, value in pairs { r = 4, w = 2, x = 1 } do
    permissions.u[letter], permissions.g[letter], permissions.o[letter] = value * 64, value * 8, value
    permissions.a[letter] = value * 73
end

-- chmod(1)'s "u=rw", "go=r", and "rw" for everybody, from which the umask takes what it is for.
local function symbolic(item)
    local who, what = item:match "^([ugoa]+)=([rwx]*)$"
    if not who then
        who, what = "a", item:match "^[rwx]+$"
    end
    if not what then return nil end
    local total = 0
    for person in who:gmatch "." do
        for letter in what:gmatch "." do
            total = bor(total, permissions[person][letter])
        end
    end
    return total
end

local function mode_item(self, item)
    if item:sub(1, 1) == "0" then return tonumber(item, 8) end
    return plain_item(self, item) or symbolic(item)
end

local readers = {}

function readers.multi(self, key)
    if key == nil then return 0 end
    return read_list(self, key, plain_item)
end

function readers.mode(self, key)
    if key == nil then return 0 end
    return read_list(self, key, mode_item)
end

function readers.single(self, key)
    if key == nil then return nil end
    if key == "" then return 0 end
    return find(self.group, self.prefixes, trim(key))
end

-- access(2): the letters r, w, x and f.
function readers.char(self, key)
    if key == nil or key == "" then return 0 end
    local whole = find(self.group, self.prefixes, key)
    if whole then return whole end
    local total = 0
    for letter in key:gmatch "." do
        total = bor(total, rawget(self.group, letter:upper()) or invalid(self.name, key))
    end
    return total
end

-- swapon(2): names, and a bare number as the priority.
function readers.swap(self, key)
    if key == nil then return 0 end
    return read_list(self, key, function(_, item)
        local priority = tonumber(item)
        if not priority then return plain_item(self, item) end
        return bor(self.group.PREFER, band(self.group.PRIO_MASK, bit.lshift(priority, self.group.PRIO_SHIFT)))
    end)
end

local function call(self, first, ...)
    local total = first == nil and 0 or self[first]
    for i = 1, select("#", ...) do
        local flag = select(i, ...)
        if type(flag) == "string" and flag:sub(1, 1) == "~" then
            total = without(total, self[flag:sub(2)])
        elseif flag ~= nil then
            total = either(total, self[flag])
        end
    end
    return total
end

--- Makes a group.
---@param name string       for messages
---@param kind string       "multi", "single", "mode", "char" or "swap"
---@param values table<string, integer>  becomes the group
---@param prefixes string[] the C prefixes that may be written
---@return table
function M.new(name, kind, values, prefixes)
    local self = { name = name, group = values, prefixes = prefixes, kind = kind }
    local read = readers[kind]
    local memory = {}
    setmetatable(memory, {
        __index = function(_, key)
            local kind_of_key = type(key)
            if kind_of_key == "number" then return key end
            if kind_of_key == "cdata" then
                if ffi.istype("int64_t", key) or ffi.istype("uint64_t", key) then return key end
                return tonumber(key) or invalid(name, tostring(key))
            end
            if kind_of_key ~= "string" and key ~= nil then invalid(name, tostring(key)) end
            local value = read(self, key)
            if key ~= nil and value ~= nil then memory[key] = value end
            return value
        end,
    })
    return setmetatable(values, { __index = memory, __call = call, group = self })
end

--- Lists a group's names for messages, in alphabetical order.
---@param group table
---@return string
function M.names(group)
    local list = {} ---@type string[]
    for name in pairs(group) do
        list[#list + 1] = tostring(name):lower()
    end
    table.sort(list)
    if #list > 24 then
        list = { unpack(list, 1, 24) }
        list[25] = "..."
    end
    return table.concat(list, ", ")
end

--- Returns the name a group was made with.
---@param group table
---@return string
function M.name(group) return getmetatable(group).group.name end

return M
