--- Scalar types, one-element arrays for out-arguments, buffers; the descriptor and error types.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local Error = require "ljos.error"
local struct = require "ljos.syscall.struct"
local fail = require("ljos.syscall.blame").fail

local M = {}

-- Integer types of the kernel by width: the same on both 64-bit architectures.
local aliases = {
    char = "char",
    uchar = "unsigned char",
    int = "int",
    uint = "unsigned int",
    long = "long",
    ulong = "unsigned long",
    int8 = "int8_t",
    int16 = "int16_t",
    int32 = "int32_t",
    int64 = "int64_t",
    uint8 = "uint8_t",
    uint16 = "uint16_t",
    uint32 = "uint32_t",
    uint64 = "uint64_t",
    intptr = "intptr_t",
    uintptr = "uintptr_t",
    size = "size_t",
    ssize = "ssize_t",
    off = "int64_t",
    pid = "int32_t",
    uid = "uint32_t",
    gid = "uint32_t",
    mode = "uint32_t",
    dev = "uint64_t",
    ino = "uint64_t",
    nlink = "uint64_t",
    time = "int64_t",
    clock = "int64_t",
    clockid = "int32_t",
    daddr = "int32_t",
    id = "uint32_t",
    in_port = "uint16_t",
    nfds = "unsigned long",
    sa_family = "uint16_t",
    socklen = "uint32_t",
    timer = "int",
    aio_context = "unsigned long",
    cap = "uint32_t",
}

local arrays = {
    ints = "int[?]",
    string_array = "const char *[?]",
    char2 = "char[2]",
    int2 = "int[2]",
    uint2 = "unsigned int[2]",
}

-- An error without a number has no text.
local no_error = setmetatable({ errno = 0, code = 0 }, {
    __tostring = function() return nil end,
    __index = function() return nil end,
})

local function new_error(n)
    n = n or ffi.errno()
    local name = n
    if type(n) == "string" then n = Error.errno_of["E" .. n:upper()] or Error.errno_of[n:upper()] end
    if type(n) == "cdata" then n = tonumber(n) end
    if type(n) ~= "number" or n ~= n then fail("number or name of an error expected, got " .. tostring(name)) end
    if not Error.errno(n).sym then
        return n == 0 and no_error or setmetatable({ errno = n, code = n }, getmetatable(no_error))
    end
    return Error.errno(n)
end

local bytes = ffi.typeof "char[?]"

--- A buffer: buffer(size), buffer(size, text), or buffer(text), which is as long as the text. LuaJIT by itself would
--- copy a text that is longer than the buffer, and its NUL, past the end.
local function buffer(size, text)
    if type(size) == "string" then
        size, text = #size, size
    end
    if type(size) ~= "number" or not (size >= 0 and size < 2 ^ 31) then
        fail("size below 2^31 expected, got " .. tostring(size))
    end
    local self = bytes(size)
    if text == nil then return self end
    if type(text) ~= "string" then fail("text expected, got " .. type(text)) end
    if #text > size then fail(("a text of %d bytes for a buffer of %d"):format(#text, size)) end
    ffi.copy(self, text, #text)
    return self
end

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name)
    if name == "error" then
        struct.t.error = new_error
        return
    end
    if name == "fd" then
        local ct = require("ljos.syscall.fd").ctype
        struct.register("fd", ct)
        return
    end
    if name == "buffer" then
        struct.register("buffer", bytes, buffer)
        return
    end
    if name == "void" then
        struct.pt.void = function(p) return ffi.cast("void *", p) end
        return
    end
    if name == "pointer" then
        struct.register(name, ffi.typeof "void *")
        return
    end
    if arrays[name] then
        struct.register(name, ffi.typeof(arrays[name]))
        return
    end
    local base = name:match "^(.-)_?1$"
    if base and aliases[base] then
        struct.register(name, ffi.typeof(aliases[base] .. "[1]"))
    elseif aliases[name] then
        struct.register(name, ffi.typeof(aliases[name]))
    end
end

return M
