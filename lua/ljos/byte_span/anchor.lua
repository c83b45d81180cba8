--- Anchors: what keeps the memory of a span alive.
---
--- A cdata cannot hold a Lua reference. A span holds the number of a slot instead: `owners[slot]` is the object that
--- owns its memory, `spans[slot]` is the span itself, weakly. When the collector has cleared `spans[slot]`, a sweep
--- frees the slot, and the memory goes with the last slot it is in. A sentinel's finaliser asks for a sweep once per
--- collection; the next `take` does it, compiled, or else the finaliser one collection later.
---
--- The obvious table, weak-keyed by span, is no choice: whether the address of a new cdata meets a dead key of the
--- table is chance, compiled code guards on it, and every outcome grew another side trace (5000 ns per span).
---
--- Errors:   none
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local new_table = require "table.new"

local newproxy, setmetatable = newproxy, setmetatable

---@class ljos.byte_span.anchor
local M = {}

local LEAST = 1024 -- slots
local WEAK = { __mode = "v" }

-- A free slot has false in both tables, so that a store never meets a hole.
local spans = setmetatable({}, WEAK) ---@type table<integer, any>
local owners = { [0] = true } ---@type table<integer, any>
local free, top = {}, 0 ---@type table<integer, integer>, integer -- the free slots, the lowest on top
local capacity = 0
local reserve = 0 ---@type number -- `take` replenishes when no more than this many slots are free
local due, busy = false, false

-- Frees the slots of collected spans and lists the free ones. Returns the highest slot in use.
local function free_dead()
    local highest, count = 0, 0
    for slot = capacity, 1, -1 do
        if spans[slot] == nil then
            spans[slot], owners[slot] = false, false
        end
        -- A slot that was taken, but whose span is not made yet, has an owner.
        if owners[slot] == false then
            count = count + 1
            free[count] = slot
        elseif highest == 0 then
            highest = slot
        end
    end
    top = count
    return highest
end

-- Moves to tables of `size` slots; none above that is in use.
local function resize(size)
    local new_spans = setmetatable(new_table(size, 0), WEAK) --[[@as table<integer, any>]]
    local new_owners = new_table(size, 0) --[[@as table<integer, any>]]
    local kept = size < capacity and size or capacity
    new_owners[0] = true
    for slot = 1, kept do
        new_spans[slot], new_owners[slot] = spans[slot], owners[slot]
    end
    for slot = kept + 1, size do
        new_spans[slot], new_owners[slot] = false, false
    end
    spans, owners, free, capacity = new_spans, new_owners, new_table(size, 0), size
    free_dead()
end

-- Sweeps if a collection has asked for it, and leaves at least a quarter of the slots free.
local function replenish()
    busy = true
    local used = capacity - top -- at the most, since the last sweep
    if due then
        local highest = free_dead()
        if highest > used then used = highest end
    end
    due, reserve = false, 0
    if top < capacity / 4 or capacity == 0 then
        resize(capacity == 0 and LEAST or capacity * 2)
    elseif capacity > LEAST and used < capacity / 8 then
        resize(capacity / 4)
    end
    busy = false
end

--- Takes a slot for a span that is about to be made.
---@param owner any  what owns the memory; never false or nil
---@return integer
function M.take(owner)
    if top <= reserve then replenish() end
    local slot = free[top]
    top = top - 1
    owners[slot] = owner
    return slot
end

--- Gives the slot its span: from now on the memory lives as long as the span.
---@param slot integer
---@param span any
function M.hold(slot, span) spans[slot] = span end

--- Returns what owns the memory of the span in a slot.
---@param slot integer  0, the slot of a span without memory, gives true
---@return any
function M.owner(slot) return owners[slot] end

-- More slots than these are not worth a search.
local SEARCHED = 65536

--- Tells whether any span but that of `slot` is anchored to `owner`, or may be.
---@param owner any
---@param slot integer
---@return boolean
function M.owns_others(owner, slot)
    if capacity > SEARCHED then return true end
    for other = 1, capacity do
        if owners[other] == owner and other ~= slot and spans[other] ~= nil then return true end
    end
    return false
end

-- Runs at the end of each collection. A finaliser may run wherever memory is allocated, in `resize` too.
local sentinel = newproxy(true)
getmetatable(sentinel).__gc = function(self)
    newproxy(self)
    if due and not busy then
        replenish()
    else
        due, reserve = true, math.huge
    end
end

return M
