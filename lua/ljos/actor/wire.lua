--- The wire format of messages between processes: one fixed struct, no nesting, no parser.
---
--- A message is one leaf, or a flat dictionary of up to 20 leaves (seed 003, "Internals (sandboxes)"). Numbers stand in
--- `members` as they are; every other leaf is a signalling NaN whose mantissa is its kind. Strings and keys follow in
--- `strings`, each behind its length in one byte, in the order of the members. Descriptors and addresses travel beside
--- the message (SCM_RIGHTS), in that order too. What arrives is believed only where it adds up to the last byte
--- and the last descriptor. These are pure functions over memory: no IO.
---
--- Errors:   encode raises EINVAL; decode returns false
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local getmetatable, next, type = getmetatable, next, type
local band, bor = bit.band, bit.bor

---@class ljos.actor.wire
local M = { MAX_MEMBERS = 20, MAX_STRING = 255 }

native.declare [[
union ljos_wire_member {
    double as_double;
    struct { uint32_t low, high; } as_int;  /* x86-64 and aarch64 are little-endian */
};
struct ljos_wire_message {
    union ljos_wire_member members[20];
    uint8_t strings[20 * 512];
};
]]

local TRUE, FALSE, STRING, FILE_DESCRIPTOR, ACTOR_ADDRESS, NIL = 1, 2, 3, 4, 5, 6
-- The high half of a signalling NaN without sign; and what tells the kinds of NaN apart.
local SIGNALLING, EXPONENT, QUIET_BIT = 0x7ff00000, 0x7ff00000, 0x00080000

local MEMBERS_BYTES = ffi.offsetof("struct ljos_wire_message", "strings")
M.BYTES = ffi.sizeof "struct ljos_wire_message"

local nan = ffi.new "union ljos_wire_member"
nan.as_int.high = bor(SIGNALLING, QUIET_BIT)
local NAN = nan.as_double

-- A descriptor that the sender makes only when the whole message has proved legal.
M.TO_BE_MADE = -2

local objects = {} ---@type table<string, {fd_of: (fun(value: any): integer, any), tag: integer}>
local made_of = {} ---@type table<integer, any>

--- Teaches `encode` a class of objects, by what getmetatable(object) answers.
---@param name string
---@param fd_of fun(value: any): integer, any  its descriptor; or TO_BE_MADE, and what `made_of` is to answer; may raise
---@param kind "file_descriptor"|"actor_address"
function M.register(name, fd_of, kind)
    objects[name] = { fd_of = fd_of, tag = kind == "actor_address" and ACTOR_ADDRESS or FILE_DESCRIPTOR }
end

-- Encoding ------------------------------------------------------------------------------------------------------

local function refuse(detail) error_.argument(2, detail) end

local function put_tag(message, i, kind)
    local member = message.members[i].as_int
    member.low, member.high = kind, SIGNALLING
end

-- Appends a string at `at` bytes into `strings`; returns where the next one goes.
local function put_string(message, at, value)
    local length = #value
    if length > 255 then refuse("a string of " .. length .. " bytes; the limit is 255") end
    message.strings[at] = length
    ffi.copy(message.strings + at + 1, value, length)
    return at + 1 + length
end

local function put_object(message, i, value, fds, count)
    local class = objects[getmetatable(value)]
    if not class then refuse("a " .. type(value) .. " cannot be sent to another process") end
    fds[count], made_of[count] = class.fd_of(value)
    put_tag(message, i, class.tag)
    return count + 1
end

-- Puts one leaf; returns where the next string goes, and how many descriptors there are now.
local function put_leaf(message, i, at, value, fds, count)
    local kind = type(value)
    if kind == "number" then
        message.members[i].as_double = value == value and value or NAN
    elseif kind == "string" then
        put_tag(message, i, STRING)
        at = put_string(message, at, value)
    elseif kind == "boolean" then
        put_tag(message, i, value and TRUE or FALSE)
    else
        count = put_object(message, i, value, fds, count)
    end
    return at, count
end

local function put_dictionary(message, value, fds)
    local i, at, count = 0, 0, 0
    for key, leaf in next, value do
        if type(key) == "string" then
            if i == 20 then refuse "more than 20 members" end
            at = put_string(message, at, key)
            at, count = put_leaf(message, i, at, leaf, fds, count)
            i = i + 1
        end
    end
    if i == 0 then refuse "a dictionary without a string key" end
    if i < 20 then put_tag(message, i, NIL) end
    return at, count
end

--- Writes `value` to `message`. Nothing of the sender's memory but the value gets into the bytes to be sent.
---@param message ffi.cdata*  struct ljos_wire_message
---@param value any
---@param fds ffi.cdata*      int[20]: gets the descriptors that go beside it
---@return integer bytes, integer fd_count
function M.encode(message, value, fds)
    ffi.fill(message, MEMBERS_BYTES)
    local at, count
    if type(value) == "table" and getmetatable(value) == nil then
        at, count = put_dictionary(message, value, fds)
    else
        put_tag(message, 0, NIL)
        at, count = put_leaf(message, 1, 0, value, fds, 0)
    end
    return MEMBERS_BYTES + at, count
end

--- What the descriptor at `index` of the message that was encoded last is to be made of.
---@param index integer
---@return any
function M.made_of(index) return made_of[index] end

-- Decoding ------------------------------------------------------------------------------------------------------

local NUMBER = 0

-- The kind of a member; nil for a bit pattern that no sender of ours makes.
local function kind_of(message, i)
    local member = message.members[i].as_int
    local low, high = member.low, member.high
    if band(high, EXPONENT) ~= EXPONENT then return NUMBER end
    if band(high, QUIET_BIT) ~= 0 then return NUMBER end -- a NaN
    if low == 0 and band(high, 0x7fffffff) == EXPONENT then return NUMBER end -- infinity
    if high == SIGNALLING and low >= TRUE and low <= NIL then return low end
end

-- A NaN from outside must never become a Lua value as it is: LuaJIT keeps types and pointers in the mantissas of NaNs,
-- so the bits are looked at before the number is.
local function number_at(message, i)
    local member = message.members[i]
    local high = member.as_int.high
    if band(high, EXPONENT) == EXPONENT and band(high, QUIET_BIT) ~= 0 then return NAN end
    return member.as_double
end

-- Reads the string at `at`; returns it and where the next one is, or nil when it does not fit into `size` bytes.
local function string_at(message, at, size)
    if at >= size then return nil end
    local next_at = at + 1 + message.strings[at]
    if next_at > size then return nil end
    return ffi.string(message.strings + at + 1, message.strings[at]), next_at
end

-- Reads the leaf at member `i`. Returns nil when it makes no sense, else the value and where the next string is;
-- a descriptor's value is its kind, and `true` the third result.
local function leaf_at(message, i, at, size)
    local kind = kind_of(message, i)
    if kind == NUMBER then return number_at(message, i), at end
    if kind == STRING then return string_at(message, at, size) end
    if kind == TRUE or kind == FALSE then return kind == TRUE, at end
    if kind == FILE_DESCRIPTOR or kind == ACTOR_ADDRESS then return kind, at, true end
end

local function decode_single(message, size, fds, fd_count, make)
    local value, at, is_fd = leaf_at(message, 1, 0, size)
    if value == nil or at ~= size or fd_count ~= (is_fd and 1 or 0) then return false end
    if not is_fd then return true, value end
    local object = make(fds[0], value == ACTOR_ADDRESS)
    return object ~= nil, object, true
end

local function decode_dictionary(message, size, fds, fd_count, make)
    local result, keys, kinds = {}, nil, nil
    local at, count = 0, 0
    for i = 0, 19 do
        if kind_of(message, i) == NIL then break end
        local key, value, is_fd
        key, at = string_at(message, at, size)
        if key == nil then return false end
        value, at, is_fd = leaf_at(message, i, at, size)
        if value == nil then return false end
        if is_fd then
            keys, kinds, count = keys or {}, kinds or {}, count + 1
            keys[count], kinds[count] = key, value
        else
            result[key] = value
        end
    end
    if at ~= size or count ~= fd_count then return false end
    local ok = true
    for n = 1, count do
        local object = make(fds[n - 1], kinds[n] == ACTOR_ADDRESS)
        ok = ok and object ~= nil
        result[keys[n]] = object
    end
    return ok, result, true
end

--- Reads the `bytes` that were received into `message`. A message that is malformed in any way gives false; the
--- third result tells whether `make` was given the descriptors nevertheless, because it refused one of them.
---@param message ffi.cdata*  struct ljos_wire_message
---@param bytes integer
---@param fds ffi.cdata*      int[20]: the descriptors that came beside it
---@param fd_count integer
---@param make fun(fd: integer, is_address: boolean): any  turns a descriptor into an object, or closes it: nil
---@return boolean ok, any value, boolean? taken
function M.decode(message, bytes, fds, fd_count, make)
    local size = bytes - MEMBERS_BYTES
    if size < 0 then return false end
    if kind_of(message, 0) == NIL then return decode_single(message, size, fds, fd_count, make) end
    return decode_dictionary(message, size, fds, fd_count, make)
end

return M
