--- this_fiber: the running fiber, as an object.
---
--- Errors:   raises ljos.Error
--- Suspends: yield
--- Needs:    nothing beyond Linux 5.15
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local loop = require "ljos.loop"

local current, main = loop.current, loop.main

---@class ljos.this_fiber
---@field is_main boolean  whether this is the main fiber
---@field local_ table     storage of this fiber alone
---@field id string        for debugging only
local this_fiber = {}

this_fiber.yield = loop.yield

--- Makes every suspending call of this fiber raise forbid_suspend_block until `allow_suspend`; counted.
function this_fiber.forbid_suspend() cancellation.forbid_suspend(current()) end

--- Undoes one `forbid_suspend`; suspension_already_allowed when there is none.
function this_fiber.allow_suspend() cancellation.allow_suspend(current()) end

--- Keeps cancellation from being noticed until `restore_cancellation`; counted.
function this_fiber.disable_cancellation() cancellation.disable(current()) end

--- Undoes one `disable_cancellation`; cancellation_already_allowed when there is none.
function this_fiber.restore_cancellation() cancellation.restore(current()) end

local properties = {
    is_main = function(fiber) return fiber == main end,
    id = function(fiber) return (tostring(fiber):match "0x%x+") end,
    local_ = function(fiber)
        local extra = cancellation.extra_of(fiber)
        extra.locals = extra.locals or {}
        return extra.locals
    end,
}

return setmetatable({}, {
    __metatable = "this_fiber",
    __index = function(_, key)
        local method = this_fiber[key]
        if method then return method end
        local property = properties[key]
        if property then return property(current()) end
        error_.bad_index("this_fiber", key)
    end,
    __newindex = function() error(error_.generic "EPERM", 0) end,
})
