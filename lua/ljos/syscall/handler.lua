--- Signal handlers in Lua, without FFI callbacks.
---
--- The native handler puts what came with a signal into a queue (signal_queue.rs), and nothing else. The Lua functions
--- are called when a function of `ljos.syscall` returns, or when a signal interrupts one that is made again: never in
--- the middle of anything. A program that only computes calls `dispatch` itself. The functions of `ljos.syscall` are
--- wrapped when the first handler is set; until then this costs nothing.
---
--- Errors:   none of its own; what a handler raises goes to whoever made the call
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"

local C = native.C

---@class ljos.syscall.handler
local M = {}

---@type table<integer, fun(signal: integer, info: ffi.cdata*)>
local functions = {}
local handled = ffi.new "uint64_t[1]"
local no_signals = ffi.new "uint64_t[1]"
local ONE = ffi.new("uint64_t", 1)
local scratch = ffi.new "uint64_t[16]"

local siginfo, siginfo_size ---@type function, integer

--- Calls the handlers of the signals that came since the last time.
---@return integer  how many were called
function M.dispatch()
    local count = 0
    while true do
        local signal = C.ljos_signal_queue_take(handled, scratch)
        if signal == 0 then return count end
        local info = siginfo()
        ffi.copy(info, scratch, siginfo_size)
        count = count + 1
        functions[signal](signal, info)
    end
end
local dispatch = M.dispatch

local function after(...)
    dispatch()
    return ...
end

local function wrap(f)
    return function(...) return after(f(...)) end
end

local wrapping = false

--- Returns `f`, wrapped once there is a handler.
---@param f function
---@return function
function M.wrapped(f)
    if wrapping then return wrap(f) end
    return f
end

local function wrap_all()
    if wrapping then return end
    wrapping = true
    local types = require "ljos.syscall.types"
    siginfo, siginfo_size = types.t.siginfo, types.s.siginfo
    require("ljos.syscall.kernel").interrupted = dispatch
    local tables = { require "ljos.syscall", require("ljos.syscall.fd").methods }
    tables[3] = package.loaded["ljos.syscall.inherit"]
    for _, functions_of in ipairs(tables) do
        for name, value in pairs(functions_of) do
            if type(value) == "function" then functions_of[name] = wrap(value) end
        end
    end
end

--- Makes a Lua function the handler of a signal.
---@param signal integer
---@param f fun(signal: integer, info: ffi.cdata*)
---@param mask ffi.cdata*  a set of signals
---@param flags integer
---@return integer  0 or `-errno`
function M.set(signal, f, mask, flags)
    wrap_all()
    local before = functions[signal]
    functions[signal] = f
    local res = C.ljos_signal_queue_handle(signal, ffi.cast("const uint64_t *", mask or no_signals), flags)
    if res < 0 then
        functions[signal] = before
        return res
    end
    handled[0] = bit.bor(handled[0], bit.lshift(ONE, signal - 1))
    return res
end

--- Returns the Lua function that handles a signal.
---@param signal integer
---@return function?
function M.get(signal) return functions[signal] end

--- Forgets the function of a signal that has another handler now; what is queued is handed to it first.
---@param signal integer
function M.forget(signal)
    if not functions[signal] then return end
    dispatch()
    functions[signal] = nil
    handled[0] = bit.band(handled[0], bit.bnot(bit.lshift(ONE, signal - 1)))
end

return M
