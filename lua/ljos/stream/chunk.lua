--- Chunks: the buffers of scanners, which lend out spans by the million.
---
--- An ordinary span takes a slot of its own (byte_span/anchor.lua). The spans that a chunk lends share the chunk's
--- slot; whether they live is told by an array with weak values: one store per span. While the array holds a living
--- span, the registry keeps the chunk, its slot, and so its memory; once a cycle of the garbage collector has cleared
--- all of the array, the chunk leaves the registry.
---
--- A chunk that its scanner has retired is used again once no span on it is left, so a lent span's bytes never change
--- behind its back. The memory is malloc's: were it the collector's own, each cycle would count the chunks that wait
--- for it, and the next cycle come twice as late. The finalizer of `memory`, the owner of all slots, frees it.
---
--- Errors:   raises ENOMEM
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local anchor = require "ljos.byte_span.anchor"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local new_table = require "table.new"

local C, slice = ffi.C, byte_span.slice
local collectgarbage, error, max = collectgarbage, error, math.max
local getmetatable, newproxy, next, setmetatable = getmetatable, newproxy, next, setmetatable
local Span = ffi.typeof "struct ljos_span" --[[@as any]]

---@class ljos.stream.chunk
local M = {}

---@class ljos.stream.Chunk
---@field memory any           what owns the bytes: a `void *` with its finalizer, or what owned the adopted span's
---@field slot integer         of all spans that were lent
---@field ptr any              `uint8_t *`
---@field capacity integer
---@field lent table           array with weak values: the spans
---@field count integer        spans lent since all were dead
---@field shared boolean       whether others may hold spans that are not in `lent`
---@field sliced boolean      whether there were ordinary spans on it, and there may be
---@field retired boolean      whether its scanner has moved on

ffi.cdef "void *calloc(size_t, size_t); void free(void *);"

local WEAK_VALUES = { __mode = "v" }
local POOLED = 1048576

-- Chunks that may have living spans, and how many bytes they are; retired ones to use again, by capacity.
local registry, registered, registered_bytes = {}, 0, 0
local pool = {}

--- Lets go of a chunk: its scanner uses another one from now on.
---@param chunk ljos.stream.Chunk
local function retire(chunk)
    chunk.retired = true
    if chunk.shared or chunk.count > 0 then return end
    if chunk.sliced and anchor.owns_others(chunk.memory, chunk.slot) then return end
    local list = pool[chunk.capacity]
    if not list then
        list = {}
        pool[chunk.capacity] = list
    end
    if #list == 0 or (#list + 1) * chunk.capacity <= POOLED then list[#list + 1] = chunk end
end
M.retire = retire

-- While the registry is being gone through. A finalizer that runs in the middle of that must leave it alone.
local busy = false

local function forget_the_dead()
    busy = true
    local kept, bytes = 0, 0
    for i = 1, registered do
        local chunk = registry[i]
        registry[i] = nil
        if next(chunk.lent) ~= nil then
            kept, bytes = kept + 1, bytes + chunk.capacity
            registry[kept] = chunk
        else
            chunk.count = 0
            if chunk.retired then retire(chunk) end
        end
    end
    registered, registered_bytes = kept, bytes
    busy = false
end

-- When the collector has finished a cycle, this weak value is gone. (No finalizer: while one waits, LuaJIT leaves its
-- compiled code at each allocation, and it waits until interpreted code allocates.)
local cycle = setmetatable({ {} }, WEAK_VALUES)

-- When nobody scans any more it takes finalizers after all: a guard dies with its scanner, and from then on there is
-- one for each cycle, until nothing is left or somebody scans again.
local taken, armed = false, false
local guard, alarm = newproxy(true), newproxy(true)

local function give_back()
    if not busy then forget_the_dead() end
    if taken then return end
    pool = {}
    if armed or registered == 0 and not busy then return end
    armed = true
    newproxy(alarm)
end

getmetatable(guard).__gc = function()
    taken = false
    give_back()
end
getmetatable(alarm).__gc = function()
    armed = false
    give_back()
end

--- Returns what a scanner has to hold as long as it uses chunks.
---@return userdata
function M.guard() return newproxy(guard) end

local function new(memory, ptr, capacity, shared)
    local chunk = {
        memory = memory,
        slot = anchor.take(memory),
        ptr = ptr,
        capacity = capacity,
        lent = setmetatable(new_table(64, 0), WEAK_VALUES),
        count = 0,
        shared = shared,
        sliced = false,
        retired = false,
    }
    anchor.hold(chunk.slot, chunk)
    return chunk
end

local function allocate(capacity)
    local memory = C.calloc(capacity, 1)
    if memory == nil then error(error_.generic("ENOMEM", { detail = ("a buffer of %d bytes"):format(capacity) }), 0) end
    memory = ffi.gc(memory, C.free)
    return new(memory, ffi.cast("uint8_t *", memory), capacity, false)
end

-- The collector does not see the memory of chunks. Where few, long records are handed out, it would leave many dead
-- chunks for long. So it is called when they are more than the memory it does see, and than twice what turned out to
-- live.
local LIMIT = 16777216
local limit = LIMIT

local function collect()
    collectgarbage()
    forget_the_dead()
    limit = max(LIMIT, 2 * registered_bytes, 1024 * collectgarbage "count")
end

--- Makes a chunk, or takes one that is free. What its bytes hold is unspecified.
---@param capacity integer  bytes
---@return ljos.stream.Chunk
function M.take(capacity)
    taken = true
    -- A point where the collector may run finalizers: a loop that is compiled as a whole has no other.
    newproxy()
    if cycle[1] == nil then
        cycle[1] = {}
        forget_the_dead()
    elseif registered_bytes > limit then
        collect()
    end
    local list = pool[capacity]
    local count = list and #list or 0
    if count == 0 then return allocate(capacity) end
    local chunk = list[count]
    list[count] = nil
    chunk.retired, chunk.sliced = false, false
    return chunk
end

--- Makes a chunk of memory that came from elsewhere.
---@param span ljos.byte_span
---@return ljos.stream.Chunk
function M.adopt(span) return new(anchor.owner(span.slot), span.ptr, span.cap, true) end

--- Makes an ordinary span on the bytes from offset `from` (from 0), of `length` bytes, with room up to `capacity`.
---@param chunk ljos.stream.Chunk
---@param from integer
---@param length integer
---@param capacity integer
---@return ljos.byte_span
function M.slice(chunk, from, length, capacity)
    chunk.sliced = true
    return slice(chunk.memory, chunk.ptr + from, length, capacity)
end

-- For `lend` and its like in fields.lua: to be called when the first of a chunk's spans is in `lent`.
local function register(chunk)
    local place = registered + 1
    registry[place] = chunk
    registered, registered_bytes = place, registered_bytes + chunk.capacity
end

M.Span, M.register = Span, register

--- Makes a span on the bytes from offset `from` up to offset `to` (from 0, `to` exclusive). It has no room behind it:
--- what follows belongs to others.
---@param chunk ljos.stream.Chunk
---@param from integer
---@param to integer
---@return ljos.byte_span
function M.lend(chunk, from, to)
    local size = to - from
    local span = Span(chunk.ptr + from, size, size, chunk.slot)
    -- Only now: making the span may have run the collector, and that `forget_the_dead`.
    local count = chunk.count + 1
    chunk.lent[count] = span
    chunk.count = count
    if count == 1 then register(chunk) end
    return span
end

--- Whether somebody may see the bytes of the chunk.
---@param chunk ljos.stream.Chunk
---@return boolean
function M.is_visible(chunk) return chunk.shared or chunk.count > 0 end

return M
