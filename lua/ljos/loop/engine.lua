--- The engine of this Lua state: chosen once, by probe or by `LJOS_ENGINE`.
---
--- io_uring where the kernel allows it, else epoll. Both keep one contract (doc/architecture.md), so nothing
--- above this file asks which one it has.
---
--- Errors:   raises a string for a wrong LJOS_ENGINE, ljos.Error when no engine can be made
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C = native.C
local ENOMEM = error_.errno_of.ENOMEM

---@class ljos.loop.engine
local M = {}

local kinds = {
    io_uring = ffi.C.LJOS_ENGINE_IO_URING,
    epoll = ffi.C.LJOS_ENGINE_EPOLL,
}

local chosen ---@type string?

--- Chooses the engine before it is made, in place of $LJOS_ENGINE: for actors, whose environment is not ours.
---@param name "io_uring"|"epoll"|""
function M.choose(name) chosen = name end

--- Returns what was chosen, here or by $LJOS_ENGINE: "" for nothing.
---@return string
function M.choice() return chosen or os.getenv "LJOS_ENGINE" or "" end

local function wanted_kind()
    local name = M.choice()
    if name == "" then return ffi.C.LJOS_ENGINE_ANY end
    local kind = kinds[name]
    if not kind then error(("ljos: LJOS_ENGINE is %q; it takes io_uring or epoll"):format(name), 0) end
    return kind
end

--- Raises when `LJOS_ENGINE` names no engine: so that a program can say it before it begins.
function M.check_choice() wanted_kind() end

local handle
local made = false ---@type false|fun()

native.declare "int fileno(void *stream);"

-- Takes the numbers of standard streams that the host was started without: the engine is to have none of them, or who
-- prints would write to it. Returns what gives them back.
local function hold_standard_numbers()
    local held, file = {}, io.open "/dev/null"
    while file and ffi.C.fileno(file) <= 2 do
        held[#held + 1] = file
        file = io.open "/dev/null"
    end
    if file then file:close() end
    return function()
        for _, other in ipairs(held) do
            other:close()
        end
    end
end

-- Apart from `M.handle`, which every operation calls: a closure in it would keep it from being compiled.
local function make()
    local out, kind = ffi.new "struct ljos_engine *[1]", wanted_kind()
    local give_back = hold_standard_numbers()
    local res = C.ljos_engine_new(kind, out)
    give_back()
    local hint = res == -ENOMEM and "; RLIMIT_MEMLOCK may be too low for io_uring" or ""
    error_.check(res, { detail = "cannot make an engine" .. hint })
    handle = ffi.gc(out[0], function(ended)
        handle = nil
        C.ljos_engine_free(ended)
    end)
    if made then made() end
    return handle
end

--- Has `f` called once the engine is made.
---@param f fun()
function M.when_made(f)
    made = f
    if handle then f() end
end

--- Returns the native engine, making it at the first call.
---@return ffi.cdata* # struct ljos_engine *
function M.handle() return handle or make() end

--- Returns the native engine if there is one: for finalisers, which may run when it has ended.
---@return ffi.cdata*?
function M.existing() return handle end

--- Returns the name of the engine in use.
---@return "io_uring"|"epoll"
function M.name() return C.ljos_engine_kind(M.handle()) == kinds.epoll and "epoll" or "io_uring" end

--- Drops the engine without touching it: for the child of a fork(2), which must not use its parent's ring.
function M.abandon()
    C.ljos_thread_forked()
    if handle then ffi.gc(handle, nil) end
    handle = nil
end

return M
