--- Memory files: bytes in memory with the methods of a Lua file.
---
--- Shared memory, mapped files and strings differ in where the bytes come from and what closing does; the rest is
--- here. Reads and writes move one position. The size is fixed but for `truncate`, which only lowers it for
--- this handle. The memory is released by `close` or with the last reference to the handle; a pointer got from
--- `addr` does not keep it.
---
--- Errors:   raises strings for wrong arguments and closed handles; else returns nil, message
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local native = require "ljos.native"
local number_reader = require "ljos.ipc.number_reader"

local error, floor, select, type = error, math.floor, select, type
local lib = native.C

---@class ljos.ipc.memory_file
local M = {}

---@class ljos.ipc.MemoryFile
---@field package base? ffi.cdata*            a uint8_t *; nil when closed
---@field package length integer
---@field package position integer
---@field package readable boolean
---@field package writable boolean
---@field package release fun()               frees the memory; called once
---@field package sync? fun(length: integer)  writes back
local File = {}

local function check_open(self, level)
    if type(self) ~= "table" then error("in-memory file expected, got " .. type(self), level or 3) end
    if not self.base then error("attempt to use closed in-memory file", level or 3) end
end

-- Reading: each reader returns a value, or nil at the end.

local function read_count(self, count)
    local left = self.length - self.position
    if left == 0 then return nil end
    local from = self.position
    if count > left then count = left end
    self.position = from + count
    return ffi.string(self.base + from, count)
end

local function read_all(self) return read_count(self, self.length) or "" end

-- The native search takes 32-bit lengths; mapped files may be longer.
local WINDOW = 2 ^ 30

---@param line any  a uint8_t *
---@param left any
local function find_newline(line, left)
    local searched = 0 ---@type any
    while searched < left do
        local window = math.min(left - searched, WINDOW) --[[@as integer]]
        local at = lib.ljos_bytes_find(line + searched --[[@as ffi.cdata*]], window, "\n", 1)
        if at >= 0 then return searched + at end
        searched = searched + window
    end
end

local function read_line(self, keeps_end)
    local from, left = self.position, self.length - self.position
    if left == 0 then return nil end
    local line = self.base + from
    local at = find_newline(line, left)
    if not at then return read_all(self) end
    self.position = from + at + 1
    if keeps_end then return ffi.string(line, at + 1) end
    if at > 0 and line[at - 1] == 13 then at = at - 1 end
    return ffi.string(line, at)
end

local function read_number(self)
    local value
    value, self.position = number_reader.read(self.base, self.position, self.length)
    return value
end

local readers = {
    n = read_number,
    l = function(self) return read_line(self, false) end,
    L = function(self) return read_line(self, true) end,
    a = read_all,
}

-- The reader of a format and its argument; nil for what is no format.
local function reader_of(format)
    if type(format) == "number" then
        if format >= 0 and format == floor(format) then return read_count, format end
    elseif type(format) == "string" then
        return readers[format:match "^%*?(.)"], nil
    end
end

local function read_formats(self, formats, count)
    local results = {}
    for i = 1, count do
        local reader, argument = reader_of(formats[i])
        results[i] = reader(self, argument)
        if results[i] == nil then return unpack(results, 1, i) end
    end
    return unpack(results, 1, count)
end

--- Reads by formats as `file:read` does: a number of bytes, "n", "l" (the default), "L" or "a", each with an
--- optional "*". "l" drops a CR before the LF. At the end nil, but "" for "a".
---@param ... integer|string
---@return any ... what stopped at the first nil; nil, "permission denied" where reading is not allowed
function File:read(...)
    check_open(self)
    local count = select("#", ...)
    for i = 1, count do
        if not reader_of((select(i, ...))) then arguments.bad(i, "read", "invalid format") end
    end
    if not self.readable then return nil, "permission denied" end
    if count == 0 then return read_line(self, false) end
    if count == 1 then
        local reader, argument = reader_of(...)
        return reader(self, argument)
    end
    return read_formats(self, { ... }, count)
end

--- Iterates: each step reads by the formats given ("l" by default) and ends at nil. The handle stays open.
---@param ... integer|string
---@return fun(): string|number|nil, ...
function File:lines(...)
    check_open(self)
    if not self.readable then error("permission denied", 2) end
    local count, formats = select("#", ...), { ... }
    if count == 0 then
        count, formats = 1, { "l" }
    end
    return function()
        check_open(self)
        for i = 1, count do
            if not reader_of(formats[i]) then error("invalid format", 2) end
        end
        return read_formats(self, formats, count)
    end
end

---@param self any
local function write_one(self, text)
    local room = self.length - self.position ---@type any
    local count = #text < room and #text or room
    ffi.copy(self.base + self.position, text, count)
    self.position = self.position + count
    return count == #text
end

--- Writes strings and numbers at the position. What does not fit is cut: the part that fits is written.
---@param ... string|number
---@return ljos.ipc.MemoryFile? # itself; nil, message when something did not fit or writing is not allowed
---@return string? message
function File:write(...)
    check_open(self)
    local count = select("#", ...)
    for i = 1, count do
        arguments.string((select(i, ...)), i, "write")
    end
    if not self.writable then return nil, "permission denied" end
    for i = 1, count do
        if not write_one(self, tostring((select(i, ...)))) then return nil, "not enough space" end
    end
    return self
end

local origins = {
    set = function() return 0 end,
    cur = function(self) return self.position end,
    ["end"] = function(self) return self.length end,
}

--- Moves the position within 0..size and returns it.
---@param whence? "set"|"cur"|"end"
---@param offset? integer
---@return integer? position  nil, "invalid offset" outside
---@return string? message
function File:seek(whence, offset)
    check_open(self)
    local origin = arguments.option(whence or "cur", origins, 1, "seek")(self)
    local position = origin + arguments.integer(offset or 0, 2, "seek")
    if position < 0 or position > self.length then return nil, "invalid offset" end
    self.position = position
    return position
end

local modes = { no = true, full = true, line = true }

--- Does nothing: there is no buffer.
---@param mode "no"|"full"|"line"
---@param size? integer
---@return boolean
function File:setvbuf(mode, size)
    check_open(self)
    arguments.option(mode, modes, 1, "setvbuf")
    if size ~= nil then arguments.integer(size, 2, "setvbuf") end
    return true
end

--- Starts writing a mapped file's bytes back (msync(2), MS_ASYNC).
---@return boolean? ok
---@return string? message
function File:flush()
    check_open(self)
    if not self.writable then return nil, "permission denied" end
    if self.sync then self.sync(self.length) end
    return true
end

---@return integer # in bytes
function File:size()
    check_open(self)
    return self.length
end

---@return ffi.cdata* # a `void *` to byte 0
function File:addr()
    check_open(self)
    return ffi.cast("void *", self.base)
end

--- Lowers the size that this handle sees; the position is pulled back into it.
---@param size integer
---@return boolean? ok
---@return string? message
function File:truncate(size)
    check_open(self)
    size = arguments.integer(size, 1, "truncate")
    if size < 0 or size > self.length then return nil, "new size too large" end
    self.length = size
    if self.position > size then self.position = size end
    return true
end

--- Releases the memory. The creator of shared memory also removes its name.
---@return boolean
function File:close()
    check_open(self)
    self.base = nil
    self.release()
    return true
end

local metatable = {
    __index = File,
    __metatable = false,
    __tostring = function(self) return self.base and "memory file" or "memory file (closed)" end,
}

---@class ljos.ipc.MemoryFields
---@field base ffi.cdata*
---@field length integer
---@field readable boolean
---@field writable boolean
---@field release fun()
---@field sync? fun(length: integer)
---@field anchor? any  kept as long as the handle

--- Makes a memory file. `release` must free the memory when called, and on its own when it is collected.
---@param fields ljos.ipc.MemoryFields
---@return ljos.ipc.MemoryFile
function M.new(fields)
    fields.position = 0
    return setmetatable(fields, metatable) --[[@as ljos.ipc.MemoryFile]]
end

return M
