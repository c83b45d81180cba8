--- Wait queues: fibers that wait for one object, first come, first served.
---
--- An array with a first and a last index; a fiber that gives up leaves a gap. Indices start anew whenever the
--- queue runs empty, and are moved down when they have run far ahead, so the array part stays an array.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.WaitQueue
---@field first integer
---@field last integer
---@field count integer  fibers waiting
local WaitQueue = {}
WaitQueue.__index = WaitQueue

---@return ljos.WaitQueue
function WaitQueue.new() return setmetatable({ first = 1, last = 0, count = 0 }, WaitQueue) end

local function move_down(self)
    local shift = self.first - 1
    for i = self.first, self.last do
        self[i - shift] = self[i]
    end
    for i = self.last - shift + 1, self.last do
        self[i] = nil
    end
    self.first, self.last = 1, self.last - shift
end

---@param fiber ljos.FiberRecord
function WaitQueue:push(fiber)
    if self.first > 64 and self.first > self.last / 2 then move_down(self) end
    local last = self.last + 1
    self.last = last
    self[last] = fiber
    self.count = self.count + 1
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
            self.count = self.count - 1
            if self.count == 0 then
                self.first, self.last = 1, 0
            end
            return fiber
        end
    end
    self.first, self.last = 1, 0
    return nil
end

--- Takes out `fiber`, wherever it stands.
---@param fiber ljos.FiberRecord
function WaitQueue:remove(fiber)
    for i = self.first, self.last do
        if self[i] == fiber then
            self[i] = false
            self.count = self.count - 1
            return
        end
    end
end

return WaitQueue
