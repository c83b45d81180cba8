--- File descriptors: objects that close themselves, and everything else that may stand for one.
---
--- A descriptor is a struct {filenum, sequence, inherited} with a finalizer.
--- After `close` its number is -1, so a late call gets
--- EBADF from the kernel and never hits a descriptor that was opened since. `nogc` takes the finalizer away.
---
--- Errors:   raises EINVAL for what is no descriptor
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"
local argument = require "ljos.syscall.argument"
local kernel = require "ljos.syscall.kernel"
local c = require "ljos.syscall.constants"

local istype, type = ffi.istype, type

---@class ljos.syscall.fd
local M, is_loaded = native.lasting "ljos.syscall.fd"
if is_loaded then return M end

ffi.cdef "struct ljos_fd { int filenum; int sequence; int inherited; };"
---@class ljos.syscall.Fd: ffi.cdata*
---@field filenum integer
---@field inherited integer  1 where what its methods make stays open across execve (ljos.syscall.inherit)

local ctype = ffi.typeof "struct ljos_fd" ---@type any
M.ctype = ctype

local close = kernel.libc("close", "int (int)")
local standard = { stdin = 0, stdout = 1, stderr = 2 }

-- Kept out of `number`: the closure in it would keep the compiler away.
local function unusual(value, position)
    local kind = type(value)
    if kind == "string" then
        local std = standard[value:lower()]
        if std then return std end
    elseif kind == "table" or kind == "cdata" then
        if kind == "cdata" and tonumber(value) then return tonumber(value) end
        local ok, method = pcall(function() return value.getfd end)
        if ok and method then return method(value) end
    end
    return argument.wrong(position or 1, "file descriptor", value)
end

--- Returns the number of a descriptor.
---@param value any  a descriptor object, a number, "stdin", "stdout", "stderr", or anything with `getfd`
---@param position? integer|string
---@return integer
local function number(value, position)
    if type(value) == "number" then return value end
    if istype(ctype, value) then return value.filenum end
    return unusual(value, position)
end
M.number = number

local AT_FDCWD
--- Returns the number of a directory: nil and "fdcwd" stand for the current one.
---@param value any
---@param position? integer|string
---@return integer
function M.at(value, position)
    if value == nil or value == "fdcwd" or value == "FDCWD" then
        AT_FDCWD = AT_FDCWD or c.AT_FDCWD.FDCWD
        return AT_FDCWD
    end
    return number(value, position)
end

-- Whether what the methods of a `t.fd(n)` make stays open across execve: so it is from when ljsyscall's own table has
-- been asked for its types.
M.adopts_inherited = false

local function finalize(self)
    if self.filenum >= 0 then close(self.filenum) end
end

local methods = {}
M.methods = methods

local function own(self) return istype(ctype, self) and self or argument.wrong(1, "descriptor object", self) end

function methods.getfd(self) return own(self).filenum end

--- Closes the descriptor. A second call does nothing and succeeds. close(2) is never repeated after EINTR: on Linux
--- the descriptor is gone.
function methods.close(self)
    local n = own(self).filenum
    if n < 0 then return true end
    self.filenum = -1
    if close(n) == -1 then return kernel.fail() end
    return true
end

--- Takes the finalizer away: the descriptor stays open until it is closed by hand.
function methods.nogc(self)
    ffi.gc(own(self), nil)
    return self
end

-- The counter that netlink messages are numbered with.
function methods.seq(self)
    self.sequence = own(self).sequence + 1
    return self.sequence
end

--- Finds methods beyond the few that are written here.
function M.method_of(name) return require("ljos.syscall.method").find(name) end

ffi.metatype(ctype, {
    __new = function(ct, n) return ffi.new(ct, n == nil and -1 or number(n), 0, M.adopts_inherited and 1 or 0) end,
    __gc = finalize,
    __index = function(self, key)
        local method = methods[key]
        if method then return method end
        if key == "fileno" or key == "fd" then return self.filenum end -- the names of seeds 000 and 001
        method = M.method_of(key)
        if method then methods[key] = method end
        return method
    end,
    __tostring = function(self) return ("fd %d"):format(self.filenum) end,
})

--- Makes a descriptor object that owns `n`.
---@param n integer
---@return ljos.syscall.Fd
function M.new(n) return ffi.new(ctype, n) end

--- Tells whether the descriptors made from this one are to stay open across execve.
---@param value any
---@return boolean
function M.is_inherited(value) return istype(ctype, value) and value.inherited == 1 end

--- Marks the descriptors among the results of a call: theirs stay open across execve.
---@param first any
---@param err? ljos.Error
---@param third? any
---@param fourth? any
function M.mark_inherited(first, err, third, fourth)
    if istype(ctype, first) then first.inherited = 1 end
    if istype(ctype, third) then third.inherited = 1 end
    if istype(ctype, fourth) then fourth.inherited = 1 end
    return first, err, third, fourth
end

--- Turns an answer into a descriptor object or `nil, Error`.
---@param res integer
---@return ljos.syscall.Fd?
---@return ljos.Error?
function M.result(res)
    if res >= 0 then return M.new(res) end
    return kernel.failed(res)
end

return M
