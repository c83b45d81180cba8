--- The way into the kernel: functions of fixed arity that answer `>= 0` or `-errno`.
---
--- `kernel.call("openat", "ipii")` declares the native entry point under a prototype with pointers where the signature
--- says `p` and 64-bit integers where it says `i`, once per signature, and binds the number. `kernel.libc` does the
--- same for a function of the C library, which is the faster way for calls made very often and the only way for those
--- where the library keeps state of its own (fork, setuid and its threads, sigaction, termios).
---
--- Errors:   none of its own
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"
local Error = require "ljos.error"

local tonumber = tonumber

---@class ljos.syscall.kernel
local M = {}

local c_types = { i = "int64_t", p = "const void *" }

local function parameters(signature)
    local list = {}
    for letter in signature:gmatch "." do
        list[#list + 1] = c_types[letter]
    end
    return list
end

local function number_of(name) return rawget(require("ljos.syscall.constants").SYS, name) end

local declared = {}
local function declare(symbol, target, result, list)
    if declared[symbol] then return end
    declared[symbol] = true
    ffi.cdef(
        ("%s %s(%s) __asm__(%q);"):format(result, symbol, #list > 0 and table.concat(list, ", ") or "void", target)
    )
end

local function absent() return -Error.errno_of.ENOSYS end

local by_arity = {
    [0] = function(f, nr)
        return function() return f(nr) end
    end,
    function(f, nr)
        return function(a) return f(nr, a) end
    end,
    function(f, nr)
        return function(a, b) return f(nr, a, b) end
    end,
    function(f, nr)
        return function(a, b, x) return f(nr, a, b, x) end
    end,
    function(f, nr)
        return function(a, b, x, d) return f(nr, a, b, x, d) end
    end,
    function(f, nr)
        return function(a, b, x, d, e) return f(nr, a, b, x, d, e) end
    end,
    function(f, nr)
        return function(a, b, x, d, e, g) return f(nr, a, b, x, d, e, g) end
    end,
}

--- Binds a system call.
---@param name string|integer  the kernel's name, or a number
---@param signature string     one letter per argument: `i` integer, `p` pointer or string
---@return fun(...): integer   `>= 0` or `-errno`; `-ENOSYS` where this architecture has no such call
function M.call(name, signature)
    local nr = type(name) == "number" and name or number_of(name)
    if not nr then return absent end
    local symbol = "ljos_call_" .. signature
    local list = parameters(signature)
    table.insert(list, 1, "int64_t")
    declare(symbol, "ljos_call" .. #signature, "int", list)
    return by_arity[#signature](native.C[symbol], nr)
end

local out = ffi.new "int64_t[1]"

--- Binds a system call whose result is wider than an int: the function returns the number, or `nil, Error`.
---@param name string
---@param signature string
---@return fun(...): number?, ljos.Error?
function M.wide(name, signature)
    local nr = number_of(name)
    if not nr then
        return function() return nil, Error.errno(Error.errno_of.ENOSYS) end
    end
    signature = signature .. ("i"):rep(6 - #signature)
    local symbol = "ljos_call_wide_" .. signature
    local list = parameters(signature)
    table.insert(list, 1, "int64_t")
    table.insert(list, 1, "int64_t *")
    declare(symbol, "ljos_call_wide", "int", list)
    local f = native.C[symbol]
    -- What nil is for each argument: a null pointer, or 0.
    local none = {}
    for i = 1, 6 do
        none[i] = signature:sub(i, i) == "i" and 0 or nil
    end
    local n1, n2, n3, n4, n5, n6 = none[1], none[2], none[3], none[4], none[5], none[6]
    return function(a, b, x, d, e, g)
        local res = f(out, nr, a or n1, b or n2, x or n3, d or n4, e or n5, g or n6) --[[@as integer]]
        if res < 0 then return nil, Error.errno(-res) end
        return tonumber(out[0])
    end
end

--- Binds a function of the C library under the prototype given, without touching the user's own declarations of it.
---@param name string
---@param prototype string  "int (int, void *, size_t)"
---@return function
function M.libc(name, prototype)
    local result, list = prototype:match "^(.-)(%(.*%))$"
    local symbol = "ljos_libc_" .. name
    if not declared[symbol] then
        declared[symbol] = true
        ffi.cdef(("%s%s%s __asm__(%q);"):format(result, symbol, list, name))
    end
    return ffi.C[symbol]
end

local errno, ffi_errno, EINTR = Error.errno, ffi.errno, Error.errno_of.EINTR

--- Returns `nil, Error` of the errno that the C library left.
---@return nil
---@return ljos.Error
function M.fail() return nil, errno(ffi_errno()) end

---@param res integer  `-errno`
---@return nil
---@return ljos.Error
function M.failed(res) return nil, errno(-res) end

--- Turns an answer into `true` or `nil, Error`.
---@param res integer
function M.done(res)
    if res >= 0 then return true end
    return nil, errno(-res)
end

--- Turns an answer into the number itself or `nil, Error`.
---@param res integer
function M.number(res)
    if res >= 0 then return res end
    return nil, errno(-res)
end

--- Called before a call that a signal interrupted is made again; ljos.syscall.handler puts itself here.
function M.interrupted() end

--- Tells whether a call is to be made again, because a signal interrupted it. For calls whose arguments lie in memory
--- that a handler may use for calls of its own: they are set up anew for each turn.
---@param res integer
---@return boolean
function M.again(res)
    if res ~= -EINTR then return false end
    M.interrupted()
    return true
end

--- Repeats a call for as long as a signal interrupts it.
---@param f fun(...): integer
---@return fun(...): integer
function M.retry(f)
    return function(a, b, x, d, e, g)
        local res = f(a, b, x, d, e, g)
        while res == -EINTR do
            M.interrupted()
            res = f(a, b, x, d, e, g)
        end
        return res
    end
end

return M
