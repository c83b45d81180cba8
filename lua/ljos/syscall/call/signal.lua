--- Signals: actions, masks, queues; handlers without FFI callbacks, in place of the default or through a signalfd.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local handler = require "ljos.syscall.handler"
local kernel = require "ljos.syscall.kernel"
local struct = require "ljos.syscall.struct"
local types = require "ljos.syscall.types"

local flag, integer = argument.flag, argument.integer
local t = types.t
local SET_SIZE = 8 -- the kernel's sigset_t, in bytes

---@class ljos.syscall.call.signal
local M = {}

-- Through the C library, which knows the return trampoline that the kernel wants.
local sigaction = kernel.libc("sigaction", "int (int, const void *, void *)")

local function disposition(signal, action)
    local f = handler.get(signal)
    if f then return f end
    for name, value in pairs(c.SIGACT) do
        if action.sa_sigaction == value then return name end
    end
    return tonumber(action.sa_sigaction)
end

-- Sets an action; `old`, where there is one, gets what was before, a Lua function included.
local function act(signal, action, old)
    local before = handler.get(signal)
    local f = action ~= nil and struct.anchored(action, "handler")
    if f then
        if sigaction(signal, nil, old) == -1 then return nil end
        local res = handler.set(signal, f, action.sa_mask, action.sa_flags)
        if res < 0 then
            ffi.errno(-res)
            return nil
        end
    else
        if sigaction(signal, action, old) == -1 then return nil end
        if action ~= nil then handler.forget(signal) end
    end
    if old ~= nil then struct.anchor(old, "handler", before) end
    return true
end

--- sigaction(2): the handler is "ign", "dfl", a C function pointer or a Lua function f(signal, siginfo). Lua functions
--- are called when a function of `ljos.syscall` returns or is interrupted, see ljos.syscall.handler.
---@param signal string|integer
---@param action any  a handler, a table {handler = | sigaction =, mask =, flags =} or a t.sigaction; nil asks only
---@param old? any    a t.sigaction to be filled, or true for a new one, which is the third result
function M.sigaction(signal, action, old)
    action = argument.struct(t.sigaction, action, 2)
    if old ~= nil then old = argument.room(t.sigaction, old ~= true and old or nil, 3) end
    if not act(flag(c.SIG, signal, 1), action, old) then return kernel.fail() end
    return true, nil, old
end

--- signal(2): the old disposition as "DFL", "IGN", the Lua function or a number.
---@param signal string|integer
---@param action any  as for sigaction
function M.signal(signal, action)
    local old, number = t.sigaction(), flag(c.SIG, signal, 1)
    local before = handler.get(number)
    if not act(number, t.sigaction(action), old) then return kernel.fail() end
    return before or disposition(number, old)
end

--- Calls the Lua handlers of the signals that came, for a program that makes no calls; returns how many.
---@return integer
function M.dispatch_signals() return handler.dispatch() end

local sigprocmask = kernel.call("rt_sigprocmask", "ippi")
--- sigprocmask(2): the old mask; without arguments the current one.
function M.sigprocmask(how, set)
    local old = t.sigset()
    local mask = argument.struct(t.sigset, set, 2)
    local res = sigprocmask(how == nil and 0 or flag(c.SIGPM, how, 1), mask, old, SET_SIZE)
    if res < 0 then return kernel.failed(res) end
    return old
end

local sigpending = kernel.call("rt_sigpending", "pi")
function M.sigpending()
    local set = t.sigset()
    local res = sigpending(set, SET_SIZE)
    if res < 0 then return kernel.failed(res) end
    return set
end

local sigsuspend = kernel.call("rt_sigsuspend", "pi")
function M.sigsuspend(set) return kernel.done(sigsuspend(argument.struct(t.sigset, set, 1) or t.sigset(), SET_SIZE)) end

local queueinfo = kernel.call("rt_sigqueueinfo", "iip")
local getpid, getuid = kernel.libc("getpid", "int (void)"), kernel.libc("getuid", "uint32_t (void)")
--- sigqueue(3): a signal with a number.
function M.sigqueue(pid, signal, value)
    local info = t.siginfo()
    info.si_signo, info.si_code = flag(c.SIG, signal, 2), c.SI.QUEUE
    info._rt__pid, info._rt__uid = getpid(), getuid()
    info._rt__sigval.sival_int = integer(value or 0, 3)
    return kernel.done(queueinfo(integer(pid, 1), info.si_signo, info))
end

local timedwait = kernel.call("rt_sigtimedwait", "pppi")
--- sigtimedwait(2): the siginfo; EAGAIN when the time is over, without a time it waits.
function M.sigtimedwait(set, timeout, info)
    info = argument.room(t.siginfo, info, 3)
    local res = timedwait(argument.struct(t.sigset, set, 1), info, argument.struct(t.timespec, timeout, 2), SET_SIZE)
    if res < 0 then return kernel.failed(res) end
    return info
end

local signalfd = kernel.call("signalfd4", "ipii")
--- signalfd(2). Close-on-exec unless "nocloexec".
function M.signalfd(set, flags, file)
    local bits = argument.cloexec(c.SFD, flags, 2)
    local mask = argument.struct(t.sigset, set, 1)
    local res = signalfd(file == nil and -1 or fd.number(file, 3), mask, SET_SIZE, bits)
    if res < 0 then return kernel.failed(res) end
    return file or fd.new(res)
end

--- Blocks the signals and returns a source of them: an object with `fd` (for poll), `dispatch()` (calls `receive`
--- once
--- for each signal that came, with its siginfo; returns how many) and `close()` (which unblocks them again).
---@param set string|table
---@param receive fun(info: ffi.cdata*)
function M.on_signal(set, receive)
    if type(receive) ~= "function" then argument.wrong(2, "function", receive) end
    local mask = argument.struct(t.sigset, set, 1)
    local old, err = M.sigprocmask("block", mask)
    if not old then return nil, err end
    local file, why = M.signalfd(mask, "nonblock")
    if not file then
        M.sigprocmask("setmask", old)
        return nil, why
    end
    local source = { fd = file }
    function source.dispatch()
        local list, failure = require("ljos.syscall.util").signalfd_read(file)
        if not list then return nil, failure end
        for i = 1, #list do
            receive(list[i])
        end
        return #list
    end
    function source.close()
        file:close()
        return M.sigprocmask("setmask", old)
    end
    return source
end

return M
