--- Other processes' memory and registers: ptrace, process_vm_readv and its relatives.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    process_madvise: Linux 5.10
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer = argument.flag, argument.integer
local t = types.t

---@class ljos.syscall.call.trace
local M = {}

-- An address of another process: a pointer or a number, also one of 64 bits.
local function address(value, position)
    if type(value) ~= "string" and tonumber(value) then return ffi.cast("void *", ffi.cast("uintptr_t", value)) end
    return ffi.cast("const void *", argument.pointer(value, position))
end

-- Memory of another process: {address, length} each.
local function foreign(list, position)
    if type(list) ~= "table" then return argument.struct(t.iovecs, list, position) end
    local pairs_of = {}
    for i, item in ipairs(list) do
        if type(item) ~= "table" then argument.wrong(position, "list of {address, length}", item) end
        pairs_of[i] = { address(item[1], position), integer(item[2], position) }
    end
    return argument.struct(t.iovecs, pairs_of, position)
end

for _, name in ipairs { "process_vm_readv", "process_vm_writev" } do
    local f = kernel.call(name, "ipipii")
    --- process_vm_readv(2), process_vm_writev(2): (pid, here, there, flags) gives the count of bytes. `here` is a
    --- t.iovecs or the list that makes one, `there` a list of {address, length}.
    M[name] = function(pid, here, there, flags)
        local mine, other = argument.struct(t.iovecs, here, 2), foreign(there, 3)
        if mine == nil or other == nil then argument.wrong(mine == nil and 2 or 3, "list of buffers", nil) end
        return kernel.number(f(integer(pid, 1), mine.iov, #mine, other.iov, #other, integer(flags or 0, 4)))
    end
end

local process_madvise = kernel.call("process_madvise", "ipiii")
--- process_madvise(2): advice on memory of another process, a list of {address, length}: the count of bytes.
function M.process_madvise(pidfd, there, advice, flags)
    local other = foreign(there, 2)
    if other == nil then argument.wrong(2, "list of {address, length}", other) end
    return kernel.number(
        process_madvise(fd.number(pidfd, 1), other.iov, #other, flag(c.MADV, advice, 3), integer(flags or 0, 4))
    )
end

-- ptrace(2): what its data is, and what comes back, by request.
local kinds = {}
for kind, names in pairs {
    peek = "PEEKTEXT PEEKDATA PEEKUSER PEEKUSR",
    message = "GETEVENTMSG",
    siginfo = "GETSIGINFO",
    signal = "CONT SYSCALL SINGLESTEP SINGLEBLOCK DETACH LISTEN SYSEMU SYSEMU_SINGLESTEP",
    options = "SETOPTIONS SEIZE",
    registers = "GETREGSET SETREGSET",
} do
    for name in names:gmatch "%S+" do
        local number = rawget(c.PTRACE, name)
        if number then kinds[number] = kind end
    end
end

local function options(value)
    if type(value) ~= "string" then return integer(value or 0, 4) end
    local bits = 0
    for name in value:gmatch "[^,%s]+" do
        bits = require("bit").bor(bits, flag(c.PTRACE, "O_" .. name:upper():gsub("^PTRACE_O_", ""):gsub("^O_", ""), 4))
    end
    return bits
end

local with_pointer, with_number = kernel.wide("ptrace", "iipp"), kernel.wide("ptrace", "iipi")

-- The requests that answer with something; the result is a function of what the kernel filled.
local answers = {
    peek = function(request, pid, addr)
        local word = ffi.new "long[1]"
        local ok, err = with_pointer(request, pid, addr, word)
        if not ok then return nil, err end
        return tonumber(word[0])
    end,
    message = function(request, pid)
        local word = ffi.new "unsigned long[1]"
        local ok, err = with_pointer(request, pid, nil, word)
        if not ok then return nil, err end
        return tonumber(word[0])
    end,
    siginfo = function(request, pid, _, data)
        local info = argument.room(t.siginfo, data, 4)
        local ok, err = with_pointer(request, pid, nil, info)
        if not ok then return nil, err end
        return info
    end,
    -- A buffer for the registers of the set `addr` (NT_PRSTATUS = 1): how many bytes of it.
    registers = function(request, pid, addr, data)
        local vector = argument.struct(t.iovecs, { argument.buffer(data, 4) }, 4)
        local ok, err = with_pointer(request, pid, addr, vector.iov)
        if not ok then return nil, err end
        return tonumber(vector.iov[0].iov_len)
    end,
}

--- ptrace(2). The peeks give the word, "geteventmsg" the number, "getsiginfo" a t.siginfo, "getregset" and "setregset"
--- (address = the set, data = a buffer) the count of bytes; the others true. The data of "cont" and its like is a
--- signal, of "setoptions" and "seize" a list of options ("tracesysgood, exitkill").
---@param request string|integer
---@param pid? integer
---@param addr? any  a pointer or a number
---@param data? any
function M.ptrace(request, pid, addr, data)
    local number = flag(c.PTRACE, request, 1)
    local kind = kinds[number]
    pid, addr = integer(pid or 0, 2), address(addr, 3)
    local answer = answers[kind]
    if answer then return answer(number, pid, addr, data) end
    if kind == "signal" then
        data = data == nil and 0 or flag(c.SIG, data, 4)
    elseif kind == "options" then
        data = options(data)
    end
    local ok, err
    if type(data) == "number" then
        ok, err = with_number(number, pid, addr, data)
    else
        ok, err = with_pointer(number, pid, addr, argument.pointer(data, 4))
    end
    if not ok then return nil, err end
    return ok == 0 or ok
end

return M
