--- Wait queues: fibers that wait for one object, first come, first served.
---
--- An array with a first and a last index; a fiber that gives up leaves a gap. Indices start anew whenever the
--- queue runs empty, and the array is packed when most of it is gaps, so it stays an array and stays short.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.WaitQueue
---@field first integer
---@field last integer
---@field count integer  fibers waiting
---@field [integer] ljos.FiberRecord|false
local WaitQueue = {}
WaitQueue.__index = WaitQueue

---@return ljos.WaitQueue
function WaitQueue.new() return setmetatable({ first = 1, last = 0, count = 0 }, WaitQueue) end

local PACK_FROM = 64

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
end

---@param fiber ljos.FiberRecord
function WaitQueue:push(fiber)
    if self.last >= PACK_FROM and self.last > 2 * self.count then pack(self) end
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
    return nil
end

--- Takes out `fiber`, wherever it stands.
---@param fiber ljos.FiberRecord
function WaitQueue:remove(fiber)
    for i = self.first, self.last do
        if self[i] == fiber then
            self[i] = false
            self.count = self.count - 1
            if self.count == 0 then
                self.first, self.last = 1, 0
            end
            return
        end
    end
end

return WaitQueue
