--- Replies: what the calls answer, as Lua values, in the struct that travels.
---
--- An integer for most; a table for stat and lstat that succeeded; for getaddrinfo a name of its errors, no address, or
--- one. Times are what the two users of this module have for them: time points in the master, seconds in filters.
---
--- Errors:   raises EINVAL, which names the argument
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local native = require "ljos.native"

local band, bor = bit.band, bit.bor
local constants = native.constant_table "path"

---@class ljos.libc_service.reply
local M = {}

local TYPES = {
    regular = constants.S_IFREG,
    directory = constants.S_IFDIR,
    symlink = constants.S_IFLNK,
    block = constants.S_IFBLK,
    character = constants.S_IFCHR,
    fifo = constants.S_IFIFO,
    socket = constants.S_IFSOCK,
}
local PERMISSIONS = 0xfff

-- What getaddrinfo(3) answers, by what seed 003 calls it.
local NAME_ERRORS = {}
for name, number in pairs(native.constant_table "resolve") do
    local short = name:match "^EAI_(.*)"
    if short then NAME_ERRORS[short:lower()] = number end
end

--- Checks an integer.
---@param value any
---@param least number
---@param most number
---@param arg integer|string
---@return integer
function M.integer(value, least, most, arg)
    error_.check_type(value, "number", arg)
    if not (value >= least and value <= most) or value % 1 ~= 0 then
        error_.argument(arg, ("an integer from %.0f to %.0f expected, got %s"):format(least, most, tostring(value)))
    end
    return value
end
local integer = M.integer

--- The number of an errno: of an Error of the category "generic" or "system", or the number itself.
---@param value any
---@param arg integer|string
---@return integer
function M.errno(value, arg)
    if value == nil then return 0 end
    if error_.is_error(value) then
        local is_errno = value.category == error_.generic_category or value.category == error_.system_category
        if not is_errno then error_.argument(arg, "an error of another category: " .. tostring(value.category)) end
        value = value.code
    end
    return integer(value, 0, 4095, arg)
end

-- stat ----------------------------------------------------------------------------------------------------------

-- The members that are plain numbers, and what they are where they are left out.
local NUMBERS = { dev = 0, ino = 0, nlink = 1, uid = 0, gid = 0, rdev = 0, size = 0, blksize = 4096 }
local TIMES = { "atime", "mtime", "ctime" }

---@class ljos.libc_service.Status
---@field type string    "regular", "directory", "symlink", "block", "character", "fifo" or "socket"
---@field mode number    the permission bits
---@field dev? number    0
---@field ino? number    0
---@field nlink? number  1
---@field uid? number    0
---@field gid? number    0
---@field rdev? number   0
---@field size? number   bytes; 0
---@field blksize? number  bytes; 4096
---@field atime? any     the epoch; so for the other two
---@field mtime? any
---@field ctime? any

--- Writes what stat(2) says of a file. `status` is read to its end before anything is written.
---@param out ffi.cdata*  a struct ljos_libc_reply
---@param status ljos.libc_service.Status
---@param arg string      its name, for errors
---@param to_unix fun(time: any, arg: string): number, number  seconds and nanoseconds
function M.put_status(out, status, arg, to_unix)
    local kind = TYPES[status.type]
    if not kind then error_.argument(arg .. ".type", "no type of file is named " .. tostring(status.type)) end
    local mode = integer(status.mode, 0, PERMISSIONS, arg .. ".mode")
    local numbers, times = {}, {}
    for name, default in pairs(NUMBERS) do
        local most = (name == "uid" or name == "gid") and 2 ^ 32 - 1 or 2 ^ 53
        local value = status[name]
        numbers[name] = value == nil and default or integer(value, 0, most, arg .. "." .. name)
    end
    for _, name in ipairs(TIMES) do
        if status[name] ~= nil then times[name] = { to_unix(status[name], arg .. "." .. name) } end
    end
    out.result, out.mode = 0, bor(kind, mode)
    for name, value in pairs(numbers) do
        out[name] = value
    end
    for name, value in pairs(times) do
        out[name][0], out[name][1] = value[1], value[2]
    end
    out.blocks = math.ceil(numbers.size / 512)
end

--- Reads what stat(2) says of a file, with times in seconds.
---@param reply ffi.cdata*
---@return ljos.libc_service.Status
function M.status(reply)
    local status = { mode = band(reply.mode, PERMISSIONS) }
    for name, bits in pairs(TYPES) do
        if band(reply.mode, constants.S_IFMT) == bits then status.type = name end
    end
    for name in pairs(NUMBERS) do
        status[name] = tonumber(reply[name])
    end
    for _, name in ipairs(TIMES) do
        status[name] = tonumber(reply[name][0]) + tonumber(reply[name][1]) * 1e-9
    end
    return status
end

-- getaddrinfo ---------------------------------------------------------------------------------------------------

--- Writes that getaddrinfo(3) failed; `value` is the name of an error, or its number.
---@param out ffi.cdata*
---@param value any
---@param errno integer  for "system"
---@param arg integer|string
function M.put_name_error(out, value, errno, arg)
    local code = NAME_ERRORS[value]
    if not code and type(value) == "number" then code = integer(value, -0x80000000, 0x7fffffff, arg) end
    if not code then error_.argument(arg, "no error of getaddrinfo is named " .. tostring(value)) end
    out.result, out.error = code, errno
end

--- Writes an address that a name has.
---@param out ffi.cdata*
---@param version 4|6
---@param bytes ffi.cdata*|integer[]  4 or 16, from 0 where it is cdata
---@param scope integer
---@param port integer
function M.put_address(out, version, bytes, scope, port)
    local first = type(bytes) == "table" and 1 or 0
    out.result, out.version, out.port, out.scope = 0, version, port, scope
    for i = 0, (version == 4 and 4 or 16) - 1 do
        out.address[i] = bytes[first + i]
    end
end

--- The name of an error of getaddrinfo(3), or its number where it has none.
---@param code integer
---@return string|integer
function M.name_error(code)
    for name, number in pairs(NAME_ERRORS) do
        if number == code then return name end
    end
    return code
end

--- The bytes of an address in a request or a reply, as a list.
---@param address ffi.cdata*  uint8_t[16]
---@param version 4|6
---@return integer[]
function M.bytes(address, version)
    local list = {}
    for i = 1, version == 4 and 4 or 16 do
        list[i] = address[i - 1]
    end
    return list
end

return M
