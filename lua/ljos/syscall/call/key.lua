--- Keys that the kernel keeps: add_key, request_key, keyctl.
---
--- A key is its number, or the name of a special keyring ("session_keyring", "KEY_SPEC_USER_KEYRING").
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    a kernel with keys
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local kernel = require "ljos.syscall.kernel"

local flag, integer, path_of = argument.flag, argument.integer, argument.path

---@class ljos.syscall.call.key
local M = {}

local function key(value, position) return value == nil and 0 or flag(c.KEY_SPEC, value, position) end

local function data(value, length, position)
    if type(value) == "string" then return value, length or #value end
    return argument.pointer(value, position), integer(length or (value == nil and 0) or ffi.sizeof(value), position)
end

local add_key = kernel.call("add_key", "pppii")
--- add_key(2): (type, description, payload, keyring) gives the key's number. The payload is a string, a buffer, or nil
--- for a new keyring.
function M.add_key(kind, description, payload, keyring)
    local bytes, length = data(payload, nil, 3)
    if keyring == nil then argument.wrong(4, "keyring", keyring) end
    return kernel.number(add_key(path_of(kind, 1), path_of(description, 2), bytes, length, key(keyring, 4)))
end

local request_key = kernel.call("request_key", "pppi")
--- request_key(2): (type, description, callout, keyring) gives the number of a key that is there or is made.
function M.request_key(kind, description, callout, keyring)
    return kernel.number(
        request_key(path_of(kind, 1), path_of(description, 2), argument.pointer(callout, 3), key(keyring, 4))
    )
end

-- The arguments of each operation: k a key, n a number, s a string or nil, d data, r a name of c.KEY_REQKEY_DEFL. The
-- operations of `texts` fill a buffer, after these.
local forms = {
    GET_KEYRING_ID = "kn",
    JOIN_SESSION_KEYRING = "s",
    UPDATE = "kd",
    REVOKE = "k",
    CHOWN = "knn",
    SETPERM = "kn",
    CLEAR = "k",
    LINK = "kk",
    UNLINK = "kk",
    SEARCH = "kssk",
    INSTANTIATE = "kdk",
    NEGATE = "knk",
    SET_REQKEY_KEYRING = "r",
    SET_TIMEOUT = "kn",
    ASSUME_AUTHORITY = "k",
    SESSION_TO_PARENT = "",
    REJECT = "knnk",
    INVALIDATE = "k",
    GET_PERSISTENT = "nk",
    RESTRICT_KEYRING = "kss",
    MOVE = "kkkn",
}
local texts = { DESCRIBE = "k", READ = "k", GET_SECURITY = "k", CAPABILITIES = "" }

local function marshal(form, values)
    local signature, args, n = "i", {}, 0
    local function add(letter, value)
        n = n + 1
        signature, args[n] = signature .. letter, value
    end
    local at = 0
    for letter in form:gmatch "." do
        at = at + 1
        local value, position = values[at], at + 1
        if letter == "k" then
            add("i", key(value, position))
        elseif letter == "n" then
            add("i", integer(value == nil and 0 or value, position))
        elseif letter == "r" then
            add("i", flag(c.KEY_REQKEY_DEFL, value, position))
        elseif letter == "s" then
            add("p", argument.pointer(value, position))
        else
            local bytes, length = data(value, nil, position)
            add("p", bytes)
            add("i", length)
        end
    end
    return signature, args, n
end

-- Asks with a buffer that grows to the size the kernel names.
local function read_text(name, operation, values)
    local size = 256
    while true do
        local buffer = ffi.new("char[?]", size)
        local signature, args, n = marshal(texts[name], values)
        args[n + 1], args[n + 2] = buffer, size
        local res = kernel.call("keyctl", signature .. "pi")(operation, unpack(args, 1, n + 2))
        if res < 0 then return kernel.failed(res) end
        if res <= size then
            local text = ffi.string(buffer, res)
            return name ~= "READ" and name ~= "CAPABILITIES" and text:gsub("%z+$", "") or text
        end
        size = res
    end
end

--- keyctl(2): "read", "describe", "get_security" and "capabilities" give a string, those that name a key its number,
--- the others true. A payload is a string or a buffer; the operations that take structs get pointers and numbers as
--- they are.
---@param operation string|integer
function M.keyctl(operation, ...)
    local number = flag(c.KEYCTL, operation, 1)
    local name
    for candidate, value in pairs(c.KEYCTL) do
        if value == number and (forms[candidate] or texts[candidate]) then name = candidate end
    end
    if texts[name] then return read_text(name, number, { ... }) end
    if not name then return require("ljos.syscall").syscall("keyctl", number, ...) end
    local signature, args, n = marshal(forms[name], { ... })
    local res = kernel.call("keyctl", signature)(number, unpack(args, 1, n))
    if res < 0 then return kernel.failed(res) end
    if name == "SET_REQKEY_KEYRING" then return res end
    return res == 0 or res
end

return M
