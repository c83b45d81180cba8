--- Wait queues: fibers that wait for one object, first come, first served.
---
--- An array with a first and a last index; a fiber that gives up leaves a gap. Indices start anew whenever the
--- queue runs empty, and the array is packed when most of it is gaps, so it stays an array and stays short. Where each
--- fiber stands is noted once the first gives up in a long queue, so that thousands may.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.WaitQueue
---@field first integer
---@field last integer
---@field count integer  fibers waiting
---@field package at table<ljos.FiberRecord, integer|false>|false  index, once noted; false: it stands there repeatedly
---@field [integer] ljos.FiberRecord|false
local WaitQueue = {}
WaitQueue.__index = WaitQueue

---@return ljos.WaitQueue
function WaitQueue.new() return setmetatable({ first = 1, last = 0, count = 0, at = false }, WaitQueue) end

local PACK_FROM, NOTE_FROM = 64, 16

local function note(self)
    local at = {}
    for i = self.first, self.last do
        local fiber = self[i]
        if fiber then at[fiber] = at[fiber] == nil and i end
    end
    self.at = at
end

local function pack(self)
    local n = 0
    for i = self.first, self.last do
        local fiber = self[i]
        if fiber then
            n = n + 1
            self[n] = fiber
        end
    end
    for i = n + 1, self.last do
        self[i] = nil
    end
    self.first, self.last = 1, n
    if self.at then note(self) end
end

local function is_one_less(self)
    self.count = self.count - 1
    if self.count == 0 then
        self.first, self.last, self.at = 1, 0, false
    end
end

---@param fiber ljos.FiberRecord
function WaitQueue:push(fiber)
    if self.last >= PACK_FROM and self.last > 2 * self.count then pack(self) end
    local last = self.last + 1
    self.last = last
    self[last] = fiber
    self.count = self.count + 1
    local at = self.at
    if at then at[fiber] = at[fiber] == nil and last end
end

--- Takes out the fiber that has waited longest; nil when there is none.
---@return ljos.FiberRecord?
function WaitQueue:pop()
    local first, last = self.first, self.last
    while first <= last do
        local fiber = self[first]
        self[first] = false
        first = first + 1
        if fiber then
            self.first = first
            local at = self.at
            if at and at[fiber] then at[fiber] = nil end
            is_one_less(self)
            return fiber
        end
    end
    return nil
end

--- Takes out `fiber`, wherever it stands; the first time, where it stands there repeatedly.
---@param fiber ljos.FiberRecord
function WaitQueue:remove(fiber)
    if not self.at and self.count >= NOTE_FROM then note(self) end
    local at = self.at
    local from, to = self.first, self.last
    if at then
        local i = at[fiber]
        if i == nil then return end
        if i then
            from, to, at[fiber] = i, i, nil
        end
    end
    for i = from, to do
        if self[i] == fiber then
            self[i] = false
            return is_one_less(self)
        end
    end
end

return WaitQueue
