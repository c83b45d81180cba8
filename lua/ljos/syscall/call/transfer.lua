--- Reading, writing and moving bytes.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local Error = require "ljos.error"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local type, pcall, istype, sizeof = type, pcall, ffi.istype, ffi.sizeof
local number, integer, flag, bytes = fd.number, argument.integer, argument.flag, argument.bytes
local span = ffi.typeof "struct ljos_span"
local ffi_errno, errno, EINTR = ffi.errno, Error.errno, Error.errno_of.EINTR

---@class ljos.syscall.call.transfer
local M = {}

-- The results fit an int: the kernel transfers at most 0x7ffff000 bytes at a time.
local read = kernel.libc("read", "int (int, void *, size_t)")
local write = kernel.libc("write", "int (int, const void *, size_t)")

-- The way out of the hot functions: repeats after EINTR, else makes the error.
local function again(f, file, buffer, count)
    local code = ffi_errno()
    while code == EINTR do
        kernel.interrupted()
        local res = f(file, buffer, count)
        if res >= 0 then return res end
        code = ffi_errno()
    end
    return nil, errno(code)
end

local scratch, SCRATCH = ffi.new "char[65536]", 65536
-- Room for what becomes a string at once: the same for all, unless it is large.
local function space(count)
    if count <= SCRATCH then return scratch end
    return argument.fresh(count, 3)
end
M.space = space

local function read_string(file, count)
    count = count == nil and 4096 or argument.size(count, 3)
    local buffer = space(count)
    local res = read(file, buffer, count)
    if res < 0 then
        local count_read, err = again(read, file, buffer, count)
        if not count_read then return nil, err end
        res = count_read
    end
    return ffi.string(buffer, res)
end

-- Tells whether a buffer and its count are as the hot functions have them; `argument.bytes` sees to the others.
local function is_plain(buffer, count)
    if type(count) ~= "number" or istype(span, buffer) then return false end
    local ok, size = pcall(sizeof, buffer)
    return ok and size and count >= 0 and count <= size
end

--- Reads: read(2). With a buffer or a byte span the count of bytes, without one a string of at most `count` (4096)
--- bytes. The count may not exceed an array; a span has a count of its own.
---@param file any
---@param buffer? ffi.cdata*
---@param count? integer
---@return integer|string|nil
---@return ljos.Error?
function M.read(file, buffer, count)
    if type(file) ~= "number" then file = number(file, 1) end
    if type(buffer) ~= "cdata" then
        if buffer ~= nil then argument.wrong(2, "buffer", buffer) end
        return read_string(file, count)
    end
    local memory = buffer
    if not is_plain(buffer, count) then
        memory, count = bytes(buffer, count, 2)
    end
    local res = read(file, memory, count)
    if res >= 0 then return res end
    return again(read, file, memory, count)
end

--- Writes: write(2). `count` defaults to the length of a string or a byte span.
---@param file any
---@param data string|ffi.cdata*
---@param count? integer
---@return integer?
---@return ljos.Error?
function M.write(file, data, count)
    if type(file) ~= "number" then file = number(file, 1) end
    local memory = data
    if type(data) ~= "cdata" or not is_plain(data, count) then
        memory, count = argument.data(data, count, 2)
    end
    local res = write(file, memory, count)
    if res >= 0 then return res end
    return again(write, file, memory, count)
end

local pread, pwrite = kernel.retry(kernel.call("pread64", "ipii")), kernel.retry(kernel.call("pwrite64", "ipii"))
--- pread(2): the count of bytes, into a buffer or a byte span.
function M.pread(file, buffer, count, offset)
    local memory, n = bytes(buffer, count, 2)
    return kernel.number(pread(number(file, 1), memory, n, integer(offset or 0, 4)))
end
function M.pwrite(file, data, count, offset)
    local memory, n = argument.data(data, count, 2)
    return kernel.number(pwrite(number(file, 1), memory, n, integer(offset or 0, 4)))
end

-- Vectors are an object of t.iovecs, or the list that makes one.
local function vectors(iov, position)
    if type(iov) ~= "table" and not (type(iov) == "cdata" and ffi.istype("struct ljos_iovecs", iov)) then
        argument.wrong(position, "list of buffers", iov)
    end
    return argument.struct(types.t.iovecs, iov, position)
end

local function define_vector(name, signature)
    local f = kernel.retry(kernel.call(name, signature))
    if signature == "ipi" then
        M[name] = function(file, iov)
            iov = vectors(iov, 2)
            return kernel.number(f(number(file, 1), iov.iov, iov.count))
        end
        return
    end
    -- The offset comes as two words; on 64-bit machines the high one is ignored.
    if signature == "ipiii" then
        M[name] = function(file, iov, offset)
            iov = vectors(iov, 2)
            return kernel.number(f(number(file, 1), iov.iov, iov.count, integer(offset or 0, 3), 0))
        end
        return
    end
    M[name] = function(file, iov, offset, flags)
        iov = vectors(iov, 2)
        return kernel.number(f(number(file, 1), iov.iov, iov.count, integer(offset or -1, 3), 0, flag(c.RWF, flags, 4)))
    end
end

define_vector("readv", "ipi")
define_vector("writev", "ipi")
define_vector("preadv", "ipiii")
define_vector("pwritev", "ipiii")
define_vector("preadv2", "ipiiii")
define_vector("pwritev2", "ipiiii")

local offset_in, offset_out = ffi.new "int64_t[1]", ffi.new "int64_t[1]"

-- An offset is nil (the file's own), a number, or an array that the kernel moves on.
local function offset(value, cell, position)
    if value == nil then return nil end
    if type(value) == "number" then
        cell[0] = value
        return cell
    end
    return argument.pointer(value, position)
end

local again_after = kernel.again

local sendfile = kernel.call("sendfile", "iipi")
function M.sendfile(out, input, from, count)
    local to, source, n = number(out, 1), number(input, 2), integer(count, 4)
    local res ---@type integer
    repeat
        res = sendfile(to, source, offset(from, offset_in, 3), n)
    until not again_after(res)
    return kernel.number(res)
end

-- splice(2) and copy_file_range(2): two descriptors, each with an offset.
local function between(f, input, from, out, to, count, flags)
    local source, target, n = number(input, 1), number(out, 3), integer(count, 5)
    local res ---@type integer
    repeat
        res = f(source, offset(from, offset_in, 2), target, offset(to, offset_out, 4), n, flags)
    until not again_after(res)
    return kernel.number(res)
end

local splice = kernel.call("splice", "ipipii")
function M.splice(input, from, out, to, count, flags)
    return between(splice, input, from, out, to, count, flag(c.SPLICE_F, flags, 6))
end

local copy = kernel.call("copy_file_range", "ipipii")
function M.copy_file_range(input, from, out, to, count, flags)
    return between(copy, input, from, out, to, count, integer(flags or 0, 6))
end

local vmsplice = kernel.retry(kernel.call("vmsplice", "ipii"))
function M.vmsplice(file, iov, flags)
    iov = vectors(iov, 2)
    return kernel.number(vmsplice(number(file, 1), iov.iov, iov.count, flag(c.SPLICE_F, flags, 3)))
end

return M
