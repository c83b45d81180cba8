--- In flight: the operations that the kernel has, and what it may touch meanwhile.
---
--- Parallel arrays by slot number. A slot keeps the operation's object and buffer alive until the engine's one
--- completion has come, whatever became of the fiber that waits for it; the generation in `user_data` keeps a late
--- completion from a slot's next user. Nothing here knows what a fiber is: it is what `claim` was given.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local native = require "ljos.native"

local C = native.C

---@class ljos.loop.in_flight
local M = {}

local GENERATION = 2 ^ 20
local CAPACITY = 512
local completions = ffi.new("struct ljos_completion[?]", CAPACITY)
local capacity = CAPACITY

local op_fiber, op_object, op_name, op_user_data, op_next, op_watched = {}, {}, {}, {}, {}, {}
local op_buffer = {} -- luacheck: ignore (only an anchor)
local op_free, op_size, op_count, watching = 0, 0, 0, 0

--- The slot that the next operation in flight will have.
---@return integer slot
function M.next_slot()
    engine.handle() -- what watches a new engine takes a slot itself
    local slot = op_free
    if slot ~= 0 then return slot end
    slot = op_size + 1
    if slot >= GENERATION - 1 then error(error_.generic("ENOBUFS", { detail = "operations in flight" }), 0) end
    op_user_data[slot], op_watched[slot] = slot, false
    return slot
end

--- The user_data to submit the operation of `slot` with.
---@param slot integer
---@return integer
function M.user_data(slot) return op_user_data[slot] end

--- Puts an operation in flight into the slot that `next_slot` named.
---@param slot integer
---@param fiber ljos.FiberRecord  who waits for it
---@param object {fd: integer, pending: integer}
---@param buffer any  what the kernel may touch
---@param name string "read_some", ...
function M.claim(slot, fiber, object, buffer, name)
    if slot == op_free then
        op_free = op_next[slot]
    else
        op_size = slot
    end
    op_count = op_count + 1
    op_object[slot], op_buffer[slot], op_name[slot], op_fiber[slot] = object, buffer, name, fiber
    object.pending = object.pending + 1
end

--- Says that the operation of a slot keeps nobody waiting.
---@param slot integer
function M.mark_watch(slot)
    op_watched[slot] = true
    watching = watching + 1
end

local function release(slot)
    local object = op_object[slot]
    object.pending = object.pending - 1
    op_fiber[slot], op_object[slot], op_buffer[slot] = false, false, false
    local user_data = op_user_data[slot] + GENERATION
    op_user_data[slot] = user_data < 2 ^ 32 and user_data or slot
    op_next[slot] = op_free
    op_free = slot
    op_count = op_count - 1
    if op_watched[slot] then
        op_watched[slot] = false
        watching = watching - 1
    end
end

---@return integer operations
---@return integer watching  of these, the ones that keep nobody waiting
function M.count() return op_count, watching end

---@param slot integer
---@return {fd: integer, pending: integer}
function M.object_of(slot) return op_object[slot] end

---@param slot integer
---@return string # "read_some fd 7"
function M.describe(slot)
    local name, fd = op_name[slot], op_object[slot].fd
    return fd < 0 and name or ("%s fd %d"):format(name, fd)
end

--- Has the kernel cancel the operation of a slot, as if somebody had canceled its object.
---@param slot integer
local function cancel(slot)
    local handle = engine.handle()
    error_.check(C.ljos_engine_cancel(handle, op_user_data[slot], op_object[slot].fd))
end
M.cancel = cancel

--- Cancels the operation of a slot; nobody hears how it ends.
---@param slot integer
function M.abandon(slot)
    op_fiber[slot] = false
    cancel(slot)
end

--- Cancels every operation in flight on `object`; each still ends with its own completion.
---@param object {fd: integer, pending: integer}
function M.cancel_all(object)
    local left = object.pending
    local slot = 0
    while left > 0 and slot < op_size do
        slot = slot + 1
        if op_object[slot] == object then
            cancel(slot)
            left = left - 1
        end
    end
end

--- Forgets a descriptor that is about to be closed or handed away.
---@param object {fd: integer, pending: integer}
function M.forget(object)
    local handle = engine.existing()
    if handle then C.ljos_engine_forget(handle, object.fd, object.pending) end
end

--- Takes at most so many completions from the kernel at once; for the mock loop, which lets its queue run over.
---@param n? integer  1 to 512
function M.limit(n) capacity = n or CAPACITY end

-- Small leaves: an FFI call inside a function that is rarely compiled costs ten times as much.
local function turn(handle, timeout_ns) return C.ljos_engine_turn(handle, completions, capacity, timeout_ns) end
local function completion_user_data(i) return completions[i].user_data end
local function completion_res(i) return completions[i].res end

--- One trip to the kernel.
---@param timeout_ns number  -1 for no limit
---@return integer count  completions that came
function M.turn(timeout_ns)
    local count = turn(engine.handle(), timeout_ns)
    if count < 0 then error_.check(count, { detail = "the engine failed" }) end
    return count
end

--- Ends the operation of a completion that the last `turn` brought.
---@param i integer  0 to count - 1
---@return ljos.FiberRecord|false fiber  who waits for it
---@return integer res  >= 0 or -errno
function M.complete(i)
    local user_data, res = completion_user_data(i), completion_res(i)
    local slot = user_data % GENERATION
    if op_user_data[slot] ~= user_data then return false, res end
    local fiber = op_fiber[slot]
    release(slot)
    return fiber, res
end

return M
