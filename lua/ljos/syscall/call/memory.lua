--- Memory: mappings, whose results are addresses; random bytes.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"

local flag, integer = argument.flag, argument.integer

---@class ljos.syscall.call.memory
local M = {}

local FAILED = ffi.cast("void *", -1)

local mmap = kernel.libc("mmap", "void *(void *, size_t, int, int, int, int64_t)")
--- mmap(2): a void pointer. Nothing unmaps it but munmap.
function M.mmap(addr, length, prot, flags, file, offset)
    local number = file == nil and -1 or fd.number(file, 5)
    local p = mmap(
        argument.buffer(addr, 1),
        integer(length, 2),
        flag(c.PROT, prot, 3),
        flag(c.MAP, flags, 4),
        number,
        integer(offset or 0, 6)
    )
    if p == FAILED then return kernel.fail() end
    return p
end

local mremap = kernel.libc("mremap", "void *(void *, size_t, size_t, int, void *)")
function M.mremap(addr, old_size, new_size, flags, new_addr)
    local bits, target = flag(c.MREMAP, flags, 4), argument.buffer(new_addr, 5)
    local p = mremap(argument.buffer(addr, 1), integer(old_size, 2), integer(new_size, 3), bits, target)
    if p == FAILED then return kernel.fail() end
    return p
end

local sysconf = kernel.libc("getpagesize", "int (void)")
function M.getpagesize() return sysconf() end

local getrandom = kernel.retry(kernel.call("getrandom", "pii"))
--- getrandom(2): the count; without a buffer a string of `count` bytes.
function M.getrandom(buffer, count, flags)
    if type(buffer) == "number" then
        local n, space = buffer, argument.fresh(buffer, 1)
        local res = getrandom(space, n, flag(c.GRND, count, 2))
        if res < 0 then return kernel.failed(res) end
        return ffi.string(space, res)
    end
    if buffer == nil then argument.wrong(1, "buffer", buffer) end
    local memory, n = argument.bytes(buffer, count, 1, true)
    return kernel.number(getrandom(memory, n, flag(c.GRND, flags, 3)))
end

local mincore = kernel.call("mincore", "pip")
--- mincore(2): an array with a byte for each page, whose lowest bit says whether it is in memory.
function M.mincore(addr, length, vec)
    local pages = math.ceil(argument.size(length, 2) / sysconf())
    vec = argument.buffer(vec, 3) or argument.fresh(math.max(pages, 1), 2)
    argument.size(pages, 3, vec)
    local res = mincore(argument.buffer(addr, 1), length, vec)
    if res < 0 then return kernel.failed(res) end
    return vec
end

return M
