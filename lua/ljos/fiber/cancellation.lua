--- Cancellation: a sticky flag per fiber, counters that hold it back, and the test at each cancellation point.
---
--- What few fibers need (the flag, the counters, fiber-local storage, a name) lives in `extras` by fiber number,
--- so that a fiber that needs none of it costs nothing; `gate` in the record says that there is something to
--- look at.
---
--- A region is a stretch of a fiber's run that can be canceled alone (a timeout, the body of a task group): until the
--- region is left, the fiber behaves as if it were canceled. Regions nest. One that was opened while cancellation was
--- disabled is subject to itself only: that is what shields are made of.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

---@class ljos.FiberExtra
---@field canceled boolean
---@field no_cancel integer   how often cancellation is disabled
---@field no_suspend integer  how often suspension is forbidden
---@field locals? table       fiber-local storage
---@field traceback? string   of the error that is being unwound
---@field traced? any         that error
---@field name? string        for dumps
---@field regions? ljos.CancellationRegion[]  open ones, outermost first
---@field deadline? number    of the fiber's task group: when it will be canceled

---@class ljos.CancellationRegion
---@field fiber ljos.FiberRecord
---@field canceled boolean
---@field no_cancel integer  how often cancellation was disabled when it was opened
---@field deadline? ljos.Deadline

---@class ljos.fiber.cancellation
local M = {}

---@type table<integer, ljos.FiberExtra|false>
local extras = {}
M.extras = extras

---@param fiber ljos.FiberRecord
---@return ljos.FiberExtra
local function extra_of(fiber)
    local extra = extras[fiber.id]
    if not extra then
        extra = { canceled = false, no_cancel = 0, no_suspend = 0 }
        extras[fiber.id] = extra
    end
    return extra
end
M.extra_of = extra_of

-- Whether a canceled region may be noticed: cancellation was not disabled since it was opened.
local function is_region_due(extra)
    local regions = extra.regions
    if not regions then return false end
    for i = #regions, 1, -1 do
        local region = regions[i]
        if region.canceled and extra.no_cancel <= region.no_cancel then return true end
    end
    return false
end

local function has_canceled_region(extra)
    local regions = extra.regions
    for i = 1, regions and #regions or 0 do
        if regions[i].canceled then return true end
    end
    return false
end

---@param fiber ljos.FiberRecord
---@param extra ljos.FiberExtra
local function set_gate(fiber, extra)
    local is_canceled = extra.canceled or has_canceled_region(extra)
    fiber.gate = is_canceled or extra.no_suspend > 0
end

---@param fiber ljos.FiberRecord
---@return boolean # canceled, and allowed to notice
local function is_due(fiber)
    if not fiber.gate then return false end
    local extra = extra_of(fiber)
    return extra.canceled and extra.no_cancel == 0 or is_region_due(extra)
end
M.is_due = is_due

--- Raises fiber_canceled if the fiber is canceled: a cancellation point that does not suspend.
---@param fiber ljos.FiberRecord
function M.test(fiber)
    if fiber.gate and is_due(fiber) then error(error_.core "fiber_canceled", 0) end
end

--- The test at the start of a suspending call, once `gate` is set.
---@param fiber ljos.FiberRecord
function M.gated(fiber)
    if extra_of(fiber).no_suspend > 0 then error(error_.core "forbid_suspend_block", 0) end
    M.test(fiber)
end

--- As `gated` for suspending calls that are no cancellation points (mutex:lock).
---@param fiber ljos.FiberRecord
function M.check_suspend(fiber)
    if fiber.gate and extra_of(fiber).no_suspend > 0 then error(error_.core "forbid_suspend_block", 0) end
end

--- Cancels a fiber: for good, and noticed at its next cancellation point, or at the one it is suspended in.
---@param fiber ljos.FiberRecord
function M.cancel(fiber)
    local extra = extra_of(fiber)
    if extra.canceled then return end
    extra.canceled = true
    fiber.gate = true
    local wait = fiber.wait
    if wait and extra.no_cancel == 0 and wait.cancel_wait then wait:cancel_wait(fiber) end
end

--- Opens a region in the running fiber; `close_region` must follow, in reverse order.
---@param fiber ljos.FiberRecord
---@return ljos.CancellationRegion
function M.open_region(fiber)
    local extra = extra_of(fiber)
    local region = { fiber = fiber, canceled = false, no_cancel = extra.no_cancel }
    extra.regions = extra.regions or {}
    extra.regions[#extra.regions + 1] = region
    return region
end

--- Leaves the innermost region of its fiber.
---@param region ljos.CancellationRegion
---@return boolean # whether fiber_canceled raised inside was meant for this region alone
function M.close_region(region)
    local extra = extra_of(region.fiber)
    extra.regions[#extra.regions] = nil
    set_gate(region.fiber, extra)
    return region.canceled and not is_due(region.fiber)
end

--- Cancels an open region: its fiber raises fiber_canceled at its next cancellation point there, or at the one it is
--- suspended in.
---@param region ljos.CancellationRegion
function M.cancel_region(region)
    if region.canceled then return end
    region.canceled = true
    local fiber = region.fiber
    fiber.gate = true
    local wait = fiber.wait
    if wait and wait.cancel_wait and is_due(fiber) then wait:cancel_wait(fiber) end
end

--- The earliest deadline that applies to a fiber, in seconds of the monotonic clock; nil without any.
---@param fiber ljos.FiberRecord
---@return number?
function M.deadline(fiber)
    local extra = extras[fiber.id]
    if not extra then return nil end
    local regions, earliest = extra.regions, extra.no_cancel == 0 and extra.deadline or nil
    for i = 1, regions and #regions or 0 do
        local region = regions[i]
        local deadline = region.deadline
        if deadline and region.no_cancel >= extra.no_cancel and (not earliest or deadline.when < earliest) then
            earliest = deadline.when
        end
    end
    return earliest
end

---@param fiber ljos.FiberRecord
function M.disable(fiber)
    local extra = extra_of(fiber)
    extra.no_cancel = extra.no_cancel + 1
end

---@param fiber ljos.FiberRecord
function M.restore(fiber)
    local extra = extra_of(fiber)
    if extra.no_cancel == 0 then error(error_.core "cancellation_already_allowed", 0) end
    extra.no_cancel = extra.no_cancel - 1
end

---@param fiber ljos.FiberRecord
function M.forbid_suspend(fiber)
    local extra = extra_of(fiber)
    extra.no_suspend = extra.no_suspend + 1
    fiber.gate = true
end

---@param fiber ljos.FiberRecord
function M.allow_suspend(fiber)
    local extra = extra_of(fiber)
    if extra.no_suspend == 0 then error(error_.core "suspension_already_allowed", 0) end
    extra.no_suspend = extra.no_suspend - 1
    set_gate(fiber, extra)
end

return M
