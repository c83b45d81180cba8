--- Timer wheel: deadlines in four rings of slots, added and removed in constant time.
---
--- Ring 0 has 256 slots of one tick (1/16 ms), the next three 64 slots each of 256, 64 and 64 times the slot
--- below. An entry waits in the ring that its distance fits and moves down when time comes near ("cascade").
--- Inside the slot that is due the exact deadlines decide, so a short sleep is not rounded to a tick.
--- Entries are small integers; parallel arrays hold their fields, so that adding one makes no garbage.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local order = require "ljos.loop.order"

local floor = math.floor

local TICKS_PER_SECOND = 16000
local RING0 = 256
local RING = 64
-- First slot of each ring in `head`, and how many ticks the whole of the rings up to it spans.
local SLOT1, SLOT2, SLOT3 = RING0, RING0 + RING, RING0 + 2 * RING
local SPAN0, SPAN1, SPAN2, SPAN3 = RING0, RING0 * RING, RING0 * RING ^ 2, RING0 * RING ^ 3

-- In place of the slot of an entry that `expire` has taken out and not come to yet.
local DUE = -1

---@class ljos.TimerWheel
---@field count integer  entries waiting
---@field tick integer   the tick that is being worked on; all before it is done
---@field when number[]  deadline of an entry, in seconds of the caller's clock
---@field target any[]   what the entry is for
---@field package [string] any
local Wheel = {}
Wheel.__index = Wheel

---@param now number  seconds; any clock that never goes back
---@return ljos.TimerWheel
function Wheel.new(now)
    local self = setmetatable({
        count = 0,
        tick = floor(now * TICKS_PER_SECOND),
        when = {},
        target = {},
        next = {},
        previous = {},
        slot = {}, -- slot of an entry
        head = {}, -- first entry of a slot, 0 when empty
        tail = {},
        due = {}, -- the entries being expired
        scratch = {}, -- for merging
        free = 0, -- list of unused entries, through `next`
        size = 0, -- entries ever made
        near = 0, -- entries in ring 0
    }, Wheel)
    for slot = 0, SLOT3 + RING - 1 do
        self.head[slot], self.tail[slot] = 0, 0
    end
    return self
end

local function slot_of(self, tick)
    local distance = tick - self.tick
    if distance < SPAN0 then return (distance < 0 and self.tick or tick) % RING0 end
    if distance < SPAN1 then return SLOT1 + floor(tick / SPAN0) % RING end
    if distance < SPAN2 then return SLOT2 + floor(tick / SPAN1) % RING end
    if distance >= SPAN3 then tick = self.tick + SPAN3 - 1 end -- comes back through here when that slot cascades
    return SLOT3 + floor(tick / SPAN2) % RING
end

local function link(self, entry)
    local slot = slot_of(self, floor(self.when[entry] * TICKS_PER_SECOND))
    local last = self.tail[slot]
    self.slot[entry], self.previous[entry], self.next[entry] = slot, last, 0
    if last == 0 then
        self.head[slot] = entry
    else
        self.next[last] = entry
    end
    self.tail[slot] = entry
    if slot < RING0 then self.near = self.near + 1 end
end

local function unlink(self, entry)
    local slot, before, after = self.slot[entry], self.previous[entry], self.next[entry]
    if before == 0 then
        self.head[slot] = after
    else
        self.next[before] = after
    end
    if after == 0 then
        self.tail[slot] = before
    else
        self.previous[after] = before
    end
    if slot < RING0 then self.near = self.near - 1 end
end

--- Adds an entry for `target`; the number returned is good until the entry is removed or expires.
---@param when number  seconds
---@param target any   not nil
---@return integer entry
function Wheel:add(when, target)
    local entry = self.free
    if entry == 0 then
        entry = self.size + 1
        self.size = entry
    else
        self.free = self.next[entry]
    end
    self.when[entry], self.target[entry] = when, target
    link(self, entry)
    self.count = self.count + 1
    return entry
end

local function release(self, entry)
    self.target[entry] = false
    self.next[entry] = self.free
    self.free = entry
    self.count = self.count - 1
end

--- Removes an entry that has not expired. While `expire` runs, that may be one it has come to already: it is skipped.
---@param entry integer
function Wheel:remove(entry)
    if self.slot[entry] == DUE then
        self.target[entry] = false
        return
    end
    unlink(self, entry)
    release(self, entry)
end

local function cascade(self, slot)
    local entry = self.head[slot]
    self.head[slot], self.tail[slot] = 0, 0
    while entry ~= 0 do
        local after = self.next[entry]
        link(self, entry)
        entry = after
    end
end

-- The first tick after the current one at which a slot of a ring that is not empty cascades.
local function first_cascade(self, slot, span)
    local head, turn = self.head, floor(self.tick / span)
    for k = 1, RING do
        if head[slot + (turn + k) % RING] ~= 0 then return (turn + k) * span end
    end
    return math.huge
end

-- The next tick at which something moves down. Only when ring 0 is empty is it the next tick with anything to do.
local function next_cascade(self)
    local tick = first_cascade(self, SLOT1, SPAN0)
    local tick2, tick3 = first_cascade(self, SLOT2, SPAN1), first_cascade(self, SLOT3, SPAN2)
    if tick2 < tick then tick = tick2 end
    return tick3 < tick and tick3 or tick
end

-- Goes to the next tick at which there can be something to do, at most to `limit`; cascades at ring boundaries.
local function advance(self, limit)
    local tick = self.tick + 1
    if self.near == 0 then
        local boundary = floor(self.tick / SPAN0) * SPAN0 + SPAN0
        tick = limit
        if boundary <= limit then
            local cascading = next_cascade(self)
            tick = cascading < limit and cascading or limit
        end
    end
    self.tick = tick
    if tick % SPAN0 ~= 0 then return end
    if tick % SPAN1 == 0 then
        if tick % SPAN2 == 0 then cascade(self, SLOT3 + floor(tick / SPAN2) % RING) end
        cascade(self, SLOT2 + floor(tick / SPAN1) % RING)
    end
    cascade(self, SLOT1 + floor(tick / SPAN0) % RING)
end

-- Moves the entries of the current slot that are due to `due`, from n + 1 on, in order; returns the new n.
local function collect(self, now, n)
    local due, when = self.due, self.when
    local from = n + 1
    local entry = self.head[self.tick % RING0]
    while entry ~= 0 do
        local after = self.next[entry]
        if when[entry] <= now then
            unlink(self, entry)
            self.slot[entry] = DUE
            n = n + 1
            due[n] = entry
        end
        entry = after
    end
    if n > from then order(due, when, self.scratch, from, n) end
    return n
end

-- Moves all entries of the current slot, whose tick has passed, to `due`, in order; returns the new n.
local function collect_all(self, n)
    local slot = self.tick % RING0
    local entry = self.head[slot]
    if entry == 0 then return n end
    local due, when, slots, following = self.due, self.when, self.slot, self.next
    local from = n + 1
    repeat
        slots[entry] = DUE
        n = n + 1
        due[n] = entry
        entry = following[entry]
    until entry == 0
    self.head[slot], self.tail[slot] = 0, 0
    self.near = self.near - (n - from + 1)
    if n > from then order(due, when, self.scratch, from, n) end
    return n
end

--- Takes out all entries whose deadline is not after `now` and calls `expire(target)` for each, by deadline.
---@param now number  seconds
---@param expire fun(target: any)
function Wheel:expire(now, expire)
    local limit = floor(now * TICKS_PER_SECOND)
    if self.count == 0 then
        if limit > self.tick then self.tick = limit end
        return
    end
    local n = 0
    while self.tick < limit do
        n = collect_all(self, n)
        advance(self, limit)
    end
    n = collect(self, now, n)
    local due, target = self.due, self.target
    for i = 1, n do
        local entry = due[i]
        local what = target[entry]
        release(self, entry)
        if what then expire(what) end
    end
end

--- Sets the time of an empty wheel, back too.
---@param now number
function Wheel:reset(now)
    assert(self.count == 0, "the timer wheel is not empty")
    self.tick = floor(now * TICKS_PER_SECOND)
end

-- A moment that belongs to `tick` however the division rounds.
local function seconds_of(tick) return (tick + 2 ^ -10) / TICKS_PER_SECOND end

--- Returns the deadline to wake up at: exact when it is near, else the next cascade; nil when there is none.
---@return number? seconds
function Wheel:next_deadline()
    if self.count == 0 then return nil end
    local tick, head, when = self.tick, self.head, self.when
    local boundary = floor(tick / SPAN0) * SPAN0 + SPAN0
    if self.near > 0 then
        for t = tick, tick + RING0 - 1 do
            local entry = head[t % RING0]
            if entry ~= 0 then
                local earliest = when[entry]
                while entry ~= 0 do
                    if when[entry] < earliest then earliest = when[entry] end
                    entry = self.next[entry]
                end
                -- A cascade before it could bring something earlier.
                local cascading = seconds_of(boundary)
                return (boundary <= t and cascading < earliest) and cascading or earliest
            end
        end
    end
    return seconds_of(next_cascade(self))
end

return Wheel
